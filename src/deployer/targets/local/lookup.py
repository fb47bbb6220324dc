"""Reading values of the chart by dotted path, and laying the chart's defaults below them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]


def lookup(values: Values, path: str, default: Any = None) -> Any:
    """The value at ``path``; ``default`` where the path leads nowhere (a null that stands there is returned)."""
    node: Any = values
    for key in path.split("."):
        if not isinstance(node, Mapping) or key not in node:
            return default
        node = node[key]
    return node


def setting(values: Values, path: str, default: Any = None) -> Any:
    """As :func:`lookup`, but null counts as not set, as the chart sees it."""
    found = lookup(values, path)
    return default if found is None else found


def section(values: Values, path: str) -> dict[str, Any]:
    """The map at ``path``, empty where there is none."""
    found = lookup(values, path)
    return dict(found) if isinstance(found, Mapping) else {}


def merged(below: Values, above: Values) -> dict[str, Any]:
    """``above`` over ``below`` as Helm lays it: maps merge, all else replaces. Nothing is shared with either."""
    result = {key: _copy(value) for key, value in below.items()}
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merged(old, value) if both else _copy(value)  # type: ignore[arg-type]
    return result


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
