"""What else is done to hubs on Kubernetes: looked at, rolled back, unlocked, retired."""

from __future__ import annotations

import json

import pytest
from control_plane import wait_until
from kube_fleet import finished, slow

pytestmark = pytest.mark.kubernetes

CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shells.stage.test}
spec:
  group: stage.test
  names: {kind: Shell, plural: shells}
  scope: Namespaced
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
"""


def status(fleet, release):
    cluster = release.split("/")[0]
    found = {f"{one['cluster']}/{fleet.short(one['hub'])}": one for one in fleet.json("status", cluster)}
    return found[release]


def test_what_is_deployed_is_known_to_status_and_to_plans(fleets):
    fleet = fleets({"reef": {"staging": {"helm_chart": "small"}}})
    assert status(fleet, "reef/staging")["state"] == "absent"
    fleet.ok("deploy", "--all", "--yes")
    seen = status(fleet, "reef/staging")
    assert (seen["state"], seen["revision"], seen["up_to_date"], seen["healthy"]) == ("running", 1, True, True)
    assert fleet.json("plan", "--outdated")["releases"] == []

    fleet.change("reef/staging", {"title": "New"})
    assert not status(fleet, "reef/staging")["up_to_date"]
    assert [fleet.short(one["hub"]) for one in fleet.json("plan", "--outdated")["releases"]] == ["staging"]


def test_a_roll_back_returns_to_what_was_proven(fleets):
    fleet = fleets({"reef": {"staging": {"helm_chart": "small"}}})
    fleet.ok("deploy", "--all", "--yes")
    refused = fleet.run("rollback", "reef", fleet.full("staging"))
    assert "no earlier good revision" in refused.err
    fleet.change("reef/staging", {"title": "New"})
    fleet.ok("deploy", "--all", "--yes")
    fleet.ok("rollback", "reef", fleet.full("staging"))
    assert fleet.title("reef/staging") == "Hello"
    seen = status(fleet, "reef/staging")
    assert (seen["revision"], seen["up_to_date"]) == (3, False)
    fleet.change("reef/staging", {})
    assert fleet.json("plan", "--outdated")["releases"] == []  # what was brought back is what is wanted now


def test_a_lock_that_was_left_behind_is_taken_away(fleets):
    fleet = fleets({"reef": {"staging": {}}})
    fleet.change("reef/staging", slow(60))
    child = fleet.begin("deploy", "--all", "--yes")
    wait_until(lambda: fleet.is_pending("reef/staging") or child.poll() is not None)
    child.kill()
    finished(child)
    refused = fleet.run("deploy", "--all", "--yes", "--lock-timeout", "0")
    assert "is locked by rollout" in refused.out + refused.err
    unlocked = fleet.ok("unlock", f"reef/{fleet.full('staging')}", "--yes")
    assert "unlocked" in unlocked.out
    assert "a helm may still be at work on it" in unlocked.out
    assert "nothing is locked" in fleet.ok("unlock", f"reef/{fleet.full('staging')}").out


def test_a_hub_is_retired_and_its_volumes_are_not(fleets):
    fleet = fleets({"reef": {"staging": {}}})
    name = fleet.full("staging")
    fleet.ok("deploy", "--all", "--yes")
    assert "--yes" in fleet.run("retire", "reef", name).err  # nobody is there to be asked
    refused = fleet.run("retire", "reef", name, "--yes")
    assert refused.code == 1, str(refused)
    assert "hub-db-dir" in refused.err
    assert fleet.revisions("reef/staging") == [(1, "deployed")]

    # Helm keeps what its own manifest says: a mark on the live claim alone would not save it.
    cluster = fleet.cluster("reef/staging")
    cluster.kubectl("annotate", "--namespace", name, "pvc", "--all", "helm.sh/resource-policy=keep")
    assert fleet.run("retire", "reef", name, "--yes").code == 1
    kept = {"pvc": {"annotations": {"helm.sh/resource-policy": "keep"}}}
    fleet.change("reef/staging", {"jupyterhub": {"hub": {"db": kept}}})
    fleet.ok("deploy", "--all", "--yes")
    fleet.ok("retire", "reef", name, "--yes")
    assert fleet.revisions("reef/staging") == []
    assert [one["metadata"]["name"] for one in cluster.all("pvc", name)] == ["hub-db-dir"]


def test_more_than_one_hub_is_not_retired_without_being_told_so(fleets):
    fleet = fleets({"reef": {"staging": {}, "ocean": {}}})
    ran = fleet.run("retire", "reef", fleet.full("staging"), fleet.full("ocean"), "--yes")
    assert "--max-retire 2" in ran.err


def test_support_is_not_retired_while_hubs_need_it(fleets):
    fleet = fleets({"reef": {"staging": {"helm_chart": "small"}}})
    fleet.ok("deploy", "--all", "--yes")
    fleet.cluster("reef/staging").helm(
        "upgrade", "--install", "--create-namespace", "--namespace", "support", "support",
        str(fleet.root / "helm-charts" / "support"),
    )  # fmt: skip
    refused = fleet.run("retire", "reef", "support", "--yes")
    assert refused.code == 1, str(refused)
    assert "serves hubs that are deployed: " in refused.err
    assert f"reef/{fleet.full('staging')}" in refused.err
    fleet.ok("retire", "reef", "support", "--yes", "--force")


def test_a_shell_reaches_its_cluster_and_leaves_nothing(fleets):
    fleet = fleets({"reef": {"staging": {}}})
    ran = fleet.ok("shell", "reef", "--", "sh", "-c", "echo $KUBECONFIG; kubectl get namespace default --output name")
    kubeconfig, found = ran.out.split()
    assert found == "namespace/default"
    assert fleet.run("shell", "reef", "--", "test", "-e", kubeconfig).code == 1
    assert fleet.run("shell", "reef", "--", "sh", "-c", "exit 7").code == 7


def test_custom_resource_definitions_come_before_the_release(fleets):
    fleet = fleets({"reef": {"staging": {"helm_chart": "small"}}})
    fleet.settings(crds={"small": ["crds/shells.yaml"]})
    (fleet.root / "crds").mkdir()
    (fleet.root / "crds" / "shells.yaml").write_text(CRD)
    template = "apiVersion: stage.test/v1\nkind: Shell\nmetadata: {name: one}\n"
    (fleet.root / "helm-charts" / "small" / "templates" / "shell.yaml").write_text(template)
    fleet.ok("deploy", "--all", "--yes")
    fleet.cluster("reef/staging").kubectl("delete", "crd", "shells.stage.test")


def become(fleet, binding):
    """From now on the fleet's account is one that has just the ClusterRole of the hub's name."""
    cluster, name = fleet.cluster("reef/staging"), fleet.full("staging")
    cluster.kubectl("create", "serviceaccount", "deployer", "--namespace", name)
    where = ["--namespace", name] if binding == "rolebinding" else []
    account = f"--serviceaccount={name}:deployer"
    cluster.kubectl("create", binding, name, f"--clusterrole={name}", account, *where)
    token = cluster.kubectl("create", "token", "deployer", "--namespace", name).strip()
    kubeconfig = json.loads(cluster.kubectl("config", "view", "--raw", "--flatten", "--output", "json"))
    kubeconfig["users"] = [{"name": one["name"], "user": {"token": token}} for one in kubeconfig["users"]]
    (fleet.folder("reef") / "kubeconfig.yaml").write_text(json.dumps(kubeconfig))


def test_an_account_of_one_namespace_sees_what_is_deployed_there(fleets):
    fleet = fleets({"reef": {"staging": {"helm_chart": "small"}}})
    fleet.ok("deploy", "--all", "--yes")
    cluster, name = fleet.cluster("reef/staging"), fleet.full("staging")
    resources = "configmaps,secrets,leases.coordination.k8s.io,deployments.apps,statefulsets.apps"
    cluster.kubectl("create", "clusterrole", name, "--verb=get,list", f"--resource={resources}")
    become(fleet, "rolebinding")
    try:
        seen = status(fleet, "reef/staging")
        assert (seen["state"], seen["up_to_date"], seen["chart"]) == ("running", True, "small-0.1.0")
        assert fleet.json("plan", "--outdated")["releases"] == []
        assert "nothing is locked" in fleet.ok("unlock", "reef").out
    finally:
        cluster.kubectl("delete", "clusterrole", name)


@pytest.mark.parametrize("lock", ["lease", "none"])
def test_an_account_that_may_not_lock_is_told_what_it_needs(fleets, lock):
    fleet = fleets({"reef": {"staging": {"helm_chart": "small"}}})
    fleet.settings(lock=lock)
    cluster, name = fleet.cluster("reef/staging"), fleet.full("staging")
    cluster.kubectl("create", "namespace", name)
    rules = ["--verb=*", "--resource=configmaps,secrets,namespaces,deployments.apps,statefulsets.apps"]
    cluster.kubectl("create", "clusterrole", name, *rules)
    become(fleet, "clusterrolebinding")

    ran = fleet.run("deploy", "--all", "--yes")
    cluster.kubectl("delete", "clusterrole,clusterrolebinding", name)

    if lock == "none":
        assert ran.code == 0, str(ran)
        return
    assert ran.code == 3, str(ran)
    assert "may not lock it" in ran.out + ran.err
    assert "metadata: {name: deployer-lock" in ran.out  # what to apply, and not only that it may not
