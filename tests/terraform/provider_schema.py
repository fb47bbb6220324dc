"""The real providers' schemas, as far as the modules use them, and what of a module they do not know.

The files in ``schemas/`` are cut out of what ``providers schema -json`` says (``make terraform-schemas``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hcl import META, Body, Module

SCHEMAS = Path(__file__).parent / "schemas"
PROVIDERS = {"gcp": "google", "aws": "aws", "azure": "azurerm"}
KINDS = {"resource": "resource_schemas", "data": "data_source_schemas"}
_ADDRESS = r"(?<![\w.\"-])(data\.)?((?:google|aws|azurerm)_\w+)\.(\w+)((?:\[(?:[^\[\]]|\[[^\[\]]*\])*\])?)(?:\.(\w+))?"


def extract(cloud: str) -> dict[str, Any]:
    """The committed extract for a cloud's module."""
    data: dict[str, Any] = json.loads((SCHEMAS / f"{PROVIDERS[cloud]}.json").read_text(encoding="utf-8"))
    return data


def problems(module: Module, schema: Mapping[str, Any]) -> list[str]:
    """All that a provider would not take, each with where it stands."""
    return [*_settings(module, schema), *_references(module, schema)]


def _settings(module: Module, schema: Mapping[str, Any]) -> Iterator[str]:
    for kind, schemas in KINDS.items():
        for block in module.of(kind):
            where = f"{block.file}: {block.address}"
            known = schema[schemas].get(block.labels[0])
            if known is None:
                yield f"{where}: no such {kind} in the provider's schema"
            else:
                yield from body_problems(block.body, known["block"], where, top=True)
    for block in module.of("provider"):
        yield from body_problems(block.body, schema["provider"]["block"], f"{block.file}: provider", top=True)


def body_problems(body: Body, known: Mapping[str, Any], where: str, *, top: bool = False) -> Iterator[str]:
    """What one block sets against what its schema knows."""
    attributes, nested = known.get("attributes", {}), known.get("block_types", {})
    given = {name for name in body.attributes if not name.startswith("dynamic ") and not (top and name in META)}
    blocks = {name: found for name, found in body.blocks.items() if not (top and name == "lifecycle")}
    for name in given:
        yield from _attribute_problems(name, attributes, nested, where)
    for name, found in blocks.items():
        yield from _block_problems(name, found, attributes, nested, where)
        yield from _count_problems(name, len(found), nested, where, dynamic=name in body.dynamic)
    for name, one in attributes.items():
        if one.get("required") and name not in given and name not in blocks:
            yield f"{where}: {name} is required"
    for name, one in nested.items():
        if one.get("min_items", 0) > 0 and name not in blocks:
            yield f"{where}: a block {name} is required"


def _attribute_problems(
    name: str, attributes: Mapping[str, Any], nested: Mapping[str, Any], where: str
) -> Iterator[str]:
    if name not in attributes:
        yield f"{where}: {'is a block, no attribute' if name in nested else 'no attribute'}: {name}"
        return
    one = attributes[name]
    if one.get("computed") and not (one.get("optional") or one.get("required")):
        yield f"{where}: {name} is the provider's to say"
    if one.get("deprecated"):
        yield f"{where}: {name} is deprecated"


def _block_problems(
    name: str, found: list[Body], attributes: Mapping[str, Any], nested: Mapping[str, Any], where: str
) -> Iterator[str]:
    if name in nested:
        if nested[name]["block"].get("deprecated"):
            yield f"{where}: block {name} is deprecated"
        for body in found:
            yield from body_problems(body, nested[name]["block"], f"{where}: {name}")
    elif name in attributes:
        # Some attributes that are lists of objects may be written as blocks.
        fields = _object_fields(attributes[name].get("type"))
        for body in found:
            unknown = set(body.attributes) - fields
            yield from (f"{where}: {name}: no attribute: {one}" for one in sorted(unknown))
    else:
        yield f"{where}: no block: {name}"


def _object_fields(kind: Any) -> set[str]:
    if isinstance(kind, list) and kind[0] in {"list", "set"} and isinstance(kind[1], list) and kind[1][0] == "object":
        return set(kind[1][1])
    return set()


def _count_problems(name: str, count: int, nested: Mapping[str, Any], where: str, *, dynamic: bool) -> Iterator[str]:
    known = nested.get(name, {})
    most = 1 if known.get("nesting_mode") in {"single", "group"} else known.get("max_items")
    if most and count > most and not dynamic:
        yield f"{where}: at most {most} block(s) {name}"


def _references(module: Module, schema: Mapping[str, Any]) -> Iterator[str]:
    """What expressions ask of resources: such a one must be declared, and have that attribute."""
    declared = {(block.kind, *block.labels): block for block in module.blocks if block.kind in KINDS}
    for block in module.blocks:
        for data, kind, name, _, attribute in re.findall(_ADDRESS, block.body.text()):
            key = ("data" if data else "resource", kind, name)
            where = f"{block.file}: {block.address}"
            if key not in declared:
                yield f"{where}: nothing declares {'.'.join(key)}"
            elif attribute and attribute not in _known_names(schema, *key[:2]):
                yield f"{where}: {kind} has no {attribute}"


def _known_names(schema: Mapping[str, Any], kind: str, name: str) -> set[str]:
    known = schema[KINDS[kind]].get(name, {}).get("block", {})
    return {*known.get("attributes", {}), *known.get("block_types", {})}


def used_types(module: Module) -> dict[str, list[str]]:
    """The resource types and data sources that a module uses."""
    return {kind: sorted({block.labels[0] for block in module.of(kind)}) for kind in KINDS}


def cut_out(schemas: Mapping[str, Any], cloud: str, used: Mapping[str, list[str]]) -> dict[str, Any]:
    """Of all that ``providers schema -json`` says, what a module uses, without the prose."""
    (source, whole), *_ = (
        (name, found)
        for name, found in schemas["provider_schemas"].items()
        if name.endswith(f"/hashicorp/{PROVIDERS[cloud]}")
    )
    kept = {key: {name: _without_prose(whole[key][name]) for name in used[kind]} for kind, key in KINDS.items()}
    return {"source": "/".join(source.split("/")[1:]), "provider": _without_prose(whole["provider"]), **kept}


def as_text(extract: Mapping[str, Any]) -> str:
    """An extract as it is committed: a line for each resource type, so that a diff says what changed."""
    lines = []
    for key, value in sorted(extract.items()):
        if key in KINDS.values():
            inner = ",\n".join(
                f"  {json.dumps(name)}: {json.dumps(one, sort_keys=True)}" for name, one in sorted(value.items())
            )
            lines.append(f" {json.dumps(key)}: {{\n{inner}\n }}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value, sort_keys=True)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _without_prose(data: Any) -> Any:
    """Descriptions are texts; an attribute may be called so as well, and is a map."""
    if isinstance(data, dict):
        return {key: _without_prose(value) for key, value in data.items() if not _is_prose(key, value)}
    return [_without_prose(one) for one in data] if isinstance(data, list) else data


def _is_prose(key: str, value: Any) -> bool:
    return key in {"description", "description_kind"} and isinstance(value, str)
