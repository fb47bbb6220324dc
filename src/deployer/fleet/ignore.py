"""``.helmignore``: which files of a folder are no part of its chart. Rules and their oddities are Helm's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

FILE = ".helmignore"
_ALWAYS = ("templates/.?*",)  # what Helm adds to every chart's own rules, or to none


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    negated: bool
    folders_only: bool
    anchored: bool  # matched against the whole path, else against the last name of it

    def matches(self, path: str) -> bool:
        return self.pattern.fullmatch(path if self.anchored else path.rsplit("/", 1)[-1]) is not None


class Ignore:
    """The rules of one file. The first that applies decides; a folder that is ignored takes all below it along.

    Other than with git, ``!pattern`` does not take anything back: it ignores whatever does *not* match.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._rules = tuple(rule for line in (*lines, *_ALWAYS) if (rule := _read(line.strip())) is not None)

    def ignores(self, path: str) -> bool:
        """Whether the file at ``path``, relative to the chart's folder, is left out."""
        parts = path.split("/")
        folders = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        return any(self._matches(folder, folder=True) for folder in folders) or self._matches(path, folder=False)

    def _matches(self, path: str, *, folder: bool) -> bool:
        for rule in self._rules:
            fits = rule.matches(path) and (folder or not rule.folders_only)
            if fits is not rule.negated:
                return True
        return False


def _read(line: str) -> _Rule | None:
    """One line; None for blanks, comments, and what Helm refuses: ``**``, and patterns that are none."""
    if not line or line.startswith("#") or "**" in line:
        return None
    negated = line.startswith("!")
    glob = line.removeprefix("!")
    folders_only = glob.endswith("/")
    glob = glob.removesuffix("/")
    try:
        return _Rule(_compile(glob.removeprefix("/")), negated, folders_only, "/" in glob)
    except re.error:
        return None


def _compile(glob: str) -> re.Pattern[str]:
    """A pattern of Go's ``filepath.Match``: ``*`` and ``?`` do not pass a slash."""
    parts = re.findall(r"\[[^\]]*\]|\\.|.", glob)
    return re.compile("".join(_part(part) for part in parts), re.DOTALL)


def _part(part: str) -> str:
    if part == "*":
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part.startswith("["):
        return part  # alone, it is no pattern
    return re.escape(part.removeprefix("\\") if len(part) > 1 else part)
