"""When two renders count as the same: after these normalisations, and no others.

The list is closed; ``docs/rendering.md`` shows it. Each hides only what no change of the repository can bring about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml
from yaml import CSafeDumper

from deployer.errors import FleetError
from deployer.fleet.helm_yaml import load

# What stands in the place of a value that the chart makes anew at each render.
GENERATED = "(generated)"

NORMALISATIONS: Mapping[str, str] = {
    "form": "comments, blank lines, quoting and the order of keys do not count; the order of lists does",
    "order": "objects are sorted by kind, namespace and name; empty ones are left out",
    "generated secrets": "a value below `data` or `stringData` of a Secret that differs between two renders of the "
    f"very same inputs counts as `{GENERATED}`",
    "their checksums": "an annotation `checksum/…` that differs between two renders of the very same inputs counts "
    f"as `{GENERATED}`",
}

_SEPARATOR = re.compile(r"(?:^|\n)---[^\S\n]*(?:#[^\n]*)?(?=\n|$)")
_TEMPLATE = re.compile(r"^# Source: [^\n]*$", re.MULTILINE)


class ObjectId(NamedTuple):
    """What an object is called within one render; ``number`` tells several of one name apart."""

    kind: str
    namespace: str
    name: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


Objects = dict[ObjectId, Any]


def objects(text: str) -> Objects:
    """The objects that Helm printed, sorted by what they are called."""
    found: Objects = {}
    for part in _SEPARATOR.split(text):
        data = _parsed(part)
        if data is not None and data != {}:
            found[_named(data, found)] = data
    return {name: found[name] for name in sorted(found)}


def _parsed(part: str) -> Any:
    """The object; its text where Helm's YAML and ours do not agree, so that nothing is lost."""
    try:
        return load(part.encode("utf-8", "surrogateescape"), "manifest").data
    except FleetError:
        return _TEMPLATE.sub("", part).strip()


def _named(data: Any, taken: Objects) -> ObjectId:
    whole = data if isinstance(data, dict) else {}
    metadata = whole.get("metadata")
    about = metadata if isinstance(metadata, dict) else {}
    first = ObjectId(str(whole.get("kind", "?")), str(about.get("namespace") or ""), str(about.get("name") or "?"))
    return next(one for number in range(len(taken) + 1) if (one := first._replace(number=number)) not in taken)


def without_generated(first: Objects, second: Objects) -> Objects:
    """One render, with what a second render of the same inputs gave otherwise, where the list says so, put aside."""
    return {name: _settled(data, second.get(name), name.kind) for name, data in first.items()}


def with_generated(found: Objects, generated: Objects) -> Objects:
    """Manifests that a release holds, with all put aside that is `(generated)` in those that it would get."""
    return {name: _aside(data, generated.get(name)) for name, data in found.items()}


def _aside(found: Any, generated: Any) -> Any:
    if generated == GENERATED:
        return GENERATED
    if isinstance(found, dict) and isinstance(generated, dict):
        return {key: _aside(value, generated.get(key)) for key, value in found.items()}
    if isinstance(found, list) and isinstance(generated, list) and len(found) == len(generated):
        return [_aside(*pair) for pair in zip(found, generated, strict=True)]
    return found


def _settled(first: Any, second: Any, kind: str) -> Any:
    """The same object with generated values replaced; any other difference is left, and so stays one."""
    if first == second or not isinstance(first, dict) or not isinstance(second, dict):
        return first
    result = _checksums(first, second)
    if kind == "Secret":
        for key in ("data", "stringData"):
            if isinstance(first.get(key), dict) and isinstance(second.get(key), dict):
                result[key] = dict(_replaced(first[key], second[key]))
    return result


def _replaced(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in first.items():
        differs = key in second and second[key] != value and key.startswith(prefix)
        yield key, GENERATED if differs else value


def _checksums(first: Any, second: Any) -> Any:
    if isinstance(first, dict) and isinstance(second, dict):
        made = {key: _checksums(value, second.get(key)) for key, value in first.items()}
        ours, theirs = made.get("annotations"), second.get("annotations")
        if isinstance(ours, dict) and isinstance(theirs, dict):
            made["annotations"] = dict(_replaced(ours, theirs, "checksum/"))
        return made
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return [_checksums(*pair) for pair in zip(first, second, strict=True)]
    return first


class _Dumper(CSafeDumper):
    """Several lines as several lines: what people read in a difference."""


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    # A literal block cannot end lines with blanks; the library would fall back on one long line with escapes.
    lines = "\n".join(line.rstrip() for line in value.split("\n")) if "\n" in value else value
    return dumper.represent_scalar("tag:yaml.org,2002:str", lines, style="|" if "\n" in lines else None)


_Dumper.add_representer(str, _text)


def dump(data: Any) -> str:
    """An object as YAML for people: keys sorted, one line a value."""
    if isinstance(data, str):
        return data
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=1_000_000))
