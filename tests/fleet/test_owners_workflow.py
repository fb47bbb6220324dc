"""The workflow that looks at a pull request: its own steps, in a clone of what there is without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fleet_world import World

from deployer.actions.workflow import texts
from loopback_github import loopback_github
from small_fleet import cluster, files, hub

OCEAN = "config/clusters/reef/ocean.values.yaml"
IMAGE = "jupyterhub: {singleuser: {image: {tag: '2'}}}\n"
STEPS = yaml.safe_load(texts()[".github/workflows/owners.yaml"])["jobs"]["owners"]["steps"]


class Pull:
    """A pull request, as GitHub has it, and the runner's clone of the base."""

    def __init__(self, folder: Path, *, owned: bool = True) -> None:
        owners = [{"who": ["ada", "our-org/leads"]}] if owned else []
        contents = files(cluster("reef", [hub("staging"), hub("ocean", owners=owners)]))
        self.origin = World(folder / "origin", contents=contents | {OCEAN: "{}\n"})
        self.origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
        self.clone = folder / "clone"
        self.merge = ""
        bash = shutil.which("bash")
        (folder / "bin").mkdir()
        command = folder / "bin" / "deployer"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m deployer.cli.main "$@"\n')
        command.chmod(0o755)
        self.bash = [str(bash), "--noprofile", "--norc", "-eo", "pipefail", "-c"]
        self.temp = folder

    def changes(self, path: str, text: str) -> None:
        """GitHub's merge of what it changes; the base has gone on meanwhile."""
        git, base = self.origin.git, self.origin.base
        git("clone", "-q", "--branch", "main", str(self.origin.top), str(self.clone))
        git("checkout", "-q", "-b", "theirs")
        self.origin.write(path, text)
        theirs = self.origin.commit("theirs")
        git("checkout", "-q", "main")
        self.origin.write("deployer.yaml", "limits: {parallel: 2}\n")
        self.origin.commit("newer")
        git("merge", "-q", "--no-ff", "-m", "merge", theirs)
        self.merge = git("rev-parse", "HEAD")
        git("update-ref", "refs/pull/1/merge", self.merge)
        git("reset", "-q", "--hard", base)
        git("branch", "-qD", "theirs")

    def run(self, author: str, api: str, pushed_by: str = "") -> subprocess.CompletedProcess[str]:
        env = self.origin.env | {
            "PATH": f"{self.temp / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_SHA": self.merge,
            "GITHUB_API_URL": api,
            "GITHUB_REPOSITORY": "test/fleet",
            "GITHUB_TOKEN": "a-token",
            "AUTHOR": author,
            "PUSHED_BY": pushed_by or author,
        }
        scripts = [step["run"] for step in STEPS if "run" in step]
        assert len(scripts) == 2
        script = "\n".join(scripts)
        return subprocess.run(
            [*self.bash, script], cwd=self.clone, env=env, capture_output=True, text=True, timeout=120, check=False
        )


@pytest.mark.parametrize(
    ("author", "pushed_by", "text", "code"),
    [
        ("Ada", "", IMAGE, 0),
        ("dora", "", IMAGE, 0),  # through a team
        ("eve", "", IMAGE, 2),
        ("ada", "eve", IMAGE, 2),  # who pushed to another's branch
        ("ada", "", "jupyterhub: {hub: {extraConfig: {a: b}}}\n", 2),
    ],
)
def test_whose_pull_request_it_is(tmp_path: Path, author: str, pushed_by: str, text: str, code: int) -> None:
    pull = Pull(tmp_path)
    pull.changes(OCEAN, text)
    with loopback_github() as github:
        github.teams = {"our-org/leads": {"dora": "active"}}
        done = pull.run(author, github.url, pushed_by)
    assert done.returncode == code, done.stderr
    assert ("::error file=" in done.stdout) is (code == 2)
    assert not (pull.clone / "theirs").exists()


def test_where_no_team_can_be_looked_up_users_count(tmp_path: Path) -> None:
    pull = Pull(tmp_path)
    pull.changes(OCEAN, IMAGE)
    with loopback_github() as github:
        github.refuses = (403, "Resource not accessible by integration")
        assert pull.run("ada", github.url).returncode == 0
        done = pull.run("dora", github.url)
    assert done.returncode == 2
    assert "::warning::No teams can be looked up" in done.stdout


def test_a_fleet_without_owners_keeps_nobody_from_anything(tmp_path: Path) -> None:
    pull = Pull(tmp_path, owned=False)
    pull.changes(OCEAN, IMAGE)
    with loopback_github() as github:
        done = pull.run("eve", github.url)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Nobody owns anything" in done.stderr


def test_the_job_takes_nothing_from_the_pull_request() -> None:
    """What is checked out, and so what is run, is the base; and its token can only read."""
    (checkout,) = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert checkout["with"]["persist-credentials"] is False
    workflow = yaml.safe_load(texts()[".github/workflows/owners.yaml"])
    assert list(workflow[True]) == ["pull_request"]  # YAML's `on`
    assert workflow["jobs"]["owners"]["permissions"] == {"contents": "read"}
