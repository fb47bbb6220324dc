"""A hub's chart with all that it is made of in one folder: those it depends on by path stand inside, in ``charts/``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deployer.errors import FleetError, Place
from deployer.fleet.chart_files import uses_files
from deployer.fleet.charts import Dependency
from deployer.fleet.helm_yaml import decode, load
from deployer.fleet.ignore import FILE as IGNORE_FILE
from deployer.fleet.ignore import Ignore
from deployer.fleet.repository import Fleet
from deployer.helm.charts import is_complete
from deployer.helm.sources import ChartSource
from deployer.replicate.plain import plain_yaml

FOLDER = "chart"  # of the replicate
_PATH = "file://"
_SOURCES = (".jsonnet", ".libsonnet")  # of values that the replicate has as plain YAML
_WITH_DEPENDENCIES = ("Chart.yaml", "requirements.yaml")
_LOCKS = ("Chart.lock", "requirements.lock")
# The fields of a dependency as Helm writes them, in its order; those that are left out where they are empty.
_FIELDS = ("name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias")
_ALWAYS = ("name", "repository")


@dataclass(frozen=True)
class Standalone:
    """Makes a fleet's charts stand on their own.

    ``fetched`` is a folder in which the fleet's charts have all their dependencies, by their paths of the fleet: what
    was fetched is then taken along.
    """

    fleet: Fleet
    source: ChartSource
    override: str = ""
    fetched: Path | None = None
    _files: dict[str, bytes] = field(default_factory=dict)
    _from: dict[str, str] = field(default_factory=dict)  # the fleet's folder of each of ours

    def make(self) -> ChartSource:
        """The chart in a folder of its own.

        :raises FleetError: two charts of one name are in the way of each other.
        """
        self._place(self.source.folder, FOLDER, self.override)
        self._settle_ignored()
        folders = sorted(self._from, key=lambda folder: (-folder.count("/"), folder))
        return ChartSource(tuple(folders), dict(sorted(self._files.items())))

    def _place(self, folder: str, target: str, override: str) -> None:
        self._from[target] = folder
        own = dict(self._own(folder))
        within = [one for one in self.fleet.charts.get(folder, override).dependencies if one.folder]
        if is_complete(self.source.files, folder):  # Helm takes what is packed there, however old it is
            within = [one for one in within if not _packed(own, one.name)]
        else:
            old = {path for one in within for path in _packed(own, one.name)}
            own = {name: content for name, content in own.items() if name not in old}
        if self.fetched:
            own |= self._fetched_files(self.fetched / folder, own, within)
        made = {name: _without_paths(own[name], f"{folder}/{name}") for name in _WITH_DEPENDENCIES if name in own}
        for name in _LOCKS:
            if name in own:
                made[name] = _locked_again(own[name], _wanted(own), _wanted(own | made), f"{folder}/{name}")
        own |= made
        self._files.update({f"{target}/{name}": content for name, content in own.items()})
        for dependency in within:
            self._place_below(dependency, folder, target)

    def _place_below(self, dependency: Dependency, folder: str, target: str) -> None:
        below = f"{target}/charts/{dependency.name}"
        if self._from.get(below) == dependency.folder or f"{below}/Chart.yaml" in self._files:
            return  # two aliases of one chart; or the fleet has it there itself, and Helm would take that one
        if below in self._from:
            raise FleetError(f"depends on two charts that are called {dependency.name}", Place(f"{folder}/Chart.yaml"))
        self._place(dependency.folder, below, "")

    def _own(self, folder: str) -> Iterator[tuple[str, bytes]]:
        """The files that are the chart's for Helm, by their path in it; what computed its values stays behind."""
        rules = self.source.files.get(f"{folder}/{IGNORE_FILE}", b"").decode(errors="replace")
        ignore = Ignore(rules.splitlines())
        keeps_all = uses_files(self.fleet.tree, folder)
        for path, content in self.source.files.items():
            name = path.removeprefix(f"{folder}/")
            if name == path or ignore.ignores(name) or self._of_another(path, folder):
                continue
            if keeps_all or not name.endswith(_SOURCES):
                yield name, content

    def _of_another(self, path: str, folder: str) -> bool:
        """Whether the file is of a chart that stands below this one in the fleet, and is handled as its own."""
        others = (one for one in self.source.folders if one.startswith(f"{folder}/"))
        return any(path.startswith(f"{other}/") for other in others)

    def _fetched_files(self, root: Path, own: Mapping[str, bytes], within: list[Dependency]) -> dict[str, bytes]:
        """What ``helm dependency`` has put there: packages less those of charts that come as files, and a lock."""
        packed = {self._package(one) for one in within}
        found = {f"charts/{file.name}": file for file in sorted((root / "charts").glob("*.tgz"))}
        if (root / "Chart.lock").is_file():
            found["Chart.lock"] = root / "Chart.lock"
        return {name: file.read_bytes() for name, file in found.items() if name not in own and name not in packed}

    def _package(self, dependency: Dependency) -> str:
        data = load(self.source.files[f"{dependency.folder}/Chart.yaml"], "").data
        return f"charts/{data['name']}-{data.get('version')}.tgz"

    def _settle_ignored(self) -> None:
        """Keep the outermost ``.helmignore`` only where it takes nothing away: Helm holds it over all inner charts."""
        path = f"{FOLDER}/{IGNORE_FILE}"
        if path in self._files:
            ignore = Ignore(self._files[path].decode(errors="replace").splitlines())
            if any(ignore.ignores(name.removeprefix(f"{FOLDER}/")) for name in self._files):
                del self._files[path]


