"""Values: layers, merged as Helm merges them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deployer.errors import FleetError, Place
from deployer.fleet.helm_yaml import Document, load
from deployer.fleet.tree import Tree

Values = dict[str, Any]


def merge(layers: Iterable[Mapping[str, Any]]) -> Values:
    """Several ``--values`` as one, as Helm merges them: maps merge, lists and scalars replace, later layers win.

    ``null`` is kept: only with the chart at hand does Helm remove the default it stands for (see :func:`coalesce`).
    """
    result: Values = {}
    for layer in layers:
        result = _merged(result, layer)
    return result


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Values:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def coalesce(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Values:
    """Given values over a chart's defaults: as :func:`merge`, and a ``null`` removes the default."""
    result = {key: value for key, value in given.items() if value is not None}
    for key, value in defaults.items():
        if key not in given:
            result[key] = value
        elif isinstance(value, dict) and isinstance(given[key], dict):
            result[key] = coalesce(given[key], value)
    return result


def read_values(tree: Tree, path: str) -> Values:
    """One plain values file.

    :raises FleetError: missing, not YAML, or not a map.
    """
    return _values_of(_document(tree, path))


def read_with_later(tree: Tree, path: str) -> tuple[Values, str]:
    """The same, with what stands after the file's first document: Helm 4 would merge it over the values.

    :raises FleetError: as :func:`read_values`.
    """
    document = _document(tree, path)
    return _values_of(document), document.later


def _document(tree: Tree, path: str) -> Document:
    try:
        return load(tree.read(path), path)
    except FileNotFoundError:
        raise FleetError("no such values file", Place(path)) from None


def _values_of(document: Document) -> Values:
    if document.data is None:
        return {}
    if not isinstance(document.data, dict):
        raise FleetError(
            "values must be a map of keys", Place(document.path, 1), "Start with `jupyterhub:` or another chart's name."
        )
    return document.data


def without(values: Mapping[str, Any], path: Sequence[str]) -> Values:
    """A copy of the maps along a path of keys, with nothing at its end."""
    head, *rest = path
    left = {key: value for key, value in values.items() if key != head}
    inner = values.get(head)
    return {**left, head: without(inner, rest)} if rest and isinstance(inner, dict) else left


def at(values: Mapping[str, Any], path: Iterable[str]) -> Values:
    """The map below a path of keys; an empty one where there is none."""
    here: Any = values
    for key in path:
        here = here.get(key) if isinstance(here, dict) else None
    return dict(here) if isinstance(here, dict) else {}
