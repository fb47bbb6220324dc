"""Locks between machines: Leases in a real cluster."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from deployer.errors import LockedError
from deployer.fleet.cluster import Cluster, Kubeconfig, Provider
from deployer.fleet.ids import ReleaseId
from deployer.targets.credentials.session import Sessions
from deployer.targets.helm.kubectl import ApiError, Kubectl
from deployer.targets.helm.leases import DURATION, Leases, lease_name

pytestmark = pytest.mark.kubernetes
NEVER = threading.Event()


@pytest.fixture
def release(cluster, request):
    name = f"lease-{abs(hash(request.node.name)) % 10**6}"
    yield ReleaseId("reef", name)
    cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def leases(cluster):
    block = Kubeconfig(file=cluster.kubeconfig.name)
    with Sessions(cluster.env()) as sessions:
        given = Cluster(name="reef", provider=Provider.KUBECONFIG, kubeconfig=block)
        yield Leases(Kubectl(sessions.of(given, cluster.kubeconfig.parent)))


def lease_of(cluster, release):
    return cluster.get("lease", lease_name(release), release.name)


def test_a_lease_holds_off_other_rollouts_and_not_its_own(cluster, leases, release):
    with leases.hold(release, "one", timeout=0, cancelled=NEVER):
        assert lease_of(cluster, release)["spec"]["holderIdentity"] == "one"
        assert leases.holders()[release].rollout == "one"
        with pytest.raises(LockedError, match="locked by rollout one"):
            leases.hold(release, "two", timeout=0.5, cancelled=NEVER).__enter__()
        with leases.hold(release, "one", timeout=0, cancelled=NEVER):  # another leg of the same rollout
            pass
    assert leases.holders() == {}
    with leases.hold(release, "two", timeout=0, cancelled=NEVER):
        pass


def test_a_lease_that_is_let_go_is_got_by_who_waits(leases, release):
    held, got = threading.Event(), threading.Event()

    def wait() -> None:
        held.wait()
        with leases.hold(release, "two", timeout=30, cancelled=NEVER):
            got.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    with leases.hold(release, "one", timeout=0, cancelled=NEVER):
        held.set()
        assert not got.wait(2)
    assert got.wait(30)
    waiter.join()


@pytest.mark.parametrize(("age", "free"), [(DURATION / 2, False), (DURATION * 2, True)])
def test_a_lease_that_nobody_renews_runs_out(cluster, leases, release, age, free):
    with leases.hold(release, "one", timeout=0, cancelled=NEVER):
        lease = lease_of(cluster, release)
    del lease["metadata"]["resourceVersion"], lease["metadata"]["uid"]
    renewed = datetime.now(UTC) - timedelta(seconds=age)
    lease["spec"]["renewTime"] = renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    cluster.kubectl("create", "--filename", "-", stdin=json.dumps(lease))
    if free:
        with leases.hold(release, "two", timeout=0, cancelled=NEVER):
            assert lease_of(cluster, release)["spec"]["leaseTransitions"] == 1
        return
    with pytest.raises(LockedError):
        leases.hold(release, "two", timeout=0, cancelled=NEVER).__enter__()


def test_the_same_is_asked_with_a_proxy_and_without(leases, release):
    """The proxy only saves processes: where it has gone, kubectl itself is asked."""
    kubectl, missing = leases.kubectl, "/api/v1/namespaces/never-there"
    found = [], []
    for answers in found:
        answers += [kubectl.get("/api/v1/namespaces/default")["metadata"]["uid"], kubectl.get(missing)]
        with pytest.raises(ApiError) as error:
            kubectl.create("/api/v1/namespaces", {"kind": "Namespace", "metadata": {"name": "default"}})
        answers.append(error.value.reason)
        kubectl.session.api.close()
    assert found[0] == found[1]
    assert found[0][1:] == [None, "AlreadyExists"]


def test_of_many_who_ask_at_once_one_gets_it(leases, release):
    got, lost, done = [], [], threading.Barrier(8)

    def ask(number: int) -> None:
        try:
            with leases.hold(release, f"rollout-{number}", timeout=0, cancelled=NEVER):
                got.append(number)
                done.wait(60)
        except LockedError:
            lost.append(number)
            done.wait(60)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(lost)) == (1, 7)
