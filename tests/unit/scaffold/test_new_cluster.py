"""A new cluster: its files for each provider, and what cannot be one."""

from __future__ import annotations

import pytest

from deployer.errors import DeployerError
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import SUPPORT, ReleaseId
from deployer.fleet.repository import load_fleet
from deployer.fleet.validation import validate
from deployer.scaffold.cluster import ClusterFacts, Homes, new_cluster
from small_fleet import cluster, files, fleet_of, hub

FLEET = fleet_of(files(cluster("reef", [hub("staging")])) | {"helm-charts/support/values.yaml": "{}\n"})
BLOCKS = {
    "gcp": {"project": "p", "cluster": "c", "zone": "z"},
    "aws": {"clusterName": "c", "region": "r", "account": "012345678901"},
    "azure": {"cluster": "c", "resource_group": "g"},
    "kubeconfig": {"file": "enc-kubeconfig.secret.yaml"},
    "local": {"port": "8000"},
}


@pytest.mark.parametrize("contact", ["nomail", "a@b", "a b@c.org", "@c.org"])
def test_a_contact_is_a_mail_address(contact):
    with pytest.raises(DeployerError, match="is no mail address"):
        made(contact=contact)


def made(**facts):
    return new_cluster(ClusterFacts(**{"name": "atoll", "provider": Provider.LOCAL, **facts}), FLEET)


@pytest.mark.parametrize("provider", BLOCKS)
def test_the_fleet_is_valid_and_says_what_was_given(provider):
    homes = Homes(server="10.0.0.2", share="/export/yes")
    edit = made(
        provider=Provider(provider),
        connection=BLOCKS[provider],
        domain="atoll.example.org",
        ingress="203.0.113.7:443",
        contact="ops@example.org",
        homes=homes,
        annotations={"iam.gke.io/gcp-service-account": "a@p.iam.gserviceaccount.com"},
    )
    told = [one.rule for one in edit.check(FLEET, [ReleaseId("atoll", SUPPORT)])]
    assert told == (["missing-credentials"] if provider == "kubeconfig" else [])  # that file is added by hand
    fleet = load_fleet(edit.over(FLEET.tree))
    found = fleet.clusters["atoll"]
    block = {key: int(value) if key == "port" else value for key, value in BLOCKS[provider].items()}
    assert {key: getattr(found.connection, key) for key in block} == block
    assert found.ingress == "203.0.113.7:443"
    assert fleet.documents["atoll"].data["x-domain"] == "atoll.example.org"
    assert [one.rule for one in validate(fleet) if "atoll" in one.place.path] == told
    common = edit.made["config/clusters/atoll/common.values.yaml"].decode()
    assert "atoll" not in common  # it goes with each hub that leaves
    assert "serverIP: 10.0.0.2" in common
    assert ("cloudMetadataServer: true" in common) is (provider == "gcp")  # the identity comes from there
    assert "email: ops@example.org" in edit.made["config/clusters/atoll/support.values.yaml"].decode()
    assert "pvcName: home-nfs" in common
    assert "iam.gke.io/gcp-service-account: a@p.iam.gserviceaccount.com" in common


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"name": "reef"}, "there is a cluster reef already"),
        ({"name": "Reef"}, "cannot name a cluster"),
        ({"name": "a" * 54}, "cannot name a cluster"),
        ({"name": "templates"}, "a folder that is no cluster"),
        ({"domain": "https://atoll.example.org"}, "is no domain"),
        ({"provider": Provider.GCP}, "needs: project, cluster, zone (or region)"),
        ({"provider": Provider.AWS, "connection": {"clusterNam": "c"}}, "did you mean clusterName?"),
    ],
)
def test_what_cannot_be(facts, told):
    with pytest.raises(DeployerError) as error:
        made(**facts)
    assert told in str(error.value)


def test_a_fleet_without_a_support_chart_has_no_support_release():
    fleet = fleet_of({path: text for path, text in files(cluster("reef", [])).items() if "charts/support" not in path})
    edit = new_cluster(ClusterFacts(name="atoll", provider=Provider.LOCAL), fleet)
    assert b"support" not in edit.made["config/clusters/atoll/cluster.yaml"]
    assert "config/clusters/atoll/support.values.yaml" not in edit.made
