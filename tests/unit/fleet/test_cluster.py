"""cluster.yaml and deployer.yaml: what is read, and what is said of what cannot be."""

from __future__ import annotations

import pytest

from deployer.errors import DeployerError, flattened
from deployer.fleet.cluster import Cluster, Hub, Provider
from deployer.fleet.helm_yaml import load
from deployer.fleet.ids import Level, Stage
from deployer.fleet.repository import Fleet
from deployer.fleet.schema import Reader, keys_of
from deployer.fleet.settings import Limits, Settings
from deployer.fleet.validation import validate
from small_fleet import CONNECTIONS, cluster, files, fleet_of, hub

HEAD = "name: reef\nprovider: kubeconfig\nkubeconfig: {file: k.yaml}\n"
LOCAL = "name: reef\nprovider: local\n"
FILE = "config/clusters/reef/cluster.yaml"


def fleet_from(text: str, settings: str = "") -> Fleet:
    others = {"deployer.yaml": settings} if settings else {}
    return fleet_of({FILE: text, **others})


def cluster_from(text: str) -> Cluster:
    return fleet_from(text).clusters["reef"]


def refusal(text: str) -> list[str]:
    """What loading says, line by line."""
    with pytest.raises(DeployerError) as caught:
        fleet_from(text)
    return [str(error).split("\n")[0] for error in flattened(caught.value)]


def findings(fleet: Fleet) -> list[str]:
    return [str(finding.error()) for finding in fleet.findings]


@pytest.mark.parametrize("provider", Provider)
def test_every_provider_has_a_block_of_its_own(provider: Provider) -> None:
    one = fleet_of(files(cluster("reef", [hub("ocean")], provider))).clusters["reef"]
    assert one.provider is provider
    block = one.connection
    assert block is not None
    assert type(block).__name__.lower() == provider
    assert {key: getattr(block, key) for key in CONNECTIONS[provider]} == CONNECTIONS[provider]


def test_a_local_cluster_needs_no_block() -> None:
    assert cluster_from("name: reef\nprovider: local\n").connection is not None
    assert cluster_from("name: reef\nprovider: local\nlocal: {port: 8080}\n").local.port == 8080  # type: ignore[union-attr]


def test_a_missing_block_is_a_finding() -> None:
    fleet = fleet_from("name: reef\nprovider: aws\n")
    assert "config/clusters/reef/cluster.yaml:2: provider: the block aws: is missing" in str(validate(fleet)[0])


def test_all_keys_of_a_hub() -> None:
    text = HEAD + (
        "hubs:\n- name: ocean\n  display_name: Ocean\n  domain: o.org\n  helm_chart: basehub\n"
        "  helm_chart_values_files: [a.yaml, b.yaml]\n  chart_override: c.yaml\n  domain_override_file: d.yaml\n"
        "  stage: staging\n  health: http\n  retire: true\n"
    )
    (one,) = cluster_from(text).hubs
    assert one == Hub(
        at=("hubs", 0),
        name="ocean",
        display_name="Ocean",
        domain="o.org",
        helm_chart="basehub",
        helm_chart_values_files=("a.yaml", "b.yaml"),
        chart_override="c.yaml",
        domain_override_file="d.yaml",
        stage=Stage.STAGING,
        health=Level.HTTP,
        retire=True,
    )


