"""OpenTofu itself on the modules: format, validation and their own tests, with the real providers and no cloud."""

from __future__ import annotations

import json

import pytest
from terraform_tool import MODULES, mirrored, tofus

from deployer.fleet.cluster import Provider
from deployer.fleet.repository import load_fleet
from deployer.git import WorkTree
from deployer.scaffold import terraform_join
from deployer.scaffold.cluster import check_connection
from deployer.scaffold.create import new_fleet
from deployer.scaffold.terraform import parse
from deployer.scaffold.terraform_folder import NEEDED, FolderFacts, terraform_folder

GIVEN = {
    "project": "our-project",
    "region": "europe-west1",
    "zone": "europe-west1-b",
    "state-bucket": "our-state",
    "state-group": "terraform",
    "subscription": "00000000-0000-0000-0000-000000000001",
    "tenant": "00000000-0000-0000-0000-000000000002",
    "suffix": "x7",
}
HOW = "build it once with: make terraform-tools"


@pytest.fixture(scope="module")
def tofu(tmp_path_factory):
    for tool in tofus(tmp_path_factory.mktemp("tofu")):
        return tool
    pytest.skip(f"OpenTofu is missing: {HOW}")


@pytest.fixture(scope="module", params=["gcp", "aws", "azure"])
def cloud(request):
    if not mirrored(request.param):
        pytest.skip(f"the provider of {request.param} is not in the mirror: {HOW}")
    return request.param


@pytest.fixture(scope="module")
def folder(tofu, cloud):
    return tofu.initialised(cloud)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """A new fleet with the folder of a cluster on each cloud."""
    root = tmp_path_factory.mktemp("fleet") / "fleet"
    new_fleet(root)
    for name in ("gcp", "aws", "azure"):
        given = {key: GIVEN[key] for key in NEEDED[Provider(name)]}
        facts = FolderFacts(
            name=f"reef-{name}", provider=Provider(name), given=given, month="2026-01", repository="our-org/hubs"
        )
        terraform_folder(facts, load_fleet(WorkTree(root, lambda _: frozenset()))).write(root)
    return root


def test_format(tofu, fleet):
    assert tofu.run(fleet / "terraform", "fmt", "-check", "-recursive", "-diff", check=False).stdout == ""


def test_the_module_is_valid(tofu, folder):
    ran = tofu.run(folder, "validate", "-no-color", check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_modules_own_tests(tofu, folder):
    ran = tofu.run(folder, "test", "-no-color", check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 failed" in ran.stdout


def test_they_can_fail(tofu, folder, tmp_path):
    """A module whose cluster, or on Azure home storage, can be deleted does not pass them."""
    cluster = folder / ("storage.tf" if folder.name == "azure" else "cluster.tf")
    text = cluster.read_text()
    guarded = "var.deletion_protection"
    assert guarded in text
    try:
        cluster.write_text(text.replace(guarded, "!var.deletion_protection"))
        ran = tofu.run(folder, "test", "-no-color", check=False)
    finally:
        cluster.write_text(text)
    assert ran.returncode == 1
    assert "can be deleted" in ran.stdout + ran.stderr


def planned_outputs(told):
    """The outputs of the first plan of `tofu test -verbose -json`, as `tofu output -json` would have them."""
    lines = [json.loads(line) for line in told.splitlines()]
    plan = next(line["test_plan"] for line in lines if line["type"] == "test_plan")
    hidden = {name: bool(one.get("after_sensitive")) for name, one in plan["output_changes"].items()}
    return {
        name: {"sensitive": hidden[name], "value": one["after"]}
        for name, one in plan["output_changes"].items()
        if one["after"] is not None
    }


def test_the_deployer_reads_what_the_module_tells(tofu, folder, cloud):
    """Not only the recorded outputs: those of a plan of the module itself."""
    told = planned_outputs(tofu.run(folder, "test", "-verbose", "-json", check=False).stdout)
    outputs = parse(json.dumps(told), "planned")
    assert (outputs.name, outputs.provider) == ("reef", cloud)
    assert {store.name for store in outputs.stores} == {"homes", "old"}
    assert outputs.account("ocean").annotations
    assert [bucket.name for bucket in outputs.buckets if bucket.hub == "ocean"] == ["kept", "scratch"]
    assert set(outputs.ci) == {"deployer", "planner"}
    facts = terraform_join.facts(outputs)
    check_connection(facts.provider, facts.connection)
    assert facts.homes


def test_a_clusters_folder_is_valid(tofu, cloud, fleet):
    here = fleet / "terraform/clusters" / f"reef-{cloud}"
    tofu.run(here, "init", "-backend=false", "-no-color", "-input=false")
    ran = tofu.run(here, "validate", "-no-color", check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_is_tested_is_what_is_shipped(folder, cloud):
    assert (folder / "cluster.tf").read_bytes() == (MODULES / cloud / "cluster.tf").read_bytes()
