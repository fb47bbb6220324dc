"""Laws held against the real Helm: our merge is Helm's, and what renders otherwise is always planned by digests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.changes.affected import Affected
from deployer.changes.digest import digest
from deployer.errors import FleetError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.values import coalesce, merge
from deployer.process import run
from deployer.render.cache import Cache
from deployer.render.manifests import Manifests, NotRendered, Pair
from deployer.render.mask import Masker
from deployer.render.normalise import objects
from deployer.render.renderer import Renderer
from helm_world import HUB_CHART, helm_folder, reef
from small_fleet import fleet_of

# Each example starts Helm: few examples, each with much in it.
FEW = settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)

PRINTS_VALUES = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Chart.Name }}, namespace: {{ .Release.Namespace }}}
data: {values: {{ .Values | toJson | quote }}}
"""

KEYS = st.sampled_from(["a", "b", "c", "on", "1", "x.y"])
SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.sampled_from(["", "1", "true", "null", "é", "a: b"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.dictionaries(KEYS, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=8,
)
LAYER = st.dictionaries(KEYS, VALUES, max_size=5)


class Chart:
    """A chart on disk that prints its values."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder, self.env = folder, env
        self.write("chart/Chart.yaml", "apiVersion: v2\nname: outer\nversion: 0.1.0\n")
        self.write("chart/templates/values.yaml", PRINTS_VALUES)

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def add_inner(self) -> None:
        self.write("chart/charts/inner/Chart.yaml", "apiVersion: v2\nname: inner\nversion: 0.1.0\n")
        self.write("chart/charts/inner/templates/values.yaml", PRINTS_VALUES)

    def values(self, layers: list[Any], defaults: Any = None, inner: Any = None) -> dict[str, Any]:
        """What Helm makes of the layers, by the name of the chart that prints it."""
        self.write("chart/values.yaml", json.dumps(defaults or {}))
        if inner is not None:
            self.write("chart/charts/inner/values.yaml", json.dumps(inner))
        words = []
        for number, layer in enumerate(layers):
            words += ["--values", str(self.write(f"{number}.yaml", json.dumps(layer)))]
        text = run([helm_folder() / "helm", "template", "x", "chart", *words], env=self.env, cwd=self.folder).stdout
        return {name.name: json.loads(data["data"]["values"]) for name, data in objects(text).items()}


@pytest.fixture
def chart(tmp_path: Path) -> Chart:
    return Chart(tmp_path, {"HOME": str(tmp_path)})


@FEW
@given(layers=st.lists(LAYER, min_size=1, max_size=4))
def test_our_merge_is_helms(chart: Chart, layers: list[Any]) -> None:
    ours, helms = merge(layers), chart.values(layers)["outer"]
    assert digest(ours) == digest(helms), (ours, helms)


@FEW
@given(layers=st.lists(LAYER, min_size=1, max_size=3), defaults=LAYER)
def test_values_over_a_charts_defaults_are_helms_but_for_nulls_that_remove_nothing(
    chart: Chart, layers: list[Any], defaults: Any
) -> None:
    ours, helms = coalesce(merge(layers), defaults), chart.values(layers, defaults)["outer"]
    assert digest(without_nulls(ours)) == digest(without_nulls(helms)), (ours, helms)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


# How a null ends, and where our effective values (which explain and validate use) say otherwise than Helm: the table of
# docs/rendering.md. Renders are Helm's own, so that no plan depends on it.
INNER = {"a": 1}  # defaults of the chart within the chart


@pytest.mark.parametrize(
    ("given_", "defaults", "helms", "ours"),
    [
        ({"a": None}, {"a": 1}, {}, {}),  # removes the chart's default
        ({"a": None}, {}, {"a": None}, {}),  # nothing to remove: Helm keeps the null
        ({}, {"a": None}, {"a": None}, {"a": None}),  # a default of null
        ({"inner": {"a": None}}, {}, {"inner": {"global": {}}}, {"inner": {}}),
        ({}, {"inner": {"a": None}}, {"inner": {"global": {}}}, {"inner": {}}),
    ],
)
def test_how_a_null_ends(chart: Chart, given_: Any, defaults: Any, helms: Any, ours: Any) -> None:
    chart.add_inner()
    printed = chart.values([given_], defaults, INNER)["outer"]
    assert {key: value for key, value in printed.items() if key != "inner" or key in helms} == helms
    below = dict(defaults)
    if "inner" in helms:
        below["inner"] = coalesce(defaults.get("inner", {}), INNER)
    assert coalesce(given_, below) == ours


# What renders otherwise is planned

REEF, HUB = "config/clusters/reef", "helm-charts/jupyterhub"
VALUES_FILES = [f"{REEF}/{name}.values.yaml" for name in ("staging", "ocean", "support")] + [
    "helm-charts/basehub/values.yaml",
    f"{HUB}/values.yaml",
    f"{HUB}/extra.txt",
    f"{HUB}/sub/more.txt",
]
IGNORED = ["extra.txt", "/extra.txt", "*.txt", "sub/", "sub", "!extra.txt", "more.*", "templates/files.yaml", "# none"]
EDIT = st.one_of(
    st.tuples(st.sampled_from(VALUES_FILES), LAYER.map(json.dumps)),
    st.tuples(st.just(f"{HUB}/.helmignore"), st.lists(st.sampled_from(IGNORED), max_size=3).map("\n".join)),
    st.tuples(
        st.just(f"{HUB}/Chart.yaml"),
        st.sampled_from("12").map(lambda n: f"apiVersion: v2\nname: jupyterhub\nversion: 4.3.3\nappVersion: '{n}'\n"),
    ),
    st.tuples(
        st.sampled_from([f"{REEF}/ocean.values.yaml", f"{HUB}/templates/note.yaml"]),
        st.sampled_from(["# only a comment\n", "{}\n", "a: 1:30\n", "a: 014\n", "a: 0x1\n", "{a: 1, b: [yes]}\n"]),
    ),
)
PRINTS_ALL = """\
kind: ConfigMap
metadata: {name: files}
data:
  app: {{ .Chart.AppVersion | quote }}
  text: {{ .Files.Get "extra.txt" | quote }}
  names: "{{ range $path, $_ := .Files.Glob "{*.txt,**/*.txt}" }}{{ $path }} {{ end }}"
"""
PRINTING = {
    "Chart.yaml": HUB_CHART["Chart.yaml"],
    "values.yaml": "{}\n",
    "templates/values.yaml": PRINTS_VALUES,
    "templates/files.yaml": PRINTS_ALL,
}


def printing() -> dict[str, str]:
    """A fleet whose charts print all their values."""
    outer = {"Chart.yaml": reef()["helm-charts/basehub/Chart.yaml"], "templates/values.yaml": PRINTS_VALUES}
    support = {"Chart.yaml": reef()["helm-charts/support/Chart.yaml"], "templates/values.yaml": PRINTS_VALUES}
    return reef(jupyterhub=PRINTING, basehub=outer, support=support)


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Renderer]:
    env = {**os.environ, "PATH": f"{helm_folder()}{os.pathsep}{os.environ['PATH']}"}
    with Renderer(env, Cache(tmp_path_factory.mktemp("cache"))) as made:
        yield made


@settings(FEW, max_examples=20)
@given(first=st.lists(EDIT, max_size=3), second=st.lists(EDIT, min_size=1, max_size=3))
def test_what_renders_otherwise_is_planned_by_digests(renderer: Renderer, first: Any, second: Any) -> None:
    old = printing() | dict(first)
    before, after = fleet_of(old), fleet_of(old | dict(second))
    pairs = renderer.pairs(after.releases, before, after)
    # A rule with "!" can make Helm ignore Chart.yaml itself: nothing is rendered then.
    differing = {release for release, pair in pairs.items() if isinstance(pair, Pair) and not pair.equal}
    assert differing <= Affected(before, after).reasons().keys()


def test_one_release_is_what_a_stranger_renders(renderer: Renderer, chart: Chart) -> None:
    fleet = fleet_of(printing() | {f"{REEF}/support.values.yaml": "a: 1\n"})
    made = renderer.render(ReleaseId("reef", "support"), fleet)
    chart.write("chart/Chart.yaml", printing()["helm-charts/support/Chart.yaml"])
    values = chart.write("v.yaml", "a: 1\n")
    words = ["template", "support", "chart", "--namespace", "support", "--values", str(values)]
    text = run([helm_folder() / "helm", *words], env=chart.env, cwd=chart.folder).stdout
    assert made == Manifests.of(objects(text), Masker(renderer.cache.key))
    with pytest.raises(FleetError, match="no hub 'pond'"):
        renderer.render(ReleaseId("reef", "pond"), fleet)


@pytest.mark.parametrize(("said", "fits"), [("v3.22", True), ("v4.0.1", True), ("v2.17.0", False), ("dev", False)])
def test_helm_3_and_4_will_do(tmp_path: Path, said: str, fits: bool) -> None:
    """A program that says a version, and renders nothing."""
    script = tmp_path / "helm"
    script.write_text(f'#!/bin/sh\n[ "$1" != version ] || echo {said}\n')
    script.chmod(0o755)
    fleet = fleet_of(printing())
    with Renderer({"PATH": f"{tmp_path}:/bin:/usr/bin"}, Cache(tmp_path / "cache")) as renderer:
        made = renderer.render(ReleaseId("reef", "support"), fleet)
    assert isinstance(made, Manifests) is fits
    assert fits or (isinstance(made, NotRendered) and "Helm 3 or 4 is needed" in made.reason)
