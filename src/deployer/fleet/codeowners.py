"""CODEOWNERS: whom GitHub asks for a review of a file. Made from ``owners``, as a section of the fleet's own file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployer.errors import FleetError, Place
from deployer.fleet.owners import maintainers_of, name_of, owned_files
from deployer.fleet.repository import Fleet, Release, is_encrypted

FILE = ".github/CODEOWNERS"
_BEGIN = "# Made by `deployer owners --write`; `deployer owners --check` fails where it was edited."
_END = "# End of what `deployer owners --write` makes."
_SECTION = re.compile(rf"^{re.escape(_BEGIN)}\n.*?^{re.escape(_END)}\n", re.MULTILINE | re.DOTALL)
# GitHub knows no way to write these as themselves, or does not tell of one.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f#!*?\[\]\\]|[\ud800-\udfff]")


def wanted(fleet: Fleet) -> bool:
    """Whether anybody owns anything."""
    return bool(maintainers_of(fleet) or any(one.hub and one.hub.owners for one in fleet.releases.values()))


def section(fleet: Fleet) -> str:
    """The lines: of several that fit a file, GitHub takes the last.

    :raises FleetError: a file has a name that cannot stand there.
    """
    above = _names(maintainers_of(fleet))
    lines = [f"* {above}"] if above else []
    owned: dict[str, set[str]] = {}
    for path, who in _owned(fleet):
        owned[path] = owned[path] & who if path in owned else set(who)
    lines += [f"{_pattern(path)} {_names(owned[path])} {above}".rstrip() for path in sorted(owned) if owned[path]]
    lines += [f"/.github/ {above}"] if above else []
    return "\n".join([_BEGIN, *lines, _END, ""])


def as_it_should_be(text: str, fleet: Fleet) -> str:
    """The whole file: all that is not ours as it is, and our section in its place, or at the end where lines follow it.

    :raises FleetError: as :func:`section`.
    """
    made = section(fleet) if wanted(fleet) else ""
    if _SECTION.search(text) and not (made and line_after(text)):
        return _SECTION.sub(lambda _: made, text, count=1)
    before = _SECTION.sub("", text)
    return (before if not before or before.endswith("\n") else f"{before}\n") + made


def line_after(text: str) -> int:
    """The first line after our section that names owners, or takes them away; 0 for none. It would win over ours."""
    found = _SECTION.search(text)
    if found is None:
        return 0
    rest = enumerate(text[found.end() :].split("\n"), text.count("\n", 0, found.end()) + 1)
    return next((number for number, line in rest if line.strip() and not line.lstrip().startswith("#")), 0)


def _owned(fleet: Fleet) -> Iterator[tuple[str, frozenset[str]]]:
    """Each plain values file with the owners of each hub that reads it: of several, only those of all count."""
    for release in fleet.releases.values():
        who = _owners(release)
        yield from ((file, who) for file in release.values_files if _is_plain(file))
        yield from ((file, names) for names, file in owned_files(release))


def _is_plain(file: str) -> bool:
    return file.endswith((".yaml", ".yml")) and not is_encrypted(file)


def _owners(release: Release) -> frozenset[str]:
    entries = release.hub.owners if release.hub else ()
    return frozenset(filter(None, (name_of(who) for entry in entries for who in entry.who)))


def _names(who: frozenset[str] | set[str]) -> str:
    return " ".join(f"@{name}" for name in sorted(who) if not name.endswith("[bot]"))


def _pattern(path: str) -> str:
    if _UNWRITABLE.search(path):
        raise FleetError("its name cannot stand in CODEOWNERS", Place(path), "Rename it: letters, digits, - _ . and /")
    return "/" + path.replace(" ", "\\ ")
