"""What is cut in the middle, and how it is settled: the deployer, helm, or the API server dies."""

from __future__ import annotations

import pytest
from chart_repository import STAND_INS
from control_plane import wait_until
from kube_fleet import finished, slow

pytestmark = pytest.mark.kubernetes
CALM = {"succeeded", "unchanged"}


def settled(fleet, *releases):
    """Each release's last revision is the one that serves, and none is pending."""
    return all(fleet.revisions(one)[-1][1] == "deployed" and not fleet.is_pending(one) for one in releases)


def begun(fleet, release, child):
    wait_until(lambda: fleet.is_pending(release) or child.poll() is not None)
    assert child.poll() is None, str(finished(child))


def test_the_deployer_is_killed_in_mid_upgrade_and_resumed(fleets):
    fleet = fleets({"reef": {"staging": {}, "ocean": {}}})
    fleet.change("reef/staging", slow(4))
    child = fleet.begin("deploy", "--all", "--yes")
    begun(fleet, "reef/staging", child)
    child.kill()
    child.communicate()

    ran = fleet.ok("deploy", "--resume", "--yes")

    assert fleet.outcomes() == {"reef/staging": "succeeded", "reef/ocean": "succeeded"}, str(ran)
    assert settled(fleet, "reef/staging", "reef/ocean")
    assert fleet.revisions("reef/ocean") == [(1, "deployed")]


def test_the_api_server_dies_in_mid_rollout(fleets):
    fleet = fleets({"reef": {"staging": {}, "ocean": {}}})
    plane = fleet.given["reef"].plane
    if plane is None:
        pytest.skip("a real cluster's API server is not ours to kill")
    fleet.ok("deploy", "--all", "--yes")
    fleet.change("reef/staging", {**slow(5), "title": "New"})
    fleet.change("reef/ocean", {"title": "New"})
    child = fleet.begin("deploy", "--all", "--yes")
    begun(fleet, "reef/staging", child)
    plane.kill_api_server()
    plane.start_api_server()
    cut = finished(child)

    assert cut.code in (0, 3), str(cut)
    assert "Traceback" not in cut.out + cut.err
    fleet.ok("deploy", "--all", "--yes")
    assert set(fleet.outcomes().values()) <= CALM
    assert settled(fleet, "reef/staging", "reef/ocean")
    assert fleet.title("reef/ocean") == "New"


def test_a_pending_upgrade_is_rolled_back_and_done_again(fleets):
    fleet = fleets({"reef": {"staging": {}}})
    fleet.ok("deploy", "--all", "--yes")
    interrupt_helm(fleet, "reef/staging")
    fleet.change("reef/staging", {"title": "New"})

    refused = fleet.run(
        "deploy", "--all", "--yes"
    )  # whoever began it may still be at work: the time-out is ten minutes
    assert refused.code == 3, str(refused)
    assert "pending-upgrade" in refused.out + refused.err

    repaired = fleet.ok("deploy", "--all", "--yes", "--timeout", "8")
    assert "pending-upgrade" in repaired.out + repaired.err
    assert settled(fleet, "reef/staging")
    assert fleet.title("reef/staging") == "New"


def test_a_pending_install_is_never_removed_with_a_claim_of_it(fleets):
    fleet = fleets({"reef": {"staging": {}}})
    interrupt_helm(fleet, "reef/staging")
    claim = fleet.cluster("reef/staging").get("pvc", "hub-db-dir", fleet.namespace("reef/staging"))
    fleet.run("deploy", "--all", "--yes", "--timeout", "8")
    after = fleet.cluster("reef/staging").get("pvc", "hub-db-dir", fleet.namespace("reef/staging"))
    assert after["metadata"]["uid"] == claim["metadata"]["uid"]


def interrupt_helm(fleet, release):
    """As if somebody's `helm upgrade` had been killed ten seconds ago."""
    cluster, name = fleet.cluster(release), fleet.namespace(release)
    chart = str(STAND_INS / "jupyterhub")
    words = ["upgrade", "--install", "--create-namespace", "--namespace", name, name, chart, "--wait"]
    child = cluster.begin_helm(*words, "--set-string", r"hub.annotations.stage\.test/after=60s")
    begun(fleet, release, child)
    wait_until(lambda: cluster.all("deployment", name))
    child.kill()
    child.communicate()
