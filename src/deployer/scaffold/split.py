"""Secrets out of values: what may be one goes into a file to encrypt, all else stays as it was written.

What may be a secret is what the deployer masks wherever it shows values. A list is one thing to Helm: one secret in it,
and it goes as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from deployer.errors import FleetError, Place
from deployer.fleet.helm_yaml import load
from deployer.fleet.masking import masked, may_be_secret
from deployer.fleet.values import Values
from deployer.scaffold.yaml_text import lines

Key = tuple[str, ...]
# Ends of keys that hold a secret's name or how it is used, not the secret.
_HARMLESS = re.compile(
    r"(names?|refs?|path|file|class|policy|type|mode|mount\w*|seconds|expiration\w*)$", re.IGNORECASE
)
_ASSIGNED = re.compile(r"#.*?([\w.-]+)[\"']?\s*[:=]\s*\S")


@dataclass(frozen=True)
class Split:
    """Values in two: ``plain`` as text, and what was taken out of them, by key."""

    plain: bytes
    secret: Values
    keys: tuple[Key, ...]
    comments: int = 0  # lines of comments that were left out, for one spoke of a secret


def secret_keys(data: Any, allowed: Iterable[str] = (), at: Key = ()) -> Iterator[Key]:
    """The keys whose values may be secrets; ``allowed`` are those that are known to be none, as ``a.b.c``."""
    if ".".join(at) in set(allowed):
        return
    if isinstance(data, dict) and data and not _names_a_secret(data):
        for key, value in data.items():
            yield from secret_keys(value, allowed, (*at, str(key)))
    elif _may_be(data, at):
        yield at


def _names_a_secret(data: Mapping[str, Any]) -> bool:
    """Whether it is such as ``{name: API_TOKEN, value: …}``."""
    names = (data.get("name"), data.get("key"))
    return any(isinstance(name, str) and may_be_secret([name]) for name in names)


def _may_be(value: Any, at: Key) -> bool:
    if value in ("", None, [], {}) or isinstance(value, (bool, int, float)):
        return False
    if at and _is_harmless(at[-1], value) and not may_be_secret(at[:-1]):
        return False
    kept = _without_harmless(value)
    return bool(masked(kept, at) != kept)


def _is_harmless(key: str, value: Any) -> bool:
    return _HARMLESS.search(key) is not None and bool(masked(value) == value)


def _without_harmless(value: Any) -> Any:
    """Of lists and what is in them; a name may say of what stands beside it that it is a secret, and stays."""
    if isinstance(value, list):
        return [_without_harmless(one) for one in value]
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key == "name" or not _is_harmless(str(key), one)}
        return {key: _without_harmless(one) for key, one in kept.items()}
    return value


def split_data(data: Values, allowed: Iterable[str] = ()) -> Split:
    """Values that no file holds."""
    keys = tuple(secret_keys(data, allowed))
    plain = _without(data, keys)
    text = "\n".join(lines(plain)) + "\n" if plain else "{}\n"
    same = _canonical(load(text.encode(), "").data) == _canonical(plain)
    return Split(text.encode() if same else json.dumps(plain, indent=2).encode() + b"\n", _only(data, keys), keys)


def split_text(raw: bytes, name: str, allowed: Iterable[str] = ()) -> Split:
    """A values file: every other line of it stays.

    :raises FleetError: it is no map, or a secret stands where no line can be taken out.
    """
    data = load(raw, name).data
    if data is None:
        return Split(raw, {}, ())
    if not isinstance(data, dict):
        raise FleetError("values must be a map of keys", Place(name, 1))
    keys = tuple(secret_keys(data, allowed))
    text = raw.decode("utf-8-sig")
    cut = _cut(text, _whole(data, keys), name)
    kept = [line for line in cut.splitlines(keepends=True) if not _speaks_of_a_secret(line)]
    plain = "".join(kept).encode()
    left = load(plain, name).data or {}
    if _canonical(left) != _canonical(_without(data, keys)):
        raise _cannot(name, 0, keys[0] if keys else ())
    comments = len(cut.splitlines()) - len(kept)
    return Split(raw if not (keys or comments) else plain or b"{}\n", _only(data, keys), keys, comments)


def _speaks_of_a_secret(line: str) -> bool:
    """Whether it is a comment with an old secret, most likely."""
    found = _ASSIGNED.match(line.strip())
    return found is not None and may_be_secret([found[1]]) and not _HARMLESS.search(found[1])


def _whole(data: Values, keys: Iterable[Key]) -> list[Key]:
    """What to cut: where all of a map goes, the map itself; else it would be left as ``null``."""
    found = {key for key in keys if key}
    while True:
        parents = {key[:-1] for key in found if len(key) > 1}
        gone = {at for at in parents if all((*at, str(key)) in found for key in _at(data, at))}
        if not gone:
            return sorted(found)
        found = {key for key in found if key[:-1] not in gone} | gone


def _at(data: Values, path: Key) -> Mapping[str, Any]:
    here: Any = data
    for part in path:
        here = here[part]
    return here if isinstance(here, dict) else {}


def _cut(text: str, keys: Iterable[Key], name: str) -> str:
    """The text without the lines of these keys."""
    spans = [_span(text, key, name) for key in keys]
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + text[end:]
    return text


def _span(text: str, path: Key, name: str) -> tuple[int, int]:
    """From the start of the key's line to that of the next thing's."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for part in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) and not node.flow_style else []
        found = next(((key, value) for key, value in pairs if key.value == part), None)
        if found is None:
            raise _cannot(name, 0, path)
        key, node = found
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    if text[start : key.start_mark.index].strip():
        raise _cannot(name, key.start_mark.line + 1, path)
    end = _end(node)
    at = end if text[end - 1 : end] == "\n" else text.find("\n", end) + 1 or len(text)
    return start, max(at, start)


def _end(node: Any) -> int:
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _cannot(name: str, line: int, key: Key) -> FleetError:
    return FleetError(
        f"{'.'.join(key)}: may be a secret, and cannot be taken out of the file by a program",
        Place(name, line),
        "Move it into a values file of its own, or say --plain KEY where it is none.",
    )


def _without(data: Values, keys: Iterable[Key]) -> Values:
    gone = set(_whole(data, keys))

    def kept(here: Values, at: Key) -> Values:
        return {
            key: kept(value, (*at, key)) if isinstance(value, dict) else value
            for key, value in here.items()
            if (*at, key) not in gone
        }

    return {} if () in gone else kept(data, ())


def _only(data: Values, keys: Iterable[Key]) -> Values:
    found: Values = {}
    for key in keys:
        here, there = found, data
        for part in key[:-1]:
            here, there = here.setdefault(part, {}), there[part]
        here[key[-1]] = there[key[-1]]
    return found


def _canonical(data: Any) -> str:
    """Telling 1 from true and from 1.0."""
    return json.dumps(data, sort_keys=True)
