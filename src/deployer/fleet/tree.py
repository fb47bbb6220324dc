"""How files come in: a tree of them, from the work tree, a git revision, or a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath
from typing import Any, NamedTuple, Protocol

from deployer.errors import FleetError

MAX_LINKS = 40  # symbolic links on the way to one file; what Linux takes


class Tree(Protocol):
    """A read-only tree. Paths are relative to its root, with ``/``; "" is the root itself."""

    def read(self, path: str) -> bytes:
        """The bytes of a file.

        :raises FileNotFoundError: there is none.
        :raises FleetError: there is one that cannot be read.
        """
        ...

    def is_file(self, path: str) -> bool: ...

    def children(self, folder: str) -> list[str]:
        """Names of what stands directly in a folder, sorted; nothing where there is no such folder."""
        ...

    def trail(self, path: str) -> tuple[str, ...]:
        """The paths that reading ``path`` touches: each symbolic link on the way, and where it ends, last."""
        ...

    def ignored(self, path: str) -> bool:
        """Whether what stands there only happens to: git ignores it, so no other clone has it."""
        ...


class Differing(NamedTuple):
    """A path that two trees do not have alike; with ``inside`` as the fleet names it, else from the repository's top.

    Modes are git's, with ``000000`` where there is nothing.
    """

    path: str
    inside: bool
    before: str
    after: str


class AbsentError(FleetError):
    """A file of a submodule whose commit is not in this clone."""


def follow(path: str, link: Callable[[str], str | None]) -> tuple[str, ...]:
    """The trail of a path; ``link`` gives the target of a symbolic link, None for anything else."""
    trail: list[str] = []
    while len(trail) < MAX_LINKS:
        for here in _prefixes(path):
            if (target := link(here)) is not None:
                trail.append(here)
                path = normpath(join(dirname(here), target) + path[len(here) :])
                break
        else:
            break
    return (*trail, path)


def _prefixes(path: str) -> Iterator[str]:
    end = -1
    while (end := path.find("/", end + 1)) >= 0:
        yield path[:end]
    yield path


def files_below(tree: Tree, folder: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Every file below a folder, as paths of the tree, sorted within each folder; none that git ignores.

    Symbolic links to folders are followed, as Helm does, but not back up into one that we are in (``above``).
    """
    here = tree.trail(folder)[-1]
    if here in above or here.startswith("../"):
        return
    for name in tree.children(folder):
        path = f"{folder}/{name}" if folder else name
        if name == ".git" or tree.ignored(path) or (here != folder and tree.ignored(f"{here}/{name}")):
            continue
        if tree.is_file(path):
            yield path
        else:
            yield from files_below(tree, path, (*above, here))


def links_below(tree: Tree, folder: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every symbolic link below a folder with its trail, links to what is gone too; through linked folders as well."""
    here = tree.trail(folder)[-1]
    if here in above or here.startswith("../"):
        return
    for name in tree.children(folder):
        path = f"{folder}/{name}" if folder else name
        trail = tree.trail(path)
        if path in trail[:-1] or (here != folder and f"{here}/{name}" in trail[:-1]):
            yield path, trail
        if name != ".git" and not tree.is_file(path):
            yield from links_below(tree, path, (*above, here))


@dataclass(frozen=True)
class SnapshotTree:
    """A tree of which everything is looked at once: whoever reads later gets the same, whatever is edited meanwhile."""

    tree: Tree
    _known: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    def read(self, path: str) -> bytes:
        found: bytes | None = self._once("read", path, self._read)
        if found is None:
            raise FileNotFoundError(path)
        return found

    def _read(self, path: str) -> bytes | None:
        try:
            return self.tree.read(path)
        except FileNotFoundError:
            return None

    def is_file(self, path: str) -> bool:
        return bool(self._once("is_file", path, self.tree.is_file))

    def children(self, folder: str) -> list[str]:
        return list(self._once("children", folder, self.tree.children))

    def trail(self, path: str) -> tuple[str, ...]:
        return tuple(self._once("trail", path, self.tree.trail))

    def ignored(self, path: str) -> bool:
        return self.tree.ignored(path)

    def _once(self, what: str, path: str, look: Callable[[str], Any]) -> Any:
        """The first look that was kept: of two threads, both get the same."""
        key = (what, path)
        return self._known[key] if key in self._known else self._known.setdefault(key, look(path))


@dataclass(frozen=True)
class DictTree:
    """A tree in memory: what a fleet is made of where no file is needed."""

    contents: Mapping[str, bytes]

    def read(self, path: str) -> bytes:
        try:
            return self.contents[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def is_file(self, path: str) -> bool:
        return path in self.contents

    def trail(self, path: str) -> tuple[str, ...]:
        return (path,)

    def ignored(self, path: str) -> bool:  # noqa: ARG002 - as the protocol has it
        return False

    def children(self, folder: str) -> list[str]:
        prefix = f"{folder}/" if folder else ""
        return sorted({p[len(prefix) :].split("/", 1)[0] for p in self.contents if p.startswith(prefix)})
