"""What is shown of a manifest: no value of a Secret, and nothing that stands under a key that looks like one.

A masked value becomes ``MASKED-<digest>``, so that one that changed is told from one that did not; the digest is keyed
with a random text that never leaves the user's own cache, and it is not shown either (see :func:`unmarked`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from deployer.errors import FleetError
from deployer.fleet.helm_yaml import load
from deployer.fleet.hiding import hide_in_text
from deployer.fleet.masking import MASK, announces, may_be_secret
from deployer.render.normalise import GENERATED, dump

# Keys that hold a secret's name or how it is used, not the secret.
_HARMLESS = re.compile(
    r"(^keys?|^valueFrom|names?|ref|refs|path|file|class|policy|type|mode|mount\w*|seconds|expiration\w*)$",
    re.IGNORECASE,
)
# A rule of a role: `secrets` there is what may be read, and what follows it is another such word.
_RULE = frozenset({"apiGroups", "nonResourceURLs", "resourceNames", "resources", "verbs"})
_MARK = re.compile(r"MASKED-[0-9a-f]{24}")


def marks(text: str) -> frozenset[str]:
    """The marks that stand in a text."""
    return frozenset(_MARK.findall(text))


def unmarked(text: str, note: str = "", same: frozenset[str] = frozenset()) -> str:
    """``text`` as people see it; ``note`` follows each masked value that is not one of ``same``."""
    return _MARK.sub(lambda found: f"{MASK} ({note})" if note and found[0] not in same else MASK, text)


class Masker:
    """Masks with one key: the same secret gives the same mark."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, value: Any) -> str:
        """A digest that says nothing of the value to those who do not have the key."""
        raw = json.dumps(value, sort_keys=True, ensure_ascii=True).encode()
        return hashlib.blake2b(raw, key=self._key, digest_size=32).hexdigest()

    def mark(self, value: Any) -> str:
        return f"MASKED-{self.digest(value)[:24]}"

    def manifest(self, data: Any) -> Any:
        """One object with its secrets masked; all of it where it could not be parsed."""
        if isinstance(data, str):
            return self.mark(data)
        if not isinstance(data, dict) or data.get("kind") != "Secret":
            return self._masked(data)
        shown: dict[str, Any] = {key: value for key, value in data.items() if key not in ("data", "stringData")}
        shown = self._masked(shown)
        for key, decode in (("data", _decoded), ("stringData", str)):
            if isinstance(data.get(key), dict):
                shown[key] = {name: self._secret(value, decode) for name, value in data[key].items()}
        return shown

    def _secret(self, value: Any, decode: Callable[[Any], str]) -> Any:
        """The value of a Secret: a mark, or, where it is a map in YAML, its keys with a mark for each value."""
        if value == GENERATED:
            return value
        try:
            inner = load(decode(value).encode(), "").data
        except (FleetError, ValueError):
            inner = None
        return self._leaves(inner) if isinstance(inner, dict) and inner else self.mark(value)

    def _leaves(self, value: Any) -> Any:
        if isinstance(value, dict) and value:
            return {key: self._leaves(inner) for key, inner in value.items()}
        return value if value in ({}, [], None) else self.mark(value)

    def _masked(self, value: Any, *, secret: bool = False) -> Any:
        if isinstance(value, dict):
            return self._map(value, secret=secret)
        if isinstance(value, list):
            before = [None, *value[:-1]] if value else []
            pairs = zip(before, value, strict=True)
            return [self._masked(one, secret=secret or announces(flag, one)) for flag, one in pairs]
        if value is None or isinstance(value, bool) or value in ("", GENERATED):
            return value
        if secret:
            return self.mark(value)
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        """A text; one that is YAML or JSON, where a secret stands in it, as its keys and values."""
        if "\n" in text.strip() or text.lstrip()[:1] in ("{", "["):
            inner = self._parsed(text)
            if isinstance(inner, (dict, list)) and (shown := self._masked(inner)) != inner:
                return dump(shown)
        return hide_in_text(text, self.mark, _HARMLESS)

    @staticmethod
    def _parsed(text: str) -> Any:
        try:
            return load(text.encode("utf-8", "surrogateescape"), "").data
        except (FleetError, ValueError):
            return None

    def _map(self, value: dict[str, Any], *, secret: bool) -> dict[str, Any]:
        """A map; of an entry such as ``{name: API_TOKEN, value: …}`` all but its name and where the value is from."""
        said = next((value[key] for key in ("name", "key") if isinstance(value.get(key), str)), "")
        hidden = secret or (_is_secret(said) and not _is_metadata(value))
        plain = _RULE if value.keys() >= {"verbs", "resources"} and not hidden else ()
        return {
            key: self._words(inner)
            if key in plain
            else self._masked(inner, secret=_is_secret(key) or (hidden and not _is_harmless(key)))
            for key, inner in value.items()
        }

    def _words(self, value: Any) -> Any:
        """A list in which no word announces the next."""
        return [self._masked(one) for one in value] if isinstance(value, list) else self._masked(value)


def _is_secret(key: str) -> bool:
    return may_be_secret([key]) and not _is_harmless(key)


def _is_metadata(value: dict[str, Any]) -> bool:
    """Whether the name is that of an object, which has labels, and not of the value that stands beside it."""
    return "value" not in value and isinstance(value.get("labels"), dict)


def _is_harmless(key: str) -> bool:
    return _HARMLESS.search(key) is not None


def _decoded(value: Any) -> str:
    """
    :raises ValueError: not base64, or not text.
    """
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except binascii.Error as error:
        raise ValueError(str(error)) from None
