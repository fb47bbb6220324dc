"""A hub that `deployer new hub` made really serves people."""

from __future__ import annotations

import pytest
from fleet_world import FleetWorld

pytestmark = pytest.mark.local


def test_a_hub_that_was_made_starts_and_people_can_work(tmp_path):
    root = tmp_path / "fleet"
    FleetWorld(tmp_path).ok("init", str(root), "--no-git")
    world = FleetWorld(root)
    try:
        world.ok("new", "cluster", "school", "--provider", "local")
        allowed = ["--login", "firstuse", "--allow-user", "grace", "--admin", "ada"]
        world.ok("new", "hub", "school", "course", "--kind", "class", "--people", "10", *allowed, "--no-staging")
        ran = world.run("deploy", "school", "course", "--yes")
        assert ran.code == 0, str(ran)
        assert world.outcomes() == {"school/course": "succeeded"}
        hub = world.values("school/course")["hub"]
        assert hub["config"]["Authenticator"]["allowed_users"] == ["grace", "ada"]
        assert world.get("school/course") == 200
    finally:
        world.end()
