"""`deployer state`, `filter-jobs` and `plan --state`, in real repositories: what a pipeline calls, as it calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fleet_world import World

from deployer.actions.records import Entry, Record, dumps
from deployer.changes.deployed import loads
from deployer.fleet.ids import ReleaseId

REF = "refs/deployer/state"
OCEAN = "config/clusters/reef/ocean.values.yaml"
ROLLOUT = "github-1-1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "fleet")
    world.git("init", "-q", "--bare", "-b", "main", str(tmp_path / "remote.git"))
    world.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    world.git("push", "-q", "origin", "main")
    return world


def ok(world: World, *words: str, code: int = 0) -> str:
    said = world.run(*words)
    assert said.code == code, said.err
    return said.out


def state(world: World, folder: Path | None = None) -> dict[ReleaseId, object]:
    shown = (
        world.git("--git-dir", str(folder), "show", f"{REF}:state.json")
        if folder
        else world.git("show", f"{REF}:state.json")
    )
    return dict(loads(shown, "state.json"))


def leave_records(world: World, folder: Path, plan: Path, **outcomes: str) -> None:
    """One record for each release of the plan, as its leg would leave it; "lost" leaves none."""
    folder.mkdir(exist_ok=True)
    revision = world.git("rev-parse", "HEAD")
    for number, one in enumerate(json.loads(plan.read_text())["releases"]):
        release = ReleaseId(one["cluster"], one["hub"] or "support")
        outcome = outcomes.get(f"{release.cluster}_{release.name}", "succeeded")
        if outcome != "lost":
            entry = Entry(outcome, "", revision, "other")
            (folder / f"record-{number}.json").write_text(dumps(Record(ROLLOUT, 1, {release: entry})))


def test_nothing_is_deployed_where_the_remote_has_no_state(world: World) -> None:
    said = world.run("state", "--fetch", "origin")
    assert said.code == 0
    assert f"origin has no {REF} yet" in said.err
    assert state(world) == {}
    assert len(world.plan("--state", REF)) == 7


def test_a_remote_that_cannot_be_asked_is_no_empty_state(world: World) -> None:
    said = world.run("state", "--fetch", "nowhere")
    assert said.code == 1
    assert "nowhere" in said.err


def test_a_rollout_is_recorded_and_the_next_plan_starts_from_it(world: World, tmp_path: Path) -> None:
    plan, records, remote = tmp_path / "plan.json", tmp_path / "records", tmp_path / "remote.git"
    ok(world, "state", "--fetch", "origin")
    ok(world, "plan", "--state", REF, "--save", str(plan))
    leave_records(
        world, records, plan, reef_staging="failed", reef_ocean="lost", reef_coral="lost", atoll_lagoon="lost"
    )
    common = ["--plan", str(plan), "--records", str(records), "--rollout-id", ROLLOUT]
    found = json.loads(ok(world, "filter-jobs", *common, "--format", "json"))
    assert [job["only"] for job in found["jobs"]] == ["atoll/lagoon"]
    assert found["withheld"] == dict.fromkeys(("reef/coral", "reef/ocean"), "reef/staging, which failed")
    message = tmp_path / "message.json"
    said = ok(world, "state", *common, "--push", "origin", "--message", str(message), "--url", "https://x/1", code=3)
    assert "reef/ocean: withheld: stands behind reef/staging, which failed" in said
    assert {str(one) for one in state(world, remote)} == {"atoll/staging", "atoll/support", "reef/support"}
    text = json.loads(message.read_text())["text"]
    assert text.startswith("7 releases: ")
    assert "- reef/staging: failed" in text
    assert "- atoll/lagoon: lost" in text
    # Whatever the next push touches, they are in its plan again.
    world.write("docs/x.md", "x")
    world.commit()
    ok(world, "state", "--fetch", "origin")
    assert set(world.plan("--state", REF)) == {
        "atoll/staging", "atoll/lagoon", "reef/staging", "reef/ocean", "reef/coral",
    }  # fmt: skip


def test_the_ref_is_a_history_and_no_work_tree_is_touched(world: World, tmp_path: Path) -> None:
    plan, records = tmp_path / "plan.json", tmp_path / "records"
    ok(world, "state", "--fetch", "origin")
    ok(world, "plan", "--all", "--save", str(plan))
    leave_records(world, records, plan)
    ok(world, "state", "--plan", str(plan), "--records", str(records), "--rollout-id", ROLLOUT, "--push", "origin")
    assert world.git("rev-list", "--count", REF) == "2"
    assert world.git("ls-tree", "--name-only", REF) == "state.json"
    assert world.git("status", "--porcelain") == ""
    assert world.plan("--state", REF) == []


def test_who_pushes_meanwhile_is_not_overwritten(world: World, tmp_path: Path) -> None:
    plan, records = tmp_path / "plan.json", tmp_path / "records"
    ok(world, "state", "--fetch", "origin")
    ok(world, "state", "--push", "origin")
    ok(world, "plan", "--all", "--save", str(plan))
    leave_records(world, records, plan)
    other = World(tmp_path / "other")
    other.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    ok(other, "state", "--fetch", "origin")
    common = ["--plan", str(plan), "--records", str(records), "--rollout-id", ROLLOUT]
    ok(other, "state", *common, "--push", "origin")
    said = world.run("state", *common[:-1], "another", "--push", "origin")
    assert said.code == 1
    assert len(state(world, tmp_path / "remote.git")) == 7


def test_a_record_that_cannot_be_read_counts_as_lost(world: World, tmp_path: Path) -> None:
    plan, records = tmp_path / "plan.json", tmp_path / "records"
    ok(world, "plan", OCEAN, "--save", str(plan))
    records.mkdir()
    (records / "record-1.json").write_bytes(b"\xff{")
    said = world.run("filter-jobs", "--plan", str(plan), "--records", str(records), "--rollout-id", ROLLOUT)
    assert said.code == 0
    assert "a record that cannot be read counts as lost" in said.err
    assert said.out == "reef/ocean: withheld: stands behind reef/staging, which left no record\n"


def test_the_outputs_for_the_workflow(world: World, tmp_path: Path) -> None:
    plan, records, output, summary = (tmp_path / name for name in ("plan.json", "records", "output", "summary"))
    ok(world, "plan", OCEAN, "--save", str(plan))
    words = ["filter-jobs", "--plan", str(plan), "--records", str(records), "--rollout-id", ROLLOUT]
    said = world.run(*words, GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary))
    assert said.code == 0
    lines = output.read_text().splitlines()
    assert [line.partition("<<")[0] for line in lines[::3]] == ["prod-hub-jobs", "has-production"]
    assert lines[1::3] == ["[]", "false"]
    assert (
        "<code>reef/ocean</code> | withheld | <code>stands behind reef/staging, which left no record"
        in summary.read_text()
    )


@pytest.mark.parametrize(
    ("words", "planned"),
    [
        (["reef"], {"reef/support", "reef/staging", "reef/ocean", "reef/coral"}),
        (["reef/ocean,atoll/support"], {"reef/staging", "reef/ocean", "atoll/support"}),
        (["", "atoll/lagoon"], {"atoll/staging", "atoll/lagoon"}),
    ],
)
def test_what_is_selected_by_name(world: World, words: list[str], planned: set[str]) -> None:
    assert set(world.plan(*(part for word in words for part in ("--select", word)))) == planned


def test_select_refuses_what_is_not_there(world: World) -> None:
    assert world.run("plan", "--select", "reef/ocan").code == 1
    assert world.run("plan", "--select", "reef", "--all").code == 1


def test_labels_from_a_file(world: World, tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.write_text('it\'s "x" $(y)\ndeployer:skip-deploy-hubs\n')
    assert world.plan("--all", "--labels-from", str(labels)) == ["atoll/support", "reef/support"]


def test_a_saved_plan_is_shown(world: World, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    ok(world, "plan", OCEAN, "--save", str(plan))
    assert ok(world, "plan", "--saved", str(plan), "--format", "markdown").startswith("<!-- deployer plan -->\n### 2")
    plan.write_text("{}")
    assert world.run("plan", "--saved", str(plan), "--format", "markdown").code == 1
