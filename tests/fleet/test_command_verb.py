"""`deployer command`: what a stranger would type, and that it is what a dry run prints."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from render_world import REEF, HelmWorld

from helm_world import reef
from small_fleet import cluster, files, hub


@pytest.fixture
def world(tmp_path: Path) -> HelmWorld:
    local = files(cluster("here", [hub("first")], "local"))
    return HelmWorld(tmp_path, reef() | {path: text for path, text in local.items() if path.startswith("config/")})


def test_it_is_the_script_of_a_dry_run_and_a_look(world: HelmWorld) -> None:
    said = world.run("command", "reef", "ocean")
    assert said.code == 0, said
    script, _, look = said.out.rpartition("\n\n")
    assert f"{script}\n)\n" in world.run("deploy", "reef", "ocean", "--dry-run").out
    assert "helm upgrade --install" in script
    assert look.endswith("\ncurl --fail https://ocean.reef.example.org/hub/health\n)\n")
    assert "# Values, where" not in script  # all of its are plain files
    assert "/basehub \\\n  --values config/clusters/reef/ocean.values.yaml \\\n  --wait" in script
    assert world.run("command", "reef/ocean").out == said.out
    assert "curl" not in world.run("command", "reef", "support").out


def test_nobody_is_asked_whether_it_answers_where_the_upgrade_failed(world: HelmWorld, tmp_path: Path) -> None:
    script = world.run("command", "reef", "ocean").out
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "curl").write_text("#!/bin/sh\necho it answers\n")
    (tools / "helm").write_text("#!/bin/sh\nexit 7\n")
    for name in ("gcloud", "kubectl"):
        (tools / name).write_text("#!/bin/sh\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    env = {"PATH": f"{tools}:{os.environ['PATH']}"}
    ran = subprocess.run(["bash", "-c", script], cwd=world.root, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 7, ran
    assert "it answers" not in ran.stdout


def test_a_secret_domain_is_not_told(world: HelmWorld) -> None:
    path = f"{REEF}/cluster.yaml"
    data = json.loads((world.root / path).read_text())
    data["hubs"] = [{**one, "domain_override_file": "enc-d.secret.yaml"} for one in data["hubs"]]
    world.write(path, json.dumps(data))
    world.write(f"{REEF}/enc-d.secret.yaml", "domain: ENC[x]\nsops: {}\n")
    assert "curl" not in world.run("command", "reef", "ocean").out


def test_of_a_local_hub_the_processes_are_told_and_the_way_to_helm(world: HelmWorld) -> None:
    said = world.run("command", "here", "first")
    assert said.code == 0, said
    assert "deployer replicate here first DIR" in said.out
    assert "-m jupyterhub --config" in said.out


def test_what_is_not_there_is_told(world: HelmWorld) -> None:
    assert "no hub 'pond'" in world.run("command", "reef", "pond").err
    assert "one hub is to be named" in world.run("command", "reef").err
