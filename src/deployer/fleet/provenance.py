"""Where a value comes from: every file and line that sets a key of a release, in the order in which they count."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deployer.errors import FleetError, Place
from deployer.fleet.charts import Dependency
from deployer.fleet.helm_yaml import Lines, Path, decode, later_at, locate
from deployer.fleet.jsonnet import evaluate
from deployer.fleet.repository import Fleet, Release, is_encrypted
from deployer.fleet.values import Values, read_values

NOTHING: Any = object()
_INDEX = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Setter:
    """One file's word on a key. ``value`` is ``NOTHING`` where an encrypted file may have one."""

    place: Place
    value: Any
    default: bool = False  # of a chart

    @property
    def encrypted(self) -> bool:
        return self.value is NOTHING


@dataclass(frozen=True, slots=True)
class Explanation:
    """A key's effective value (``NOTHING`` where it has none), and its setters: later ones win.

    ``outside`` is the chart from elsewhere that gets the key, and that may have a default for it.
    """

    key: Path
    value: Any
    setters: tuple[Setter, ...]
    outside: Dependency | None = None

    @property
    def winner(self) -> Setter | None:
        """The last that surely sets it."""
        return next((setter for setter in reversed(self.setters) if not setter.encrypted), None)


@dataclass(frozen=True)
class Layer:
    """One file of values. ``below`` is where a chart's own keys stand in the release's; ``data`` None: encrypted."""

    fleet: Fleet
    path: str
    data: Values | None
    below: tuple[str, ...] = ()
    default: bool = False

    @cached_property
    def lines(self) -> Lines:
        """Where its keys stand; unknown for what is computed."""
        if self.data is None or self.path.endswith(".jsonnet"):
            return Lines()
        return locate(decode(self.fleet.tree.read(self.path), self.path), self.path)

    def setter(self, key: Path) -> Setter | None:
        """What it says of a key: a value, or something other than a map above it, which takes its place."""
        if self.data is None:
            return Setter(Place(self.path), NOTHING)
        inner = key[len(self.below) :]
        if key[: len(self.below)] != self.below[: len(key)] or not inner:
            return None
        at, value = reach(self.data, inner)
        if at == inner or not isinstance(value, (dict, list)):
            return Setter(Place(self.path, self.lines.get_nearest(at)), value if at == inner else None, self.default)
        return None


