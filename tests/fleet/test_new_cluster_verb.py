"""``deployer new cluster`` as a user calls it: with options, at a terminal, and with neither."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from age_keys import make_age_key
from deployer.scaffold.create import new_fleet
from deployer.secrets.sops import is_encrypted

PATIENCE = 120  # seconds; only a guard
# From Python 3.12 on, where the tests run in parallel: the child becomes another program at once.
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp("new") / "fleet"
    new_fleet(root)
    return root


def run(root, *words):
    argv = [sys.executable, "-m", "deployer.cli.main", "--fleet", str(root), *words]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_with_options(template):
    made = run(template, "new", "cluster", "reef", "--provider", "gcp", "--project", "p", "--zone", "z")
    assert made.returncode == 0, made.stderr
    assert "config/clusters/reef/cluster.yaml: new" in made.stdout
    assert run(template, "validate", "--strict").returncode == 0
    again = run(template, "new", "cluster", "reef", "--provider", "local")
    assert (again.returncode, again.stdout) == (1, "")
    assert "there is a cluster reef already" in again.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "missing: NAME, --provider"),
        (["atoll", "--provider", "azure", "--cluster-name", "c"], "missing: --resource-group"),
        (["atoll", "--provider", "gcp"], "missing: --project, --zone (or --region)"),
        (["atoll", "--provider", "aws", "--zone", "z"], "--zone: not for provider aws"),
        (["atoll", "--provider", "gpc"], "did you mean gcp?"),
        (["atoll", "--provider", "local", "--port", "80x"], "must be a whole number above 0"),
    ],
)
def test_without_a_terminal_all_that_is_missing_is_said(template, words, told):
    ran = run(template, "new", "cluster", *words)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert told in ran.stderr
    assert not (template / "config/clusters/atoll").exists()


def test_what_is_said_next_names_a_key_first_and_leaves_nothing_where_it_fails(tmp_path):
    root = tmp_path / "fleet"
    new_fleet(root)
    words = ("new", "cluster", "atoll", "--provider", "kubeconfig", "--context", "atoll")
    said = [line.strip() for line in run(root, *words).stdout.partition("Next:\n")[2].splitlines()]
    assert said[0].startswith("name your key in .sops.yaml")
    (root / "KUBECONFIG").write_text("kind: Config\n")
    words = [str(Path(sys.executable).parent / "sops"), *said[1].split()[1:]]
    failed = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=PATIENCE, check=False)
    sealed = root / "config/clusters/atoll/enc-kubeconfig.secret.yaml"
    assert failed.returncode != 0
    assert not sealed.exists()
    (root / ".sops.yaml").write_text(f"creation_rules: [{{age: {make_age_key().recipient}}}]\n")
    subprocess.run(words, cwd=root, capture_output=True, timeout=PATIENCE, check=True)
    assert is_encrypted(sealed.read_bytes())
    again = run(root, "new", "cluster", "reef", "--provider", "kubeconfig", "--context", "reef").stdout
    assert "name your key" not in again


def test_dry_run_writes_nothing(template):
    ran = run(template, "new", "cluster", "atoll", "--provider", "local", "--dry-run")
    assert "+name: atoll" in ran.stdout
    assert not (template / "config/clusters/atoll").exists()


def test_at_a_terminal(template):
    argv = ["-m", "deployer.cli.main", "--fleet", str(template), "new", "cluster"]
    child = pexpect.spawn(sys.executable, argv, env=dict(os.environ), encoding="utf-8", timeout=PATIENCE)
    try:
        child.expect("The cluster's name: ")
        child.sendline("Lagoon")
        child.expect("cannot name a cluster")
        child.expect("The cluster's name: ")
        child.sendline("lagoon")
        child.expect(r"Where it runs \(gcp, aws, azure, kubeconfig, local\): ")
        child.sendline("azure")
        child.expect(r"the name of the AKS cluster \[lagoon\]: ")
        child.sendline("")
        child.expect("its resource group[^:]*: ")
        child.sendline("")
        child.expect("An answer is needed here")
        child.expect("its resource group[^:]*: ")
        child.sendline("hubs")
        child.expect(r"\[none\]: ")
        child.sendline("lagoon.example.org")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0
    finally:
        child.close(force=True)
    text = (template / "config/clusters/lagoon/cluster.yaml").read_text()
    assert "azure:\n  cluster: lagoon\n  resource_group: hubs\n" in text
    assert "x-domain: lagoon.example.org\n" in text


def test_no_more_answers(template):
    argv = ["-m", "deployer.cli.main", "--fleet", str(template), "new", "cluster", "swell"]
    child = pexpect.spawn(sys.executable, argv, env=dict(os.environ), encoding="utf-8", timeout=PATIENCE)
    try:
        child.expect("Where it runs")
        child.sendeof()
        child.expect("nothing was written")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 130
    finally:
        child.close(force=True)
    assert not (template / "config/clusters/swell").exists()
