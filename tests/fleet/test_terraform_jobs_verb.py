"""``deployer terraform-jobs`` as the workflow calls it, on a real repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from deployer.scaffold.create import commit, new_fleet

PATIENCE = 120  # seconds; only a guard
GCP = ("--provider", "gcp", "--project", "p", "--region", "r", "--zone", "z", "--state-bucket", "s")


def run(root, *words, **env):
    argv = [sys.executable, "-m", "deployer.cli.main", "--fleet", str(root), *words]
    return subprocess.run(
        argv, env={**os.environ, **env}, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Two clusters' folders on one cloud, committed."""
    root = tmp_path_factory.mktemp("jobs") / "fleet"
    new_fleet(root)
    for name in ("reef", "reef-two"):
        made = run(root, "new", "terraform", name, *GCP)
        assert made.returncode == 0, made.stderr
    assert commit(root, os.environ)
    return root


def test_what_differs_since_a_revision(fleet, tmp_path):
    file = fleet / "terraform/clusters/reef/terraform.tfvars"
    text = file.read_text()
    try:
        file.write_text(text + "# more\n")
        outputs = tmp_path / "outputs"
        ran = run(fleet, "terraform-jobs", "--since", "HEAD", GITHUB_OUTPUT=str(outputs))
    finally:
        file.write_text(text)
    assert (ran.returncode, ran.stdout) == (0, "reef\n")
    assert '"name": "reef"' in outputs.read_text()
    assert "reef-two" not in outputs.read_text()


def test_all_and_one(fleet):
    names = [entry["name"] for entry in json.loads(run(fleet, "terraform-jobs", "--all", "--format", "json").stdout)]
    assert names == ["reef", "reef-two"]
    assert run(fleet, "terraform-jobs", "--only", "reef-two").stdout == "reef-two\n"
    wrong = run(fleet, "terraform-jobs", "--only", "atoll")
    assert wrong.returncode == 1
    assert "no folder terraform/clusters/atoll" in wrong.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Reef", *GCP), "cannot name a cluster in the clouds"),
        (("a" * 31, *GCP), "cannot name a cluster in the clouds"),
        (("atoll", *GCP[:-1], 's"\n}'), "letters, digits, '.', '_' and '-' only"),
        (("atoll", *GCP, "--repository", "our-org"), "must be OWNER/NAME"),
        (("atoll", *GCP, "--branch", "a b"), "--branch 'a b'"),
        (("atoll", "--provider", "local"), "'local' is none of: gcp, aws, azure"),
        (("reef", *GCP), "the file is there already"),
    ],
)
def test_a_folder_that_cannot_be_made(fleet, words, told):
    ran = run(fleet, "new", "terraform", *words)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert told in ran.stderr
    assert not (fleet / "terraform/clusters/atoll").exists()
