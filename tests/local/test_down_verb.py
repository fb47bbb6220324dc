"""`deployer down`: what a rollout is at work on is left to it, and only what ran is counted. No hub is started here."""

import os
import threading

import pytest
from fleet_world import new_fleet

from deployer.fleet.ids import ReleaseId
from deployer.targets.local.locks import Locks, this_process

NEVER = threading.Event()


@pytest.fixture
def fleet(tmp_path):
    made = new_fleet(tmp_path / "fleet", {"reef": {"staging": {}, "ocean": {}}})
    for name in ("staging", "ocean"):
        (made.folder(f"reef/{name}") / "revisions").mkdir(parents=True)
    return made


def locks(fleet):
    return Locks(fleet.state / "local" / "reef" / "locks", "reef")


@pytest.mark.parametrize("words", [[], ["reef"], ["reef", "ocean"], ["reef/ocean"], ["reef", "--purge", "--yes"]])
def test_a_release_that_a_rollout_holds(fleet, words):
    with locks(fleet).hold(ReleaseId("reef", "ocean"), "r1", timeout=0, cancelled=NEVER):
        ran = fleet.run("down", *words)
        assert (ran.code, ran.out) == (1, "")
        assert f"deployer: reef/ocean is locked by rollout r1 (process {os.getpid()} on" in ran.err
        assert fleet.folder("reef/ocean").is_dir()
        assert fleet.ok("down", "reef", "staging").out == "0 releases stopped.\n"
    assert locks(fleet).holders() == {}


def test_a_first_deployment_that_is_going_on(fleet):
    """It holds what was never deployed before."""
    with locks(fleet).hold(ReleaseId("reef", "support"), "r1", timeout=0, cancelled=NEVER):
        assert "reef/support is locked by rollout r1" in fleet.run("down", "reef").err


def test_a_holder_that_is_gone(fleet):
    path = fleet.state / "local/reef/locks"
    with locks(fleet).hold(ReleaseId("reef", "ocean"), "r1", timeout=0, cancelled=NEVER):
        left = (path / "ocean.json").read_text()
    (path / "ocean.json").write_text(left.replace(this_process("").started, "long ago"))
    assert fleet.ok("down", "reef").out == "0 releases stopped.\n"


def test_purged(fleet):
    said = fleet.ok("down", "reef", "--purge", "--yes").out
    assert said == "0 releases stopped, and what they held is deleted.\n"
    assert not (fleet.state / "local/reef").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reef", "nope"], "cluster reef has no hub 'nope'\nIt has: support, ocean, staging"),
        (["nope"], "no cluster 'nope' in this fleet\nThere are: reef"),
        (["reef", "support"], "reef/support was never deployed here\ndeployer deploy reef support"),
        (["reef/ocean", "atoll/lagoon"], "atoll/lagoon: no hub of cluster reef"),
    ],
)
def test_names_that_are_not_there(fleet, words, said):
    ran = fleet.run("down", *words)
    assert (ran.code, said in ran.err) == (1, True), ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logs", "reef", "ocean", "-n", "-4"], "argument -n/--lines: '-4' is no whole number, 0 or more"),
        (["history", "-n", "-1"], "argument -n/--lines: '-1' is no whole number, 0 or more"),
        (["check", "reef", "support"], "reef/support has no users to check"),
        (["check", "reef/nope"], "cluster reef has no hub 'nope'"),
        (["logs", "reef"], "reef: one hub is to be named"),
    ],
)
def test_words_that_mean_nothing(fleet, words, said):
    ran = fleet.run(*words)
    assert (ran.code, said in ran.err) == (1, True), ran.err


def test_every_rollout_of_none(fleet):
    assert fleet.ok("history", "-n", "0").out == "No rollout yet.\n"


def test_one_word_for_a_hub(fleet):
    told = fleet.ok("preview", "reef", "ocean", "--dry-run").out
    assert fleet.ok("preview", "reef/ocean", "--dry-run").out == told
    assert "reef/ocean" in fleet.ok("deploy", "reef/ocean", "--dry-run").out
