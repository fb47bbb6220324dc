"""Rollouts on two clusters at once, as a user sees them."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from dataclasses import replace

import psutil
import pytest
from control_plane import wait_until
from kube_cluster import PIPES
from kube_fleet import FAILS, KubeFleet, finished, slow

pytestmark = pytest.mark.kubernetes
TWO = {"staging": {}, "ocean": {}}


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_a_first_and_a_second_rollout(fleets, helm):
    fleet = fleets({"reef": TWO}, helm=helm)
    fleet.ok("deploy", "--all", "--yes")
    assert fleet.outcomes() == {"reef/staging": "succeeded", "reef/ocean": "succeeded"}
    fleet.change("reef/ocean", {"title": "Good morning"})
    fleet.ok("deploy", "--all", "--yes")
    assert fleet.outcomes() == {"reef/staging": "unchanged", "reef/ocean": "succeeded"}
    assert fleet.title("reef/ocean") == "Good morning"
    assert [number for number, _ in fleet.revisions("reef/staging")] == [1]


def test_a_broken_canary_withholds_its_cluster_and_no_other(fleets):
    fleet = fleets({"reef": TWO, "lagoon": TWO})
    fleet.ok("deploy", "--all", "--yes")
    before = fleet.manifest("reef/staging")
    fleet.change("reef/staging", {**FAILS, "title": "Broken"})
    for release in ("reef/ocean", "lagoon/staging", "lagoon/ocean"):
        fleet.change(release, {"title": "New"})

    ran = fleet.run("deploy", "--all", "--yes", "--timeout", "20")

    assert ran.code == 3, str(ran)
    assert fleet.outcomes() == {
        "reef/staging": "failed",
        "reef/ocean": "withheld",
        "lagoon/staging": "succeeded",
        "lagoon/ocean": "succeeded",
    }
    assert "not ready: hub-" in ran.out, str(ran)  # seen before the roll-back took them away
    assert fleet.manifest("reef/staging") == before
    seen = fleet.json("status", f"reef/{fleet.full('staging')}")
    assert [one["detail"][:18] for one in seen] == ["revision 2 failed:"]
    assert fleet.revisions("reef/ocean") == [(1, "deployed")]
    assert fleet.title("lagoon/ocean") == "New"


def test_of_two_rollouts_at_once_one_is_refused(fleets, tmp_path):
    """The second comes from another clone, as from another machine: only the cluster can tell them apart."""
    fleet = fleets({"reef": {"staging": {}}})
    fleet.change("reef/staging", slow(6))
    clone: KubeFleet = replace(fleet, root=tmp_path / "clone")
    shutil.copytree(fleet.root, clone.root)

    first = fleet.begin("deploy", "--all", "--yes")
    wait_until(lambda: fleet.is_pending("reef/staging") or first.poll() is not None)
    second = clone.run("deploy", "--all", "--yes", "--lock-timeout", "0")
    ended = finished(first)

    assert ended.code == 0, str(ended)
    assert second.code != 0, str(second)
    assert fleet.json("history")[0]["id"] in second.out + second.err
    assert fleet.revisions("reef/staging") == [(1, "deployed")]


def test_forty_hubs_under_the_limit(fleets):
    hubs = {f"hub{number}": {"helm_chart": "small"} for number in range(40)}
    fleet = fleets({"reef": hubs}, limits={"parallel": 6, "parallel_per_cluster": 4})
    child = fleet.begin("deploy", "--all", "--yes", "--format", "lines")
    most = [0]

    def count() -> None:
        while child.poll() is None:
            most[0] = max(most[0], upgrades(child.pid))
            time.sleep(0.05)

    counter = threading.Thread(target=count)
    counter.start()
    ended = finished(child)
    counter.join()

    assert ended.code == 0, str(ended)
    assert set(fleet.outcomes().values()) == {"succeeded"}
    assert 2 <= most[0] <= 4


def upgrades(pid: int) -> int:
    """How many upgrades the process has running."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        words = [child.cmdline() for child in children]
    except psutil.Error:
        return 0
    return sum("upgrade" in one and "helm" in one[0] for one in words if one)


def test_a_namespace_that_someone_deleted(fleets):
    fleet = fleets({"reef": {"staging": {}}})
    fleet.ok("deploy", "--all", "--yes")
    fleet.cluster("reef/staging").forget(fleet.namespace("reef/staging"))
    fleet.ok("deploy", "--all", "--yes")
    assert fleet.outcomes() == {"reef/staging": "succeeded"}
    assert fleet.revisions("reef/staging") == [(1, "deployed")]


def test_credentials_that_have_expired(fleets):
    """The cluster that refuses us is named; the other one completes."""
    fleet = fleets({"reef": {"staging": {}}, "lagoon": {"staging": {}}})
    expired = fleet.given["reef"].plane
    if expired is None:
        pytest.skip("a real cluster's credentials are not ours to spoil")
    token = "expired-0123456789"
    kubeconfig = fleet.folder("reef") / "kubeconfig.yaml"
    kubeconfig.write_text(expired.kubeconfig("admin", token).read_text())

    ran = fleet.run("deploy", "--all", "--yes")

    assert ran.code == 3, str(ran)
    assert fleet.outcomes() == {"reef/staging": "failed", "lagoon/staging": "succeeded"}
    assert "credentials" in ran.out + ran.err
    assert token not in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err


def test_a_broken_template_is_named_with_its_line(fleets):
    fleet = fleets({"reef": {"staging": {"helm_chart": "small"}}})
    template = fleet.root / "helm-charts" / "small" / "templates" / "broken.yaml"
    template.write_text(
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: broken}\ndata: {a: {{ required "b" .Values.c.d }}}\n'
    )
    ran = fleet.run("deploy", "--all", "--yes")
    assert ran.code == 3, str(ran)
    assert "helm-charts/small/templates/broken.yaml:4" in ran.out + ran.err
    assert fleet.revisions("reef/staging") == []


def test_the_script_of_a_dry_run_gives_the_same_manifests(fleets, tmp_path):
    fleet = fleets({"reef": {"staging": {}}})
    fleet.ok("deploy", "--all", "--yes")
    fleet.ok("deploy", "--all", "--yes", "--force")  # from here on the chart finds the secrets that it made
    ours = fleet.manifest("reef/staging")
    script = fleet.ok("deploy", "reef", "--dry-run").out

    shell = subprocess.Popen(["bash", "-s"], cwd=fleet.root, env=fleet.env, text=True, **PIPES)
    said, errors = shell.communicate(script, timeout=120)

    assert shell.returncode == 0, f"{script}\n{said}\n{errors}"
    assert fleet.manifest("reef/staging") == ours
    assert fleet.revisions("reef/staging")[-1] == (3, "deployed")
    assert fleet.run("status", "reef", "--exit-code").code == 0  # nobody recorded it, but it is what the fleet says
    fleet.change("reef/staging", {"title": "New"})
    assert "its values differ at title" in fleet.ok("status", "reef").out
