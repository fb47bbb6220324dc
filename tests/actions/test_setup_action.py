"""The scripts of the action that sets a job up, run as a job runs them; downloads come from a stand-in for curl."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from deployer.actions.workflow import texts

ACTION = yaml.safe_load(texts()[".github/actions/setup-deployer/action.yaml"])
STEPS = {one.get("name", ""): one for one in ACTION["runs"]["steps"]}
KEEP_OUT = STEPS["Keep the log-in's file out of the fleet"]["run"]
PROGRAM = b"#!/bin/sh\necho here\n"
ALL = ["helm", "kubectl", "sops", "kubelogin"]
CURL = """#!/bin/sh
for word; do before="$last"; last="$word"; test "$before" = --output && to="$word"; done
cat "$TEST_DOWNLOADS/$(basename "$last")" > "$to"
"""

UNZIP = f"""#!{sys.executable}
import sys, zipfile
archive, member, folder = sys.argv[4], sys.argv[5], sys.argv[7]
open(folder + "/" + member.rpartition("/")[2], "wb").write(zipfile.ZipFile(archive).read(member))
"""


@pytest.fixture
def job(tmp_path):
    """Run a step's script; what it needs of a system is there, what it would install is not."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "sh", "cat", "basename", "mkdir", "rm", "cp", "chmod", "tar", "gzip", "uname", "sha256sum"):
        (folder / name).symlink_to(str(shutil.which(name)))
    (folder / "curl").write_text(CURL)
    (folder / "unzip").write_text(UNZIP)
    for name in ("curl", "unzip"):
        (folder / name).chmod(0o755)
    env = {name: str(tmp_path / name) for name in ("GITHUB_ENV", "GITHUB_PATH", "RUNNER_TEMP", "TEST_DOWNLOADS")}
    for name in ("RUNNER_TEMP", "TEST_DOWNLOADS"):
        Path(env[name]).mkdir()

    def run(script: str, **more: str) -> subprocess.CompletedProcess[str]:
        words = [str(folder / "bash"), "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]
        whole = {**env, "PATH": str(folder), **more}
        return subprocess.run(words, env=whole, capture_output=True, text=True, timeout=60, check=False)

    return run


def archives() -> dict[str, bytes]:
    """What is downloaded, by the end of its address: each of its own kind."""
    packed, zipped = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        about = tarfile.TarInfo("linux-amd64/helm")
        about.size = len(PROGRAM)
        tar.addfile(about, io.BytesIO(PROGRAM))
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("bin/linux_amd64/kubelogin", PROGRAM)
    return {".tar.gz": packed.getvalue(), ".zip": zipped.getvalue(), "": PROGRAM}


def with_sums_of_ours(script: str, downloads: Path) -> str:
    """The script, whose checksums are those of what the tests let it download."""
    found = re.findall(r"url=(\S+)\n\s+sum=([0-9a-f]{64}) ;;", script)
    assert len(found) == len(ALL)
    for url, checksum in found:
        content = next(raw for end, raw in archives().items() if url.endswith(end))
        (downloads / url.rpartition("/")[2]).write_bytes(content)
        script = script.replace(checksum, hashlib.sha256(content).hexdigest())
    return script


def test_tools_that_are_missing_are_installed(job, tmp_path):
    script = with_sums_of_ours(STEPS["Tools"]["run"], tmp_path / "TEST_DOWNLOADS")
    done = job(script, TOOLS=" ".join([*ALL, "gke-gcloud-auth-plugin"]))
    assert done.returncode == 0, done.stderr
    tools = tmp_path / "RUNNER_TEMP/tools"
    assert (tmp_path / "GITHUB_PATH").read_text() == f"{tools}\n"
    assert sorted(path.name for path in tools.iterdir()) == sorted(ALL)
    assert {subprocess.check_output([tools / name], text=True, timeout=30) for name in ALL} == {"here\n"}


@pytest.mark.parametrize("tool", ALL)
def test_what_is_not_as_it_should_be_is_not_installed(job, tmp_path, tool):
    with_sums_of_ours(STEPS["Tools"]["run"], tmp_path / "TEST_DOWNLOADS")
    done = job(STEPS["Tools"]["run"], TOOLS=tool)
    assert done.returncode != 0
    assert "FAILED" in done.stdout
    assert not (tmp_path / "RUNNER_TEMP/tools" / tool).exists()


def test_what_the_runner_has_is_used(job, tmp_path):
    for name in ALL:
        (tmp_path / "bin" / name).write_bytes(PROGRAM)
        (tmp_path / "bin" / name).chmod(0o755)
    done = job(STEPS["Tools"]["run"], TOOLS=" ".join(ALL))
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "RUNNER_TEMP/tools").iterdir()) == []


def test_the_key_of_the_secrets_is_for_the_job_alone(job, tmp_path):
    key = "# a comment\nAGE-SECRET-KEY-1$(touch pwned)`x`'\""
    for _ in range(2):  # on a runner of one's own an earlier job may have left one
        done = job(f"umask 022\n{STEPS['Key of the secrets']['run']}", AGE_KEY=key)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    file = tmp_path / "RUNNER_TEMP/age-key.txt"
    assert file.read_text() == f"{key}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "GITHUB_ENV").read_text() == f"SOPS_AGE_KEY_FILE={file}\n" * 2


def test_the_log_in_s_file_does_not_change_the_work_tree(job, tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path / "fleet")], check=True, timeout=60)
    assert job(f"cd {tmp_path}/fleet\n{KEEP_OUT}").returncode == 0
    (tmp_path / "fleet/gha-creds-0123456789abcdef.json").write_text("{}")
    status = ["git", "status", "--porcelain"]
    assert subprocess.check_output(status, cwd=tmp_path / "fleet", text=True, timeout=60) == ""
