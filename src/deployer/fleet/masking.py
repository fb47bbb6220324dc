"""Values on show: in one short line, and never one that may be a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

MASK = "***"
SHOWN = 40  # characters of a value
# Rather one word too many: what is masked without need costs a look at the file.
_SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|crypt|key(?![a-z])|dsn|connection_?-?string|salt", re.IGNORECASE
)


def may_be_secret(path: Iterable[str]) -> bool:
    """Whether a key, or one above it, has a name under which secrets stand."""
    return any(_SECRET.search(part) for part in path)


def shown(value: Any, path: Iterable[str] = (), limit: int = SHOWN) -> str:
    """A value in one line of at most ``limit`` characters; masked where it, or the key it stands at, may be secret."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    # Within lists, maps and code, a word that looks like a secret's name has its secret beside it.
    if may_be_secret(path) or _SECRET.search(text) or _names_a_secret(value):
        return MASK
    line = printable(" ".join(text.split()))
    return f"{line[: limit - 1]}…" if len(line) > limit else line or "''"


def _names_a_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(may_be_secret([str(key)]) or _names_a_secret(inner) for key, inner in value.items())
    return isinstance(value, list) and any(map(_names_a_secret, value))


def printable(text: str) -> str:
    """The text with nothing in it that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
