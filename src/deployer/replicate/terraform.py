"""A cluster of its own for a hub: the Terraform of the one it runs on, less whose that is.

What is copied is ``terraform/clusters/<cluster>`` and the modules that it names by path. Left out is what would touch
the fleet's own cluster or tell of it: where its state is kept, its project or account, who may deploy, its other hubs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import dirname, join, normpath
from typing import NamedTuple

from deployer.errors import FleetError, Place
from deployer.fleet.repository import Fleet, Release
from deployer.fleet.tree import files_below

CLUSTERS = "terraform/clusters"  # of the fleet
FOLDER = "terraform/cluster"  # of the replicate
MODULES = "terraform/modules"  # of both
# What says whose a cluster is: the new owner's to fill in.
OWNERS = frozenset({
    "project", "project_id", "account", "account_id", "subscription", "subscription_id", "tenant_id",
    "storage_account_suffix",
})  # fmt: skip
# What grants others something, or is paid by them.
GRANTS = frozenset({"ci", "budget", "state_bucket", "billing_account", "admins", "api_access"})
_SOURCE = re.compile(r'^(\s*source\s*=\s*")(\.{1,2}/[^"]*)(")', re.MULTILINE)
_BACKEND = re.compile(r'^[ \t]*(?:backend[ \t]+"[^"]*"|cloud)[ \t]*\{', re.MULTILINE)
_ASSIGNED = re.compile(r"[ \t]*\"?([\w-]+)\"?[ \t]*[=:][ \t]*")
_SAID = re.compile(r'"(?:[^"\\\n]|\\.)*"|(?:#|//)[^\n]*')
_NO_STATE = """\
# Where Terraform keeps what it knows is yours to say, before the first `terraform init`: without a word it is a file in
# this folder, which holds secrets. https://developer.hashicorp.com/terraform/language/backend
"""


class _Part(NamedTuple):
    """A piece of a file of variables: an assignment with its name, or what stands between two."""

    name: str
    text: str


def files(fleet: Fleet, release: Release, foreign: Iterable[str]) -> dict[str, bytes]:
    """The files, by their path in the replicate.

    :param foreign: names that must not be told.
    :raises FleetError: the fleet has no Terraform for this cluster, or it names a module outside.
    """
    folder = f"{CLUSTERS}/{release.id.cluster}"
    tree = fleet.tree
    paths = [path for path in files_below(tree, folder) if path.endswith((".tf", ".tfvars"))]
    if not any(path.endswith(".tf") for path in paths):
        raise FleetError(
            f"{folder}: no Terraform for cluster {release.id.cluster}",
            hint="Without --with-terraform the replicate needs a cluster that is there.",
        )
    made: dict[str, bytes] = {}
    modules: set[str] = set()
    for path in paths:
        text = tree.read(path).decode(errors="replace")
        modules |= set(_modules(text, path))
        name = path.removeprefix(f"{folder}/")
        if name.endswith(".tfvars"):
            ours = _without_names(_variables(text, release.id.name), foreign)
        else:
            ours = _moved(_without_state(text), path)
        made[f"{FOLDER}/{name}"] = ours.encode()
    made[f"{FOLDER}/backend.tf"] = _NO_STATE.encode()
    for module in _closure(fleet, modules):
        made |= {path: tree.read(path) for path in files_below(tree, module)}
    return made


def _modules(text: str, path: str) -> Iterator[str]:
    """The folders of modules that a file names by path."""
    for _, source, _ in _SOURCE.findall(text):
        module = normpath(join(dirname(path), source))
        if not module.startswith(f"{MODULES}/"):
            raise FleetError(f"the module {source} is not below {MODULES}", Place(path))
        yield module


def _closure(fleet: Fleet, modules: Iterable[str]) -> list[str]:
    found: set[str] = set()
    todo = list(modules)
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            for path in files_below(fleet.tree, module):
                if path.endswith(".tf"):
                    todo += _modules(fleet.tree.read(path).decode(errors="replace"), path)
    return sorted(found)


def _moved(text: str, path: str) -> str:
    """With the modules named from where the file is now."""

    def moved(found: re.Match[str]) -> str:
        module = normpath(join(dirname(path), found[2]))
        return f"{found[1]}../{module.removeprefix('terraform/')}{found[3]}"

    return _SOURCE.sub(moved, text)


def _without_state(text: str) -> str:
    """Without the blocks that say where the state of the fleet's own cluster is."""
    while found := _BACKEND.search(text):
        end = _closed(text, found.end() - 1)
        text = f"{text[: found.start()].rstrip(' ')}{text[end:].lstrip(' ').removeprefix(chr(10))}"
    return text


def _variables(text: str, hub: str) -> str:
    """A file of variables, less what is the fleet's: its other hubs, whose the cluster is, and who may do what."""
    return "".join(_variable(part, hub) for part in _parts(text))


def _variable(part: _Part, hub: str) -> str:
    head, sign, value = part.text.partition("=")
    if part.name == "name":
        return f'{head}{sign} "{hub}"\n'
    if part.name in OWNERS:
        return f'{head}{sign} "" # yours\n'
    if part.name in GRANTS:
        return f"# {part.name} was left out: variables.tf tells what it means\n"
    if part.name == "hubs":
        inside = value.partition("{")[2].rstrip().removesuffix("}")
        kept = "".join(one.text for one in _parts(inside) if one.name == hub)
        return f"{head}{sign} {{{chr(10) + kept if kept else ''}}}\n"
    return part.text


def _parts(text: str) -> Iterator[_Part]:
    """The assignments of a file or an object, line by line, and the comments and blank lines between them."""
    at = 0
    while at < len(text):
        found = _ASSIGNED.match(text, at)
        end = _line_end(text, at) if found is None else _value_end(text, found.end())
        yield _Part(found[1] if found else "", text[at:end])
        at = end


def _value_end(text: str, at: int) -> int:
    """Where a value that begins here ends, with the rest of its last line."""
    while at < len(text) and text[at] != "\n":
        if text[at] in "{[(":
            at = _closed(text, at)
        elif text[at] == '"':
            at = _quoted(text, at)
        elif text[at] == "#" or text.startswith("//", at):
            return _line_end(text, at)
        else:
            at += 1
    return min(at + 1, len(text))


def _closed(text: str, at: int) -> int:
    """Behind the bracket that closes the one here; brackets in texts and comments do not count."""
    depth = 0
    while at < len(text):
        here = text[at]
        if here == '"':
            at = _quoted(text, at)
            continue
        if here == "#" or text.startswith("//", at):
            at = _line_end(text, at)
            continue
        depth += (here in "{[(") - (here in "}])")
        at += 1
        if not depth:
            break
    return at


def _quoted(text: str, at: int) -> int:
    found = _SAID.match(text, at)
    return found.end() if found else at + 1


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _without_names(text: str, foreign: Iterable[str]) -> str:
    """With names of the fleet put aside where they stand in texts and comments."""
    known = "|".join(map(re.escape, foreign))
    if not known:
        return text
    pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{known})(?![A-Za-z0-9])")
    return _SAID.sub(lambda found: pattern.sub("yours", found[0]), text)
