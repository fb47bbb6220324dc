"""`deployer validate`: all findings at once, each with its file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fleet_world import World, default_files

REEF = "config/clusters/reef"
CLUSTER = """\
name: reef
provider: gcp
gcp: {project: p, cluster: c, zone: z}
support:
  helm_chart_values_files:
  - gone.values.yaml
hubs:
- name: staging
  domain: staging.example.org
  helm_chart: basehub
  helm_chart_values_files: [staging.values.yaml]
- name: Ocean
  domain: staging.example.org
  helm_chart: nochart
  helm_chart_value_files: []
  helm_chart_values_files:
  - ocean.values.yaml
  - bad.values.yaml
- name: coral
  helm_chart: basehub
  helm_chart_values_files: []
  chart_override: gone.Chart.yaml
"""
WARNINGS = 2
FINDINGS = [
    f"{REEF}/bad.values.yaml:2:1: not YAML",
    f"{REEF}/cluster.yaml:6: support.helm_chart_values_files[0]: no such file: {REEF}/gone.values.yaml",
    f"{REEF}/cluster.yaml:9: hubs[0].domain: staging.example.org is also the domain of reef/Ocean",
    f"{REEF}/cluster.yaml:12: hubs[1].name: 'Ocean' cannot name a namespace",
    f"{REEF}/cluster.yaml:14: hubs[1].helm_chart: no such chart: helm-charts/nochart/Chart.yaml is missing",
    f"{REEF}/cluster.yaml:15: hubs[1].helm_chart_value_files: unknown key; did you mean helm_chart_values_files?",
    f"{REEF}/cluster.yaml:19: hubs[2]: hub coral has no domain",
    f"{REEF}/cluster.yaml:22: hubs[2].chart_override: no such file: {REEF}/gone.Chart.yaml",
    f"{REEF}/coral.values.yaml: no release lists this values file",
    f"{REEF}/gone.Chart.yaml: no such chart: the file is missing",
    f"{REEF}/support.values.yaml: no release lists this values file",
]


SOUND = (
    "jupyterhub:\n  singleuser: {memory: {limit: 1G}}\n  hub: {config: {JupyterHub: {authenticator_class: github},"
    " GitHubOAuthenticator: {allowed_organizations: [reefs]}}}\n"
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A fleet of which no rule has anything to say."""
    return World(tmp_path / "fleet", contents=default_files() | {"helm-charts/basehub/values.yaml": SOUND})


@pytest.fixture
def wrong(world: World) -> World:
    world.write(f"{REEF}/cluster.yaml", CLUSTER)
    world.write(f"{REEF}/bad.values.yaml", "a: [\n")
    return world


def test_nothing_wrong(world: World) -> None:
    assert world.run("validate") == (0, "", "5 hubs on 2 clusters: nothing wrong\n")
    assert world.run("validate", "reef") == (0, "", "3 hubs on 1 cluster: nothing wrong\n")
    assert world.run("validate", "reef", "ocean") == (0, "", "1 hub on 1 cluster: nothing wrong\n")


def test_all_findings_at_once_with_file_and_line(wrong: World) -> None:
    said = wrong.run("validate")
    assert said.code == 1
    assert said.err == f"5 hubs on 2 clusters: {len(FINDINGS) - WARNINGS} errors, {WARNINGS} warnings\n"
    found = [line for line in said.out.splitlines() if line.startswith(("config/", "helm-charts/"))]
    assert len(found) == len(FINDINGS)
    for line, expected in zip(found, FINDINGS, strict=True):
        assert line.startswith(expected)


def test_what_validate_finds_stands_in_no_plan_s_way(wrong: World) -> None:
    wrong.write(f"{REEF}/gone.values.yaml", "")  # only what Helm could not read does
    assert wrong.plan("--all")


def test_as_json(wrong: World) -> None:
    said = wrong.run("validate", "--format", "json")
    assert (said.code, said.err) == (1, "")
    rows = json.loads(said.out)
    hint = rows[3].pop("hint")
    assert hint.startswith("Lower-case letters")
    assert rows[3] == {
        "rule": "hub-name",
        "severity": "error",
        "file": f"{REEF}/cluster.yaml",
        "line": 12,
        "column": 0,
        "key": "hubs[1].name",
        "message": "'Ocean' cannot name a namespace",
        "releases": ["reef/Ocean"],
    }
    assert len(rows) == len(FINDINGS)