@pytest.mark.parametrize(
    ("name", "stage", "effective"),
    [
        ("ocean", None, Stage.PRODUCTION),
        ("staging", None, Stage.STAGING),
        ("dask-staging", None, Stage.STAGING),
        ("staging", "production", Stage.PRODUCTION),
        ("ocean", "staging", Stage.STAGING),
    ],
)
def test_the_stage_comes_from_the_key_or_else_from_the_name(name: str, stage: str | None, effective: Stage) -> None:
    keys = {"stage": stage} if stage else {}
    (one,) = fleet_of(files(cluster("reef", [hub(name, **keys)]))).clusters["reef"].hubs
    assert one.effective_stage is effective


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", [f"{FILE}: must be a map, not a list"]),
        ("", [f"{FILE}: must be a map, not nothing"]),
        ("provider: local\n", [f"{FILE}:1: name is missing: the cluster's name, equal to its folder's"]),
        ("name: reef\nprovder: local\n", [f"{FILE}:2: provder: unknown key; did you mean provider?"]),
        (
            HEAD + "hubs:\n- name: o\n  helm_chrt: b\n  helm_chart_values_files: []\n",
            [
                f"{FILE}:6: hubs[0].helm_chrt: unknown key; did you mean helm_chart?",
            ],
        ),
        (
            "name: reef\nprovider: gpc\n",
            [f"{FILE}:2: provider: must be one of gcp, aws, azure, kubeconfig, local, not 'gpc'"],
        ),
        ("name: [reef]\nprovider: local\n", [f"{FILE}:1: name: must be text, not a list"]),
        ("name: yes\nprovider: local\n", [f"{FILE}:1: name: must be text, not true; quote it if it is meant as text"]),
        (HEAD + "hubs: {}\n", [f"{FILE}:4: hubs: must be a list of maps, not a map"]),
        (HEAD + "hubs:\n- ocean\n", [f"{FILE}:4: hubs: must be a list of maps, not a list of other things"]),
        (HEAD + "support: []\n", [f"{FILE}:4: support: must be a map, not a list"]),
        (LOCAL + "local: {port: -1}\n", [f"{FILE}:3: local.port: must be a whole number above 0, not -1"]),
        (LOCAL + "local: {port: 1.5}\n", [f"{FILE}:3: local.port: must be a whole number above 0, not 1.5"]),
        (
            HEAD + "hubs:\n- name: o\n  stage: support\n  helm_chart: b\n  helm_chart_values_files: [1]\n  retire: 1\n",
            [
                f"{FILE}:8: hubs[0].helm_chart_values_files: must be a list of texts, not a list of other things",
                f"{FILE}:6: hubs[0].stage: must be one of staging, production, not 'support'",
                f"{FILE}:9: hubs[0].retire: must be true or false, not 1",
            ],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_with_file_line_and_key(text: str, said: list[str]) -> None:
    assert refusal(text) == said


def test_all_errors_of_all_files_at_once() -> None:
    bad = "name: x\nprovider: local\nhubs: 3\nsupport: 4\n"
    with pytest.raises(DeployerError) as caught:
        fleet_of({"config/clusters/a/cluster.yaml": bad, "config/clusters/b/cluster.yaml": bad})
    places = [str(error.place) for error in flattened(caught.value)]
    assert sorted(places) == [f"config/clusters/{name}/cluster.yaml:{line}" for name in "ab" for line in (3, 4)]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("helm_chart_value_files", "; did you mean helm_chart_values_files?"),
        ("display-name", "; did you mean display_name?"),
        ("Domain", "; did you mean domain?"),
        ("colour", ""),
    ],
)
def test_an_unknown_key_is_a_finding_with_the_nearest_known_one(key: str, nearest: str) -> None:
    fleet = fleet_from(HEAD + f"hubs:\n- name: o\n  helm_chart: b\n  helm_chart_values_files: []\n  {key}: 1\n")
    assert findings(fleet) == [f"{FILE}:8: hubs[0].{key}: unknown key{nearest}"]
    assert fleet.releases  # and it stands in no plan's way


def test_metadata_and_x_keys_are_kept_and_ignored_everywhere() -> None:
    text = (
        "name: reef\nprovider: kubeconfig\nx-a: 1\nmetadata: {anything: [1]}\n"
        "kubeconfig: {file: k, x-b: 1, metadata: 2}\n"
        "support: {x-c: 1, metadata: 1}\n"
        "hubs: [{name: o, helm_chart: b, helm_chart_values_files: [], x-d: 1, metadata: {}}]\n"
    )
    assert findings(fleet_from(text)) == []
    assert cluster_from(text).metadata == {"anything": [1]}


def test_a_fleet_may_have_keys_of_its_own() -> None:
    text = (
        "name: reef\nprovider: aws\naws: {clusterName: c, region: r, billing: {paid: true}}\n"
        "hubs: [{name: o, helm_chart: b, helm_chart_values_files: [], contact: me}]\n"
    )
    assert len(findings(fleet_from(text))) == 2
    assert findings(fleet_from(text, "extra_keys: [aws.billing, hubs.contact]\n")) == []


