"""In which keys two values differ, for people: ``singleuser.memory.limit 1G → 2G``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

ABSENT: Any = object()
MASK = "***"
SHOWN = 40  # characters of a value
_SECRET = re.compile(r"password|secret|token|api_?key|private_?key|crypt", re.IGNORECASE)


class KeyChange(NamedTuple):
    """One key whose value differs; ``ABSENT`` where it has none."""

    path: tuple[str, ...]
    before: Any
    after: Any

    @property
    def name(self) -> str:
        return ".".join(self.path)

    def __str__(self) -> str:
        masked = any(_SECRET.search(part) for part in self.path)
        if self.before is ABSENT:
            return f"{self.name} added: {shown(self.after, masked=masked)}"
        if self.after is ABSENT:
            return f"{self.name} removed: was {shown(self.before, masked=masked)}"
        return f"{self.name} {shown(self.before, masked=masked)} → {shown(self.after, masked=masked)}"


def key_changes(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[KeyChange]:
    """Every key that differs, as deep as both sides are maps, sorted."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys(), key=str):
            yield from key_changes(before.get(key, ABSENT), after.get(key, ABSENT), (*path, str(key)))
    elif not same(before, after):
        yield KeyChange(path, before, after)


def same(before: Any, after: Any) -> bool:
    """Equal, with the types that JSON tells apart: ``1`` is not ``true``."""
    if before is ABSENT or after is ABSENT:
        return before is after
    return type(before) is type(after) and bool(before == after) and json.dumps(before) == json.dumps(after)


def shown(value: Any, *, masked: bool = False) -> str:
    """A value in one short line; what may be a secret is masked."""
    if masked and not isinstance(value, (bool, type(None))):
        return MASK
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    line = " ".join(text.split())
    if isinstance(value, (dict, list)) and _SECRET.search(line):
        return MASK
    return f"{line[: SHOWN - 1]}…" if len(line) > SHOWN else line or "''"
