"""The lane itself, with bare helm: what the tests of the deployer may rely on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import count

import psutil
import pytest
from control_plane import HERE, wait_until

from chart_repository import STAND_INS

pytestmark = pytest.mark.kubernetes
CHART = str(STAND_INS / "jupyterhub")
HELMS = {"helm3": "--atomic", "helm4": "--rollback-on-failure"}


@pytest.fixture(params=HELMS)
def helm(request):
    return request.param


_numbers = count(1)


@pytest.fixture
def namespace(cluster):
    """A name that no other test has."""
    name = f"lane-{os.getpid()}-{next(_numbers)}"
    yield name
    cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def upgrade(cluster, namespace, helm):
    """Install or upgrade the stand-in with these values, as the deployer is to do it."""

    def run(timeout="60s", **values):
        words = ["upgrade", "--install", "--create-namespace", "--namespace", namespace, namespace, CHART]
        words += ["--wait", "--timeout", timeout, HELMS[helm], "--values", "-"]
        return cluster.run("helm", *words, helm=helm, stdin=json.dumps(values))

    return run


def ready(cluster, namespace, name="hub"):
    return cluster.get("deployment", name, namespace)["status"].get("readyReplicas", 0)


def test_an_install_ends_when_all_is_ready(cluster, namespace, upgrade):
    ran = upgrade()
    assert ran.code == 0, ran
    assert ready(cluster, namespace) == 1
    assert cluster.get("pvc", "hub-db-dir", namespace)["status"]["phase"] == "Bound"
    assert cluster.get("service", "proxy-public", namespace)["status"]["loadBalancer"]["ingress"]
    assert not cluster.all("job", namespace)  # the hook came, was done, and is gone
    assert cluster.revisions(namespace) == [(1, "deployed")]


def test_secrets_that_the_chart_made_stay_through_an_upgrade(cluster, namespace, upgrade):
    upgrade()
    key = "hub.config.JupyterHub.cookie_secret"
    before = cluster.secret(namespace, key)
    ran = upgrade(hub={"extraEnv": {"NEW": "1"}})
    assert ran.code == 0, ran
    assert cluster.secret(namespace, key) == before
    assert cluster.revisions(namespace) == [(1, "superseded"), (2, "deployed")]


def test_what_never_becomes_ready_is_rolled_back(cluster, namespace, upgrade):
    upgrade(hub={"extraEnv": {"GOOD": "1"}})
    ran = upgrade(timeout="4s", hub={"annotations": {"stage.test/fails": "yes"}})
    assert ran.code != 0
    assert [status for _, status in cluster.revisions(namespace)] == ["superseded", "failed", "deployed"]
    environment = cluster.get("deployment", "hub", namespace)["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "GOOD", "value": "1"} in environment
    wait_until(lambda: ready(cluster, namespace) == 1)


# A way to fail, and what helm says of it.
BROKEN = {
    "hook": ({"prePuller": {"annotations": {"stage.test/fails": "yes"}}}, "hook"),
    "schema": ({"hub": {"services": 1}}, "object"),
}


@pytest.mark.parametrize("way", BROKEN)
def test_an_install_that_fails_leaves_nothing_behind(cluster, namespace, upgrade, way):
    values, said = BROKEN[way]
    ran = upgrade(timeout="4s", **values)
    assert ran.code != 0
    assert re.search(said, ran.err), str(ran)
    assert cluster.revisions(namespace) == []


@pytest.mark.parametrize(("helm", "waits"), [("helm3", True), ("helm4", False)])
def test_only_helm_3_waits_for_an_address(cluster, namespace, upgrade, helm, waits):
    """Helm 4 holds a load balancer to be there as soon as it has an address within the cluster."""
    ran = upgrade(timeout="4s", proxy={"service": {"annotations": {"stage.test/fails": "yes"}}})
    assert (ran.code != 0) is waits, str(ran)
    assert not cluster.run("kubectl", "get", "svc", "--namespace", namespace, "--output", "yaml").out.count("192.0.2.1")


def test_slow_pods_are_waited_for(cluster, namespace, helm):
    """Whoever looks in the meantime sees the release pending."""
    values = ["--set-string", r"hub.annotations.stage\.test/after=4s"]
    words = [
        "upgrade",
        "--install",
        "--create-namespace",
        "--namespace",
        namespace,
        namespace,
        CHART,
        "--wait",
        *values,
    ]
    child = cluster.begin_helm(*words, helm=helm)
    wait_until(lambda: cluster.revisions(namespace) or child.poll() is not None)
    assert cluster.revisions(namespace) == [(1, "pending-install")]
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert cluster.revisions(namespace) == [(1, "deployed")]


def test_nothing_outlives_a_test_process_that_is_killed(tmp_path):
    """The kernel sees to it; etcd stands for all that a control plane starts."""
    code = (
        "import sys, time; sys.path[:0] = sys.argv[2:]; from pathlib import Path; import control_plane as c\n"
        "plane = c.ControlPlane(Path(sys.argv[1])); plane.start_etcd()\n"
        "print(plane.children['etcd'].pid, flush=True); time.sleep(600)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "plane"), str(HERE)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        etcd = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    wait_until(lambda: not etcd.is_running() or etcd.status() == psutil.STATUS_ZOMBIE)
