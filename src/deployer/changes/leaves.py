"""In which leaves two values differ: as deep as it goes, so that nothing is hidden in what comes or goes as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from deployer.changes.difference import ABSENT, same
from deployer.fleet.helm_yaml import Path

_NAMED_BY = ("slug", "display_name", "name")  # by what an entry of a list is found again


class Leaf(NamedTuple):
    """One place where they differ; ``ABSENT`` where there is nothing. Entries of lists are numbered as in ``after``."""

    path: Path
    before: Any
    after: Any


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Leaf]:
    """Every leaf that differs. What replaces something of another kind is one too, beside all that is in it."""
    if same(before, after):
        return
    kind = _kind(before, after)
    if kind is dict:
        yield from _of_maps(before, after, path)
    elif kind is list:
        yield from _of_lists(before, after, path)
    else:
        yield Leaf(path, before, after)
        if before is not ABSENT and after is not ABSENT:
            yield from (leaf for leaf in differences(before, ABSENT, path) if leaf.path != path)
            yield from (leaf for leaf in differences(ABSENT, after, path) if leaf.path != path)


def _kind(before: Any, after: Any) -> type | None:
    """Of which kind both are, or the one that is there; None for scalars, for empty ones, and for two kinds."""
    there = [value for value in (before, after) if value is not ABSENT]
    for kind in (dict, list):
        if all(isinstance(value, kind) for value in there) and any(there):
            return kind
    return None


def _of_maps(before: Any, after: Any, path: Path) -> Iterator[Leaf]:
    old, new = ({} if value is ABSENT else value for value in (before, after))
    for key in sorted(old.keys() | new.keys()):
        yield from differences(old.get(key, ABSENT), new.get(key, ABSENT), (*path, key))


def _of_lists(before: Any, after: Any, path: Path) -> Iterator[Leaf]:
    """A list of scalars is one leaf. Other entries are found again by what they are, by name, or else by their turn."""
    old, new = ([] if value is ABSENT else value for value in (before, after))
    if not any(isinstance(one, (dict, list)) for one in [*old, *new]):
        yield Leaf(path, before, after)
        return
    pairs = _pairs(old, new)
    if not len(old) == len(new) == len(pairs) or pairs != sorted(pairs):
        yield Leaf(path, before, after)
    gone, come = ({*range(len(entries))} for entries in (old, new))
    for there, here in pairs:
        yield from differences(old[there], new[here], (*path, here))
    for index in sorted(gone - {there for there, _ in pairs}):
        yield from differences(old[index], ABSENT, (*path, index))
    for index in sorted(come - {here for _, here in pairs}):
        yield from differences(ABSENT, new[index], (*path, index))


def _pairs(old: list[Any], new: list[Any]) -> list[tuple[int, int]]:
    """Which entry became which, by their numbers, in the order of the new ones."""
    gone, come = set(range(len(old))), set(range(len(new)))
    found: list[tuple[int, int]] = []
    for key in (_text, _name, lambda _entry: ""):
        waiting = _by(key, old, gone)
        for here in sorted(come):
            wanted = key(new[here])
            if wanted is not None and waiting.get(wanted):
                found.append((waiting[wanted].pop(0), here))
        gone -= {there for there, _ in found}
        come -= {here for _, here in found}
    return sorted(found, key=lambda pair: pair[1])


def _by(key: Callable[[Any], str | None], entries: list[Any], numbers: set[int]) -> dict[str, list[int]]:
    """Numbers of entries by what they are found by."""
    found: dict[str, list[int]] = {}
    for number in sorted(numbers):
        if (name := key(entries[number])) is not None:
            found.setdefault(name, []).append(number)
    return found


def _name(entry: Any) -> str | None:
    names = [entry[key] for key in _NAMED_BY if isinstance(entry.get(key), str)] if isinstance(entry, dict) else []
    return names[0] if names else None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
