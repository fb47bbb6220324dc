"""Which releases read which paths: what a change touches where only the paths that changed are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from posixpath import normpath

from deployer.changes.reasons import Reason, Rule
from deployer.errors import FleetError
from deployer.fleet import jsonnet
from deployer.fleet.chart_files import uses_files
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, Release, cluster_file
from deployer.fleet.settings import FILE as SETTINGS_FILE
from deployer.fleet.tree import files_below, links_below

Reasons = dict[ReleaseId, tuple[Reason, ...]]


def affected_by_paths(fleet: Fleet, paths: Iterable[str]) -> Reasons:
    """Every release that reads one of ``paths``, with a reason for each way in which it does.

    The order of ``paths`` has no influence. Paths that nothing reads are no error.
    """
    changed = frozenset(normpath(path) for path in paths if path)
    reader = _Reader(fleet, changed)
    found = {release.id: tuple(sorted(reader.reasons(release))) for release in fleet.releases.values()}
    return {release: reasons for release, reasons in found.items() if reasons}


class _Reader:
    """What the changed paths are to each release; what charts share is worked out once."""

    def __init__(self, fleet: Fleet, changed: frozenset[str]) -> None:
        self.fleet = fleet
        self.changed = changed
        self.everything = self._rebuild_all()
        self.settings = self._touched([SETTINGS_FILE])
        self._charts: dict[tuple[str, str], tuple[str, ...]] = {}

    def _rebuild_all(self) -> tuple[str, ...]:
        patterns = self.fleet.settings.rebuild_all_on
        named = {p for p in self.changed if any(fnmatchcase(p, pattern) for pattern in patterns)}
        return tuple(sorted(named | {p for pattern in patterns for p in self._touched(self._matching(pattern))}))

    def _matching(self, pattern: str) -> Iterator[str]:
        """The files that a pattern names; only the folder in which its first wildcard stands is looked through."""
        fixed = re.split(r"[*?[]", pattern, maxsplit=1)[0]
        if fixed == pattern:
            yield pattern
            return
        for path in files_below(self.fleet.tree, fixed.rpartition("/")[0]):
            if fnmatchcase(path, pattern):
                yield path

    def reasons(self, release: Release) -> Iterator[Reason]:
        if self.everything:
            yield _reason(Rule.FLEET, "a file that touches everything", self.everything)
        if self.settings:
            yield _reason(Rule.FLEET, "the fleet's settings", self.settings)
        entry = self._touched([cluster_file(release.id.cluster)])
        if entry:
            yield _reason(Rule.CLUSTER, "cluster.yaml", entry)
        values = self._changed_values(release)
        if values:
            yield _reason(Rule.VALUES, "values", values)
        overrides = self._touched(filter(None, (release.chart_override, release.domain_override)))
        if overrides:
            yield _reason(Rule.OVERRIDE, "override", overrides)
        crds = self._touched(self._crds(release))
        if crds:
            yield _reason(Rule.CHART, "custom resource definitions", crds)
        chart = self._changed_chart(release)
        if chart:
            yield _reason(Rule.CHART, "chart", chart)

    def _changed_values(self, release: Release) -> tuple[str, ...]:
        read: set[str] = set()
        for path in release.values_files:
            read |= jsonnet.imports(self.fleet.tree, path) if path.endswith(".jsonnet") else {path}
        return self._touched(read)

    def _touched(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Those of the changed paths that reading ``paths`` touches: themselves, or what links on the way lead to."""
        steps = {step for path in paths for step in self.fleet.tree.trail(path)}
        return tuple(sorted({above for step in steps for above in _prefixes(step)} & self.changed))

    def _changed_chart(self, release: Release) -> tuple[str, ...]:
        key = (release.chart, release.chart_override)
        if key not in self._charts:
            self._charts[key] = self._changed_files(*key)
        return self._charts[key]

    def _changed_files(self, folder: str, override: str) -> tuple[str, ...]:
        found: set[str] = set()
        folders = self._folders(folder, override)
        readme = any(uses_files(self.fleet.tree, one) for one in folders)
        for index, chart_folder in enumerate(folders):
            unread = {"Chart.yaml", "Chart.lock"} if override and index == 0 else set()
            found |= set(self._touched([chart_folder]))
            if not readme:
                unread |= {"README.md"}
            found |= self._below(self.fleet.tree.trail(chart_folder)[-1], unread)
            found |= self._linked(chart_folder, unread)
            found |= self._computed(chart_folder)
        return tuple(sorted(found))

    def _folders(self, folder: str, override: str) -> tuple[str, ...]:
        """Where a chart cannot be read any more (it was deleted, it is broken), its own folder still counts."""
        try:
            return tuple(chart.folder for chart in self.fleet.charts.closure(folder, override))
        except FleetError:
            return (folder,)

    def _crds(self, release: Release) -> tuple[str, ...]:
        try:
            return self.fleet.crds(release)
        except FleetError:
            return ()

    def _below(self, folder: str, unread: set[str]) -> set[str]:
        prefix = f"{folder}/"
        return {p for p in self.changed if p.startswith(prefix) and p.removeprefix(prefix) not in unread}

    def _linked(self, folder: str, unread: set[str]) -> set[str]:
        """What is read through the symbolic links in a chart: their targets, and what stands below those."""
        found = set()
        for link, trail in links_below(self.fleet.tree, folder):
            for path in self.changed:
                step = next((one for one in trail if path == one or path.startswith(f"{one}/")), None)
                if step is not None and link[len(folder) + 1 :] + path[len(step) :] not in unread:
                    found.add(path)
            found |= set(self._touched([link])) if link[len(folder) + 1 :] not in unread else set()
        return found

    def _computed(self, folder: str) -> set[str]:
        name = self.fleet.settings.jsonnet.chart_values
        path = f"{folder}/{name}"
        if not name or not self.fleet.tree.is_file(path):
            return set()
        return set(self._touched(jsonnet.imports(self.fleet.tree, path)))


def _prefixes(path: str) -> Iterator[str]:
    """A path and every folder that it is in: who names a folder means all that is below."""
    yield "."
    parts = path.split("/")
    for depth in range(len(parts)):
        yield "/".join(parts[: depth + 1])


def _reason(rule: Rule, what: str, files: tuple[str, ...]) -> Reason:
    return Reason(rule, f"{what} ← {', '.join(files)}", files)
