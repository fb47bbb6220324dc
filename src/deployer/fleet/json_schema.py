"""JSON Schema (draft 2020-12) of cluster.yaml and deployer.yaml, for editors: made from the models that read them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from deployer.fleet.cluster import LABEL, Cluster, Hub, Provider, Support
from deployer.fleet.findings import POLICY_RULES, RULES
from deployer.fleet.repository import CLUSTERS
from deployer.fleet.schema import TEXT, Key, Model, keys_of
from deployer.fleet.settings import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = "schemas"  # of a fleet: where editors find them


def schemas(extra_keys: Iterable[str] = ()) -> dict[str, dict[str, Any]]:
    """Both schemas by name; ``extra_keys`` are those that the fleet has of its own in cluster.yaml."""
    return {"cluster": cluster_schema(extra_keys), "deployer": settings_schema()}


def text(schema: Mapping[str, Any]) -> str:
    """A schema as it is written: the same bytes for the same models."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def path_of(name: str) -> str:
    """Where a fleet keeps the schema of ``cluster`` or ``deployer``."""
    return f"{FOLDER}/{name}.schema.json"


def modeline(name: str, file: str) -> str:
    """The comment by which editors find the schema of a file of the fleet."""
    up = "../" * file.count("/")
    return f"# yaml-language-server: $schema={up}{path_of(name)}"


def cluster_schema(extra_keys: Iterable[str] = ()) -> dict[str, Any]:
    """What may stand in a cluster.yaml."""
    made = _file("cluster.yaml", f"{CLUSTERS}/<cluster>/cluster.yaml: {_about(Cluster)}", Cluster)
    # The block of a provider is needed; a local cluster has nothing to say there.
    made["allOf"] = [_needs_block(provider) for provider in Provider if provider is not Provider.LOCAL]
    hub = made["$defs"][Hub.__name__]["properties"]
    hub["name"] = {**hub["name"], "pattern": f"^{LABEL}$", "minimum": 0, "not": {"const": "support"}}
    hub["silence"] = _silence(hub["silence"], POLICY_RULES)
    for key in extra_keys:
        _allow(made, key.split("."))
    return made


def settings_schema() -> dict[str, Any]:
    """What may stand in a deployer.yaml."""
    made = _file("deployer.yaml", "What is different in this fleet. Everything in it is optional.", Settings)
    silenced = (name for name, rule in RULES.items() if rule.may_be_silenced)
    made["properties"]["silence"] = _silence(made["properties"]["silence"], silenced)
    made["type"] = ["object", "null"]  # a file with nothing but comments
    return made


def _file(title: str, about: str, cls: type[Model]) -> dict[str, Any]:
    defs: dict[str, Any] = {}
    made = {"$schema": DIALECT, "title": title, **_object(cls, defs), "description": about}
    return {**made, "$defs": defs}


def _object(cls: type, defs: dict[str, Any]) -> dict[str, Any]:
    """A model as a map; those within it go to ``defs``."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    keys = keys_of(cls)
    kept = {name: True for name in sorted(getattr(cls, "KEPT", ())) if name not in keys}
    return {
        "type": "object",
        "description": _about(cls),
        "properties": {name: _key(key, fields[name], defs) for name, key in keys.items()} | kept,
        "patternProperties": {"^x-": True},
        "additionalProperties": False,
        "required": [name for name, key in keys.items() if key.required],
    }


def _key(key: Key, field: dataclasses.Field[Any], defs: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"description": _sentence(key.doc), **_type(key, defs)}
    if key.example and key.kind is TEXT:
        made["examples"] = [key.example]
    if not key.required and isinstance(field.default, (bool, int, float, str)) and field.default != "":
        made["default"] = field.default
    return made


def _type(key: Key, defs: dict[str, Any]) -> dict[str, Any]:
    """Of what type; a key that is not required may also be null."""
    kind = key.kind
    if not kind.models:
        return dict(kind.schema) if key.required else _or_null(kind.schema)
    (cls,) = kind.models
    defs.setdefault(cls.__name__, {})
    defs[cls.__name__] = _object(cls, defs)
    reference = {"$ref": f"#/$defs/{cls.__name__}"}
    one: dict[str, Any] = {"type": "array", "items": reference} if kind.many else reference
    return one if key.required else {"anyOf": [one, {"type": "null"}]}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if "type" not in schema:
        return dict(schema)
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*types, "null"]}


def _needs_block(provider: Provider) -> dict[str, Any]:
    return {
        "if": {"properties": {"provider": {"const": str(provider)}}, "required": ["provider"]},
        "then": {"properties": {str(provider): {"type": "object"}}, "required": [str(provider)]},
    }


def _silence(schema: Mapping[str, Any], rules: Iterable[str]) -> dict[str, Any]:
    """Names of rules that can be silenced, each with a reason that is not empty."""
    reason = {"type": "string", "pattern": r"\S"}
    known = {name: {**reason, "description": RULES[name].what} for name in rules}
    return {**schema, "properties": known, "additionalProperties": False}


def _allow(schema: dict[str, Any], path: list[str]) -> None:
    """Let a key of the fleet's own stand where it says: ``aws.billing``, ``hubs.contact``."""
    blocks: dict[str, dict[str, Any]] = {"hubs": schema["$defs"][Hub.__name__]}
    blocks["support"] = schema["$defs"][Support.__name__]
    blocks |= {str(provider): schema["$defs"][provider.value.capitalize()] for provider in Provider}
    where = schema if len(path) == 1 else blocks.get(path[0])
    if where is not None and len(path) <= 2:
        where["properties"].setdefault(path[-1], {"description": "A key of this fleet's own."})


def _about(cls: type) -> str:
    return (cls.__doc__ or "").splitlines()[0].replace("``", "`")


def _sentence(doc: str) -> str:
    return f"{doc[0].upper()}{doc[1:]}{'' if doc.endswith('.') else '.'}"
