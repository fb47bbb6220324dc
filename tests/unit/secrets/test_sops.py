"""Secrets, with the real sops and keys made for the test."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from age_keys import make_age_key
from deployer.errors import DeployerError
from deployer.secrets.private import PREFIXES, private_folder, sweep, write_private
from deployer.secrets.sops import decrypt, find_sops, is_encrypted, secret_texts

TOKEN = "a-token-0123456789"


@pytest.fixture
def key():
    return make_age_key()


@pytest.fixture
def env(key):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SOPS")}
    return {**kept, "SOPS_AGE_KEY": key.secret}


def encrypted(path: Path, text: str, recipient: str) -> Path:
    path.write_text(text)
    words = [find_sops(os.environ), "--disable-version-check", "--encrypt", "--age", recipient, "--in-place", path]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("enc-x.secret.yaml", f"jupyterhub: {{hub: {{token: {TOKEN}}}}}\n"),
        ("enc-x.secret.json", json.dumps({"AccessKey": {"SecretAccessKey": TOKEN}})),
    ],
)
def test_what_is_encrypted_is_known_and_comes_back(tmp_path, env, key, name, text):
    path = encrypted(tmp_path / name, text, key.recipient)
    assert is_encrypted(path.read_bytes())
    assert TOKEN not in path.read_text()
    raw = decrypt(path, env=env)
    assert TOKEN in secret_texts(raw, name)


def test_a_plain_file_is_refused_with_what_to_do(tmp_path, env):
    path = tmp_path / "enc-x.secret.yaml"
    path.write_text(f"token: {TOKEN}\n")
    with pytest.raises(DeployerError) as error:
        decrypt(path, env=env, shown="config/enc-x.secret.yaml")
    assert "not encrypted" in str(error.value)
    assert "sops --encrypt --in-place config/enc-x.secret.yaml" in str(error.value)
    assert TOKEN not in str(error.value)


def test_without_the_key_the_error_names_the_file(tmp_path, env, key):
    path = encrypted(tmp_path / "enc-x.secret.yaml", f"token: {TOKEN}\n", key.recipient)
    with pytest.raises(DeployerError) as error:
        decrypt(path, env={**env, "SOPS_AGE_KEY": make_age_key().secret})
    assert "enc-x.secret.yaml: cannot be decrypted here" in str(error.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: {b: [one-secret, 2]}", {"one-secret"}),
        ("a: |\n  line one\n  line two\n", {"line one\nline two\n", "line one", "line two"}),
        ("not: [closed", {"not: [closed"}),  # nothing can be told apart: all of it is secret
    ],
)
def test_every_text_of_a_secret_file_is_redacted(text, found):
    assert found <= set(secret_texts(text.encode(), "x.yaml"))


def test_a_private_folder_is_for_us_alone_and_goes():
    with private_folder() as one, private_folder() as two:
        assert stat.S_IMODE(one.stat().st_mode) == 0o700
        file = write_private(one / "values" / "x", b"x")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert one != two
    assert not one.exists()
    assert not two.exists()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_a_killed_process_left_is_swept_and_what_is_in_use_is_not(prefix):
    code = (
        "from deployer.secrets.private import held_folder\nimport os, time\n"
        f"with held_folder({prefix!r}) as folder:\n    os.utime(folder, (1, 1))\n"
        "    print(folder, flush=True)\n    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    folder = Path(child.stdout.readline().strip())
    try:
        sweep()
        assert folder.exists()
    finally:
        child.kill()
        child.communicate()
    assert folder.name.startswith(prefix)
    sweep()
    assert not folder.exists()
