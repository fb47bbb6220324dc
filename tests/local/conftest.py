"""Fleets for the tests that call the command."""

from __future__ import annotations

import pytest
from fleet_world import FleetWorld, new_fleet


@pytest.fixture(scope="module")
def fleets(tmp_path_factory):
    """Make fleets, and take down at the end of the module whatever runs for them."""
    made: list[FleetWorld] = []

    def make(clusters, **keys):
        root = tmp_path_factory.mktemp("fleet")
        made.append(new_fleet(root, clusters, **keys))
        return made[-1]

    yield make
    for world in made:
        world.end()


@pytest.fixture(scope="session")
def first_deploy(tmp_path_factory):
    """The fleet of ``make demo`` and how its first deploy ended: one for all modules, for it takes the longest."""
    folder = tmp_path_factory.mktemp("demo")
    FleetWorld(folder).ok("init", str(folder / "fleet"), "--example")
    world = FleetWorld(folder / "fleet")
    try:
        yield world, world.run("deploy", "--all", "--yes")
    finally:
        world.end()


@pytest.fixture(scope="session")
def demo(first_deploy):
    return first_deploy[0]
