"""Releases as manifests, at two revisions: many at a time, and from the cache where nothing differs."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet
from deployer.helm.charts import ChartFolders, Prepared, may_differ
from deployer.helm.command import TEMPLATE_TIMEOUT, Helm
from deployer.helm.logins import ChartLogins
from deployer.helm.sources import ChartSource, Source, SourceReader, private_name
from deployer.render.cache import Cache
from deployer.render.manifests import NOTHING, Manifests, NotRendered, Pair
from deployer.render.mask import Masker
from deployer.render.normalise import Objects, objects, without_generated
from deployer.secrets.private import RENDER, held_folder, private_folder, sweep

_OWN_FOLDER = re.compile(rf"/\S*/{RENDER}[^/\s]+/(?:charts/[0-9a-f]{{16}}/)?")
FORMAT = "2"  # of what the cache keeps: another normalisation is another format
Render = Manifests | NotRendered


@dataclass(frozen=True)
class Options:
    """How to render: Kubernetes as Helm takes it to be, and what to do with encrypted values."""

    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    skip_secrets: bool = False

    def words(self) -> list[str]:
        given = ["--kube-version", self.kube_version] if self.kube_version else []
        return given + [word for version in self.api_versions for word in ("--api-versions", version)]


class Renderer:
    """Renders with the helm that stands on PATH, in a private folder that goes when it is closed.

    :param env: the environment that helm gets, less what concerns Helm and Kubernetes.
    :param parallel: renders at a time.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        cache: Cache,
        options: Options | None = None,
        parallel: int | None = None,
        logins: ChartLogins | None = None,
    ) -> None:
        self.logins = logins or ChartLogins()
        self.env, self.cache, self.options = env, cache, options or Options()
        self.parallel = parallel or min(8, os.cpu_count() or 1)
        self._masker = Masker(cache.key)
        self._cancelled = threading.Event()
        self._private = ExitStack()
        self._readers: dict[int, SourceReader] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cancelled.set()
        self._private.close()
        self.cache.prune()

    @cached_property
    def _folder(self) -> Path:
        sweep()
        return self._private.enter_context(held_folder(RENDER))

    @cached_property
    def _helm(self) -> Helm:
        config = self._private.enter_context(private_folder()) if self.logins.entries else None
        return Helm.find(self.env, self._folder / "helm", self._cancelled, config)

    @cached_property
    def _charts(self) -> ChartFolders:
        return ChartFolders(self._folder / "charts", self._helm, self.logins)

    @cached_property
    def _helm_version(self) -> str:
        return self.cache.helm_version(self._helm)

    # One release

    def render(self, release: ReleaseId, fleet: Fleet) -> Render:
        """The release's manifests as the fleet says, or why they cannot be made here.

        :raises FleetError: the fleet has no such release.
        """
        fleet.release(release)
        found = self._rendered([source] if isinstance(source := self._source(release, fleet), Source) else [])
        return source if isinstance(source, NotRendered) else found[source.key()]

    def _source(self, release: ReleaseId, fleet: Fleet, *, skip: bool = False) -> Source | NotRendered:
        reader = self._readers.setdefault(id(fleet), SourceReader(fleet))
        try:
            return reader.source(fleet.releases[release], skip_encrypted=skip)
        except DeployerError as error:
            return NotRendered(one_line(error))

    # Releases at two times

    def pairs(self, releases: Iterable[ReleaseId], before: Fleet, after: Fleet) -> dict[ReleaseId, Pair | NotRendered]:
        """Each release at both times; at a time at which it is not there it is nothing."""
        sides: dict[ReleaseId, tuple[Source | NotRendered | None, Source | NotRendered | None]] = {}
        skipped: dict[ReleaseId, tuple[str, ...]] = {}
        for release in releases:
            skipped[release] = self._skippable(release, before, after)
            skip = bool(skipped[release])  # else encrypted values, where there are any, are in the way
            old = self._source(release, before, skip=skip) if release in before.releases else None
            new = self._source(release, after, skip=skip) if release in after.releases else None
            sides[release] = old, new
        complete = {release for release, both in sides.items() if not any(isinstance(s, NotRendered) for s in both)}
        wanted = [side for release in complete for side in sides[release] if isinstance(side, Source)]
        rendered = self._rendered(wanted)
        return {release: _pair(*both, rendered, skipped[release]) for release, both in sides.items()}

    def _skippable(self, release: ReleaseId, before: Fleet, after: Fleet) -> tuple[str, ...]:
        """The encrypted files of a release that may be left out: the same bytes in the same order at both times."""
        if not self.options.skip_secrets:
            return ()
        found = []
        for fleet in (before, after):
            if release in fleet.releases:
                reader = self._readers.setdefault(id(fleet), SourceReader(fleet))
                try:
                    found.append(reader.encrypted(fleet.releases[release]))
                except DeployerError:
                    return ()
        same = all(list(one.values()) == list(found[0].values()) for one in found)
        return tuple(found[-1]) if found and same else ()

    # Work

    def _rendered(self, sources: Iterable[Source]) -> dict[str, Render]:
        """Each source's render by its key, whatever has the same key made once."""
        unique = {source.key(): source for source in sources}
        try:
            keys = {name: source.key(*self._how()) for name, source in unique.items()}
        except DeployerError as error:
            return dict.fromkeys(unique, NotRendered(one_line(error)))
        known = {name: found for name, key in keys.items() if (found := self.cache.get(key))}
        todo = [name for name in unique if name not in known]
        made = self._all(lambda name: self._render(unique[name], keys[name]), todo)
        return {**known, **made}

    def _how(self) -> list[str]:
        return [FORMAT, self.cache.key.hex(), self._helm_version, *self.options.words()]

    def _all(self, act: Callable[[str], Render], names: list[str]) -> dict[str, Render]:
        if not names:
            return {}
        with ThreadPoolExecutor(self.parallel, thread_name_prefix="render") as pool:
            try:
                return dict(zip(names, pool.map(act, names), strict=True))
            except BaseException:
                self._cancelled.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _render(self, source: Source, key: str) -> Render:
        try:
            made = self._manifests(source)
        except DeployerError as error:
            return NotRendered(one_line(error))
        self.cache.put(key, made)
        return made

    def _manifests(self, source: Source) -> Manifests:
        return self.shown(self.objects(source))

    def objects(self, source: Source) -> Objects:
        """What Helm makes of a source, with what it makes anew each time put aside. Nothing is masked or kept.

        :raises DeployerError: it cannot be rendered.
        """
        chart = self.prepared(source.chart)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="values-") as folder:
            argv = self._argv(source, chart.folder, Path(folder))
            found = self._template(argv)
            if chart.random or any(may_differ(layer.content) for layer in source.values):
                found = without_generated(found, self._template(argv))
        return found

    def prepared(self, chart: ChartSource) -> Prepared:
        """The chart with all its dependencies, in a folder that goes when this is closed; fetched once.

        :raises DeployerError: a dependency cannot be fetched.
        """
        return self._charts.prepared(chart)

    def shown(self, found: Objects) -> Manifests:
        """Objects as they can be compared and shown."""
        return Manifests.of(found, self._masker)

    def _template(self, argv: list[str]) -> Objects:
        raw = self._helm.run(*argv, timeout=TEMPLATE_TIMEOUT).raw
        return objects(raw.decode("utf-8", "surrogateescape"))

    def _argv(self, source: Source, chart: Path, folder: Path) -> list[str]:
        """What a stranger would type; the values files are written for it."""
        words = ["template", source.name, str(chart), "--namespace", source.name, "--include-crds"]
        for number, layer in enumerate(source.values):
            file = folder / private_name(number, layer.name)
            file.write_bytes(layer.content)
            words += ["--values", str(file)]
        return words + self.options.words()


def _pair(
    before: Source | NotRendered | None,
    after: Source | NotRendered | None,
    rendered: Mapping[str, Render],
    skipped: tuple[str, ...],
) -> Pair | NotRendered:
    sides = []
    for when, side in (("now", after), ("before", before)):
        made = rendered[side.key()] if isinstance(side, Source) else side or NOTHING
        if isinstance(made, NotRendered):
            return NotRendered(made.reason if when == "now" else f"at the base revision: {made.reason}")
        sides.append(made)
    return Pair(sides[1], sides[0], skipped)


def one_line(error: DeployerError) -> str:
    """The error with its place; of a failed command what it said, without our own folders and its advice to itself."""
    said = [line for line in error.hint.splitlines() if line.strip() and not line.startswith("Use --debug")]
    first = next((number for number, line in enumerate(said) if line.startswith("Error")), None)
    told = ". ".join(filter(None, [error.headline, error.hint])) if error.hint else str(error)
    text = told if first is None else "\n".join(said[first:])
    return " ".join(_OWN_FOLDER.sub("", text).split())
