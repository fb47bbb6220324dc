"""The journal: what is written is read again, whatever was torn; history never crashes."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_world import DEAD, plan_of

from deployer.errors import DeployerError
from deployer.fleet.ids import Level, ReleaseId, Stage
from deployer.plan.ports import Health, Observation, State, Upgrade
from deployer.rollout import wire
from deployer.rollout.events import (
    Act,
    ActBegun,
    ActEnded,
    Interrupted,
    NoCanary,
    ReleaseEnded,
    ReleaseStarted,
    RolloutEnded,
    RolloutStarted,
    Said,
    Unlocked,
)
from deployer.rollout.journal import Journal, JournalError, check_id, history, new_id
from deployer.rollout.options import Options
from deployer.rollout.origin import Origin
from deployer.rollout.record import replay
from deployer.rollout.states import Outcome

AT = datetime(2026, 11, 21, 14, 8, tzinfo=UTC)
OCEAN, SUPPORT = ReleaseId("reef", "ocean"), ReleaseId("reef", "support")
PLAN = plan_of("reef/support", "reef/ocean")
UPGRADE = Upgrade(True, 3, False, "http://ocean/", "http://127.0.0.1:1/", "/log", "", ("no GPU", "no ä"))
STARTED = RolloutStarted(
    AT, "r1", "aa", DEAD, Options(only=(OCEAN,), health=Level.HTTP), {OCEAN: Stage.PRODUCTION}, {OCEAN: (SUPPORT,)},
    {SUPPORT: Outcome.UNCHANGED}, "abc",
)  # fmt: skip
EVENTS = [
    STARTED,
    NoCanary(AT, "aa", "it is down"),
    ReleaseStarted(AT, "aa", OCEAN, again=True),
    ActBegun(AT, "aa", OCEAN, Act.UPGRADE, Observation(State.RUNNING, 2, AT, wanted=True, healthy=None)),
    ActEnded(AT, "aa", OCEAN, Act.UPGRADE, 1.5, upgrade=UPGRADE),
    ActBegun(AT, "aa", OCEAN, Act.CHECK),
    ActEnded(AT, "aa", OCEAN, Act.CHECK, 2, health=Health(False, "spawn refused", "HTTP 403", 1.0)),
    ActEnded(AT, "aa", OCEAN, Act.ROLLBACK, 2, error="it hangs", cut=True),
    ReleaseEnded(AT, "aa", OCEAN, Outcome.FAILED, "spawn refused", (SUPPORT,), 3.5, 2, bug="/x"),
    Interrupted(AT, "aa", 2),
    RolloutEnded(AT, "aa", 130, 5.0, {Outcome.FAILED: 1, Outcome.SUCCEEDED: 0}),
    Unlocked(AT, OCEAN, "rollout r1", "someone"),
    Said(AT, "aa", OCEAN, "half-way"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_read_as_it_was_written(event):
    line = json.dumps(wire.to_json(event))
    assert wire.from_json(json.loads(line)) == event
    assert wire.from_json(json.loads(line) | {"from a newer deployer": 1}) == event


def test_every_kind_of_event_is_in_that_test():
    assert {type(event) for event in EVENTS} == set(wire.KINDS.values())


@pytest.mark.parametrize(
    "data",
    [
        None, [], {}, {"event": "Nothing"}, {"event": "NoCanary"},
        {"event": "NoCanary", "at": "yesterday", "run": "a", "reason": ""},
        {"event": "NoCanary", "at": AT.isoformat(), "run": 1, "reason": ""},
        {"event": "Interrupted", "at": AT.isoformat(), "run": "a", "times": True},
        {"event": "ReleaseStarted", "at": AT.isoformat(), "run": "a", "release": "reef"},
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        wire.from_json(data)


def written(tmp_path, events=EVENTS):
    journal = Journal.start(tmp_path, "r1", PLAN)
    journal.append(*events)
    journal.close()
    return journal


def test_replay_knows_what_is_unfinished():
    stages = [replay(EVENTS[:n]).of(OCEAN).past for n in range(len(EVENTS))]
    assert [past.unfinished for past in stages[3:9]] == [None, Act.UPGRADE, None, Act.CHECK, None, None]
    assert stages[5].upgrade == UPGRADE
    assert stages[5].upgraded
    record = replay(EVENTS)
    assert record.of(OCEAN).outcome is Outcome.FAILED
    assert record.outcomes() == {OCEAN: Outcome.FAILED}
    assert not record.succeeded(OCEAN)
    assert record.runs["aa"].interrupted == 2
    assert record.options == STARTED.options


def test_an_act_that_was_cut_counts_as_unfinished():
    events = [ActBegun(AT, "aa", OCEAN, Act.UPGRADE), ActEnded(AT, "aa", OCEAN, Act.UPGRADE, 1, error="cut", cut=True)]
    assert replay(events).of(OCEAN).past.unfinished is Act.UPGRADE


@given(st.data())
def test_a_torn_last_line_costs_only_itself(new_folder, data):
    journal = written(new_folder())
    whole = journal.path.read_bytes()
    kept = data.draw(st.integers(0, len(whole)))
    journal.path.write_bytes(whole[:kept])
    lines = whole[:kept].split(b"\n")
    torn = bool(lines[-1]) and kept < len(whole) and whole[kept : kept + 1] != b"\n"
    record = journal.record()
    assert record == replay(EVENTS[: len(lines) - 1 + (bool(lines[-1]) and not torn)], torn=int(torn))
    journal.append(EVENTS[1])  # and the next line is a line of its own again
    journal.close()
    assert journal.path.read_bytes().splitlines()[-1] == json.dumps(wire.to_json(EVENTS[1])).encode()


def test_many_writers_never_mix_their_lines(tmp_path):
    """Each with its own file descriptor, as processes have."""
    Journal.start(tmp_path, "r1", PLAN).append(STARTED)

    def write(number):
        journal = Journal.find(tmp_path, "r1")
        for _ in range(50):
            journal.append(NoCanary(AT, "aa", str(number) * 2000))
        journal.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Who opens it in the middle of another's write takes that for a torn line, and begins one of its own: an empty one.
    lines = list(filter(None, (tmp_path / "rollouts/r1/journal.jsonl").read_text().splitlines()))
    assert len(lines) == 301
    assert Journal.find(tmp_path, "r1").record().torn == 0
    assert {len(set(json.loads(line)["reason"])) for line in lines[1:]} == {1}


def test_legs_with_files_of_their_own_are_read_as_one(tmp_path):
    late = AT + timedelta(seconds=5)
    for leg, release, at in [("b", SUPPORT, AT), ("a", OCEAN, late)]:
        journal = Journal.start(tmp_path, "r1", PLAN, leg=leg)
        journal.append(replace(STARTED, at=at, run=leg), ReleaseEnded(at, leg, release, Outcome.SUCCEEDED))
        journal.close()
    record = journal.record()
    assert list(record.runs) == ["b", "a"]
    assert record.succeeded(SUPPORT)
    assert record.succeeded(OCEAN)


def test_history_lists_the_newest_first_and_what_is_damaged_as_such(tmp_path):
    for number in (2, 1, 3):
        journal = Journal.start(tmp_path, f"r{number}", PLAN)
        journal.append(replace(STARTED, rollout=f"r{number}", at=AT + timedelta(hours=number)))
        journal.close()
    for name, text in [
        ("no-events", ""),
        ("wrong", '{"event": "Unheard"}\n'),
        ("binary", b"\xff\x00".decode("latin1")),
    ]:
        folder = tmp_path / "rollouts" / name
        folder.mkdir()
        (folder / "journal.jsonl").write_text(text)
        os.utime(folder, (0, 0))
    (tmp_path / "rollouts" / "only-a-plan").mkdir()
    (tmp_path / "rollouts" / "a file").write_text("")
    listed = history(tmp_path)
    assert [one.id for one in listed][:3] == ["r3", "r2", "r1"]
    assert {one.id: bool(one.damage) for one in listed[3:]} == {"no-events": True, "wrong": True, "binary": True}
    assert history(tmp_path / "nowhere") == []


def test_a_rollout_is_of_one_plan(tmp_path):
    Journal.start(tmp_path, "r1", PLAN).close()
    Journal.start(tmp_path, "r1", PLAN).close()
    with pytest.raises(DeployerError, match="rollout r1 is of another plan"):
        Journal.start(tmp_path, "r1", plan_of("reef/ocean"))
    assert Journal.find(tmp_path, "r1").plan() == PLAN
    with pytest.raises(DeployerError, match="there is no rollout r2"):
        Journal.find(tmp_path, "r2")


def test_a_state_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "rollouts").write_text("a file")
    with pytest.raises(JournalError, match="cannot begin a journal"):
        Journal.start(tmp_path, "r1", PLAN)


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "-a", ".hidden", "a b", "ä", "a" * 101, "a\n"])
def test_ids_are_safe_file_names(text):
    with pytest.raises(DeployerError, match="not a safe file name"):
        check_id(text)


@given(st.lists(st.integers(0, 4 * 10**9), min_size=2), st.integers(0))
def test_new_ids_sort_by_time(times, random):
    ids = [new_id(datetime.fromtimestamp(time, UTC), random) for time in sorted(times)]
    assert all(check_id(one) == one for one in ids)
    assert all(before <= after for before, after in pairwise(ids))


def test_origin_tells_a_living_process_from_a_reused_pid():
    here = Origin.here(("deployer", "deploy"))
    assert here.alive
    assert not replace(here, started="1").alive
    assert not replace(here, host="elsewhere").alive
    assert not replace(here, pid=2**22 + 1).alive
