"""All that a release is made of, part by part, as data that can be compared.

What makes no difference to Helm makes none here: values, Chart.yaml and jsonnet count as what they say, not as bytes;
comments, order and format do not. What cannot be parsed here (templates, encrypted files) counts as bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import groupby
from typing import Any

from deployer.changes.digest import digest
from deployer.changes.reasons import Rule
from deployer.fleet import jsonnet
from deployer.fleet.chart_files import uses_files
from deployer.fleet.charts import Chart
from deployer.fleet.helm_yaml import load
from deployer.fleet.ignore import FILE as IGNORE_FILE
from deployer.fleet.ignore import Ignore
from deployer.fleet.listed import check_values_files
from deployer.fleet.repository import Fleet, Release, cluster_file, is_encrypted
from deployer.fleet.tree import files_below
from deployer.fleet.values import Values, merge, read_with_later

# What Helm itself parses, in a chart and in those that are vendored below it.
_PARSED = re.compile(r"(charts/[^/]+/)*(Chart\.yaml|Chart\.lock|requirements\.yaml|requirements\.lock|values\.ya?ml)")
_UNREAD = frozenset({"README.md", IGNORE_FILE})
_NO_INPUTS = frozenset({"at", "silence", "owners"})  # where an entry stands, and what makes no hub another
_COMPUTING = (".jsonnet", ".libsonnet")
MISSING = "missing"  # the content of a file that is not there
# Of a lock file: when it was written says nothing about what it locks.
_LOCK_NOISE = frozenset({"generated"})


@dataclass(frozen=True, slots=True)
class Part:
    """One input: what kind it is, the file that it comes from, and its content, ready for :func:`digest`.

    ``content`` is what the file says, or with ``opaque`` the digest of its bytes.
    """

    rule: Rule
    file: str
    content: Any
    opaque: bool = False
    later: bool = False  # it is what stands after the file's first document: Helm 3 ignores it, Helm 4 merges it


@dataclass(frozen=True)
class Inputs:
    """The inputs of one release, by name."""

    parts: dict[str, Part]

    @cached_property
    def digest(self) -> str:
        """One text for all of them: the same where nothing changed."""
        return digest({name: [part.opaque, part.content] for name, part in self.parts.items()})


class InputReader:
    """Reads the inputs of a fleet's releases; what releases share is read once.

    :param then: it is a fleet of the past: values files that were missing are no error any more.
    """

    def __init__(self, fleet: Fleet, *, then: bool = False) -> None:
        self.fleet, self._then = fleet, then
        self._shared: dict[object, Any] = {}

    def inputs(self, release: Release) -> Inputs:
        """All inputs of a release.

        :raises FleetError: a values file, a jsonnet file or a Chart.yaml cannot be parsed.
        """
        found: Inputs = self._once(("inputs", release.id), lambda: Inputs(dict(self._parts(release))))
        return found

    def _parts(self, release: Release) -> Iterator[tuple[str, Part]]:
        entry = cluster_file(release.id.cluster)
        yield "entry", Part(Rule.CLUSTER, entry, self._entry(release))
        yield "connection", Part(Rule.CLUSTER, entry, self._connection(release))
        yield from self._values(release)
        for name in ("chart_override", "domain_override"):
            if path := getattr(release, name):
                yield name, self._override(path)
        for chart in self._closure(release):
            yield from self._chart(release, chart)
        for path in self.fleet.crds(release):
            yield f"crds:{path}", Part(Rule.CHART, path, self._bytes(path), opaque=True)
        for path in self._everything():
            yield f"fleet:{path}", Part(Rule.FLEET, path, self._bytes(path), opaque=True)

    # cluster.yaml

    def _entry(self, release: Release) -> dict[str, Any]:
        """The release's entry with its defaults filled in, and keys that we do not know."""
        model = release.hub or release.cluster.support
        names = {field.name for field in fields(model)} if model else set()
        known = {name: getattr(model, name) for name in names - _NO_INPUTS}
        raw = self._raw(release, model.at if model else ())
        unknown = {key: raw[key] for key in raw.keys() - names if key != "metadata" and not key.startswith("x-")}
        return {**known, **({"stage": release.stage} if release.hub else {}), **unknown}

    def _connection(self, release: Release) -> dict[str, Any]:
        """How the cluster is reached; of credentials only their name, for a rotated key is no change.

        Whom the jobs of a pipeline log in as is none either.
        """
        provider = release.cluster.provider
        block = {key: value for key, value in self._raw(release, (provider,)).items() if key != "oidc"}
        return {"provider": provider, **block}

    def _raw(self, release: Release, at: Iterable[str | int]) -> dict[str, Any]:
        here: Any = self.fleet.documents[release.id.cluster].data
        for key in at:
            here = here[key] if isinstance(key, int) else here.get(key) or {}
        return here if isinstance(here, dict) else {}

    # Values

    def _values(self, release: Release) -> Iterator[tuple[str, Part]]:
        """Plain layers merged with their neighbours, and between them the bytes of encrypted ones, in order."""
        if not self._then:
            check_values_files(self.fleet, release)
        for number, run in enumerate(self._runs(release)):
            plain = self._is_plain(run[0])
            content: Any = merge(self.layer(release, path) for path in run) if plain else self._bytes(run[0])
            yield f"values:{number}", Part(Rule.VALUES, run[-1], content, opaque=not plain)
            for path in run if plain else ():
                if later := self._later(path):
                    yield f"later:{path}", Part(Rule.VALUES, path, digest(later), opaque=True, later=True)

    def _runs(self, release: Release) -> Iterator[list[str]]:
        for plain, paths in [(plain, list(paths)) for plain, paths in groupby(release.values_files, self._is_plain)]:
            yield from [paths] if plain else ([path] for path in paths)

    def _is_plain(self, path: str) -> bool:
        return not is_encrypted(path) and self.fleet.tree.is_file(path)

    def plain(self, release: Release) -> Values:
        """All plain values files as one.

        :raises FleetError: one cannot be parsed.
        """
        return merge(self.layer(release, path) for path in release.values_files if self._is_plain(path))

    def layer(self, release: Release, path: str) -> Values:
        """One plain values file as it stands in the merge.

        :raises FleetError: it cannot be parsed.
        """
        if path.endswith(".jsonnet"):
            return self._evaluated(release, path)
        return self._read(path)[0]

    def _read(self, path: str) -> tuple[Values, str]:
        found: tuple[Values, str] = self._once(("values", path), lambda: read_with_later(self.fleet.tree, path))
        return found

    def _later(self, path: str) -> str:
        return "" if path.endswith(".jsonnet") else self._read(path)[1]

    def _evaluated(self, release: Release, path: str) -> Values:
        ext_vars = self.fleet.ext_vars(release)
        name = ("jsonnet", path, tuple(sorted(ext_vars.items())))
        found: Values = self._once(name, lambda: jsonnet.evaluate(self.fleet.tree, path, ext_vars))
        return found

    # Charts

    def _closure(self, release: Release) -> tuple[Chart, ...]:
        return self.fleet.charts.closure(release.chart, release.chart_override)

    def _chart(self, release: Release, chart: Chart) -> Iterator[tuple[str, Part]]:
        replaced = {f"{chart.folder}/{name}" for name in ("Chart.yaml", "Chart.lock")}
        overridden = bool(release.chart_override) and chart.folder == release.chart
        whole = any(self._uses_files(one.folder) for one in self._closure(release))
        read = self._once(("chart", chart.folder, whole), lambda: dict(self._chart_files(chart.folder, whole=whole)))
        for name, part in read.items():
            if not (overridden and part.file in replaced):
                yield name, part
        if path := self._computed(chart.folder):
            yield f"computed:{path}", Part(Rule.CHART, path, self._evaluated(release, path))

    def _computed(self, folder: str) -> str:
        """The jsonnet file that computes the values of the chart in this folder; "" where there is none."""
        name = self.fleet.settings.jsonnet.chart_values
        path = f"{folder}/{name}"
        return path if name and self.fleet.tree.is_file(path) else ""

    def _uses_files(self, folder: str) -> bool:
        return bool(self._once(("uses files", folder), lambda: uses_files(self.fleet.tree, folder)))

    def _chart_files(self, folder: str, *, whole: bool) -> Iterator[tuple[str, Part]]:
        """The files of a chart; with ``whole`` also those that count only where templates read files by themselves."""
        tree = self.fleet.tree
        unread = {IGNORE_FILE} if whole else _UNREAD | {path[len(folder) + 1 :] for path in self._computing(folder)}
        rules = f"{folder}/{IGNORE_FILE}"
        ignore = Ignore(tree.read(rules).decode(errors="replace").splitlines() if tree.is_file(rules) else ())
        for path in files_below(tree, folder):
            inner = path[len(folder) + 1 :]
            if inner in unread or ignore.ignores(inner):
                continue
            parsed = _PARSED.fullmatch(inner) is not None
            content, later = self._parsed(path) if parsed else (self._bytes(path), "")
            yield f"chart:{path}", Part(Rule.CHART, path, content, opaque=not parsed)
            if later:
                yield f"later:{path}", Part(Rule.CHART, path, digest(later), opaque=True, later=True)

    def _computing(self, folder: str) -> frozenset[str]:
        """Files of a chart that only compute its values: what they say counts, once it is computed."""
        path = self._computed(folder)
        read = jsonnet.imports(self.fleet.tree, path) if path else ()
        return frozenset(file for file in read if file.startswith(f"{folder}/") and file.endswith(_COMPUTING))

    def _parsed(self, path: str) -> tuple[Any, str]:
        """What a file says, and what stands after its first document."""
        document = load(self.fleet.tree.read(path), path)
        data = document.data
        if path.endswith(".lock") and isinstance(data, dict):
            data = {key: value for key, value in data.items() if key not in _LOCK_NOISE}
        return data, document.later

    # Files

    def _override(self, path: str) -> Part:
        opaque = not self._is_plain(path)
        return Part(Rule.OVERRIDE, path, self._bytes(path) if opaque else self._parsed(path)[0], opaque=opaque)

    def _everything(self) -> list[str]:
        patterns = self.fleet.settings.rebuild_all_on
        if not patterns:
            return []
        found: list[str] = self._once(
            "everything",
            lambda: [p for p in files_below(self.fleet.tree, "") if any(fnmatchcase(p, g) for g in patterns)],
        )
        return found

    def _bytes(self, path: str) -> str:
        """The digest of a file's bytes; that it is missing, where it is."""

        def read() -> str:
            try:
                return hashlib.sha256(self.fleet.tree.read(path)).hexdigest()
            except FileNotFoundError:
                return MISSING

        found: str = self._once(("bytes", path), read)
        return found

    def _once(self, name: object, read: Callable[[], Any]) -> Any:
        if name not in self._shared:
            self._shared[name] = read()
        return self._shared[name]
