"""Which releases read which paths, and which labels override that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.changes.labels import Label, apply_labels
from deployer.changes.paths import affected_by_paths
from deployer.changes.reasons import Rule
from deployer.fleet.repository import Fleet
from small_fleet import cluster, files, fleet_of, hub

REEF = "config/clusters/reef"
SETTINGS = """
jsonnet: {chart_values: values.jsonnet, ext_vars: {NAME: cluster.name}}
rebuild_all_on: [versions.yaml, 'lib/*']
"""


def world() -> dict[str, str]:
    """Two clusters. reef: two staging hubs and three others; atoll: one hub with a chart of its own, in jsonnet."""
    reef = cluster(
        "reef",
        [
            hub("staging"),
            hub("dask-staging", helm_chart="daskhub"),
            hub("ocean", helm_chart_values_files=["common.values.yaml", "ocean.values.yaml"]),
            hub("coral", helm_chart_values_files=["common.values.yaml", "coral.values.yaml"], helm_chart="daskhub"),
            hub("kelp", chart_override="kelp.Chart.yaml", domain_override_file="enc-kelp.secret.yaml"),
        ],
    )
    atoll = cluster(
        "atoll", [hub("lagoon", helm_chart="own", helm_chart_values_files=["lagoon.jsonnet"])], "aws", support=None
    )
    return files(reef, atoll) | {
        "deployer.yaml": SETTINGS,
        f"{REEF}/kelp.Chart.yaml": "name: basehub\ndependencies: [{name: jupyterhub, version: 4.2.0}]\n",
        f"{REEF}/enc-kelp.secret.yaml": "sops: {}\n",
        "helm-charts/own/Chart.yaml": "name: own\ndependencies: [{name: shared, repository: file://../../shared/chart}]\n",
        "helm-charts/own/values.jsonnet": "import '../../parts/one.libsonnet'",
        "parts/one.libsonnet": "import 'two.libsonnet'",
        "parts/two.libsonnet": "{}",
        "shared/chart/Chart.yaml": "name: shared\n",
        "config/clusters/atoll/lagoon.jsonnet": "import 'base.libsonnet'",
        "config/clusters/atoll/base.libsonnet": "{}",
    }


FLEET = fleet_of(world())
ALL_REEF = "reef/coral reef/dask-staging reef/kelp reef/ocean reef/staging reef/support"


@pytest.mark.parametrize(
    ("path", "releases"),
    [
        (f"{REEF}/ocean.values.yaml", "reef/ocean"),
        (f"{REEF}/common.values.yaml", "reef/coral reef/ocean"),
        (f"{REEF}/support.values.yaml", "reef/support"),
        (f"{REEF}/cluster.yaml", ALL_REEF),
        (f"./{REEF}//ocean.values.yaml", "reef/ocean"),  # written otherwise
        (f"{REEF}/nobody.values.yaml", ""),
        ("config/clusters/templates/ocean.values.yaml", ""),
        ("ocean.values.yaml", ""),
        ("docs/index.md", ""),
        ("", ""),
        ("helm-charts/basehub/templates/x.yaml", "reef/coral reef/dask-staging reef/kelp reef/ocean reef/staging"),
        ("helm-charts/basehub/values.yaml", "reef/coral reef/dask-staging reef/kelp reef/ocean reef/staging"),
        ("helm-charts/basehub/Chart.yaml", "reef/coral reef/dask-staging reef/ocean reef/staging"),  # kelp has its own
        ("helm-charts/basehub/Chart.lock", "reef/coral reef/dask-staging reef/ocean reef/staging"),
        ("helm-charts/basehub/README.md", ""),
        ("helm-charts/basehub/docs/README.md", "reef/coral reef/dask-staging reef/kelp reef/ocean reef/staging"),
        ("helm-charts/daskhub/values.yaml", "reef/coral reef/dask-staging"),
        ("helm-charts/support/values.yaml", "reef/support"),
        ("helm-charts/basehub-two/values.yaml", ""),  # a name that is part of another
        ("helm-charts/own/templates/x.yaml", "atoll/lagoon"),
        ("helm-charts/own/values.jsonnet", "atoll/lagoon"),
        ("parts/two.libsonnet", "atoll/lagoon"),  # two imports away, and outside the charts' folder
        ("shared/chart/templates/x.yaml", "atoll/lagoon"),  # so may be a chart that is depended on by path
        ("config/clusters/atoll/lagoon.jsonnet", "atoll/lagoon"),
        ("config/clusters/atoll/base.libsonnet", "atoll/lagoon"),
        ("deployer.yaml", f"atoll/lagoon {ALL_REEF}"),  # it says where charts stand, and binds variables of jsonnet
        (f"{REEF}/kelp.Chart.yaml", "reef/kelp"),
        (f"{REEF}/enc-kelp.secret.yaml", "reef/kelp"),
        ("versions.yaml", f"atoll/lagoon {ALL_REEF}"),
        ("lib/deep/x.py", f"atoll/lagoon {ALL_REEF}"),
        ("versions.yaml.orig", ""),
    ],
)
def test_who_reads_a_path(path: str, releases: str) -> None:
    assert sorted(map(str, affected_by_paths(FLEET, [path]))) == releases.split()


@pytest.mark.parametrize(
    ("paths", "release", "rules"),
    [
        ([f"{REEF}/kelp.values.yaml", f"{REEF}/kelp.Chart.yaml"], "kelp", [Rule.OVERRIDE, Rule.VALUES]),
        (
            [f"{REEF}/cluster.yaml", "versions.yaml", "helm-charts/basehub/x"],
            "ocean",
            [Rule.CHART, Rule.CLUSTER, Rule.FLEET],
        ),
    ],
)  # fmt: skip
def test_each_way_is_a_reason(paths: list[str], release: str, rules: list[Rule]) -> None:
    found = {id_.name: reasons for id_, reasons in affected_by_paths(FLEET, paths).items()}
    assert [reason.rule for reason in found[release]] == rules


def test_a_reason_tells_its_files() -> None:
    paths = [f"{REEF}/ocean.values.yaml", f"{REEF}/common.values.yaml", "other"]
    ((reason,),) = (why for id_, why in affected_by_paths(FLEET, paths).items() if id_.name == "ocean")
    assert reason.files == (f"{REEF}/common.values.yaml", f"{REEF}/ocean.values.yaml")
    assert reason.text == f"values ← {REEF}/common.values.yaml, {REEF}/ocean.values.yaml"


def test_a_chart_that_was_deleted_or_is_broken_still_counts() -> None:
    contents = world()
    del contents["helm-charts/own/Chart.yaml"]
    assert affected_by_paths(fleet_of(contents), ["helm-charts/own/Chart.yaml"])
    contents["helm-charts/own/Chart.yaml"] = "no: chart"
    assert affected_by_paths(fleet_of(contents), ["helm-charts/own/values.yaml"])


def test_a_file_name_with_anything_in_it() -> None:
    odd = "odd 'name' \"with\"\nall\udcff.yaml"
    fleet = fleet_of(files(cluster("reef", [hub("ocean", helm_chart_values_files=["odd.yaml"])])))
    assert affected_by_paths(fleet, [odd, f"helm-charts/basehub/{odd}"])


SKIP, SKIP_HUBS, HUBS, SUPPORT = Label.SKIP_DEPLOY, Label.SKIP_DEPLOY_HUBS, Label.DEPLOY_HUBS, Label.DEPLOY_SUPPORT
TOUCHED = [f"{REEF}/ocean.values.yaml", f"{REEF}/support.values.yaml"]
ALL_HUBS = "atoll/lagoon reef/coral reef/dask-staging reef/kelp reef/ocean reef/staging"


@pytest.mark.parametrize(
    ("labels", "releases"),
    [
        ([], "reef/ocean reef/support"),
        (["bug", "Deployer:skip-deploy", "deployer:nonsense"], "reef/ocean reef/support"),
        ([SKIP], ""),
        ([SKIP_HUBS], "reef/support"),
        ([HUBS], f"{ALL_HUBS} reef/support"),
        ([SUPPORT], "reef/ocean reef/support"),
        ([HUBS, SUPPORT], f"{ALL_HUBS} reef/support"),
        ([SKIP, HUBS, SUPPORT], ""),  # to skip wins over to force
        ([SKIP_HUBS, HUBS], "reef/support"),
        ([SKIP_HUBS, HUBS, SUPPORT], "reef/support"),
    ],
)
def test_labels(labels: list[str], releases: str) -> None:
    reasons = affected_by_paths(FLEET, TOUCHED)
    for order in (labels, labels[::-1]):
        assert sorted(map(str, apply_labels(FLEET, reasons, order))) == releases.split()


def test_a_label_is_a_reason_beside_the_others() -> None:
    forced = apply_labels(FLEET, affected_by_paths(FLEET, TOUCHED), [HUBS])
    rules = {str(id_): [reason.rule for reason in why] for id_, why in forced.items()}
    assert rules["reef/ocean"] == [Rule.VALUES, Rule.LABEL]
    assert rules["reef/staging"] == [Rule.LABEL]


NAMES = ["staging", "two-staging", "ocean", "coral"]
CHART = st.sampled_from(["basehub", "daskhub"])


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Fleet, list[str]]:
    """A fleet, and paths that changed."""

    def one(name: str) -> dict[str, Any]:
        hubs = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
        shared = draw(st.booleans())
        return cluster(
            name,
            [
                hub(
                    h,
                    helm_chart=draw(CHART),
                    helm_chart_values_files=[*(["common.yaml"] if shared else []), f"{h}.yaml"],
                )
                for h in hubs
            ],
            support={"helm_chart_values_files": ["support.yaml"]} if draw(st.booleans()) else None,
        )

    contents = files(*(one(name) for name in draw(st.sampled_from([["a"], ["a", "ab"]]))))
    others = ["README.md", "helm-charts/basehub/x.yaml", "config/clusters/a/other.yaml"]
    return fleet_of(contents), draw(st.lists(st.sampled_from([*sorted(contents), *others]), unique=True, max_size=5))


FLEETS_AND_PATHS = fleets()


@given(FLEETS_AND_PATHS)
def test_every_reason_names_files_that_changed(case: tuple[Fleet, list[str]]) -> None:
    fleet, paths = case
    for reasons in affected_by_paths(fleet, paths).values():
        assert reasons
        assert all(reason.files and set(reason.files) <= set(paths) for reason in reasons)


@given(FLEETS_AND_PATHS, st.randoms())
def test_the_order_of_paths_changes_nothing(case: tuple[Fleet, list[str]], random: Any) -> None:
    fleet, paths = case
    shuffled = random.sample(paths, len(paths))
    assert list(affected_by_paths(fleet, shuffled).items()) == list(affected_by_paths(fleet, [*paths, *paths]).items())


@given(FLEETS_AND_PATHS)
def test_together_paths_touch_what_each_of_them_touches(case: tuple[Fleet, list[str]]) -> None:
    fleet, paths = case
    alone = [set(affected_by_paths(fleet, [path])) for path in paths]
    assert set(affected_by_paths(fleet, paths)) == set().union(*alone)


@given(FLEETS_AND_PATHS)
def test_a_cluster_is_touched_only_by_its_own_files_and_charts(case: tuple[Fleet, list[str]]) -> None:
    fleet, paths = case
    for release in affected_by_paths(fleet, paths):
        assert any(path.startswith((f"config/clusters/{release.cluster}/", "helm-charts/")) for path in paths)