def test_what_cannot_be_loaded_is_a_finding_too(world: World) -> None:
    world.write(f"{REEF}/cluster.yaml", "name: reef\nprovider: 3\nhubs: 4\n")
    world.write("config/clusters/atoll/cluster.yaml", "name: [\n")
    said = world.run("validate")
    assert said.code == 1
    atoll = "config/clusters/atoll/cluster.yaml"
    assert said.err == (
        f"0 hubs on 0 clusters: 3 errors; not looked further, for it cannot be read: {atoll}, {REEF}/cluster.yaml\n"
    )
    assert [line.split(": ")[0] for line in said.out.splitlines()] == [
        "config/clusters/atoll/cluster.yaml:2:1",
        f"{REEF}/cluster.yaml:2",
        f"{REEF}/cluster.yaml:3",
    ]
    assert len(json.loads(world.run("validate", "--format", "json").out)) == 3


def test_what_cannot_be_read_hides_nothing_else(wrong: World) -> None:
    atoll = "config/clusters/atoll/cluster.yaml"
    wrong.write(atoll, "name: [\n")
    wrong.write("deployer.yaml", "limits: 3\n")
    said = wrong.run("validate")
    assert said.code == 1
    found = [line for line in said.out.splitlines() if line.startswith(("config/", "helm-charts/"))]
    assert found[0].startswith(f"{atoll}:2:1: not YAML")
    assert all(line.startswith(expected) for line, expected in zip(found[1:], FINDINGS, strict=False))
    assert "deployer.yaml:1: limits: must be a map" in said.out
    assert "bad.values.yaml:2:1: not YAML" in said.out
    assert said.err.endswith(f"not looked further, for it cannot be read: {atoll}, deployer.yaml\n")
    one = wrong.run("validate", "atoll")
    assert (one.code, one.out.count("[unreadable]")) == (1, 1)
    assert one.err == "cluster atoll cannot be read: 2 findings so far\n"
    assert atoll not in wrong.run("validate", "reef").out


def test_all_that_is_wrong_with_one_cluster_yaml(world: World) -> None:
    text = (
        "name: reef\nprovider: local\nx: 1\nhubs:\n"
        "- {name: a, helm_chart: basehub, helm_chart_values_files: [../../../../b]}\n"
        "- {name: a, helm_chart: basehub, helm_chart_values_files: [], canary: [a]}\n"
    )
    world.write(f"{REEF}/cluster.yaml", text)
    said = world.run("validate", "reef").out
    for part in ("x: unknown key", "hubs[0].helm_chart_values_files[0]: ", "hubs[1].name: 'a' is also", "[1].canary:"):
        assert part in said
    world.write(f"{REEF}/cluster.yaml", text + "  display_name: no\n".replace("  ", "- "))
    assert "hubs[2].display_name: must be text, not false; quote it if" in world.run("validate", "reef").out


def test_a_number_that_yaml_reads_as_another(world: World) -> None:
    text = "name: reef\nprovider: aws\naws:\n  clusterName: 12\n  region: r\n  account: 0123\nhubs: []\n"
    world.write(f"{REEF}/cluster.yaml", text)
    said = world.run("validate", "reef").out
    assert f"{REEF}/cluster.yaml:6: aws.account: is read as the number 83: quote it [schema]" in said
    assert "clusterName" not in said


def test_one_hub_of_a_fleet_that_is_wrong_elsewhere(wrong: World) -> None:
    said = wrong.run("validate", "atoll")
    assert said.code == 0
    assert said.err == "2 hubs on 1 cluster: nothing wrong\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reed"], "deployer: no cluster 'reed' in this fleet\nThere are: atoll, reef\n"),
        (["reef", "lagoon"], "deployer: cluster reef has no hub 'lagoon'\nIt has: support, coral, ocean, staging\n"),
    ],
)
def test_a_name_that_is_not_there(world: World, words: list[str], message: str) -> None:
    assert world.run("validate", *words) == (1, "", message)


def test_a_folder_of_another_name(world: World) -> None:
    (world.root / REEF).rename(world.root / "config/clusters/atol")
    said = world.run("validate")
    assert "config/clusters/atol/cluster.yaml:1: name: 'reef' is not the folder's name, 'atol'" in said.out
    assert "atoll" not in said.out.replace("atol/", "")  # names that are part of one another


def test_unknown_keys_of_deployer_yaml(world: World) -> None:
    world.write("deployer.yaml", "limit: {parallel: 2}\n")
    said = world.run("validate")
    assert (said.code, said.out) == (1, "deployer.yaml:1: limit: unknown key; did you mean limits? [unknown-key]\n")


