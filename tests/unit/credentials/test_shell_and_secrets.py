"""The verbs `shell` and `secrets`, as a user calls them; no cluster is needed for either."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from age_keys import make_age_key
from deployer.secrets.sops import find_sops

COMMAND = (sys.executable, "-m", "deployer.cli.main")
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: one, context: {cluster: c}}]
current-context: one
"""
TOKEN = "a-token-0123456789"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "config" / "clusters" / "reef"
    folder.mkdir(parents=True)
    hub = {"name": "ocean", "domain": "ocean.example.org", "helm_chart": "basehub", "helm_chart_values_files": []}
    whole = {"name": "reef", "provider": "kubeconfig", "kubeconfig": {"file": "kube.yaml"}, "hubs": [hub]}
    (folder / "cluster.yaml").write_text(json.dumps(whole))
    (folder / "kube.yaml").write_text(KUBECONFIG)
    return tmp_path


def call(root, *words, **env):
    return subprocess.run(
        [*COMMAND, "--fleet", str(root), *words],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_shell_that_is_told_to_end_leaves_nothing(root, number):
    child = subprocess.Popen(
        [*COMMAND, "--fleet", str(root), "shell", "reef", "--", "sh", "-c", "echo $KUBECONFIG; exec sleep 60"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    kubeconfig = Path(child.stdout.readline().strip())
    assert kubeconfig.is_file()
    child.send_signal(number)
    child.communicate(timeout=60)
    assert child.returncode == 128 + number
    assert not kubeconfig.parent.exists()


def test_a_shell_ends_with_what_its_command_says(root):
    assert (
        call(root, "shell", "reef", "--", "sh", "-c", 'exit "$([ "$DEPLOYER_CLUSTER" = reef ] && echo 7)"').returncode
        == 7
    )
    assert "Is 'no-such-command' installed" in call(root, "shell", "reef", "--", "no-such-command").stderr


def test_secrets_that_are_plain_or_locked_are_listed_and_none_is_shown(root):
    key, other = make_age_key(), make_age_key()
    folder = root / "config" / "clusters" / "reef"
    for name, recipient in (("fine", key.recipient), ("locked", other.recipient), ("plain", "")):
        path = folder / f"enc-{name}.secret.values.yaml"
        path.write_text(f"token: {TOKEN}\n")
        if recipient:
            words = [find_sops(os.environ), "--disable-version-check", "--encrypt", "--age", recipient, "--in-place"]
            subprocess.run([*words, path], check=True, capture_output=True, timeout=60)
    ran = call(root, "secrets", "check", SOPS_AGE_KEY=key.secret)
    assert ran.returncode == 1
    where = "config/clusters/reef/enc"
    assert f"{where}-locked.secret.values.yaml: cannot be decrypted here" in ran.stdout
    assert f"{where}-plain.secret.values.yaml: named a secret, but not encrypted" in ran.stdout
    assert "enc-fine" not in ran.stdout
    assert "3 secret files, 2 wrong" in ran.stdout
    assert TOKEN not in ran.stdout + ran.stderr
    assert "2 wrong" not in call(root, "secrets", "check", "--plain-only").stdout


def test_what_validate_calls_a_plain_secret_secrets_check_does_too(root):
    (root / "config/clusters/reef/secret.values.yaml").write_text(f"token: {TOKEN}\n")
    ran = call(root, "secrets", "check", "--plain-only")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.startswith("config/clusters/reef/secret.values.yaml: named a secret, but not encrypted\n")
    assert "1 secret file, 1 wrong" in ran.stdout
    assert "secret.values.yaml:1: not encrypted" in call(root, "validate").stdout


def with_secrets(root, *names):
    """Let the hub list these files, and its chart be there."""
    folder = root / "config" / "clusters" / "reef"
    file = folder / "cluster.yaml"
    file.write_text(file.read_text().replace("[]", json.dumps(names)))
    for name in names:
        (folder / name).write_text(f"token: {TOKEN}\n")
    chart = root / "helm-charts" / "basehub"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: basehub\nversion: 0.1.0\n")
    return [folder / name for name in names]


@pytest.mark.parametrize("way", ["--yes", "--dry-run"])
def test_a_plain_secret_stops_a_deploy_before_anything_is_done(root, way):
    with_secrets(root, "enc-x.secret.values.yaml")
    ran = call(root, "deploy", "reef", way)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "not encrypted" in ran.stderr
    assert not (root / ".deployer" / "rollouts").exists()


def test_what_cannot_be_decrypted_stops_a_deploy_before_anything_is_done_all_at_once(root):
    key, other = make_age_key(), make_age_key()
    files = with_secrets(root, *(f"enc-{name}.secret.values.yaml" for name in ("fine", "one", "two")))
    for path, recipient in zip(files, (key.recipient, other.recipient, other.recipient), strict=True):
        words = [find_sops(os.environ), "--disable-version-check", "--encrypt", "--age", recipient, "--in-place"]
        subprocess.run([*words, path], check=True, capture_output=True, timeout=60)
    ran = call(root, "deploy", "reef", "--yes", SOPS_AGE_KEY=key.secret)
    assert (ran.returncode, ran.stdout) == (1, "")
    for name in ("one", "two"):
        assert f"config/clusters/reef/enc-{name}.secret.values.yaml: cannot be decrypted here" in ran.stderr
    assert "enc-fine" not in ran.stderr
    assert not (root / ".deployer" / "rollouts").exists()
    # What only prints needs no key.
    assert "decrypted" not in call(root, "deploy", "reef", "--dry-run", SOPS_AGE_KEY=key.secret).stderr


@pytest.mark.parametrize("words", [["reef"], ["--plan", "plan.json"], ["--resume"]])
@pytest.mark.parametrize("label", [["--label", "deployer:skip-deploy"], ["--labels-from", "labels"]])
def test_labels_do_not_go_with_what_was_named(root, words, label):
    ran = call(root, "deploy", *words, *label, "--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "--label and --labels-from do not go together with" in ran.stderr
