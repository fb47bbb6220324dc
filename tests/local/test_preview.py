"""A hub of another cluster, or a replicate's directory, started here; and nothing is left of it, however it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from fleet_world import COMMAND, PATIENCE
from target_world import environment, wait_until

from deployer.cli.previewing import PREFIX, sweep
from small_fleet import cluster, files, hub

pytestmark = pytest.mark.local

VALUES = """\
jupyterhub:
  hub:
    config:
      JupyterHub: {authenticator_class: github}
      GitHubOAuthenticator: {allowed_organizations: [sea]}
      Authenticator: {admin_users: [lead]}
  singleuser:
    nodeSelector: {pool: large}
"""
SEALED = """\
jupyterhub: {hub: {config: {GitHubOAuthenticator: {client_secret: 'ENC[AES256_GCM,data:x,type:str]'}}}}
sops: {}
"""


class World:
    """A fleet with one hub on Google Cloud, and temporary folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.root, self.temporary = folder / "fleet", folder / "tmp"
        self.temporary.mkdir()
        listed = ["ocean.values.yaml", "enc-ocean.secret.values.yaml"]
        contents = files(cluster("reef", [hub("ocean", helm_chart_values_files=listed, display_name="The ocean hub")]))
        reef = "config/clusters/reef"
        contents |= {f"{reef}/{listed[0]}": VALUES, f"{reef}/{listed[1]}": SEALED}
        for path, text in contents.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.env = environment() | {"TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1"}
        self.lines: list[str] = []

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a preview, and read what it says until it waits to be ended."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        child = subprocess.Popen([*COMMAND, *words], cwd=self.root.parent, env=self.env, text=True, **pipes)
        assert child.stdout is not None
        for line in child.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        else:
            pytest.fail("\n".join(self.lines))
        return child

    @property
    def url(self) -> str:
        return next(line for line in self.lines if line.startswith("http://127.0.0.1:"))

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.pid != os.getpid() and any(str(self.temporary) in word for word in process.cmdline())
        except psutil.Error:
            return False

    def left(self) -> list[str]:
        return [path.name for path in self.temporary.glob(f"{PREFIX}*")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    sweep(made.env, made.temporary)


def login(url: str, name: str, password: str) -> bool:
    with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as http:
        page = http.get("hub/login")
        assert "A local log-in in place of GitHubOAuthenticator" in page.text
        answer = http.post("hub/login", data={"username": name, "password": password, "_xsrf": http.cookies["_xsrf"]})
        return answer.status_code == 302


def test_a_replicate_runs_here_without_its_fleet_until_it_is_interrupted(world: World) -> None:
    taken = world.root.parent / "taken"
    words = ["--fleet", str(world.root), "replicate", "reef", "ocean", str(taken), "--without-secrets"]
    subprocess.run([*COMMAND, *words], check=True, env=world.env, capture_output=True, timeout=PATIENCE)
    shutil.rmtree(world.root)
    child = world.begin("preview", "taken")
    said = "\n".join(world.lines)
    assert "only Kubernetes can give: singleuser.nodeSelector" in said
    password = re.search(r"the password (\S+)", said)
    assert password
    assert login(world.url, "lead", password[1])
    assert not login(world.url, "lead", "wrong")
    assert world.processes()
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, rest
    assert "nothing is left of it" in rest
    assert world.left() == []
    wait_until(lambda: not world.processes())


def test_what_a_killed_preview_left_goes_with_the_next(world: World) -> None:
    child = world.begin("--fleet", str(world.root), "preview", "reef/ocean")
    assert "config/clusters/reef/enc-ocean.secret.values.yaml: encrypted, so not looked at" in world.lines
    assert world.left()
    sweep(world.env, world.temporary)  # while it runs it is nobody else's
    assert httpx.get(f"{world.url}hub/health", trust_env=False, timeout=PATIENCE).status_code == 200
    child.kill()
    child.communicate(timeout=PATIENCE)
    assert world.processes()
    sweep(world.env, world.temporary)
    assert world.left() == []
    wait_until(lambda: not world.processes())


@pytest.mark.parametrize(
    ("text", "told"), [("nothing", "not that of a replicate"), ('{"version": 7}', "version 7 of a replicate")]
)
def test_a_directory_that_is_no_replicate(world: World, text: str, told: str) -> None:
    (world.temporary / "replicate.json").write_text(text)
    words = [*COMMAND, "preview", str(world.temporary)]
    ran = subprocess.run(words, env=world.env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ran.returncode == 1
    assert told in ran.stderr