def test_a_values_file_in_jsonnet_that_is_wrong(world: World) -> None:
    world.write(f"{REEF}/ocean.jsonnet", "{a: nothing}")
    text = (world.root / REEF / "cluster.yaml").read_text()
    world.write(f"{REEF}/cluster.yaml", text.replace("ocean.values.yaml", "ocean.jsonnet"))
    said = world.run("validate")
    assert said.code == 1
    assert said.out.startswith(f"{REEF}/ocean.jsonnet:1: jsonnet: ")
    assert "[unreadable]" in said.out


def test_a_symbolic_link_is_what_it_leads_to(world: World) -> None:
    values = world.root / REEF / "ocean.values.yaml"
    values.unlink()
    values.symlink_to("coral.values.yaml")
    world.commit()
    assert world.run("validate").code == 0
    values.unlink()
    values.symlink_to("gone.yaml")
    assert "no such file" in world.run("validate").out


OFF = "jupyterhub: {cull: {enabled: false}}\n"


def test_warnings_alone_are_no_failure_unless_strict(world: World) -> None:
    world.write(f"{REEF}/ocean.values.yaml", OFF)
    said = world.run("validate")
    assert (said.code, said.err) == (0, "5 hubs on 2 clusters: 1 warning\n")
    assert said.out.startswith(f"{REEF}/ocean.values.yaml:1: jupyterhub.cull.enabled: culling is off [culling-off]\n")
    assert world.run("validate", "--strict").code == 1
    assert world.run("validate", "--strict", "reef", "coral").code == 0


def test_for_code_scanning_and_as_annotations(world: World) -> None:
    world.write(f"{REEF}/ocean.values.yaml", OFF)
    said = world.run("validate", "--format", "sarif")
    (result,) = json.loads(said.out)["runs"][0]["results"]
    assert (said.code, said.err, result["ruleId"]) == (0, "", "culling-off")
    said = world.run("validate", "--format", "github")
    assert said.out.startswith(f"::warning file={REEF}/ocean.values.yaml,line=1,title=")
    world.write(f"{REEF}/cluster.yaml", "name: [\n")
    said = world.run("validate", "--format", "sarif")
    assert (said.code, json.loads(said.out)["runs"][0]["results"][0]["level"]) == (1, "error")


def test_a_silenced_hub_is_planned_as_before(world: World) -> None:
    world.write(f"{REEF}/ocean.values.yaml", OFF)
    world.commit()
    cluster = json.loads((world.root / REEF / "cluster.yaml").read_text())
    cluster["hubs"][1]["silence"] = {"culling-off": "computations of many days"}
    world.write(f"{REEF}/cluster.yaml", json.dumps(cluster))
    assert world.run("validate", "--strict").code == 0
    assert world.plan("--since", "HEAD") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b\n  c: d\n", "2:4: not YAML: mapping values are not allowed in this context"),
        ("name: reef\nname: reef\n", "2:1: key 'name' stands twice in this map"),
        ("name: reef\nhubs:\n\t- name: x\n", "3:1: not YAML: found character that cannot start any token"),
        ("- reef\n", "must be a map, not a list"),
        ("a: " + "[" * 200 + "]" * 200 + "\n", "nested more than 100 levels deep"),
        ("name: reef\nprovider: local\nhubs: [{name: o, helm_chart: ../../x, helm_chart_values_files: []}]\n",
         "3: hubs[0].helm_chart: ../../x leads out of the fleet"),
    ],
)  # fmt: skip
def test_a_cluster_yaml_that_cannot_be_used_stops_every_verb(world: World, text: str, said: str) -> None:
    world.write(f"{REEF}/cluster.yaml", text)
    for words in (["validate"], ["plan", "--all"]):
        told = world.run(*words)
        assert told.code == 1
        assert f"{REEF}/cluster.yaml:" in told.out + told.err
        assert said in told.out + told.err


@pytest.mark.parametrize("text", [b"\xff", b"x" * (6 * 2**20), b"- a\n", b"a:\n\t- b\n"])
def test_a_values_file_that_cannot_be_used(world: World, text: bytes) -> None:
    (world.root / REEF / "ocean.values.yaml").write_bytes(text)
    assert world.run("validate").code == 1
    told = world.run("plan", "--since", "HEAD")
    assert told.code in (0, 1)
    assert "Traceback" not in told.err


def test_a_link_that_leads_out_of_the_fleet(world: World, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("password: hunter2\n")
    values = world.root / REEF / "ocean.values.yaml"
    values.unlink()
    values.symlink_to("../../../../secret.yaml")
    for words in (["validate"], ["plan", "--since", "HEAD"]):
        told = world.run(*words)
        assert told.code == 1
        assert f"{REEF}/ocean.values.yaml: leads out of the fleet, to ../secret.yaml" in told.out + told.err
        assert "hunter2" not in told.out + told.err
