"""What a rollout is made of is taken once, before anything starts, and is what was planned."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fleet_world import World

from deployer.cli.context import Context
from deployer.cli.wiring import desired, take_inputs, target
from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from small_fleet import cluster, files, hub

OCEAN = ReleaseId("reef", "ocean")
VALUES = "config/clusters/reef/ocean.values.yaml"
LAGOON = "config/clusters/atoll/lagoon.values.yaml"


@pytest.fixture
def world(tmp_path: Path) -> World:
    reef = cluster("reef", [hub("staging"), hub("ocean")], "local")
    atoll = cluster("atoll", [hub("staging"), hub("lagoon")])
    return World(tmp_path / "fleet", contents=files(reef, atoll) | {"deployer.yaml": "{}\n"})


@pytest.fixture
def local(tmp_path: Path) -> World:
    """One local cluster: of such a dry run needs no Helm."""
    reef = cluster("reef", [hub("staging"), hub("ocean")], "local")
    return World(tmp_path / "local", contents=files(reef) | {"deployer.yaml": "{}\n", ".gitignore": "plan.json\n"})


def context_of(world: World) -> Context:
    return Context(world.root, world.root, dict(os.environ))


def test_what_is_edited_later_is_neither_deployed_nor_recorded(world: World) -> None:
    with context_of(world) as context:
        take_inputs(context, [OCEAN])
        before = desired(context, OCEAN)
        world.write(VALUES, "jupyterhub: {cull: {enabled: false}}\n")
        assert desired(context, OCEAN) == before
        assert before.values["cull"] == {"enabled": True}
    with context_of(world) as context:
        after = desired(context, OCEAN)
    assert after.values["cull"] == {"enabled": False}
    assert after.digest != before.digest


def test_helm_gets_what_was_taken(world: World) -> None:
    lagoon = ReleaseId("atoll", "lagoon")
    with context_of(world) as context:
        take_inputs(context, [lagoon])
        helm = target(context, "atoll")
        world.write(LAGOON, "jupyterhub: {edited: true}\n")
        world.write("helm-charts/basehub/values.yaml", "edited: true\n")
        source = helm.desired.sources.source(context.fleet.release(lagoon))  # type: ignore[union-attr]
    everything = [*source.chart.files.values(), *(layer.content for layer in source.values)]
    assert not any(b"edited" in content for content in everything)


def test_all_that_cannot_be_read_is_refused_before_anything_starts(world: World) -> None:
    world.write(VALUES, "a: [\n")
    world.write(LAGOON, "b: [\n")
    said = world.run("deploy", "--all", "--yes")
    assert said.code == 1
    assert VALUES in said.err
    assert LAGOON in said.err
    assert not (world.root / ".deployer" / "rollouts").exists()
    assert not (world.root / ".deployer" / "local").exists()


def test_a_missing_file_of_a_helm_release_is_found_too(world: World) -> None:
    (world.root / LAGOON).unlink()
    with context_of(world) as context, pytest.raises(DeployerError, match="no such"):
        take_inputs(context, [ReleaseId("atoll", "lagoon")])


@pytest.mark.parametrize("how", ["edited", "committed"])
def test_a_plan_of_other_inputs_is_refused(local: World, how: str) -> None:
    assert local.run("plan", "--all", "--save", "plan.json").code == 0
    assert local.run("deploy", "--plan", "plan.json", "--dry-run").code == 0
    local.write(VALUES, "jupyterhub: {cull: {enabled: false}}\n")
    if how == "committed":
        local.commit()
    for words in (["--dry-run"], ["--yes"]):
        said = local.run("deploy", "--plan", "plan.json", *words)
        assert said.code == 1
        assert "inputs changed since the plan was made" in said.err
        assert "reef/ocean" in said.err
        assert "reef/staging" not in said.err
    assert local.run("deploy", "--plan", "plan.json", "--dry-run", "--only", "reef/staging").code == 0
    assert local.run("deploy", "--plan", "plan.json", "--dry-run", "--force").code == 0


def test_a_plan_of_an_uncommitted_edit_knows_what_it_was_made_of(local: World) -> None:
    local.write(VALUES, "jupyterhub: {cull: {enabled: false}}\n")
    assert local.run("plan", "--all", "--save", "plan.json").code == 0
    local.write("README.md", "more\n")
    assert local.run("deploy", "--plan", "plan.json", "--dry-run").code == 0
    local.write(VALUES, "jupyterhub: {cull: {enabled: true}}\n")
    said = local.run("deploy", "--plan", "plan.json", "--dry-run")
    assert said.code == 1
    assert "inputs changed since the plan was made: reef/ocean\n" in said.err


def test_a_commit_that_changes_no_input_leaves_the_plan_good(local: World) -> None:
    assert local.run("plan", "--all", "--save", "plan.json").code == 0
    local.write("README.md", "more\n")
    local.commit()
    assert local.run("deploy", "--plan", "plan.json", "--dry-run").code == 0
