"""Events as plain data and back, by the types of their fields: one journal line is one event.

Keys that are not known are skipped, so that an older deployer can read what a newer one wrote.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from deployer.fleet.ids import ReleaseId
from deployer.rollout.events import Event

KINDS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain data; ``event`` names its type."""
    return {"event": type(event).__name__, **_plain(event)}


def from_json(data: object) -> Event:
    """Read what :func:`to_json` gave.

    :raises ValueError: it is no event.
    """
    if not isinstance(data, dict) or data.get("event") not in KINDS:
        raise ValueError("no event of a rollout")
    return cast("Event", _read(KINDS[data["event"]], data))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(one) for key, one in value.items()}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and not isinstance(value, ReleaseId):
        return [_plain(one) for one in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, ReleaseId):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _read(kind: Any, data: Any) -> Any:
    """``data`` as a value of the type ``kind``."""
    if kind is ReleaseId:
        return ReleaseId.parse(_of(str, data))
    if kind is datetime:
        return datetime.fromisoformat(_of(str, data))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(data)
    if is_dataclass(kind):
        return _read_dataclass(kind, data)
    if get_origin(kind) is not None:
        return _read_generic(get_origin(kind), get_args(kind), data)
    return _of(kind, data)


def _read_generic(origin: Any, inner: tuple[Any, ...], data: Any) -> Any:
    if origin in {Union, types.UnionType}:
        return None if data is None else _read(inner[0], data)
    if origin is tuple:
        return tuple(_read(inner[0], one) for one in _of(list, data))
    return {_read(inner[0], key): _read(inner[1], one) for key, one in _of(dict, data).items()}


def _read_dataclass(kind: Any, data: Any) -> Any:
    found, hints = _of(dict, data), _hints(kind)
    values = {}
    for field in fields(kind):
        if field.name in found:
            values[field.name] = _read(hints[field.name], found[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{kind.__name__} without {field.name}")
    return kind(**values)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _of(kind: Any, data: Any) -> Any:
    if kind is float and isinstance(data, int):
        return float(data)
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise ValueError(f"{data!r} is no {kind.__name__}")
    return data
