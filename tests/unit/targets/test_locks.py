"""Locks of releases: between rollouts, shared within one, stale ones taken over."""

import json
import os
import threading
import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from deployer.cli.unlock import lives
from deployer.errors import LockedError
from deployer.fleet.ids import ReleaseId
from deployer.targets.local.locks import Locks, is_stale, this_process

OCEAN = ReleaseId("reef", "ocean")
NEVER = threading.Event()


@pytest.fixture
def locks(tmp_path):
    (tmp_path / "locks").mkdir()
    return Locks(tmp_path / "locks", "reef")


def hold(locks, rollout, timeout=0.0, release=OCEAN):
    return locks.hold(release, rollout, timeout=timeout, cancelled=NEVER)


def test_held_and_let_go(locks):
    with hold(locks, "r1"):
        assert locks.holders()[OCEAN].rollout == "r1"
        assert locks.holders()[OCEAN].pid == os.getpid()
    assert locks.holders() == {}


def test_another_rollout_refuses_and_names_the_holder(locks):
    with (
        hold(locks, "r1"),
        pytest.raises(LockedError, match=rf"reef/ocean is locked by rollout r1 \(process {os.getpid()}"),
        hold(locks, "r2"),
    ):
        pass


def test_another_release_is_free(locks):
    with hold(locks, "r1"), hold(locks, "r2", release=ReleaseId("reef", "ocean-2")):
        assert len(locks.holders()) == 2


def test_one_rollout_shares(locks):
    with ExitStack() as stack:
        with hold(locks, "r1"):
            stack.enter_context(hold(locks, "r1"))
        assert locks.holders()[OCEAN].rollout == "r1"  # the second still holds it
    assert locks.holders() == {}


def test_waits_for_its_turn(locks):
    order = []

    def second():
        with hold(locks, "r2", timeout=30):
            order.append("second")

    with hold(locks, "r1"):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.3)
        order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]


def test_cancelled_while_waiting(locks):
    cancelled = threading.Event()
    cancelled.set()
    second = locks.hold(OCEAN, "r2", timeout=60, cancelled=cancelled)
    with hold(locks, "r1"), pytest.raises(LockedError), second:
        pass


def ghost(**changes):
    """A holder that is not alive: this very pid, but started at another time."""
    return replace(this_process("ghost"), started="1.0", **changes)


def test_a_reused_pid_is_not_the_holder():
    assert not is_stale(this_process("r"))
    assert is_stale(ghost())
    assert not is_stale(ghost(host="elsewhere"))  # of another machine we cannot know


def test_a_stale_lock_is_taken_over(locks):
    locks._write(OCEAN, [ghost()])  # noqa: SLF001
    assert locks.holders()[OCEAN].rollout == "ghost"
    with hold(locks, "r2"):
        assert locks.holders()[OCEAN].rollout == "r2"


def test_unlock_tells_whose_it_was(locks):
    locks._write(OCEAN, [ghost(host="elsewhere")])  # noqa: SLF001
    with pytest.raises(LockedError), hold(locks, "r2"):
        pass
    assert locks.unlock(OCEAN).host == "elsewhere"
    with hold(locks, "r2"):
        pass
    assert locks.unlock(OCEAN) is None


def test_many_threads_never_hold_at_once(locks):
    inside, most = [], []

    def work(rollout):
        with hold(locks, rollout, timeout=60):
            inside.append(rollout)
            most.append(len(inside))
            time.sleep(0.01)
            inside.remove(rollout)

    threads = [threading.Thread(target=work, args=(f"r{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] * 6


def test_of_several_holders_a_living_one_is_named(locks):
    with hold(locks, "r1"), hold(locks, "r1"):
        mine, file = locks.holders()[OCEAN], locks.folder / "ocean.json"
        first, second = json.loads(file.read_text())["holders"]
        gone = {**first, "started": "another"}
        for held in ([gone, second], [second, gone]):
            file.write_text(json.dumps({"holders": held}))
            assert locks.holders()[OCEAN].started == mine.started
        file.write_text(json.dumps({"holders": [gone]}))
        assert locks.holders()[OCEAN].started == "another"


def test_unlock_knows_whether_the_holder_is_at_work():
    mine = this_process("r1")
    assert lives(mine) is True
    assert lives(replace(mine, started="another")) is False
    assert lives(replace(mine, started="")) is True  # of a Lease
    assert lives(replace(mine, host="elsewhere")) is None
    assert lives(replace(mine, pid=0, started="")) is None
