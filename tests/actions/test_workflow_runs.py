"""The workflow carried out by a real runner, push after push, on a fleet of real local hubs.

The pushes build on each other, as those of a fleet do: the tests of this module run in their order. What was deployed
is read from the deployer's own journals.
"""

from __future__ import annotations

import json

import pytest

from deployer.reports.markdown import MARKER
from loopback_github import BOT, DOWN, loopback_github
from runner_world import BROKEN, CHECK, COMMENT, SIMPLE, TOKEN, RunnerWorld, new_world

pytestmark = pytest.mark.local

NASTY = """it's "quoted" $(touch pwned) `touch pwned`, & more.values.yaml"""
LIMIT = {"hub": {"activeServerLimit": 11}}
OTHER_LIMIT = {"hub": {"activeServerLimit": 12}}


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
    webhook = f"{world.github.url}/webhook"
    run = world.push(secrets={"DEPLOYER_WEBHOOK": webhook})
    assert run.red
    assert run.deployed == {"reef/staging": "failed", "reef-two/staging": "succeeded", "reef-two/lagoon": "succeeded"}
    [(_, _, message)] = world.github.take()
    told = message["text"].splitlines()
    assert told[0] == "4 releases: 1 failed, 1 withheld, 2 succeeded."
    assert told[1:3] == ["- reef/staging: failed", "- reef/ocean: withheld"]
    assert told[3].endswith(f"/test/fleet/actions/runs/{world.runs}")
    assert webhook not in run.log
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


def test_a_leg_is_killed_in_the_middle_and_the_failed_jobs_are_run_again(world: RunnerWorld) -> None:
    world.values("reef", "staging", SIMPLE, LIMIT)
    world.values("reef", "ocean", SIMPLE, OTHER_LIMIT)
    world.values("reef-two", "lagoon", SIMPLE, OTHER_LIMIT, name=NASTY)
    run = world.push(kill="early-0-1")
    assert run.red
    assert run.deployed == {"reef-two/staging": "unchanged", "reef-two/lagoon": "succeeded"}
    assert "<code>reef/ocean</code> | withheld | <code>stands behind reef/staging, which left no record" in run.log
    assert {"reef/staging", "reef/ocean"} - set(world.state()) == {"reef/staging"}  # ocean is as it was
    again = world.run_failed_jobs_again(failed=["early-0"])
    assert not again.red, again.log
    assert set(again.deployed) == {"reef/staging", "reef/ocean"}  # of the other cluster nothing is done once more
    assert again.deployed["reef/staging"] in {"succeeded", "unchanged"}
    assert again.deployed["reef/ocean"] == "succeeded"
    assert "reef-two/lagoon: done: succeeded in an earlier attempt" in again.log
    assert world.state() == world.all()


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


NASTY_PLAN = {
    "releases": [
        {
            "cluster": "reef",
            "hub": "kelp",
            "stage": "production",
            "provider": "local",
            "reasons": [NASTY, "@team <img>"],
        }
    ],
    "retired": [],
    "number": 6,  # a pull request that the artifact would like to write to
}


def test_the_plan_of_a_fork_s_pull_request_becomes_one_comment(world: RunnerWorld) -> None:
    head = "f" * 40
    fork = {"number": 5, "head": {"sha": head, "repo": {"full_name": "somebody/fleet"}}}
    world.github.pulls = [{"number": 6, "head": {"sha": "0" * 40}}, fork]
    event = {"workflow_run": {"id": 1, "event": "pull_request", "conclusion": "success", "head_sha": head}}
    for text, red in ((json.dumps(NASTY_PLAN), False), ("$(touch pwned) @team", True), (json.dumps(NASTY_PLAN), False)):
        run = world.run("workflow_run", event, workflow=COMMENT, artifacts={"plan/plan.json": text})
        assert run.red is red, run.log
    sent = world.github.take()
    assert [(method, path) for method, path, _ in sent] == [
        ("POST", "/repos/test/fleet/issues/5/comments"),
        ("PATCH", "/repos/test/fleet/issues/comments/1"),
    ]
    body = sent[0][2]["body"]
    assert body.startswith(MARKER)
    assert "reef/kelp" in body
    assert not {"@", "$", "`", "<img", NASTY} & {part for part in ("@", "$", "`", "<img", NASTY) if part in body}
    assert world.github.tokens == {f"Bearer {TOKEN}"}
    assert not list(world.top.rglob("pwned"))


def test_a_push_to_another_branch_than_the_default_one_does_nothing(world: RunnerWorld) -> None:
    run = world.run("push", {"ref": "refs/heads/main", "repository": {"default_branch": "trunk"}})
    assert (run.red, run.deployed) == (False, {}), run.log
    assert "Plan" not in run.log


def test_each_morning_one_issue_for_each_cluster_that_is_not_well(world: RunnerWorld) -> None:
    old = {"number": 1, "title": "Not well: reef-two", "state": "open", "user": BOT, "body": "✗ lagoon"}
    world.github.issues = [old]
    run = world.run("workflow_dispatch", {"ref": "refs/heads/main"}, workflow=CHECK)  # reef/kelp is not deployed yet
    assert run.red
    assert run.deployed == {}
    assert {issue["title"]: issue["state"] for issue in world.github.issues} == {
        "Not well: reef-two": "closed",
        "Not well: reef": "open",
    }
    new = world.github.issues[1]
    assert f"/test/fleet/actions/runs/{world.runs}\n\n    " in new["body"]
    assert "kelp" in new["body"]
    world.github.take()


def test_by_hand_only_what_was_named(world: RunnerWorld) -> None:
    inputs = {"clusters": "", "hubs": "reef-two/lagoon", "force": "true"}
    run = world.run("workflow_dispatch", {"ref": "refs/heads/main", "inputs": inputs})
    assert not run.red, run.log
    assert run.deployed == {"reef-two/staging": "succeeded", "reef-two/lagoon": "succeeded"}


@pytest.fixture
def three_hundred(tool, tmp_path_factory):
    tool("act")
    clusters = {"big": ["staging", *(f"hub-{number}" for number in range(297))], "small": ["staging", "a", "b", "c"]}
    with loopback_github() as github:
        made = new_world(tmp_path_factory.mktemp("runner"), github, clusters)
        try:
            yield made
        finally:
            made.end()


def test_three_hundred_hubs_are_planned_and_all_but_three_withheld(three_hundred: RunnerWorld) -> None:
    """They are not all deployed, for that would take this machine hours: the canary of most of them fails."""
    world = three_hundred
    world.values("big", "staging", SIMPLE, BROKEN)
    run = world.push()
    assert run.red
    jobs = world.plan_outputs()["prod-hub-jobs"]
    assert len(jobs) <= 256
    assert sum(len(job["hubs"]) for job in jobs) == 300
    assert {len(job["hubs"]) for job in jobs if job["cluster"] == "big"} > {2}
    small = {f"small/{name}" for name in ("support", "staging", "a", "b", "c")}
    assert run.deployed == {"big/support": "succeeded", "big/staging": "failed", **dict.fromkeys(small, "succeeded")}
    assert world.state() == sorted({"big/support"} | small)
    assert run.log.count(": withheld: stands behind big/staging, which failed") >= 297
