"""The fleet ends at its folder: nothing that stands outside is read, by whatever path or symbolic link."""

from __future__ import annotations

from dataclasses import dataclass, field
from posixpath import dirname

from deployer.errors import FleetError, Place
from deployer.fleet.tree import Tree


class OutsideError(FleetError):
    """A path or a symbolic link leads out of the fleet. ``key`` is where it is named, "" for a link."""

    def __init__(self, message: str, place: Place | None = None, hint: str = "", *, key: str = "") -> None:
        super().__init__(message, place, hint)
        self.key = key


def leaves(path: str) -> bool:
    """Whether a path without ``.`` or inner ``..`` leads out of the tree."""
    return path.startswith(("../", "/")) or path == ".."


@dataclass(frozen=True)
class Inside:
    """A tree of which no file is read that a symbolic link has elsewhere."""

    tree: Tree
    _folders: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def read(self, path: str) -> bytes:
        """The bytes of a file.

        :raises FileNotFoundError: there is none.
        :raises OutsideError: it stands outside, or a link on the way leads there.
        """
        if leaves(path) or leaves(end := self._end(path)):
            where = "" if leaves(path) else f", to {end}"
            raise OutsideError(
                f"leads out of the fleet{where}",
                Place(path),
                "Put the file itself there, or a relative link to one of the fleet.",
            )
        return self.tree.read(path)

    def _end(self, path: str) -> str:
        """Where reading a path ends; folders are followed once, for they hold many files."""
        folder = dirname(path)
        if folder not in self._folders:
            self._folders[folder] = self.tree.trail(folder)[-1] if folder else ""
        real = self._folders[folder]
        return real if leaves(real) else self.tree.trail(path)[-1]

    def is_file(self, path: str) -> bool:
        return self.tree.is_file(path)

    def children(self, folder: str) -> list[str]:
        return self.tree.children(folder)

    def trail(self, path: str) -> tuple[str, ...]:
        return self.tree.trail(path)

    def ignored(self, path: str) -> bool:
        return self.tree.ignored(path)
