"""The workflow carried out by a real runner, push after push, on a fleet of real local hubs.

The pushes build on each other, as those of a fleet do: the tests of this module run in their order. What was deployed
is read from the deployer's own journals.
"""

from __future__ import annotations

import pytest

from loopback_github import DOWN, loopback_github
from runner_world import BROKEN, SIMPLE, RunnerWorld, new_world

pytestmark = pytest.mark.local

NASTY = """it's "quoted" $(touch pwned) `touch pwned`, & more.values.yaml"""
LIMIT = {"hub": {"activeServerLimit": 11}}


@pytest.fixture(scope="module")
def world(tool, tmp_path_factory):
    tool("act")
    # The name of one cluster is part of the other's; three production hubs of one cluster are three legs at once.
    clusters = {"reef": ["staging", "ocean", "coral", "kelp"], "reef-two": ["staging", "lagoon"]}
    with loopback_github() as github:
        made = new_world(tmp_path_factory.mktemp("runner"), github, clusters)
        try:
            yield made
        finally:
            made.end()


def test_all_goes_well(world: RunnerWorld) -> None:
    run = world.push()
    assert not run.red, run.log
    assert run.deployed == dict.fromkeys(world.all(), "succeeded")
    assert world.state() == world.all()


def test_nothing_to_do(world: RunnerWorld) -> None:
    run = world.push()
    assert (run.red, run.deployed) == (False, {}), run.log
    assert "Nothing to upgrade." in run.log


def test_only_docs_changed_under_a_nasty_name(world: RunnerWorld) -> None:
    world.write(f"docs/{NASTY}", "words")
    run = world.push()
    assert (run.red, run.deployed) == (False, {}), run.log
    assert not list(world.top.rglob("pwned"))


def test_a_values_file_with_a_nasty_name(world: RunnerWorld) -> None:
    world.rename_values("reef-two", "lagoon", NASTY)
    world.values("reef-two", "lagoon", SIMPLE, LIMIT, name=NASTY)
    run = world.push()
    assert not run.red, run.log
    assert run.deployed == {"reef-two/staging": "unchanged", "reef-two/lagoon": "succeeded"}
    assert not list(world.top.rglob("pwned"))


def test_a_canary_fails_on_one_cluster(world: RunnerWorld) -> None:
    world.values("reef", "staging", SIMPLE, BROKEN)
    world.values("reef", "ocean", SIMPLE, LIMIT)
    world.values("reef-two", "staging", SIMPLE, LIMIT)
    world.values("reef-two", "lagoon", SIMPLE, name=NASTY)
    run = world.push()
    assert run.red
    assert run.deployed == {"reef/staging": "failed", "reef-two/staging": "succeeded", "reef-two/lagoon": "succeeded"}
    assert "<code>reef/ocean</code> | withheld | <code>stands behind reef/staging, which failed&#58;" in run.log
    assert "http_timout" in run.log
    assert "reef/staging" not in world.state()


def test_what_failed_is_planned_again_though_only_docs_changed(world: RunnerWorld) -> None:
    world.write("docs/more.md", "words")
    run = world.push()
    assert run.red
    assert run.deployed == {"reef/staging": "failed"}
    assert "<code>reef/ocean</code> | withheld" in run.log


def test_mended(world: RunnerWorld) -> None:
    world.values("reef", "staging", SIMPLE)
    run = world.push()
    assert not run.red, run.log
    assert run.deployed["reef/ocean"] == "succeeded"
    assert run.deployed["reef/staging"] in {"succeeded", "unchanged"}
    assert world.state() == world.all()


def test_a_leg_that_leaves_no_record(world: RunnerWorld) -> None:
    world.values("reef", "coral", SIMPLE, LIMIT)
    world.values("reef-two", "lagoon", SIMPLE, LIMIT, name=NASTY)
    run = world.push(lost="leg-*-early-0-*")
    assert run.red
    assert run.deployed == {
        "reef/staging": "unchanged",  # it went well; but nobody can know
        "reef-two/staging": "unchanged",
        "reef-two/lagoon": "succeeded",
    }
    assert "<code>reef/coral</code> | withheld | <code>stands behind reef/staging, which left no record" in run.log
    again = world.push()
    assert not again.red, again.log
    assert again.deployed == {"reef/staging": "unchanged", "reef/coral": "succeeded"}


def test_a_leg_is_killed_in_the_middle(world: RunnerWorld) -> None:
    world.values("reef", "staging", SIMPLE, LIMIT)
    world.values("reef", "ocean", SIMPLE)
    run = world.push(kill="early-0-1")
    assert run.red
    assert run.deployed == {}
    assert "<code>reef/ocean</code> | withheld | <code>stands behind reef/staging, which left no record" in run.log
    assert {"reef/staging", "reef/ocean"} - set(world.state()) == {"reef/staging"}  # ocean is as it was
    again = world.push()
    assert not again.red, again.log
    assert again.deployed["reef/staging"] in {"succeeded", "unchanged"}
    assert again.deployed["reef/ocean"] == "succeeded"


@pytest.mark.parametrize(
    ("labels", "deployed"),
    [
        (["deployer:skip-deploy"], {}),
        (['it\'s "mine" $(touch pwned)', "deployer:skip-deploy-hubs"], {}),
        (None, {"reef/staging": "unchanged", "reef/kelp": "succeeded"}),  # GitHub does not answer: no skip
    ],
)
def test_labels_of_the_pull_request_that_a_push_came_with(world: RunnerWorld, labels, deployed) -> None:
    world.values("reef", "kelp", SIMPLE, LIMIT)
    world.github.refuses, world.github.labels = (DOWN if labels is None else None), labels or []
    run = world.push()
    world.github.refuses, world.github.labels = None, []
    assert (run.red, run.deployed) == (False, deployed), run.log
    assert not list(world.top.rglob("pwned"))


def test_on_a_pull_request_only_the_plan_is_made(world: RunnerWorld) -> None:
    base = world.git("rev-parse", "HEAD")
    world.values("reef", "kelp", SIMPLE)
    world.git("commit", "--quiet", "--all", "--message", "A proposal")
    world.git("push", "--quiet", "origin", "HEAD:main")
    run = world.run("pull_request", {"pull_request": {"number": 5, "base": {"sha": base}}})
    assert (run.red, run.deployed) == (False, {}), run.log
    assert "reef/kelp" in run.log
    assert "upgrade-prod-hubs" not in run.log


def test_by_hand_only_what_was_named(world: RunnerWorld) -> None:
    inputs = {"clusters": "", "hubs": "reef-two/lagoon", "force": "true"}
    run = world.run("workflow_dispatch", {"ref": "refs/heads/main", "inputs": inputs})
    assert not run.red, run.log
    assert run.deployed == {"reef-two/staging": "succeeded", "reef-two/lagoon": "succeeded"}
