"""Effective values against the ``values.schema.json`` of the fleet's own charts, as Helm holds them against it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain, islice
from typing import Any

from deployer.errors import FleetError, Place
from deployer.fleet.charts import Dependency
from deployer.fleet.effective import Effective, key_of, look
from deployer.fleet.findings import Finding, finding
from deployer.fleet.helm_yaml import Path, decode
from deployer.fleet.masking import MASK, shown
from deployer.fleet.schema import nearest
from deployer.fleet.tree import Tree
from deployer.fleet.values import at

FILE = "values.schema.json"
# What an encrypted file above cannot mend: any other rule may fail only because its values are not here.
_SURE = frozenset(
    {"additionalProperties", "enum", "exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"}
    | {"pattern", "type"}
)
_MOST = 20  # findings of one chart for one release: after that the schema is meant for other values
_SAID = 200  # characters of what the validator says: it shows the value


class Schemas:
    """The schemas of one tree, each read once."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.validator = cache(self._validator)

    def _validator(self, folder: str) -> Any:
        """The chart's validator, None where it has no schema.

        :raises FleetError: the file is no JSON Schema.
        """
        path = f"{folder}/{FILE}"
        if not self.tree.is_file(path):
            return None
        import jsonschema  # takes longer than all the rest: only fleets with schemas pay for it
        from referencing import Registry

        try:
            schema = json.loads(decode(self.tree.read(path), path))
            kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft7Validator)
            kind.check_schema(schema)
        except json.JSONDecodeError as error:
            raise FleetError(f"not JSON: {error.msg}", Place(path, error.lineno, error.colno)) from None
        except (jsonschema.SchemaError, re.error, RecursionError) as error:
            said = getattr(error, "message", "") or str(error) or "nested too deep"
            raise FleetError(f"not a JSON Schema: {said[:_SAID]}", Place(path)) from None
        return kind(schema, registry=Registry())  # empty: nothing is fetched from anywhere


def check_schemas(effective: Effective, schemas: Schemas) -> Iterator[Finding]:
    """Where the values of a release are not as its charts' schemas say.

    :raises FleetError: values, a chart or a schema cannot be read.
    """
    release = effective.release
    yield from _chart(effective, schemas, release.chart, release.chart_override, ())


def _chart(
    effective: Effective, schemas: Schemas, folder: str, override: str, above: tuple[str, ...]
) -> Iterator[Finding]:
    validator = schemas.validator(folder)
    if validator is not None:
        yield from _findings(effective, folder, validator, above)
    for dependency in effective.fleet.charts.get(folder, override).dependencies:
        if dependency.folder and _is_on(dependency, at(effective.values, above)):
            yield from _chart(effective, schemas, dependency.folder, "", (*above, dependency.key))


def _is_on(dependency: Dependency, values: Mapping[str, Any]) -> bool:
    """As Helm has it: the first condition that is set decides; a chart that is off gets no values."""
    for path in filter(None, (one.strip() for one in dependency.condition.split(","))):
        given = look(values, tuple(path.split(".")))
        if isinstance(given, bool):
            return given
    return True


def _findings(effective: Effective, folder: str, validator: Any, above: tuple[str, ...]) -> Iterator[Finding]:
    from referencing.exceptions import Unresolvable

    try:
        errors = sorted(
            validator.iter_errors(at(effective.values, above)), key=lambda error: list(map(str, error.path))
        )
    except Unresolvable as error:
        raise FleetError(f"a reference leads out of the file: {error.ref}", Place(f"{folder}/{FILE}")) from None
    except (RecursionError, re.error) as error:
        raise FleetError(f"cannot be used: {type(error).__name__}", Place(f"{folder}/{FILE}")) from None
    wrong = chain.from_iterable(_wrong(one, folder) for one in errors if _counts(one, effective))
    for inner, said in islice(wrong, _MOST):
        path: Path = (*above, *inner)
        yield finding("values-schema", effective.place(path), key_of(path), said, release=effective.release.id)


def _wrong(error: Any, folder: str) -> Iterator[tuple[Path, str]]:
    """Each key that is wrong, and how: the validator says at once of all unknown keys of a map that they are."""
    unknown = _unknown(error) if error.validator == "additionalProperties" else []
    known = error.schema.get("properties", {})
    for key in unknown:
        yield (*error.path, key), f"unknown key{nearest(key, known)} (schema of {folder})"
    if not unknown:
        yield tuple(error.path), _said(error, folder)


def _unknown(error: Any) -> list[str]:
    patterns = error.schema.get("patternProperties", {})
    keys = [key for key in error.instance if isinstance(key, str) and key not in error.schema.get("properties", {})]
    return [key for key in keys if not any(re.search(pattern, key) for pattern in patterns)]


def _counts(error: Any, effective: Effective) -> bool:
    """Not where a null stands for "no default", nor where an encrypted file may have what is missing."""
    return error.instance is not None and (not effective.sealed or error.validator in _SURE)


def _said(error: Any, folder: str) -> str:
    """The validator's sentence, without the value where its name or length forbids to show it."""
    said = str(error.message)
    if len(said) > _SAID or MASK in shown(error.instance, [*map(str, error.path)], _SAID):
        said = f"must be {json.dumps(error.validator_value)[:_SAID]} by {error.validator}"
    return f"{said} (schema of {folder})"
