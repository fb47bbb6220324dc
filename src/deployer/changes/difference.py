"""In which keys two values differ, for people: ``singleuser.memory.limit 1G → 2G``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from deployer.fleet.masking import MASK, printable, shown

ABSENT: Any = object()
_FILE = re.compile(r"[\w./-]{0,200}\.(ya?ml|json|jsonnet)|")


class KeyChange(NamedTuple):
    """One key whose value differs; ``ABSENT`` where it has none."""

    path: tuple[str, ...]
    before: Any
    after: Any
    files: bool = False  # what stands here are names of files: no secret, whatever they are called

    @property
    def name(self) -> str:
        return printable(".".join(self.path).replace(".[", "["))

    def __str__(self) -> str:
        if self.before is ABSENT:
            return f"{self.name} added: {self._shown(self.after)}"
        if self.after is ABSENT:
            return f"{self.name} removed: was {self._shown(self.before)}"
        before, after = self._shown(self.before), self._shown(self.after)
        if before == after and MASK not in before and isinstance(self.before, str) is not isinstance(self.after, str):
            before, after = (
                f'"{text}"' if isinstance(value, str) else text
                for text, value in ((before, self.before), (after, self.after))
            )
        if before == after and MASK not in before:
            return f"{self.name} differs in what is too long to show"
        return f"{self.name} {before} → {after}"

    def _shown(self, value: Any) -> str:
        names = value if isinstance(value, (list, tuple)) else [value]
        if self.files and all(isinstance(name, str) and _FILE.fullmatch(name) for name in names):
            return ", ".join(names) or "none"
        return shown(value, self.path)


def key_changes(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[KeyChange]:
    """Every key that differs, as deep as both sides are maps, or lists of one length; sorted."""
    if before is after:
        return
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, sides in enumerate(zip(before, after, strict=True)):
            yield from key_changes(*sides, (*path, f"[{number}]"))
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys(), key=str):
            yield from key_changes(before.get(key, ABSENT), after.get(key, ABSENT), (*path, str(key)))
    elif not same(before, after):
        yield KeyChange(path, before, after)


def same(before: Any, after: Any) -> bool:
    """Equal, with the types that JSON tells apart: ``1`` is not ``true``. The order of keys does not count."""
    if before is ABSENT or after is ABSENT or before is after:
        return before is after
    return bool(before == after) and json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
