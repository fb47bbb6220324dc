"""A chart's options as a table for its README: from values.schema.json, with the defaults of values.yaml. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from deployer.errors import FleetError, Place
from deployer.fleet.chart_schema import FILE as SCHEMA
from deployer.fleet.effective import NOT_THERE, look
from deployer.fleet.helm_yaml import decode
from deployer.fleet.tree import Tree
from deployer.fleet.values import read_values

README = "README.md"
BEGIN = "<!-- options: made from values.schema.json by `deployer schema charts --write` -->"
END = "<!-- end of options -->"
_MOST = 60  # characters of a default that are shown


class Option(NamedTuple):
    """A key of a chart's values that its schema explains."""

    key: str
    kind: str
    default: str  # as JSON; "" where there is none, or where it is a map of other options
    meaning: str


def options(schema: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[Option]:
    """Every key that the schema explains, in its order; what is explained has keys of its own below it."""
    return _options(schema, defaults, ())


def _options(schema: Mapping[str, Any], defaults: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[Option]:
    for name, inner in (schema.get("properties") or {}).items():
        path = (*at, name)
        if "description" in inner:
            yield Option(".".join(path), _kind(inner), _default(inner, look(defaults, path)), inner["description"])
        yield from _options(inner, defaults, path)


def _kind(schema: Mapping[str, Any]) -> str:
    kinds = schema.get("type", "")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    words = {"object": "map", "array": "list", "string": "text", "boolean": "true or false", "integer": "number"}
    return " or ".join(words.get(kind, kind) for kind in kinds if kind != "null")


def _default(schema: Mapping[str, Any], value: Any) -> str:
    if value is NOT_THERE or schema.get("properties"):
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST else "see values.yaml"


def table(found: Iterator[Option]) -> str:
    """The options as a table of Markdown."""
    rows = (f"| `{one.key}` | {one.kind} | {_code(one.default)} | {_cell(one.meaning)} |" for one in found)
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text and text != "see values.yaml" else text


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def chart_table(tree: Tree, folder: str) -> str:
    """The table of the chart in this folder.

    :raises FleetError: its schema or its values cannot be read.
    """
    path = f"{folder}/{SCHEMA}"
    try:
        schema = json.loads(decode(tree.read(path), path))
    except json.JSONDecodeError as error:
        raise FleetError(f"not JSON: {error.msg}", Place(path, error.lineno, error.colno)) from None
    values = f"{folder}/values.yaml"
    return table(options(schema, read_values(tree, values) if tree.is_file(values) else {}))


def with_schema(tree: Tree, charts_folder: str) -> list[str]:
    """The folders of charts that have a schema."""
    folders = (f"{charts_folder}/{name}" for name in tree.children(charts_folder))
    return [folder for folder in folders if tree.is_file(f"{folder}/{SCHEMA}")]


def readmes(tree: Tree, charts_folder: str) -> dict[str, str]:
    """By path, the text that READMEs of charts should have: of those with a place for the table, and a schema.

    :raises FleetError: a chart's schema, values or README cannot be read.
    """
    found = {}
    for folder in with_schema(tree, charts_folder):
        path = f"{folder}/{README}"
        if not tree.is_file(path):
            continue
        before, begin, rest = decode(tree.read(path), path).partition(BEGIN)
        _, end, after = rest.partition(END)
        if begin and end:
            found[path] = f"{before}{BEGIN}\n\n{chart_table(tree, folder)}\n{END}{after}"
    return found
