"""Values as YAML that people read and edit, and that Helm reads as what it was."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from yaml import SafeDumper

from deployer.errors import FleetError
from deployer.fleet.helm_yaml import load, resolve

_WORD = re.compile(r"[A-Za-z_][\w./-]*")
_TAG = "tag:yaml.org,2002:"


class Blank:
    """Stands where a value is to be written by hand; ``note`` says of what kind."""


class _Dumper(SafeDumper):
    """Every text in quotes, but for keys that no parser takes for anything else."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)  # lists stand deeper than their key


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    block = "\n" in value and not any(part != part.rstrip() for part in value.split("\n"))
    return dumper.represent_scalar(f"{_TAG}str", value, style="|" if block else '"')


def _map(dumper: _Dumper, value: dict[str, Any]) -> yaml.MappingNode:
    node = dumper.represent_mapping(f"{_TAG}map", value, flow_style=None if value else True)
    for key, _ in node.value:
        if _WORD.fullmatch(key.value) and isinstance(resolve(key.value), str):
            key.style = None
    return node


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _map)
_Dumper.add_representer(Blank, lambda dumper, _: dumper.represent_scalar(f"{_TAG}null", ""))


def dump(values: Any) -> str:
    """YAML in block style, keys in their order; ``Blank`` as nothing at all."""
    return str(yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000))


def plain_yaml(values: dict[str, Any]) -> bytes:
    """The same in bytes; as JSON, which is YAML too, where Helm would read it as anything else."""
    text = dump(values).encode()
    try:
        same = _tagged(load(text, "").data) == _tagged(values)
    except FleetError:
        same = False
    return text if same else json.dumps(values, indent=2, ensure_ascii=False).encode()


def _tagged(values: Any) -> str:
    """A text that differs where a type does: to Python, 1 is True."""
    return json.dumps(values, sort_keys=True)
