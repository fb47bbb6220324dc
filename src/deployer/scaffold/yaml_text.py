"""YAML as people write it: small files and entries as text, with a comment where one says why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from deployer.errors import DeployerError
from deployer.fleet.helm_yaml import load

WIDTH = 100  # of a comment's lines
_PLAIN = re.compile(r"[A-Za-z0-9/_.][\w/.,@+=~() :-]*")
_AMBIGUOUS = re.compile(r": |:$| #| $")


class Setting(NamedTuple):
    """One key of a values file, its value, and why it has that value."""

    key: tuple[str, ...]
    value: Any
    why: str = ""


def scalar(value: Any) -> str:
    """A value in one line, plain where YAML reads that as the very same text."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or _AMBIGUOUS.search(text):
        return False
    try:
        return bool(load(f"k: {text}\n".encode(), "").data == {"k": text})
    except DeployerError:
        return False


def lines(data: Mapping[str, Any], indent: str = "", *, step: str = "  ") -> Iterator[str]:
    """A map as a block; lists stand ``step`` deeper than their key."""
    for key, value in data.items():
        yield from _entry(scalar(key), value, indent, step)


def _entry(key: str, value: Any, indent: str, step: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield f"{indent}{key}:"
        yield from lines(value, indent + "  ", step=step)
    elif isinstance(value, (list, tuple)) and value:
        yield f"{indent}{key}:"
        for item in value:
            yield from _item(item, indent + step, step)
    elif isinstance(value, str) and "\n" in value.strip("\n") and _fits_block(value):
        yield f"{indent}{key}: |"
        yield from (f"{indent}  {line}" if line else "" for line in value.rstrip("\n").split("\n"))
    else:
        yield f"{indent}{key}: {scalar(list(value) if isinstance(value, tuple) else value)}"


def _fits_block(text: str) -> bool:
    """Whether a literal block gives the text back: it ends with one line end, and begins with no blank."""
    return text.endswith("\n") and not text.endswith("\n\n") and text[:1] not in " \t\n" and text.isascii()


def _item(item: Any, indent: str, step: str) -> Iterator[str]:
    if isinstance(item, Mapping) and item:
        first, *rest = lines(item, indent + "  ", step=step)
        yield f"{indent}- {first.removeprefix(indent + '  ')}"
        yield from rest
    else:
        yield f"{indent}- {scalar(item)}"


def commented(text: str, indent: str = "") -> Iterator[str]:
    """A sentence as comment lines."""
    line = ""
    for word in text.split():
        if line and len(indent) + len(line) + len(word) + 3 > WIDTH:
            yield f"{indent}# {line}"
            line = ""
        line = f"{line} {word}".strip()
    if line:
        yield f"{indent}# {line}"


def values_text(settings: Iterable[Setting], about: str = "") -> str:
    """A values file: settings by their keys, each below its comment."""
    tree: dict[str, Any] = {}
    for one in settings:
        here = tree
        for part in one.key[:-1]:
            here = here.setdefault(part, {})
        here[one.key[-1]] = one
    text = [*commented(about), *_tree_lines(tree, "")]
    return "\n".join(text if tree else [*text, "{}"]) + "\n"


def _tree_lines(tree: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, inner in tree.items():
        if isinstance(inner, Setting):
            yield from commented(inner.why, indent)
            yield from _entry(scalar(key), inner.value, indent, "  ")
        else:
            yield f"{indent}{scalar(key)}:"
            yield from _tree_lines(inner, indent + "  ")
