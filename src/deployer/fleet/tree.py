"""How files come in: a tree of them, from the work tree, a git revision, or a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Tree(Protocol):
    """A read-only tree. Paths are relative to its root, with ``/``; "" is the root itself."""

    def read(self, path: str) -> bytes:
        """The bytes of a file.

        :raises FileNotFoundError: there is none.
        """
        ...

    def is_file(self, path: str) -> bool: ...

    def children(self, folder: str) -> list[str]:
        """Names of what stands directly in a folder, sorted; nothing where there is no such folder."""
        ...


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

    def children(self, folder: str) -> list[str]:
        prefix = f"{folder}/" if folder else ""
        return sorted({p[len(prefix) :].split("/", 1)[0] for p in self.contents if p.startswith(prefix)})
