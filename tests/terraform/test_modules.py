"""The modules of the template, read as data: what every cloud's must have, and what none may."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from hcl import Module, load, references
from readmes import readme

from deployer.scaffold.terraform_folder import blocks

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "src/deployer/scaffold/template/base/terraform/modules"
CLOUDS = ("gcp", "aws", "azure")
OUTLINE = {"main", "cluster", "node-pools", "storage", "buckets", "identity", "budget", "variables", "outputs"}
# What must not go by a slip of the hand: the cluster, and all that people have stored.
KEPT = {
    "gcp": {"container_cluster.this", "filestore_instance.homes", "compute_disk.homes", "storage_bucket.hubs"},
    "aws": {"eks_cluster.this", "efs_file_system.homes", "ebs_volume.homes", "s3_bucket.hubs"},
    "azure": {
        *("kubernetes_cluster.this", "storage_account.homes", "storage_share.homes", "managed_disk.homes"),
        *("storage_account.buckets", "storage_container.hubs", "resource_group.this"),
    },
}
OUTPUTS = {
    *("cluster", "kubernetes_version", "home_storage", "buckets", "service_accounts", "node_pools", "registry"),
    *("nat_addresses", "ci"),
}


@cache
def module(cloud: str) -> Module:
    return load(MODULES / cloud)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_cloud_has_the_same_outline(cloud):
    assert {file.stem for file in (MODULES / cloud).glob("*.tf")} == OUTLINE


@pytest.mark.parametrize("cloud", CLOUDS)
def test_outputs_are_those_that_the_deployer_reads(cloud):
    """The recorded outputs, with which it is tested, have exactly these names."""
    names = set(module(cloud).names("output"))
    recorded = json.loads((Path(__file__).parent / f"outputs/{cloud}.json").read_text())
    assert names - {"deployer_key"} == OUTPUTS
    assert set(recorded) == names


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_is_secret_is_marked(cloud):
    marked = {block.labels[0] for block in module(cloud).of("output") if block.body.attributes.get("sensitive") is True}
    assert marked == {"deployer_key"} & set(module(cloud).names("output"))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_all_is_described(cloud):
    for block in (*module(cloud).of("variable"), *module(cloud).of("output")):
        assert block.body.attributes.get("description"), block.address
        assert block.kind == "output" or "type" in block.body.attributes, block.address


@pytest.mark.parametrize("cloud", CLOUDS)
def test_nothing_is_declared_that_is_not_used_nor_used_that_is_not_declared(cloud):
    text = module(cloud).text
    assert references(text, "var") == set(module(cloud).names("variable"))
    assert references(text, "local") == set(module(cloud).locals)
    for block in module(cloud).of("data"):
        assert f"data.{'.'.join(block.labels)}" in text


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_people_have_stored_cannot_be_destroyed(cloud):
    guarded = {
        block.address.split("_", 1)[1]
        for block in module(cloud).of("resource")
        if any(body.attributes.get("prevent_destroy") is True for body in block.body.blocks.get("lifecycle", []))
    }
    assert guarded >= KEPT[cloud]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_versions_are_pinned(cloud):
    (settings,) = module(cloud).of("terraform")
    (providers,) = settings.body.blocks["required_providers"]
    assert settings.body.attributes["required_version"] == '">= 1.10"'
    for name, one in providers.attributes.items():
        assert re.search(r"~> \d+\.\d+", str(one)), name


@pytest.mark.parametrize("cloud", CLOUDS)
def test_pools_are_empty_while_nobody_needs_them(cloud):
    (pools,) = [block for block in module(cloud).of("variable") if block.labels == ("node_pools",)]
    assert "min = optional(number, 0)" in re.sub(r"\s+", " ", str(pools.body.attributes["type"]))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_workers_of_the_chart_run_where_a_pool_for_them_is(cloud):
    """They tolerate its taint, and Azure's own on spot nodes, and look for its label."""
    values = yaml.safe_load((MODULES.parents[1] / "helm-charts/basehub/values.yaml").read_text())
    pod = values["dask-gateway"]["gateway"]["backend"]["worker"]["extraPodConfig"]
    text = "\n".join(file.read_text() for file in (MODULES / cloud).glob("*.tf"))
    (taint,) = re.findall(r'taint_of = \{.*worker = "([^"]+)"', text)
    (label,) = re.findall(r'label_of = \{.*worker = "([^"]+)"', text)
    tolerated = {(one["key"], one["value"]) for one in pod["tolerations"]}
    assert tolerated >= {(taint, "worker"), ("k8s.dask.org/dedicated", "worker")}
    assert {(key, "spot") for key in re.findall(r'^  spot = "(\S+)"', text, re.MULTILINE)} <= tolerated
    (wish,) = pod["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert wish["preference"]["matchExpressions"] == [{"key": label, "operator": "In", "values": ["worker"]}]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_key_unless_it_is_asked_for(cloud):
    (ci,) = [block for block in module(cloud).of("variable") if block.labels == ("ci",)]
    kind = re.sub(r"\s+", " ", str(ci.body.attributes["type"]))
    assert "key = optional(bool, false)" in kind or cloud == "azure"


def test_no_name_of_anybody_is_built_in():
    """Owners, domains and accounts are all variables; what is shown is made up, as example.org and our-… are."""
    domains = re.compile(r"\b[\w-]+\.(?:org|edu|io|net)\b")
    allowed = {"example.org", "jupyter.org", "dask.org", "gke.io", "kubernetes.io"}
    for file in (*MODULES.rglob("*.tf"), *MODULES.rglob("*.hcl"), *MODULES.rglob("*.md")):
        assert set(domains.findall(file.read_text())) <= allowed, file


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_small_reader_of_the_scaffold_sees_what_the_parser_sees(cloud):
    """What makes a cluster's folder looks for blocks by their shape; all of them have it."""
    for kind in ("variable", "output"):
        text = (MODULES / cloud / f"{kind}s.tf").read_text()
        assert [name for name, _ in blocks(text, kind)] == module(cloud).names(kind)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_readme_is_made_from_the_module(cloud):
    """Mended by: make terraform-readmes"""
    text = (MODULES / cloud / "README.md").read_text()
    assert text == readme(cloud)
    for kind in ("variable", "output"):
        assert [name for name in module(cloud).names(kind) if f"| `{name}` |" not in text] == []
