"""Digests: whether two values are the same, as a short text."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(value: Any) -> str:
    """SHA-256 over canonical JSON: keys sorted, no white space, every scalar with the type that JSON gives it.

    In Python ``1 == True``; in JSON the one is ``1`` and the other ``true``, and so are their digests different.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
