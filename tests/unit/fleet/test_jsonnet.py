"""Jsonnet values: imports, external variables, and where a chart's computed values stand among the layers."""

from __future__ import annotations

import pytest

from deployer.errors import FleetError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.jsonnet import evaluate, imports
from deployer.fleet.repository import Fleet
from deployer.fleet.tree import DictTree
from small_fleet import CHARTS, cluster, files, fleet_of, hub, ids


def tree(**contents: str) -> DictTree:
    return DictTree({name.replace("__", "/") + ".jsonnet": text.encode() for name, text in contents.items()})


NESTED = tree(
    a__top="local m = import 'lib/mid.jsonnet'; m {top: true}",
    a__lib__mid='(import "../../b/leaf.jsonnet") + {text: importstr "note.txt"}',
    b__leaf="{leaf: 1}",
)


def test_imports_near_and_far() -> None:
    found = {"a/top.jsonnet", "a/lib/mid.jsonnet", "b/leaf.jsonnet", "a/lib/note.txt"}  # the missing one too
    assert imports(NESTED, "a/top.jsonnet") == found


def test_imports_in_a_ring_and_of_missing_files_end() -> None:
    ring = tree(a="import 'b.jsonnet'", b="import 'a.jsonnet'")
    assert imports(ring, "a.jsonnet") == {"a.jsonnet", "b.jsonnet"}
    assert imports(ring, "gone.jsonnet") == {"gone.jsonnet"}


def test_evaluate_with_imports_two_levels_down() -> None:
    contents = {**NESTED.contents, "a/lib/note.txt": b"hello"}
    assert evaluate(DictTree(contents), "a/top.jsonnet", {}) == {"leaf": 1, "text": "hello", "top": True}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("{a: std.extVar('X')}", "v.jsonnet:1", "X"),
        ("{\n  a: 1 +\n}", "v.jsonnet:3", ""),
        ("{\n  a: nothing\n}", "v.jsonnet:2", "nothing"),
        ("{a: error 'no'}", "v.jsonnet:1", "no"),
        ("[1]", "v.jsonnet", "values must be a map"),
        ("import 'gone.jsonnet'", "v.jsonnet:1", "import: gone.jsonnet is missing"),
        ("{\n  a: importstr 'gone.txt'\n}", "v.jsonnet:2", "import: gone.txt is missing"),
        ("local f(x) = f(x + 1) + 1; {a: f(1)}", "v.jsonnet:1", "max stack"),
        ("{a: importstr '../../../outside'}", "v.jsonnet:1", "import: ../../../outside is missing"),
    ],
)
def test_errors_say_where(text: str, place: str, message: str) -> None:
    with pytest.raises(FleetError) as caught:
        evaluate(tree(v=text), "v.jsonnet", {})
    assert str(caught.value.place) == place
    assert message in str(caught.value)


def test_a_variable_that_nobody_declared_says_where_to_declare_it() -> None:
    with pytest.raises(FleetError, match=r"Declare it under jsonnet\.ext_vars of deployer\.yaml"):
        evaluate(tree(v="{a: std.extVar('X')}"), "v.jsonnet", {"Y": "1"})


def test_a_missing_file_and_one_that_is_no_text() -> None:
    with pytest.raises(FleetError, match=r"v\.jsonnet: no such values file"):
        evaluate(tree(), "v.jsonnet", {})
    with pytest.raises(FleetError, match=r"v\.jsonnet:1: not UTF-8"):
        evaluate(DictTree({"v.jsonnet": b"\xff"}), "v.jsonnet", {})


SETTINGS = """
jsonnet:
  chart_values: values.jsonnet
  ext_vars: {CLUSTER: cluster.name, PROVIDER: cluster.provider, ACCOUNT: cluster.aws.account, HUB: hub.name}
"""
# The hub's variables are unset for support: a chart that is used for both asks only for what is there.
COMPUTED = (
    "{jupyterhub: {cluster: std.extVar('CLUSTER'), hub: std.extVar('HUB'), level: 'computed', cull: {every: 60}}}"
)


def computed_fleet(**others: str) -> Fleet:
    contents = files(cluster("reef", [hub("ocean"), hub("staging")]), **others)
    return fleet_of(contents | {"deployer.yaml": SETTINGS, "helm-charts/basehub/values.jsonnet": COMPUTED})


def test_a_charts_computed_values_stand_below_all_values_files() -> None:
    fleet = computed_fleet(**{"config__clusters__reef__ocean.values.yaml": "jupyterhub: {level: file}\n"})
    ocean = fleet.releases[ReleaseId("reef", "ocean")]
    assert fleet.hub_values(ocean) == {
        "cluster": "reef",
        "hub": "ocean",
        "level": "file",
        "cull": {"enabled": True, "every": 60},  # and above the chart's own values.yaml
    }
    staging = fleet.releases[ReleaseId("reef", "staging")]
    assert fleet.hub_values(staging)["level"] == "computed"


