"""Every key of the community's chart (zero-to-jupyterhub 4.x), and what becomes of it on this machine. Pure.

One table, from which the explanation of a hub's values, the notices of a deployment and the page in the docs are made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from deployer.fleet.effective import look
from deployer.targets.local.chart import (
    CHART_VERSION,
    DEFAULTS,
    LOCAL_CLASSES,
    LOCAL_LOGINS,
    OPTION_KEYS,
    OUTSIDE_CLASSES,
    OWN_SETTINGS,
    PROFILE_KEYS,
    PROFILE_OVERRIDES,
    REPLACED_LOGINS,
    TABLE,
)
from deployer.targets.local.lookup import Values, lookup, merged, section, setting
from deployer.targets.local.snippets import needs_kubernetes

NO_VALUES: Values = {}


class Treatment(StrEnum):
    """What becomes of a key."""

    APPLIES = "applies"
    TRANSLATED = "translated"
    KUBERNETES = "kubernetes"  # only Kubernetes can give it
    UNKNOWN = "unknown"  # no key of the chart


@dataclass(frozen=True, slots=True)
class Treated:
    """A key that a hub's values use, and what becomes of it."""

    path: str
    treatment: Treatment
    note: str = ""


_LETTERS = {"A": Treatment.APPLIES, "T": Treatment.TRANSLATED, "K": Treatment.KUBERNETES}


@cache
def table() -> Mapping[str, Treated]:
    """Every key of the chart's schema, by its path."""
    rows = (line for line in TABLE.splitlines() if line.strip())
    return {row.path: row for line in rows for row in _read_row(line)}


def defaults() -> dict[str, Any]:
    """The chart's own defaults, of the keys that matter on this machine."""
    return merged({}, DEFAULTS)


def with_defaults(values: Values) -> dict[str, Any]:
    """``values`` over the chart's defaults."""
    return merged(DEFAULTS, values)


def explain(values: Values, defaults: Values = NO_VALUES) -> tuple[Treated, ...]:
    """What becomes of each key that ``values`` (of the ``jupyterhub`` section) set, sorted; null sets nothing.

    What only Kubernetes can give is left out where the fleet's own chart has it among its ``defaults``: nobody who
    wrote the hub's values asked for it.
    """
    usual = {
        treated.path
        for treated in _explain(defaults, ())
        if _is_kubernetes(treated) and lookup(values, treated.path) == lookup(defaults, treated.path)
    }
    found = (treated for treated in _explain(values, ()) if treated.path not in usual)
    return tuple(sorted(found, key=lambda treated: treated.path))


def around(values: Values, defaults: Values, chart: str) -> tuple[Treated, ...]:
    """The keys that ``values`` set beside the hub chart's own, for the ``chart`` of the fleet around it."""
    found = (path for path, value in _leaves(values, ()) if value is not None and look(defaults, path) != value)
    return tuple(Treated(".".join(path), Treatment.KUBERNETES, f"of the chart {chart}") for path in sorted(found))


