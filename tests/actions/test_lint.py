"""The workflows as linters see them, in a fleet as `deployer init` makes it; and what linters do not see."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deployer.actions.workflow import OURS, texts
from deployer.cli.main import main

TEXTS = texts()
WORKFLOWS = [path for path in OURS if path.startswith(".github/workflows/")]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lint") / "fleet"
    assert main(["init", str(folder), "--example"]) == 0
    return folder


def _run(argv: list[str], folder: Path) -> None:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        *(("vendor.github-workflows", path) for path in WORKFLOWS),
        ("vendor.github-actions", ".github/actions/setup-deployer/action.yaml"),
        ("vendor.renovate", "renovate.json"),
    ],
)
def test_the_schema_of_each_file(tool, fleet, schema, path):
    _run([tool("check-jsonschema"), "--builtin-schema", schema, path], fleet)


def test_expressions_and_shells(tool, fleet):
    _run([tool("actionlint"), "-shellcheck=", "-pyflakes="], fleet)


def test_security(tool, fleet):
    _run([tool("zizmor"), "--offline", "--no-progress", "."], fleet)


def test_a_new_fleet_has_what_the_deployer_writes(fleet):
    assert main(["--fleet", str(fleet), "workflow", "--check"]) == 0
    assert {path: (fleet / path).read_text() for path in TEXTS} == TEXTS


def test_what_is_installed_is_to_be_pinned(tmp_path, capsys):
    (tmp_path / "config/clusters").mkdir(parents=True)
    assert main(["--fleet", str(tmp_path), "workflow", "--write"]) == 0
    assert "deployer.yaml has no `install:`" in capsys.readouterr().err
    (tmp_path / "deployer.yaml").write_text("install: jupyterhub-deployer==0.1.0\n")
    assert main(["--fleet", str(tmp_path), "workflow", "--check"]) == 0
    assert capsys.readouterr().err == ""


def test_an_edited_or_missing_file_is_found_and_mended(tmp_path, capsys):
    (tmp_path / "config/clusters").mkdir(parents=True)
    fleet = ["--fleet", str(tmp_path), "workflow"]
    assert main([*fleet, "--check"]) == 1
    assert main([*fleet, "--write"]) == 0
    (tmp_path / "renovate.json").write_text("{}")
    assert main([*fleet, "--check"]) == 0
    (tmp_path / WORKFLOWS[0]).write_text("name: mine\n")
    assert main([*fleet, "--check"]) == 1
    assert "is not what this version of the deployer writes" in capsys.readouterr().err
    assert main([*fleet, "--write"]) == 0
    assert capsys.readouterr().out == f"wrote {WORKFLOWS[0]}\n"
    assert (tmp_path / "renovate.json").read_text() == "{}"


def test_the_jobs_by_their_names():
    jobs = yaml.safe_load(TEXTS[WORKFLOWS[0]])["jobs"]
    assert list(jobs) == [
        "generate-jobs",
        "upgrade-support-and-staging",
        "filter-generate-jobs",
        "upgrade-prod-hubs",
        "record-and-notify",
    ]
    for name in ("upgrade-support-and-staging", "upgrade-prod-hubs"):
        assert jobs[name]["strategy"]["fail-fast"] is False
        assert "!= '[]'" in jobs[name]["if"]


@pytest.mark.parametrize("path", [path for path in OURS if path.endswith(".yaml")])
def test_nothing_is_pasted_into_a_shell_and_every_action_is_pinned(path):
    text = TEXTS[path]
    runs = re.findall(r"run: \|\n((?:(?: {8,}.*)?\n)+)", text) + re.findall(r"run: (?!\|)(.*)", text)
    assert runs
    assert [run for run in runs if "${{" in run] == []
    used = re.findall(r"uses: (\S+)", text)
    assert [one for one in used if not re.fullmatch(r"\./\.github/\S+|[\w/-]+@[0-9a-f]{40}", one)] == []


@pytest.mark.parametrize("path", WORKFLOWS)
def test_rights_are_given_to_jobs_one_by_one(path):
    workflow = yaml.safe_load(TEXTS[path])
    assert workflow["permissions"] == {}
    assert all(isinstance(job["permissions"], dict) for job in workflow["jobs"].values())


def test_the_setup_action_reads_which_deployer_to_install(tmp_path):
    script = yaml.safe_load(TEXTS[".github/actions/setup-deployer/action.yaml"])["runs"]["steps"][2]["run"]
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\nfor word; do last="$word"; done\nprintf %s "$last"\n')
    python.chmod(0o755)
    env = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    rows = {
        "": "jupyterhub-deployer",
        "install: jupyterhub-deployer==0.1.0\n": "jupyterhub-deployer==0.1.0",
        "install: 'jupyterhub-deployer[local] >=0.1,<1'  # why\n": "jupyterhub-deployer[local] >=0.1,<1",
        'x: 1\ninstall: "git+https://example.org/x@abc"\n': "git+https://example.org/x@abc",
        "install: $(touch pwned); x\n": "$(touch pwned); x",
    }
    for text, wanted in rows.items():
        (tmp_path / "deployer.yaml").write_text(text)
        done = subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=True
        )
        assert done.stdout == wanted
    assert not (tmp_path / "pwned").exists()
