"""New hubs of every kind on every cloud, rendered by the real Helm with the charts of a new fleet."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
import yaml

from chart_repository import chart_repository
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import load_fleet
from deployer.fleet.validation import validate
from deployer.git import WorkTree
from deployer.scaffold.cluster import ClusterFacts, Homes, new_cluster
from deployer.scaffold.create import new_fleet
from deployer.scaffold.data import Bucket
from deployer.scaffold.hub import NewHub, new_hubs, staging_of
from deployer.scaffold.kinds import Kind
from deployer.scaffold.login import Login, LoginKind
from template_charts import Charts, materialise

BLOCKS = {
    "gcp": {"project": "p", "cluster": "c", "zone": "z"},
    "aws": {"clusterName": "c", "region": "r", "account": "012345678901"},
    "azure": {"cluster": "c", "resource_group": "g"},
    "kubeconfig": {"file": "enc-kubeconfig.secret.yaml"},
}
DATA = {"gcp": "gs://ocean-data", "aws": "s3://ocean-data", "azure": "az://data@ocean"}
LOGIN = Login(kind=LoginKind.GITHUB, allow={"org": ("our-org",)}, admins=("ada",))


@pytest.fixture(scope="module")
def charts(tmp_path_factory):
    with chart_repository(tmp_path_factory.mktemp("repository")) as url:
        yield Charts(materialise(tmp_path_factory.mktemp("charts"), url))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """A new fleet with a cluster of each provider, and a hub of each kind and its canary on each."""
    root = tmp_path_factory.mktemp("fleet") / "fleet"
    new_fleet(root)
    for provider, block in BLOCKS.items():
        facts = ClusterFacts(
            name=provider,
            provider=Provider(provider),
            connection=block,
            homes=Homes(server="10.0.0.2") if provider != "kubeconfig" else None,
            contact="ops@example.org",
        )
        new_cluster(facts, load_fleet(WorkTree(root))).write(root)
        for kind in Kind:
            read = load_fleet(WorkTree(root))
            made = hub(provider, kind)
            first = (
                [] if read.clusters[provider].hubs else [staging_of(made, provider, f"staging.{provider}.example.org")]
            )
            new_hubs(read, provider, [replace(one, who="0000") for one in [*first, made]]).write(root)
    return load_fleet(WorkTree(root))


def hub(provider, kind):
    data = (Bucket(DATA[provider], write=True),) if provider in DATA else ()
    domain = f"{kind}.{provider}.example.org"
    return NewHub(name=str(kind), chart="basehub", kind=kind, login=LOGIN, domain=domain, buckets=data)


def test_the_fleet_is_valid(fleet):
    assert [one for one in validate(fleet) if one.rule != "missing-credentials"] == []  # a kubeconfig is added by hand


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("provider", BLOCKS)
def test_helm_renders_it(fleet, charts, provider, kind):
    release = fleet.release(ReleaseId(provider, kind))
    found = charts.render("basehub", fleet.values(release), release=str(kind))
    values = yaml.safe_load(base64.b64decode(found.at("Secret/hub", ("data", "values.yaml"))))
    assert values["ingress"]["hosts"] == [f"{kind}.{provider}.example.org"]
    assert ("PersistentVolumeClaim/home-nfs" in found.all()) == (provider != "kubeconfig" and kind != "event")
    account = found.all()["ServiceAccount/user-sa"]["metadata"]
    assert ("annotations" in account) == (provider != "kubeconfig")


def test_helm_renders_the_shared_services(fleet, charts):
    for provider in BLOCKS:
        found = charts.render("support", fleet.values(fleet.release(ReleaseId(provider, "support"))))
        issuer = next(one for name, one in found.all().items() if name.startswith("ClusterIssuer/"))
        assert issuer["spec"]["acme"]["email"] == "ops@example.org"
