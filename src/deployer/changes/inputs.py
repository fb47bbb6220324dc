"""All that a release is made of, part by part, as data that can be compared.

What makes no difference to Helm makes none here: values, Chart.yaml and jsonnet count as what they say, not as bytes;
comments, order and format do not. What cannot be parsed here (templates, encrypted files) counts as bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import groupby
from typing import Any

from deployer.changes.digest import digest
from deployer.changes.reasons import Rule
from deployer.errors import FleetError
from deployer.fleet import jsonnet
from deployer.fleet.charts import Chart
from deployer.fleet.helm_yaml import load
from deployer.fleet.ignore import FILE as IGNORE_FILE
from deployer.fleet.ignore import Ignore
from deployer.fleet.repository import Fleet, Release, cluster_file, is_encrypted
from deployer.fleet.tree import files_below
from deployer.fleet.values import Values, merge, read_values

SHA256, MISSING = "$sha256", "$missing"  # no key of a values file begins so
_PARSED = frozenset({"Chart.yaml", "Chart.lock", "values.yaml", "values.yml"})
_UNREAD = frozenset({"README.md", IGNORE_FILE})
# Of a lock file: when it was written says nothing about what it locks.
_LOCK_NOISE = frozenset({"generated"})


@dataclass(frozen=True, slots=True)
class Part:
    """One input: what kind it is, the file that it comes from, and its content, ready for :func:`digest`."""

    rule: Rule
    file: str
    content: Any


@dataclass(frozen=True)
class Inputs:
    """The inputs of one release, by name."""

    parts: dict[str, Part]

    @cached_property
    def digest(self) -> str:
        """One text for all of them: the same where nothing changed."""
        return digest({name: part.content for name, part in self.parts.items()})


class InputReader:
    """Reads the inputs of a fleet's releases; what releases share is read once."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._shared: dict[str, Any] = {}

    def inputs(self, release: Release) -> Inputs:
        """All inputs of a release.

        :raises FleetError: a values file, a jsonnet file or a Chart.yaml cannot be parsed.
        """
        return Inputs(dict(self._parts(release)))

    def _parts(self, release: Release) -> Iterator[tuple[str, Part]]:
        entry = cluster_file(release.id.cluster)
        yield "entry", Part(Rule.CLUSTER, entry, self._entry(release))
        yield "connection", Part(Rule.CLUSTER, entry, self._connection(release))
        yield from self._values(release)
        for name in ("chart_override", "domain_override"):
            if path := getattr(release, name):
                yield name, Part(Rule.OVERRIDE, path, self._override(path))
        for chart in self._closure(release):
            yield from self._chart(release, chart)
        for path in self._everything():
            yield f"fleet:{path}", Part(Rule.FLEET, path, self._bytes(path))

    # cluster.yaml

    def _entry(self, release: Release) -> dict[str, Any]:
        """The release's entry with its defaults filled in, and keys that we do not know."""
        model = release.hub or release.cluster.support
        known = (
            {field.name: getattr(model, field.name) for field in fields(model) if field.name != "at"} if model else {}
        )
        raw = self._raw(release, model.at if model else ())
        unknown = {key: raw[key] for key in raw.keys() - known.keys() if key != "metadata" and not key.startswith("x-")}
        return {**known, **({"stage": release.stage} if release.hub else {}), **unknown}

    def _connection(self, release: Release) -> dict[str, Any]:
        """How the cluster is reached; of credentials only their name, for a rotated key is no change."""
        provider = release.cluster.provider
        return {"provider": provider, **self._raw(release, (provider,))}

    def _raw(self, release: Release, at: Iterable[str | int]) -> dict[str, Any]:
        here: Any = self.fleet.documents[release.id.cluster].data
        for key in at:
            here = here[key] if isinstance(key, int) else here.get(key) or {}
        return here if isinstance(here, dict) else {}

    # Values

    def _values(self, release: Release) -> Iterator[tuple[str, Part]]:
        """Plain layers merged with their neighbours, and between them the bytes of encrypted ones, in order."""
        for number, run in enumerate(self._runs(release)):
            if self._is_plain(run[0]):
                content: Any = merge(self.layer(release, path) for path in run)
            else:
                content = self._bytes(run[0])
            yield f"values:{number}", Part(Rule.VALUES, run[-1], content)

    def _runs(self, release: Release) -> Iterator[list[str]]:
        for plain, paths in [(plain, list(paths)) for plain, paths in groupby(release.values_files, self._is_plain)]:
            yield from [paths] if plain else ([path] for path in paths)

    def _is_plain(self, path: str) -> bool:
        return not is_encrypted(path) and self.fleet.tree.is_file(path)

    def layer(self, release: Release, path: str) -> Values:
        """One plain values file as it stands in the merge.

        :raises FleetError: it cannot be parsed.
        """
        if path.endswith(".jsonnet"):
            return jsonnet.evaluate(self.fleet.tree, path, self.fleet.ext_vars(release))
        found: Values = self._once(f"values:{path}", lambda: read_values(self.fleet.tree, path))
        return found

    # Charts

    def _closure(self, release: Release) -> tuple[Chart, ...]:
        return self.fleet.charts.closure(release.chart, release.chart_override)

    def _chart(self, release: Release, chart: Chart) -> Iterator[tuple[str, Part]]:
        own = self._once(f"chart:{chart.folder}", lambda: dict(self._chart_files(chart.folder)))
        replaced = {f"{chart.folder}/{name}" for name in ("Chart.yaml", "Chart.lock")}
        overridden = bool(release.chart_override) and chart.folder == release.chart
        for path, content in own.items():
            if not (overridden and path in replaced):
                yield f"chart:{path}", Part(Rule.CHART, path, content)
        yield from self._computed(release, chart)

    def _computed(self, release: Release, chart: Chart) -> Iterator[tuple[str, Part]]:
        name = self.fleet.settings.jsonnet.chart_values
        path = f"{chart.folder}/{name}"
        if name and self.fleet.tree.is_file(path):
            rendered = jsonnet.evaluate(self.fleet.tree, path, self.fleet.ext_vars(release))
            yield f"computed:{path}", Part(Rule.CHART, path, rendered)

    def _chart_files(self, folder: str) -> Iterator[tuple[str, Any]]:
        tree, computed = self.fleet.tree, self.fleet.settings.jsonnet.chart_values
        rules = f"{folder}/{IGNORE_FILE}"
        ignore = Ignore(tree.read(rules).decode(errors="replace").splitlines() if tree.is_file(rules) else ())
        for path in files_below(tree, folder):
            inner = path[len(folder) + 1 :]
            if inner not in _UNREAD and inner != computed and not ignore.ignores(inner):
                yield path, self._parsed(path) if inner in _PARSED else self._bytes(path)

    def _parsed(self, path: str) -> Any:
        data = load(self.fleet.tree.read(path), path).data
        if path.endswith(".lock") and isinstance(data, dict):
            return {key: value for key, value in data.items() if key not in _LOCK_NOISE}
        return data

    # Files

    def _override(self, path: str) -> Any:
        return self._bytes(path) if is_encrypted(path) or not self.fleet.tree.is_file(path) else self._parsed(path)

    def _everything(self) -> list[str]:
        patterns = self.fleet.settings.rebuild_all_on
        if not patterns:
            return []
        found: list[str] = self._once(
            "everything",
            lambda: [p for p in files_below(self.fleet.tree, "") if any(fnmatchcase(p, g) for g in patterns)],
        )
        return found

    def _bytes(self, path: str) -> dict[str, str]:
        def read() -> dict[str, str]:
            try:
                return {SHA256: hashlib.sha256(self.fleet.tree.read(path)).hexdigest()}
            except FileNotFoundError:
                return {MISSING: path}

        found: dict[str, str] = self._once(f"bytes:{path}", read)
        return found

    def _once(self, name: str, read: Callable[[], Any]) -> Any:
        if name not in self._shared:
            self._shared[name] = read()
        return self._shared[name]


def readable(act: Callable[[], Inputs]) -> Inputs | None:
    """The inputs, or None where the fleet of that time cannot be read."""
    try:
        return act()
    except FleetError:
        return None
