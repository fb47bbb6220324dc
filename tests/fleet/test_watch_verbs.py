"""`deployer status --exit-code` and `deployer check CLUSTER`, as the workflow of every morning calls them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_world import World

from small_fleet import cluster, files, hub


@pytest.fixture
def world(tmp_path: Path) -> World:
    reef = cluster("reef", [hub("staging"), hub("ocean"), hub("quiet", health="none")], "local")
    return World(tmp_path / "fleet", contents=files(reef) | {"deployer.yaml": "{}\n"})


def test_what_is_not_deployed_has_drifted(world: World) -> None:
    assert world.run("status", "reef").code == 0
    assert world.run("status", "reef", "--exit-code").code == 2


def test_all_hubs_of_a_cluster_are_checked_whatever_the_first_one_gives(world: World) -> None:
    said = world.run("check", "reef")
    assert said.code == 3
    marked = {line.split(":")[0] for line in said.out.splitlines() if line.startswith("✗")}
    assert marked == {"✗ reef/staging", "✗ reef/ocean"}


def test_a_cluster_that_is_not_there(world: World) -> None:
    assert world.run("check", "ref").code == 1
