"""Environment variables as values write them: strings, ``{value: …}``, ``{valueFrom: …}``, as map or as list. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.targets.local.context import LOOPBACK, HubContext
from deployer.targets.local.lookup import lookup

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


@dataclass(frozen=True)
class Variables:
    """Variables that can be set here, and the names of those whose value only a cluster knows, with where it lies."""

    plain: Mapping[str, str]
    unknown: Mapping[str, str]


def read_variables(written: Any, namespace: str) -> Variables:
    """Read ``extraEnv``. ``namespace`` stands in for the one that a pod would be in."""
    plain: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name, value in _entries(written):
        text, source = _value(value, namespace)
        if source:
            unknown[name] = source
        elif text is not None:
            plain[name] = text
    return Variables(plain, unknown)


def expand(variables: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Replace ``$(NAME)`` as Kubernetes does: earlier or known variables; what is unknown stays; ``$$`` is ``$``."""
    result: dict[str, str] = {}
    for name, text in variables.items():
        result[name] = _REFERENCE.sub(lambda found: _resolve(found, {**known, **result}), text)
    return result


def filled(text: str, names: Mapping[str, str]) -> str:
    """``{username}`` and the like replaced, as the chart's spawner does; text with other braces stays as it is."""
    try:
        return text.format_map(names)
    except (KeyError, ValueError, IndexError, AttributeError):
        return text


def hub_environment(values: Mapping[str, Any], context: HubContext) -> dict[str, str]:
    """What a hub's process gets on top of the caller's environment: addresses by name, then ``hub.extraEnv``."""
    ports = {"HUB": context.hub_port, "PROXY_PUBLIC": context.proxy_port, "PROXY_HTTP": context.proxy_port}
    ports["PROXY_API"] = int(context.proxy_api_url.rsplit(":", 1)[-1].split("/")[0])
    known = {"POD_NAMESPACE": context.hub, "HELM_RELEASE_NAME": context.hub, "PYTHONUNBUFFERED": "1"}
    for name, port in ports.items():
        known |= {f"{name}_SERVICE_HOST": LOOPBACK, f"{name}_SERVICE_PORT": str(port)}
    extra = read_variables(lookup(values, "hub.extraEnv"), context.hub)
    return {**known, **expand(extra.plain, known)}


def _entries(written: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(written, Mapping):
        for key, value in written.items():
            named = isinstance(value, Mapping) and value.get("name")
            yield str(named or key), value
    elif isinstance(written, list):
        yield from ((str(item["name"]), item) for item in written if isinstance(item, Mapping) and "name" in item)


def _value(written: Any, namespace: str) -> tuple[str | None, str]:
    """The text, or where in a cluster it would come from. Null unsets."""
    if not isinstance(written, Mapping):
        return (None if written is None else _text(written)), ""
    source = written.get("valueFrom")
    if not isinstance(source, Mapping):
        return (_text(written["value"]) if written.get("value") is not None else None), ""
    if lookup(source, "fieldRef.fieldPath") == "metadata.namespace":
        return namespace, ""
    return None, next((str(kind) for kind in source), "valueFrom")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resolve(found: re.Match[str], known: Mapping[str, str]) -> str:
    return "$" if found[0] == "$$" else known.get(found[1], found[0])
