"""The health check against a real JupyterHub behind a real proxy."""

import subprocess
import sys
import threading
import time

import pytest
from health_hub import POOR, TOKEN, Hub

from deployer.fleet.ids import Level, ReleaseId
from deployer.health.check import USER, HealthChecker
from deployer.health.diagnose import Diagnosis
from deployer.health.probe import Limits
from deployer.plan.ports import Control

pytestmark = pytest.mark.local
RELEASE = ReleaseId("reef", "staging")


@pytest.fixture(scope="module")
def shared(jupyterhub_factory, tmp_path_factory):
    return Hub(jupyterhub_factory, tmp_path_factory.mktemp("moods"))


@pytest.fixture
def hub(shared):
    shared.mood("well")
    yield shared
    shared.api("DELETE", f"users/{USER}")
    assert shared.users() == set()


@pytest.fixture
def check(hub, tmp_path):
    def check(*, timeout=60.0, token=TOKEN, control=None, **options):
        options = {"attempts": 1} | options
        return HealthChecker(tmp_path, **options).check(RELEASE, hub.endpoint(token), control or Control(timeout))

    return check


def test_two_checks_at_once_take_turns_and_leave_nothing(hub, check, tmp_path):
    """With a lock folder each, as on two machines: the second sees the first one's server, and waits."""
    found, said, threads = [], [], []

    def other():
        health = HealthChecker(tmp_path / "other").check(RELEASE, hub.endpoint(), Control(240, say=said.append))
        found.append(health)

    def start_the_other(text):
        if "Spawning server" in text:
            threads.append(threading.Thread(target=other))
            threads[-1].start()

    found.append(check(control=Control(120, say=start_the_other)))
    threads[0].join()
    assert [str(health) for health in found] == ["healthy", "healthy"]
    assert "waiting for another health check …" in said
    assert hub.users() == set()


def test_a_hub_that_restarts_in_the_middle_and_a_user_that_is_kept(hub, check):
    hub.api("POST", f"users/{USER}")
    restarts = []

    def restart_once(text):
        if text.startswith("reaching the server") and not restarts:
            hub.stop()
            restarts.append(threading.Thread(target=hub.start))
            restarts[0].start()

    health = check(control=Control(120, say=restart_once))
    restarts[0].join()
    assert health.ok, health
    assert hub.users() == {USER}


def test_what_a_killed_check_left_is_swept_and_an_operators_user_is_not(hub, check, tmp_path):
    hub.mood("hang")
    code = f"""
from pathlib import Path
from deployer.fleet.ids import ReleaseId
from deployer.health.check import HealthChecker
from deployer.plan.ports import Control, Endpoint
say = lambda text: print(text, flush=True)
endpoint = Endpoint({hub.url!r}, {TOKEN!r}, connect="127.0.0.1:{hub.port}")
HealthChecker(Path({str(tmp_path)!r})).check(ReleaseId("reef", "staging"), endpoint, Control(60, say=say))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if "Spawning server" in line:
                break
        child.kill()
    assert hub.users() == {USER}
    hub.mood("fail")
    assert check().diagnosis == Diagnosis.SPAWN_FAILED
    assert hub.users() == set()
    hub.api("POST", f"users/{USER}")
    assert check().diagnosis == Diagnosis.SPAWN_FAILED
    assert hub.users() == {USER}


@pytest.mark.parametrize(
    ("mood", "diagnosis", "evidence"),
    [
        ("fail", Diagnosis.SPAWN_FAILED, "no such image: moody:latest"),
        ("hang", Diagnosis.SPAWN_TIMED_OUT, "still starting a server after 4 s"),
        ("no-kernel", Diagnosis.KERNEL_DEAD, "kernel"),
        ("wrong", Diagnosis.WRONG_RESULT, "gives ''"),
    ],
)
def test_hubs_in_which_nobody_can_work(hub, check, mood, diagnosis, evidence):
    hub.mood(mood)
    health = check(timeout=4 if mood == "hang" else 120, limits=Limits(kernel=4))
    assert (health.ok, health.diagnosis) == (False, diagnosis), health
    assert evidence in health.evidence
    assert hub.users() == set()


@pytest.mark.parametrize(
    ("token", "diagnosis"), [("no-such-token", Diagnosis.TOKEN_REFUSED), (POOR, Diagnosis.SCOPE_MISSING)]
)
def test_tokens(hub, check, token, diagnosis):
    health = check(token=token)
    assert health.diagnosis == diagnosis, health
    assert hub.users() == set()


def test_cancelled_while_a_server_starts(hub, check):
    hub.mood("hang")
    control = Control(60)

    def cancel(text):
        if "Spawning" in text:
            control.cancelled.set()

    control = Control(60, control.cancelled, cancel)
    started = time.monotonic()
    assert check(control=control).diagnosis == Diagnosis.CANCELLED
    assert time.monotonic() - started < 40
    assert hub.users() == set()


def test_http_level(hub, check):
    assert check(levels={RELEASE: Level.HTTP}, token="").ok
