"""How two renders of releases differ, object by object, and which releases differ alike."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Release
from deployer.render.manifests import NOTHING, Manifests, Object, Pair
from deployer.render.mask import marks, unmarked
from deployer.render.normalise import ObjectId

CONTEXT = 3  # lines around a change
_ABSENT = Object("", "")
_HIDDEN = "differs in what is not shown: masked text, or blanks at the ends of lines"


class Delta(NamedTuple):
    """One object that differs: added, removed or changed, and the lines of it."""

    object: ObjectId
    what: str
    lines: tuple[str, ...]  # of a unified diff, less its two first

    @property
    def changed(self) -> tuple[str, ...]:
        return tuple(line for line in self.lines if line[:1] in "+-")


@dataclass(frozen=True)
class Alike:
    """Releases that differ in the same way, once their own names are put aside; ``deltas`` are those of the first."""

    releases: tuple[ReleaseId, ...]
    deltas: tuple[Delta, ...]


def deltas(before: Manifests = NOTHING, after: Manifests = NOTHING) -> tuple[Delta, ...]:
    """The objects that differ, sorted."""
    names = sorted(before.objects.keys() | after.objects.keys())
    sides = ((name, before.objects.get(name, _ABSENT), after.objects.get(name, _ABSENT)) for name in names)
    return tuple(_delta(name, old, new) for name, old, new in sides if old.digest != new.digest)


def _delta(name: ObjectId, old: Object, new: Object) -> Delta:
    what = "added" if old is _ABSENT else "removed" if new is _ABSENT else "changed"
    lines = difflib.unified_diff(old.text.splitlines(), new.text.splitlines(), lineterm="", n=CONTEXT)
    same = marks(old.text) & marks(new.text)
    shown = tuple(_shown(line, same if what == "changed" else None) for line in lines)[2:]
    return Delta(name, what, shown or (f"  {_HIDDEN}",))


def _shown(line: str, same: frozenset[str] | None) -> str:
    """A line of a diff; a masked value that changed says which of the two it is."""
    note = {"-": "before", "+": "after"}.get(line[:1], "")
    return unmarked(line, note if same is not None else "", same or frozenset())


def group(pairs: Iterable[tuple[Release, Pair]]) -> list[Alike]:
    """Releases that differ, those that differ alike together; the odd ones first."""
    found: dict[tuple[tuple[str, ...], ...], list[tuple[ReleaseId, tuple[Delta, ...]]]] = {}
    for release, pair in pairs:
        if own := deltas(pair.before, pair.after):
            found.setdefault(_pattern(release, own), []).append((release.id, own))
    groups = [_alike(members) for members in found.values()]
    return sorted(groups, key=lambda one: (len(one.releases), one.releases))


def _alike(members: Iterable[tuple[ReleaseId, tuple[Delta, ...]]]) -> Alike:
    ordered = sorted(members, key=lambda member: member[0])
    return Alike(tuple(release for release, _ in ordered), ordered[0][1])


def _pattern(release: Release, own: Iterable[Delta]) -> tuple[tuple[str, ...], ...]:
    """What the deltas say with the release's own names put aside; context does not count."""
    names = _Names(release)
    return tuple(
        sorted((names.aside(str(delta.object)), delta.what, *map(names.aside, delta.changed)) for delta in own)
    )


class _Names:
    """Puts a release's own name, its cluster's and its domain aside; the longest first, for one may hold another."""

    def __init__(self, release: Release) -> None:
        domain = release.hub.domain if release.hub else ""
        known = {domain: "<domain>", release.id.name: "<release>", release.id.cluster: "<cluster>"}
        self._known = {name: shown for name, shown in known.items() if name}
        ordered = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, ordered))})(?![A-Za-z0-9])")

    def aside(self, text: str) -> str:
        return self._pattern.sub(lambda found: self._known[found[0]], text)