def test_a_computed_chart_below_another() -> None:
    contents = files(cluster("reef", [hub("ocean", helm_chart="daskhub")]))
    fleet = fleet_of(contents | {"deployer.yaml": SETTINGS, "helm-charts/basehub/values.jsonnet": COMPUTED})
    assert fleet.hub_values(fleet.releases[ReleaseId("reef", "ocean")])["hub"] == "ocean"


def test_the_hubs_variables_are_unset_for_support() -> None:
    fleet = computed_fleet()
    ocean, support = (fleet.releases[id_] for id_ in sorted(ids("reef/ocean", "reef/support")))
    assert fleet.ext_vars(ocean) == {"CLUSTER": "reef", "PROVIDER": "gcp", "HUB": "ocean"}
    assert fleet.ext_vars(support) == {"CLUSTER": "reef", "PROVIDER": "gcp"}  # nor is there an AWS account here


def test_support_may_have_computed_values_that_ask_only_for_the_cluster() -> None:
    contents = files(cluster("reef", [])) | {"deployer.yaml": SETTINGS}
    fleet = fleet_of(contents | {"helm-charts/support/values.jsonnet": "{of: std.extVar('CLUSTER')}"})
    assert fleet.values(fleet.releases[ReleaseId("reef", "support")]) == {"of": "reef"}
    fleet = fleet_of(contents | {"helm-charts/support/values.jsonnet": "{of: std.extVar('HUB')}"})
    with pytest.raises(FleetError, match="HUB"):
        fleet.values(fleet.releases[ReleaseId("reef", "support")])


def test_a_hubs_values_file_may_be_jsonnet() -> None:
    ocean = hub("ocean", helm_chart_values_files=["a.yaml", "b.jsonnet"])
    contents = files(cluster("reef", [ocean])) | {
        "deployer.yaml": SETTINGS,
        "config/clusters/reef/a.yaml": "jupyterhub: {a: 1, b: 1}\n",
        "config/clusters/reef/b.jsonnet": "{jupyterhub: {b: std.extVar('HUB')}}",
    }
    fleet = fleet_of(contents)
    values = fleet.hub_values(fleet.releases[ReleaseId("reef", "ocean")])
    assert (values["a"], values["b"]) == (1, "ocean")


@pytest.mark.parametrize(
    "bound", ["account", "clusters.name", "cluster", "hub", "cluster.nmae", "hub.at", "cluster.gcp.projekt"]
)
def test_a_variable_bound_to_nothing_that_exists(bound: str) -> None:
    contents = files(cluster("reef", [hub("ocean")])) | {"deployer.yaml": f"jsonnet: {{ext_vars: {{X: {bound}}}}}\n"}
    fleet = fleet_of(contents)
    with pytest.raises(FleetError, match=rf"deployer\.yaml: jsonnet\.ext_vars\.X: '{bound}' is no key"):
        fleet.ext_vars(fleet.releases[ReleaseId("reef", "ocean")])


def test_charts_that_depend_on_each_other_have_no_values() -> None:
    ring = CHARTS | {
        "helm-charts/basehub/Chart.yaml": "name: b\ndependencies: [{name: d, repository: file://../daskhub}]\n"
    }
    fleet = fleet_of(files(cluster("reef", [hub("ocean")])) | ring)
    with pytest.raises(FleetError, match="the chart depends on itself"):
        fleet.values(fleet.releases[ReleaseId("reef", "ocean")])


def test_a_variable_may_be_bound_to_metadata() -> None:
    contents = files(cluster("reef", [hub("ocean")], metadata={"team": "blue"}))
    fleet = fleet_of(
        contents | {"deployer.yaml": "jsonnet: {ext_vars: {T: cluster.metadata.team, U: cluster.aws.account}}\n"}
    )
    assert fleet.ext_vars(fleet.releases[ReleaseId("reef", "ocean")]) == {"T": "blue"}


def test_an_import_that_is_missing_or_no_text_is_an_error_each_time() -> None:
    """The library must never see an exception: it then reads memory that is not its own, and says so at random."""
    contents = DictTree({"v.jsonnet": b"import 'gone.jsonnet'", "w.jsonnet": b"{a: importstr 'x'}", "x": b"\xff"})
    for _ in range(50):
        with pytest.raises(FleetError, match=r"gone\.jsonnet is missing"):
            evaluate(contents, "v.jsonnet", {})
        with pytest.raises(FleetError, match="x is not UTF-8"):
            evaluate(contents, "w.jsonnet", {})


def test_a_missing_import_that_is_not_asked_for_does_no_harm() -> None:
    assert evaluate(tree(v="{a: 1, b:: import 'gone.jsonnet'}"), "v.jsonnet", {}) == {"a": 1}