def _leaves(node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(node, Mapping) and (node or not path):
        for key, value in node.items():
            yield from _leaves(value, (*path, str(key)))
    else:
        yield path, node


def notices(values: Values, treated: tuple[Treated, ...]) -> tuple[str, ...]:
    """What the one who deploys should know, one line each; ``treated`` are the settings as explained."""
    skipped = _skipped(treated)
    named = (f"not run, for they need Kubernetes: {', '.join(skipped)}",) if skipped else ()
    return (*_login_notices(values), *named, *counts(treated))


def counts(treated: tuple[Treated, ...]) -> tuple[str, ...]:
    """How many settings have no effect here, one line for each reason; snippets among them."""
    number, snippets = Counter(each.treatment for each in treated), len(_skipped(treated))
    some = f", {snippets} of them {'a snippet' if snippets == 1 else 'snippets'}," if snippets else ""
    lines = (
        _counted(number[Treatment.KUBERNETES], f"that only Kubernetes can give{some}", "not applied"),
        _counted(number[Treatment.UNKNOWN], "that the chart does not know", "ignored"),
    )
    return tuple(filter(None, lines))


def _skipped(treated: tuple[Treated, ...]) -> list[str]:
    return [each.path for each in treated if each.path.startswith("hub.extraConfig.") and _is_kubernetes(each)]


def replaced_login(values: Values) -> str:
    """The class that a local log-in stands in for, as far as its name tells; "" where the class runs as it is."""
    chosen = str(setting(with_defaults(values), "hub.config.JupyterHub.authenticator_class"))
    if chosen in LOCAL_LOGINS or LOCAL_CLASSES.search(chosen):
        return ""
    if chosen in REPLACED_LOGINS:
        return REPLACED_LOGINS[chosen]
    name = re.split(r"[.:]", chosen)[-1]
    return name if OUTSIDE_CLASSES.search(name) else ""


def markdown_table() -> str:
    """The table of the docs: each key of the chart and what becomes of it."""
    rows = [f"| `{row.path}` | {row.treatment} | {row.note} |" for row in table().values()]
    return "\n".join(["| key | here | what becomes of it |", "|---|---|---|", *rows]) + "\n"


def _read_row(line: str) -> Iterator[Treated]:
    head, note = line.split(" | ")
    letter, pattern = head.split(" ", 1)
    return (Treated(path, _LETTERS[letter], note.strip()) for path in _alternatives(pattern.strip()))


def _alternatives(pattern: str) -> list[str]:
    """Expand braces, nested ones too."""
    inner = re.search(r"\{([^{}]*)\}", pattern)
    if not inner:
        return [pattern]
    parts = inner[1].split(",")
    # An inner list is spelled out first with a separator that the outer one does not see.
    if "{" in pattern[: inner.start()] and pattern[: inner.start()].count("{") > pattern[: inner.start()].count("}"):
        prefix = re.split(r"[{,]", pattern[: inner.start()])[-1]
        spelled = ",".join(prefix + part for part in parts)
        return _alternatives(pattern[: inner.start() - len(prefix)] + spelled + pattern[inner.end() :])
    return [path for part in parts for path in _alternatives(pattern[: inner.start()] + part + pattern[inner.end() :])]


def _is_kubernetes(treated: Treated) -> bool:
    return treated.treatment is Treatment.KUBERNETES


def _counted(count: int, what: str, fate: str) -> str:
    noun, verb = ("setting", "is") if count == 1 else ("settings", "are")
    where = "(deployer preview CLUSTER HUB --explain lists them)"
    return f"{count} {noun} {what} {verb} {fate} {where}" if count else ""


def _login_notices(values: Values) -> Iterator[str]:
    replaced = replaced_login(values)
    if replaced:
        yield f"{replaced} is replaced by a local log-in with the same allow and admin rules"
        return
    full = with_defaults(values)
    chosen = str(setting(full, "hub.config.JupyterHub.authenticator_class"))
    if chosen == "dummy" and not setting(full, "hub.config.DummyAuthenticator.password"):
        yield "the dummy log-in asks for no password: whoever reaches this machine's loopback can log in as anybody"


def _explain(node: Any, path: tuple[str, ...]) -> Iterator[Treated]:
    if node is None:
        return
    row = _row(path)
    if row is not None:
        yield from _explain_leaf(row, node, ".".join(path))
    elif isinstance(node, Mapping) and _leads_on(path):
        for key, value in node.items():
            yield from _explain(value, (*path, str(key)))
    else:
        yield Treated(".".join(path), Treatment.UNKNOWN, "no key of the chart")


def _row(path: tuple[str, ...]) -> Treated | None:
    return _patterns().get(_generalised(path))


def _leads_on(path: tuple[str, ...]) -> bool:
    return _generalised(path) in _prefixes()


def _generalised(path: tuple[str, ...]) -> tuple[str, ...]:
    """With a name that the user chose replaced by ``*``."""
    starred = (*path[:2], "*", *path[3:])
    return starred if len(path) > 2 and (*path[:2], "*") in _prefixes() else path


@cache
def _patterns() -> Mapping[tuple[str, ...], Treated]:
    return {tuple(path.split(".")): row for path, row in table().items()}


@cache
def _prefixes() -> frozenset[tuple[str, ...]]:
    return frozenset(pattern[:length] for pattern in _patterns() for length in range(len(pattern)))


def _explain_leaf(row: Treated, node: Any, path: str) -> Iterator[Treated]:
    if node in ({}, []):
        return
    special = {
        "hub.config": _explain_config,
        "hub.extraConfig": _explain_snippets,
        "singleuser.profileList": _explain_profiles,
    }
    if row.path in special:
        yield from special[row.path](row, node)
    elif row.path in ("hub.services", "hub.loadRoles") and isinstance(node, Mapping):
        yield from (Treated(f"{path}.{name}", row.treatment, row.note) for name in node)
    else:
        yield Treated(path, row.treatment, row.note)


def _explain_config(row: Treated, node: Any) -> Iterator[Treated]:
    for name, traits in section({"config": node}, "config").items():
        for trait in traits if isinstance(traits, Mapping) else ():
            if name == "KubeSpawner":
                yield Treated(f"{row.path}.{name}.{trait}", Treatment.KUBERNETES, "users' servers are processes")
            else:
                note = f"{name}.{trait}"
                yield Treated(f"{row.path}.{name}.{trait}", _config_treatment(name, str(trait)), note)


def _config_treatment(name: str, trait: str) -> Treatment:
    translated = trait == "authenticator_class" or "Auth" in name or (name, trait) in OWN_SETTINGS
    return Treatment.TRANSLATED if translated else Treatment.APPLIES


def _explain_snippets(row: Treated, node: Any) -> Iterator[Treated]:
    for name, source in section({"snippets": node}, "snippets").items():
        needed = needs_kubernetes(str(source))
        if needed:
            yield Treated(f"{row.path}.{name}", Treatment.KUBERNETES, f"not run: it imports {needed}")
        else:
            yield Treated(f"{row.path}.{name}", row.treatment, "run as it is")


def _explain_profiles(row: Treated, node: Any) -> Iterator[Treated]:
    yield row
    found = {path: note for path, note in _profile_leftovers(node)}  # noqa: C416
    yield from (Treated(f"{row.path}.{path}", Treatment.KUBERNETES, note) for path, note in found.items())


def _profile_leftovers(profiles: Any) -> Iterator[tuple[str, str]]:
    """What of the profiles does not apply here."""
    for profile in _maps(profiles):
        yield from ((str(key), "no key that applies here") for key in profile.keys() - PROFILE_KEYS)
        yield from _override_leftovers(profile)
        for option in _maps(profile.get("profile_options")):
            yield from ((f"profile_options.{key}", "not here") for key in option.keys() - OPTION_KEYS)
            for choice in _maps(option.get("choices")):
                yield from _override_leftovers(choice)


def _override_leftovers(holder: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    overrides = section(holder, "kubespawner_override")
    yield from ((f"kubespawner_override.{key}", "there are no pods") for key in overrides.keys() - PROFILE_OVERRIDES)


def _maps(items: Any) -> Iterator[Mapping[str, Any]]:
    """The maps among a list's or a map's items."""
    found = items.values() if isinstance(items, Mapping) else items if isinstance(items, list) else ()
    return (item for item in found if isinstance(item, Mapping))


__all__ = [
    "CHART_VERSION", "LOCAL_LOGINS", "OWN_SETTINGS", "PROFILE_OVERRIDES", "REPLACED_LOGINS", "Treated", "Treatment",
    "around", "counts", "defaults", "explain", "markdown_table", "notices", "replaced_login", "table", "with_defaults",
]  # fmt: skip
