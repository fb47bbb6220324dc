"""What is cut in the middle, and how it is settled: the deployer, helm, or the API server dies."""

from __future__ import annotations

import gzip
import json
import random
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

import pytest
from control_plane import wait_until
from kube_fleet import finished, slow

from chart_repository import STAND_INS

pytestmark = pytest.mark.kubernetes
CALM = {"succeeded", "unchanged"}


def settled(fleet, *releases):
    """Whether each release's last revision is the one that serves."""
    return all(fleet.revisions(one)[-1][1] == "deployed" for one in releases)


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


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_and_resumed(fleets, seed):
    """However far the journal has come: what was begun is settled, what was not is done."""
    fleet = fleets({"reef": {"staging": {}, "ocean": {"helm_chart": "small"}}})
    if seed:  # else it is the first install that is cut
        fleet.ok("deploy", "--all", "--yes")
    fleet.change("reef/staging", {**slow(2), "title": "New"})
    fleet.change("reef/ocean", {"title": "New"})
    lines, before = random.Random(seed).randint(2, 24), fleet.journal()  # a whole rollout of two has some more
    child = fleet.begin("deploy", "--all", "--yes")
    wait_until(
        lambda: (fleet.journal()[:1] != before[:1] and len(fleet.journal()) >= lines) or child.poll() is not None
    )
    child.kill()
    child.communicate()

    if None in fleet.outcomes().values():
        fleet.ok("deploy", "--resume", "--yes")

    assert set(fleet.outcomes().values()) == {"succeeded"}, f"cut after {lines} lines"
    assert settled(fleet, "reef/staging", "reef/ocean")
    assert (fleet.title("reef/staging"), fleet.title("reef/ocean")) == ("New", "New")
    assert fleet.json("plan", "--outdated")["releases"] == []


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

    refused = fleet.run("deploy", "--all", "--yes")  # whoever began it may still be at work
    assert refused.code == 3, str(refused)
    assert "pending-upgrade" in refused.out + refused.err
    assert "or after" in refused.out  # when it will count as left behind

    told = fleet.run("status", "reef", "--exit-code")
    assert told.code == 2, str(told)
    assert "pending-upgrade since" in told.out
    left = fleet.run("retire", "reef", fleet.full("staging"), "--yes", "--delete-volumes")
    assert left.code == 1, str(left)
    assert "may be at work on it" in left.err
    assert fleet.is_pending("reef/staging")

    backdate(fleet, "reef/staging")
    repaired = fleet.ok("deploy", "--all", "--yes")
    assert "pending-upgrade" in repaired.out + repaired.err
    assert settled(fleet, "reef/staging")
    assert fleet.title("reef/staging") == "New"


def test_a_pending_install_that_made_no_claim_is_done_again(fleets):
    fleet = fleets({"reef": {"staging": {}}})
    interrupt_helm(fleet, "reef/staging", "--set", "hub.db.type=sqlite-memory")
    backdate(fleet, "reef/staging")
    repaired = fleet.ok("deploy", "--all", "--yes")
    assert "pending-install" in repaired.out + repaired.err
    assert fleet.revisions("reef/staging") == [(1, "deployed")]


def test_a_pending_install_is_never_removed_with_a_claim_of_it(fleets):
    """The error says what to type; then the next deploy takes over what was there."""
    fleet = fleets({"reef": {"staging": {}}})
    cluster, name = fleet.cluster("reef/staging"), fleet.namespace("reef/staging")
    interrupt_helm(fleet, "reef/staging")
    backdate(fleet, "reef/staging")
    claim = cluster.get("pvc", "hub-db-dir", name)["metadata"]["uid"]

    ran = fleet.run("deploy", "--all", "--yes")
    assert ran.code == 3, str(ran)
    assert "hub-db-dir" in ran.out + ran.err
    assert cluster.get("pvc", "hub-db-dir", name)["metadata"]["uid"] == claim

    cluster.kubectl("delete", "secret", "--namespace", name, f"sh.helm.release.v1.{name}.v1")
    fleet.ok("deploy", "--all", "--yes")
    assert cluster.get("pvc", "hub-db-dir", name)["metadata"]["uid"] == claim
    assert settled(fleet, "reef/staging")


def interrupt_helm(fleet, release, *options):
    """As if somebody's `helm upgrade` had been killed."""
    cluster, name = fleet.cluster(release), fleet.namespace(release)
    chart = str(STAND_INS / "jupyterhub")
    words = ["upgrade", "--install", "--create-namespace", "--namespace", name, name, chart, "--wait"]
    child = cluster.begin_helm(*words, "--set-string", r"hub.annotations.stage\.test/after=15s", *options)
    begun(fleet, release, child)
    wait_until(lambda: cluster.all("deployment", name))
    child.kill()
    child.communicate()


def backdate(fleet, release):
    """As if the last revision had been begun a day ago: in what Helm keeps of it."""
    cluster, name = fleet.cluster(release), fleet.namespace(release)
    secret = f"sh.helm.release.v1.{name}.v{fleet.revisions(release)[-1][0]}"
    packed = b64decode(cluster.secret(name, "release", secret))
    kept = json.loads(gzip.decompress(packed))
    kept["info"]["last_deployed"] = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    packed = b64encode(b64encode(gzip.compress(json.dumps(kept).encode())))
    patch = json.dumps({"data": {"release": packed.decode()}})
    cluster.kubectl("patch", "secret", secret, "--namespace", name, "--patch", patch)
