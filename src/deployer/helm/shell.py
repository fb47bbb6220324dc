"""Lines of a shell script, for steps of which some paths are below a private folder that the script makes itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from shlex import quote
from typing import Any

from deployer.fleet.settings import ChartLogin
from deployer.helm.charts import dependency_entries, is_complete, registries, repositories, repository_name
from deployer.helm.command import homes
from deployer.helm.logins import ChartLogins, registry_host
from deployer.helm.sources import ChartSource

PRIVATE = "@private@"  # stands for the temporary folder, until it is a shell variable
SOPS = ("sops", "--disable-version-check", "--decrypt")
# Makes the folder and removes it when the shell ends; of a signal not every shell takes that to be an end.
MAKE_PRIVATE = (
    "umask 077",
    "private=$(mktemp -d)",
    """trap 'rm -rf "$private"' EXIT""",
    "trap 'exit 130' HUP INT TERM",
)
HELM_HOMES = homes(f"{PRIVATE}/helm")


def word(text: str) -> str:
    """A word for the shell, in which the private folder is its variable."""
    head, found, rest = text.partition(PRIVATE)
    if not found:
        return quote(text)
    return (quote(head) if head else "") + '"$private"' + (quote(rest) if rest else "")


def line(argv: Iterable[str]) -> str:
    return " ".join(map(word, argv))


def folded(argv: Iterable[str], indent: int) -> str:
    """A command with each of its values files on a line of its own."""
    words, lines = list(argv), [""]
    for number, one in enumerate(words):
        if one == "--values" or (number > 1 and words[number - 2] == "--values"):
            lines.append("")
        lines[-1] += ("" if not lines[-1] else " ") + word(one)
    return f" \\\n{' ' * indent}".join(lines)


def into(argv: Iterable[str], path: str) -> str:
    """The command with its standard output in a file."""
    return f"{line(argv)} > {word(path)}"


def exports(variables: Mapping[str, str]) -> list[str]:
    return [f"export {name}={word(value)}" for name, value in variables.items()]


def dependencies(source: ChartSource, below: str = "", logins: ChartLogins | None = None) -> Iterator[str]:
    """What fetches a chart's dependencies from outside; its folders stand below ``below``.

    :param logins: of repositories that ask for one.
    :raises FleetError: a Chart.yaml cannot be read.
    """
    known = logins or ChartLogins()
    incomplete = [folder for folder in source.folders if not is_complete(source.files, folder)]
    entries = list(_all_entries(source, incomplete))
    for url in repositories(entries):
        yield _as_whom(("helm", "repo", "add", repository_name(url), url), known.entry(url))
    for url in registries(entries):
        if entry := known.entry(url):
            yield _as_whom(("helm", "registry", "login", registry_host(url)), entry)
    for folder in incomplete:
        how = "build" if f"{folder}/Chart.lock" in source.files else "update"
        yield line(("helm", "dependency", how, f"{below}{folder}"))


def outside(source: ChartSource) -> list[str]:
    """The addresses of repositories and registries from which something has to be fetched."""
    entries = list(_all_entries(source, [one for one in source.folders if not is_complete(source.files, one)]))
    return [*repositories(entries), *registries(entries)]


def _as_whom(argv: Iterable[str], entry: ChartLogin | None) -> str:
    """A command that is told the password on its standard input."""
    if entry is None:
        return line(argv)
    user = quote(entry.username) if entry.username else f'"$({line(_extract(entry.file, "username"))})"'
    password = f'printf %s "${entry.password_env}"' if entry.password_env else line(_extract(entry.file, "password"))
    return f"{password} | {line(argv)} --username {user} --password-stdin"


def _extract(path: str, key: str) -> tuple[str, ...]:
    return (*SOPS, "--extract", f'["{key}"]', path)


def _entries(source: ChartSource, path: str) -> list[Mapping[str, Any]]:
    return dependency_entries(source.files[path], path) if path in source.files else []


def _all_entries(source: ChartSource, folders: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    files = (f"{folder}/{name}" for folder in folders for name in ("Chart.yaml", "Chart.lock"))
    return (entry for path in files for entry in _entries(source, path))
