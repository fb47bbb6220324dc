"""The charts of a new fleet on a cluster: that an API server takes what they render, and what stays when a hub goes."""

from __future__ import annotations

import json
import shutil

import pytest
from control_plane import wait_until

from template_charts import write

pytestmark = pytest.mark.kubernetes
EVERYTHING = {
    "nfs": {"enabled": True, "pv": {"serverIP": "10.0.0.2"}},
    "userServiceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/ocean"}},
    "adminServiceAccount": {"enabled": True},
    "dask-gateway": {"enabled": True},
    "jupyterhub": {
        "custom": {"singleuserAdmin": {"serviceAccountName": "admin-sa"}},
        "hub": {"services": {"dask-gateway": {"display": False}}},
        "singleuser": {"storage": {"type": "static", "static": {"pvcName": "home-nfs"}}},
    },
}
POLICIES = {f"basehub-{name}" for name in ("certificates", "closed", "monitoring")}
POLICIES |= {f"basehub-dask-{name}" for name in ("clusters", "door", "gateway", "hub", "users")}


@pytest.fixture
def fleet(fleets, charts, cluster):
    if cluster.plane is None:
        pytest.skip("it installs, and deletes, what a real cluster may have already: definitions, an ingress class")
    fleet = fleets({"reef": {"staging": {}}}, support={"helm_chart_values_files": []})
    shutil.rmtree(fleet.root / "helm-charts")
    write(fleet.root / "helm-charts", charts)
    fleet.change("reef/staging", EVERYTHING)
    fleet.commit()
    yield fleet
    cluster.run("helm", "uninstall", "support", "--namespace", "support")
    cluster.kubectl("delete", "namespace", "support", "--ignore-not-found", "--wait=false")
    cluster.kubectl("delete", "crd", "clusterissuers.cert-manager.io", "--ignore-not-found", "--wait=false")
    cluster.kubectl("delete", "pv", f"{fleet.full('staging')}-home-nfs", "--ignore-not-found", "--wait=false")


def test_all_of_it_is_deployed_and_what_must_not_be_lost_stays(fleet, cluster):
    name = fleet.full("staging")
    fleet.ok("deploy", "--all", "--yes")
    assert fleet.outcomes() == {"reef/support": "succeeded", "reef/staging": "succeeded"}

    issuer = json.loads(cluster.kubectl("get", "clusterissuer", "letsencrypt-prod", "--output", "json"))
    assert issuer["spec"]["acme"]["privateKeySecretRef"] == {"name": "letsencrypt-prod-account"}
    assert {pod["spec"]["priority"] for pod in cluster.all("pods", "support")} == {1000}
    assert {one["metadata"]["name"] for one in cluster.all("networkpolicies", name)} == POLICIES
    assert {"user-sa", "admin-sa"} <= {one["metadata"]["name"] for one in cluster.all("serviceaccounts", name)}
    assert cluster.secret(name, "hub.services.hub-health.apiToken")
    assert cluster.all("jobs", name) == []  # the job that makes the folder is done, and gone
    wait_until(lambda: phases(cluster, name) == {"hub-db-dir": "Bound", "home-nfs": "Bound"})

    # A second time, with nothing new: what cannot be changed is not touched.
    fleet.ok("deploy", "--all", "--force", "--yes")

    fleet.ok("retire", "reef", name, "--yes")
    wait_until(lambda: cluster.all("deployments", name) == [])
    assert phases(cluster, name) == {"hub-db-dir": "Bound", "home-nfs": "Bound"}
    volume = json.loads(cluster.kubectl("get", "pv", f"{name}-home-nfs", "--output", "json"))
    assert volume["spec"]["nfs"] == {"server": "10.0.0.2", "path": f"/export/homes/{name}"}
    assert volume["status"]["phase"] == "Bound"


def phases(cluster, namespace):
    return {one["metadata"]["name"]: one["status"]["phase"] for one in cluster.all("pvc", namespace)}