def _packed(own: Iterable[str], name: str) -> list[str]:
    """The packages of a chart among the files of the one that depends on it."""
    return [path for path in own if re.fullmatch(rf"charts/{re.escape(name)}-[0-9][^/]*\.tgz", path)]


def _is_path(entry: Any) -> bool:
    return isinstance(entry, dict) and str(entry.get("repository") or "").startswith(_PATH)


def _entries(data: Any) -> list[Any]:
    entries = data.get("dependencies") if isinstance(data, dict) else None
    return entries if isinstance(entries, list) else []


def _without_paths(raw: bytes, path: str) -> bytes:
    """A Chart.yaml of which the charts that were named by path are looked for in ``charts/``; all else as it was."""
    data = load(raw, path).data
    paths = [number for number, entry in enumerate(_entries(data)) if _is_path(entry)]
    if not paths:
        return raw
    for number in paths:
        data["dependencies"][number]["repository"] = ""
    edited = _edited(decode(raw, path), paths)
    try:
        return edited.encode() if load(edited.encode(), path).data == data else plain_yaml(data)
    except FleetError:
        return plain_yaml(data)


def _edited(text: str, paths: list[int]) -> str:
    """The text with the repositories of these dependencies empty."""
    spans = []
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    entries = next(value.value for key, value in root.value if key.value == "dependencies")
    for number in paths:
        spans += [(v.start_mark.index, v.end_mark.index) for k, v in entries[number].value if k.value == "repository"]
    for start, end in sorted(spans, reverse=True):
        text = f'{text[:start]}""{text[end:]}'
    return text


def _wanted(own: Mapping[str, bytes]) -> list[Any]:
    """The dependencies that a chart names."""
    found = (_entries(load(own[name], name).data) for name in reversed(_WITH_DEPENDENCIES) if name in own)
    return next((entries for entries in found if entries), [])


def _locked_again(raw: bytes, before: list[Any], wanted: list[Any], path: str) -> bytes:
    """A Chart.lock for the Chart.yaml as it is now: the same versions, and the digest that Helm compares.

    A lock that did not fit its Chart.yaml still does not.
    """
    data = load(raw, path).data
    locked = _entries(data)
    if not any(map(_is_path, locked)):
        return raw
    fitted = data.get("digest") == lock_digest(before, locked)
    locked = [{**one, "repository": ""} if _is_path(one) else one for one in locked]
    digest = lock_digest(wanted, locked) if fitted else data.get("digest")
    return plain_yaml({**data, "dependencies": locked, "digest": digest})


def lock_digest(wanted: list[Any], locked: list[Any]) -> str:
    """What Helm writes into a lock: a digest over what is wanted and what was found, as Go writes them as JSON."""
    sides = [[_in_order(one) for one in side] for side in (wanted, locked)]
    both = json.dumps(sides, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&":
        both = both.replace(sign, f"\\u{ord(sign):04x}")
    return f"sha256:{hashlib.sha256(both.encode()).hexdigest()}"


def _in_order(entry: Mapping[str, Any]) -> dict[str, Any]:
    given = {"repository": "", **entry}
    return {name: given[name] for name in _FIELDS if given.get(name) or name in _ALWAYS}
