"""Which pods are not ready, and why, as a table of what Kubernetes says of them."""

from __future__ import annotations

from itertools import islice

import pytest

from deployer.fleet.ids import ReleaseId
from deployer.targets.helm.messages import explained
from deployer.targets.helm.pods import _pauses, described

OCEAN = ReleaseId("reef", "ocean")
PULL = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image x"}}
NO_ROOM = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}


def pod(name="hub-1", phase="Pending", states=(), conditions=(), **metadata):
    statuses = [{"name": "c", "state": state} for state in states]
    status = {"phase": phase, "containerStatuses": statuses, "conditions": list(conditions)}
    return {"metadata": {"name": name, **metadata}, "status": status}


def warning(name, reason, message, at):
    about = {"kind": "Pod", "name": name}
    return {"involvedObject": about, "reason": reason, "message": message, "lastTimestamp": at}


@pytest.mark.parametrize(
    ("pods", "told"),
    [
        ([pod(states=[PULL])], "hub-1 (ImagePullBackOff: Back-off pulling image x)"),
        ([pod(conditions=[NO_ROOM])], "hub-1 (Unschedulable: 0/3 nodes are available)"),
        ([pod(states=[{"terminated": {"exitCode": 1, "reason": "Error"}}])], "hub-1 (Error)"),
        ([pod(states=[{"waiting": {"reason": "ContainerCreating"}}])], "hub-1 (Pending)"),
        ([pod(phase="Running", states=[{"running": {}}])], "hub-1 (Running)"),  # its readiness probe fails
        ([pod(phase="Running", conditions=[{"type": "Ready", "status": "True"}])], ""),
        ([pod(phase="Succeeded")], ""),  # of a Job
        ([pod(deletionTimestamp="now")], ""),
        ([pod(name=f"p-{n}") for n in range(5)], "p-0 (Pending), p-1 (Pending), p-2 (Pending), and 2 more"),
        ([pod(states=[{"waiting": {"reason": "X", "message": "long " * 100}}])], f"hub-1 (X: {'long ' * 59}lo…)"),
    ],
)
def test_pods_that_are_not_ready_are_told_with_their_reason(pods, told):
    assert described(pods, []) == told


def test_the_last_warning_about_a_pod_is_told():
    events = [
        warning("hub-1", "Unhealthy", "probe failed: 500", "2026-01-01T00:00:02Z"),
        warning("hub-1", "FailedMount", "no volume", "2026-01-01T00:00:01Z"),
        warning("other", "BackOff", "no", "2026-01-01T00:00:03Z"),
    ]
    assert described([pod(phase="Running")], events) == "hub-1 (Running; Unhealthy: probe failed: 500)"


def test_a_look_comes_just_before_helm_gives_up():
    pauses = list(islice(_pauses(400), 28))
    assert max(pauses) <= 15
    assert 396 <= sum(pauses[:27]) < 400
    assert sum(islice(_pauses(5), 3)) < 5


def test_why_pods_were_not_ready_stands_in_the_cause():
    error = explained(OCEAN, "Error: UPGRADE FAILED: context deadline exceeded", {}, waited_for="hub-1 (no room)")
    assert error.message == "reef/ocean: UPGRADE FAILED: context deadline exceeded (not ready: hub-1 (no room))"