@pytest.mark.parametrize(
    ("hubs", "said"),
    [
        ("[{name: support}]", "hubs[0].name: 'support' is the name of the cluster's support release"),
        ("[{name: a}, {name: b}, {name: a}]", "hubs[2].name: 'a' is also the name of hubs[0]"),
        ("[{name: a/b}]", "hubs[0].name: 'a/b' must not be empty or hold a '/'"),
        ("[{name: ''}]", "hubs[0].name: '' must not be empty or hold a '/'"),
        ("[{name: a, canary: [b]}, {name: b, canary: [a]}]", "hubs[0].canary: 'b' is no staging hub"),
        ("[{name: a, canary: [a]}]", "hubs[0].canary: 'a' is no staging hub"),
        ("[{name: a}, {name: b, canary: [stagin]}]", "hubs[1].canary: no hub 'stagin' on this cluster"),
    ],
)
def test_names_and_canaries_that_no_plan_can_have(hubs: str, said: str) -> None:
    text = HEAD + "hubs: " + hubs.replace("}", ", helm_chart: b, helm_chart_values_files: []}") + "\n"
    assert refusal(text)[0] == f"{FILE}:4: {said}"


def settings_of(text: str) -> Settings:
    return fleet_of({"deployer.yaml": text}).settings


def test_deployer_yaml_and_its_defaults() -> None:
    assert settings_of("") == Settings()
    assert settings_of("# nothing\n").charts == "helm-charts"
    given = settings_of("charts: ./charts/\nlimits: {parallel: 2, timeout: 1.5}\njsonnet: {ext_vars: {A: hub.name}}\n")
    assert (given.charts, given.limits.parallel, given.limits.timeout) == ("./charts/", 2, 1.5)
    assert given.limits.parallel_per_cluster == Limits().parallel_per_cluster
    assert given.jsonnet.ext_vars == {"A": "hub.name"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "deployer.yaml: must be a map, not a list"),
        ("no", "deployer.yaml: must be a map, not false"),
        ("limits: {timeout: soon}", "deployer.yaml:1: limits.timeout: must be a number of seconds above 0, not 'soon'"),
        ("limits:\n  parallel: 0", "deployer.yaml:2: limits.parallel: must be a whole number above 0, not 0"),
        (
            "jsonnet: {ext_vars: {A: 1}}",
            "deployer.yaml:1: jsonnet.ext_vars: must be a map of texts, not a map of other things",
        ),
        ("extra_keys: a", "deployer.yaml:1: extra_keys: must be a list of texts, not 'a'"),
    ],
)
def test_a_deployer_yaml_that_cannot_be_used(text: str, said: str) -> None:
    with pytest.raises(DeployerError) as caught:
        settings_of(text)
    assert str(caught.value) == said


def test_the_charts_folder_may_be_written_in_any_way() -> None:
    contents = files(cluster("reef", [hub("ocean")]))
    for charts in ("helm-charts", "./helm-charts", "helm-charts/", "x/../helm-charts"):
        fleet = fleet_of({**contents, "deployer.yaml": f"charts: {charts}\n"})
        assert {release.chart for release in fleet.releases.values()} == {"helm-charts/basehub", "helm-charts/support"}


@pytest.mark.parametrize("cls", [Cluster, Hub, Settings, Limits])
def test_every_key_is_documented(cls: type) -> None:
    assert all(key.doc for key in keys_of(cls).values())


def test_null_is_as_good_as_nothing() -> None:
    assert cluster_from(HEAD + "hubs:\nsupport:\n").hubs == ()


def test_a_reader_collects_what_is_wrong_and_goes_on() -> None:
    reader = Reader(load(b"hubs: [{name: a}, {helm_chart: b}]\n", "f.yaml"))
    assert reader.read(Cluster, reader.document.data) is None
    assert [error.message.split(":")[0] for error in reader.errors] == [
        "helm_chart is missing",
        "helm_chart_values_files is missing",
        "name is missing",
        "helm_chart_values_files is missing",
        "name is missing",
        "provider is missing",
    ]
