"""A module of Terraform as data: its blocks, what they set, and the text of their expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import hcl2

META = frozenset({"for_each", "count", "provider", "depends_on"})
_NOT_SET = frozenset({"__is_block__", "__comments__", "__inline_comments__"})


@dataclass(frozen=True)
class Body:
    """What stands between the braces of a block: attributes with their expressions, and blocks by name."""

    attributes: Mapping[str, Any]
    blocks: Mapping[str, list[Body]]
    dynamic: frozenset[str] = frozenset()

    def walk(self, path: str = "") -> Iterator[tuple[str, Body]]:
        yield path, self
        for name, bodies in self.blocks.items():
            for body in bodies:
                yield from body.walk(f"{path}.{name}" if path else name)

    def text(self) -> str:
        """All expressions in it, to look for references."""
        return "\n".join(str(value) for _, body in self.walk() for value in body.attributes.values())


@dataclass(frozen=True)
class Block:
    """A resource, data source, variable, output or provider: its labels, what is in it, and its file."""

    kind: str
    labels: tuple[str, ...]
    body: Body
    file: str

    @property
    def address(self) -> str:
        return ".".join(self.labels if self.kind == "resource" else (self.kind, *self.labels))


@dataclass(frozen=True)
class Module:
    """All files of one folder."""

    folder: Path
    blocks: tuple[Block, ...] = field(repr=False)

    def of(self, kind: str) -> list[Block]:
        return [block for block in self.blocks if block.kind == kind]

    @cached_property
    def locals(self) -> dict[str, Any]:
        return {name: value for block in self.of("locals") for name, value in block.body.attributes.items()}

    @cached_property
    def text(self) -> str:
        return "\n".join(block.body.text() for block in self.blocks)

    def names(self, kind: str) -> list[str]:
        return [block.labels[0] for block in self.of(kind)]


def load(folder: Path) -> Module:
    """Every ``*.tf`` file of a folder."""
    return Module(folder, tuple(block for file in sorted(folder.glob("*.tf")) for block in _file(file)))


def loads(text: str, file: str = "test.tf") -> list[Block]:
    return [
        block
        for kind, found in hcl2.loads(text).items()
        if kind not in _NOT_SET
        for block in _blocks(kind, found, file)
    ]


def _file(file: Path) -> list[Block]:
    return loads(file.read_text(encoding="utf-8"), file.name)


def _blocks(kind: str, found: Any, file: str) -> Iterator[Block]:
    for one in found:
        labels, body = _labelled(one)
        yield Block(kind, labels, body, file)


def _labelled(data: Mapping[str, Any]) -> tuple[tuple[str, ...], Body]:
    """Labels are keys in quotes, one inside the other, above what is the block itself."""
    labels = []
    while "__is_block__" not in data:
        ((label, data),) = ((key, value) for key, value in data.items() if key not in _NOT_SET)
        labels.append(label.strip('"'))
    return tuple(labels), _body(data)


def _body(data: Mapping[str, Any]) -> Body:
    attributes: dict[str, Any] = {}
    blocks: dict[str, list[Body]] = {}
    dynamic = set()
    for key, value in data.items():
        if key in _NOT_SET:
            continue
        if key == "dynamic":
            for one in value:
                (name,), body = _labelled(one)
                content = body.blocks["content"]
                blocks.setdefault(name, []).extend(content)
                # What decides how many there are is an expression like others.
                attributes[f"dynamic {name}"] = body.attributes.get("for_each")
                dynamic.add(name)
        elif (
            isinstance(value, list) and value and all(isinstance(one, dict) and "__is_block__" in one for one in value)
        ):
            blocks.setdefault(key, []).extend(_body(one) for one in value)
        else:
            attributes[key] = value
    return Body(attributes, blocks, frozenset(dynamic))


def references(text: str, root: str) -> set[str]:
    """The names that follow a root such as ``var`` or ``local`` in expressions."""
    return set(re.findall(rf"(?<![\w.\"-]){root}\.(\w+)", text))