class Provenance:
    """Explains the values of one release.

    :raises FleetError: a values file or a chart of it cannot be read.
    """

    def __init__(self, fleet: Fleet, release: Release) -> None:
        self.fleet, self.release = fleet, release
        self.layers = [
            *self._defaults(release.chart, release.chart_override, (), ()),
            *map(self._layer, release.values_files),
        ]
        self.values = fleet.values(release, encrypted="skip")

    def _layer(self, path: str) -> Layer:
        return Layer(self.fleet, path, None if is_encrypted(path) else self._read(path))

    def _read(self, path: str) -> Values:
        if path.endswith(".jsonnet"):
            return evaluate(self.fleet.tree, path, self.fleet.ext_vars(self.release))
        return read_values(self.fleet.tree, path)

    def _defaults(self, folder: str, override: str, below: tuple[str, ...], above: tuple[str, ...]) -> Iterator[Layer]:
        """Defaults of the fleet's own charts: those of a dependency count less than what stands above them."""
        if folder in above:
            return
        for dependency in self.fleet.charts.get(folder, override).dependencies:
            if dependency.folder:
                yield from self._defaults(dependency.folder, "", (*below, dependency.key), (*above, folder))
        for name in filter(None, ("values.yaml", self.fleet.settings.jsonnet.chart_values)):
            path = f"{folder}/{name}"
            if self.fleet.tree.is_file(path):
                yield Layer(self.fleet, path, self._read(path), below, default=True)

    @property
    def later_documents(self) -> Iterator[Place]:
        """Where files go on with another document: what Helm 4 makes of it is not known here, Helm 3 ignores it."""
        plain = [one.path for one in self.layers if one.data is not None and not one.path.endswith(".jsonnet")]
        for path in plain:
            if line := later_at(self.fleet.tree.read(path), path):
                yield Place(path, line)

    def explain(self, key: Path) -> Explanation:
        """One key, set or not."""
        setters = tuple(setter for layer in self.layers if (setter := layer.setter(key)))
        at, value = reach(self.values, key)
        return Explanation(key, value if at == key else NOTHING, setters, self._outside(key))

    def _outside(self, key: Path) -> Dependency | None:
        chart, override, rest = self.release.chart, self.release.chart_override, key
        while rest:
            known = {one.key: one for one in self.fleet.charts.get(chart, override).dependencies}
            found = known.get(str(rest[0]))
            if found is None or not found.folder:
                return found
            chart, override, rest = found.folder, "", rest[1:]
        return None

    def everything(self) -> list[Explanation]:
        """Every key that has an effective value, sorted."""
        return [self.explain(key) for key in leaves(self.values)]

    def parse(self, text: str) -> Path:
        """The key that a person means: keys may hold dots themselves, and ``[0]`` is an entry of a list.

        :raises FleetError: nothing sets it, and another key of nearly that name is set.
        """
        key = self._meant(text)
        if self._depth(key) < len(key) and (near := self._nearest(key)):
            raise FleetError(f"{self.release.id}: nothing sets {text}", hint=f"Did you mean {near}?")
        return key

    def _meant(self, text: str) -> Path:
        """The key as it stands, or below the hub's own chart, whichever is known deepest: charts may nest it."""
        below = self.fleet.charts.hub_values_path(self.release.chart, self.release.chart_override) or ()
        known = [layer.data for layer in self._seen()] + [self.values, *map(self._nested, self._seen())]
        best, depth = _parse(text, known), 0
        for length in range(len(below) + 1):
            key = (*below[:length], *_parse(text, [reach(data, below[:length])[1] for data in known]))
            if (reached := self._depth(key) - length) > depth:
                best, depth = key, reached
        return best

    @staticmethod
    def _nested(layer: Layer) -> Values:
        return nested(layer.below, layer.data or {})

    def _depth(self, key: Path) -> int:
        """How many parts of the key are known."""
        return max(len(reach(data, key)[0]) for data in self._known())

    def _seen(self) -> Iterator[Layer]:
        yield from (layer for layer in self.layers if layer.data is not None)

    def _known(self) -> list[Values]:
        return [self.values, *map(self._nested, self._seen())]

    def _nearest(self, key: Path) -> str:
        """The key with its first unknown part replaced by the nearest that stands beside it; "" where none is near."""
        known = self._known()
        depth = self._depth(key)
        beside = {
            name
            for data in known
            if (found := reach(data, key[:depth]))[0] == key[:depth] and isinstance(found[1], dict)
            for name in found[1]
        }
        # What a chart from outside gets may well be a key that only it knows.
        cutoff = 0.75 if self._outside(key) else 0.65
        near = difflib.get_close_matches(str(key[depth]), sorted(beside), n=1, cutoff=cutoff)
        return dotted((*key[:depth], near[0], *key[depth + 1 :])) if near else ""


def reach(data: Any, key: Path) -> tuple[Path, Any]:
    """How far into the data a key leads, and what stands there."""
    for depth, part in enumerate(key):
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))
        if not inside:
            return key[:depth], data
        data = data[part]
    return key, data


def leaves(data: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[Path]:
    """The keys of all that is no map (or an empty one), sorted."""
    for name in sorted(data):
        value = data[name]
        if isinstance(value, dict) and value:
            yield from leaves(value, (*above, name))
        else:
            yield (*above, name)


def nested(below: tuple[str, ...], data: Values) -> Values:
    for name in reversed(below):
        data = {name: data}
    return data


def dotted(key: Path) -> str:
    """``hub.profileList[0].slug``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def _parse(text: str, known: list[Any]) -> Path:
    """The longest key that the data know goes first: ``extraConfig.00-a.b`` may be two keys or three."""
    if not text:
        return ()
    if match := _INDEX.match(text):
        inner = [one[int(match[1])] for one in known if isinstance(one, list) and int(match[1]) < len(one)]
        return (int(match[1]), *_parse(text[match.end() :].removeprefix("."), inner))
    maps = [one for one in known if isinstance(one, dict)]
    names = {name for one in maps for name in one if text == name or text.startswith((f"{name}.", f"{name}["))}
    name = max(names, key=len, default=re.split(r"\.|(?=\[\d+\])", text, maxsplit=1)[0] or text)
    rest = text[len(name) :].removeprefix(".")
    return (name, *_parse(rest, [one[name] for one in maps if name in one]))
