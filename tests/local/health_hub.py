"""A real JupyterHub for the health check's tests: one for all cases, for its spawner does what a file says."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from deployer.plan.ports import Endpoint
from deployer.targets.local import proxy

TOKEN = "a-token-of-the-health-check-0123456789"
POOR = "a-token-with-too-few-scopes-0123456789"
SCOPES = ["admin:users", "admin:servers", "access:servers", "list:users", "read:hub"]

CONFIG = """
import asyncio, json, os, sys
from pathlib import Path
from jupyterhub.spawner import SimpleLocalProcessSpawner

here = Path({folder!r})

class Moody(SimpleLocalProcessSpawner):
    async def start(self):
        mood = (here / "mood").read_text()
        if mood == "fail":
            raise RuntimeError("no such image: moody:latest")
        if mood == "hang":
            await asyncio.sleep(600)
        self.environment = {{
            "JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp",
            "JUPYTER_PATH": str(here / "kernels" / mood),
        }}
        return await super().start()

c = get_config()
c.JupyterHub.spawner_class = Moody
c.Spawner.home_dir_template = str(here / "homes" / "{{username}}")
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.start_timeout = 120
c.Spawner.consecutive_failure_limit = 0
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.blocked_users = set()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}/base/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.JupyterHub.db_url = "sqlite:///" + str(here / "hub.sqlite")
c.JupyterHub.cookie_secret_file = str(here / "cookie")
c.JupyterHub.cleanup_servers = True
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 1, "slow_stop_timeout": 3}}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.command = {proxy!r}
c.ConfigurableHTTPProxy.pid_file = str(here / "proxy.pid")
c.ConfigurableHTTPProxy.auth_token = "proxy-token-0123456789"
c.JupyterHub.services = [
    {{"name": "hub-health", "api_token": {token!r}}},
    {{"name": "poor", "api_token": {poor!r}}},
]
c.JupyterHub.load_roles = [
    {{"name": "hub-health", "scopes": {scopes!r}, "services": ["hub-health"]}},
    {{"name": "poor", "scopes": ["admin:users", "list:users"], "services": ["poor"]}},
]
"""

# Kernels by mood, each in the place of the default one.
KERNELS = {
    "no-kernel": '{"argv": ["/bin/false"], "display_name": "none", "language": "python"}',
    "wrong": """{"argv": ["PYTHON", "-m", "ipykernel_launcher", "-f", "{connection_file}",
        "--IPKernelApp.exec_lines=print = lambda *a: None"], "display_name": "wrong", "language": "python"}""",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Hub:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        env = dict(os.environ)
        node = proxy.find_node(env)
        command = [str(node.binary), str(proxy.ensure_proxy(node, env))]
        text = CONFIG.format(
            folder=str(folder),
            port=self.port,
            hub_port=free_port(),
            api_port=free_port(),
            proxy=command,
            token=TOKEN,
            poor=POOR,
            scopes=SCOPES,
        )
        (folder / "config.py").write_text(text)
        for mood, spec in KERNELS.items():
            place = folder / "kernels" / mood / "kernels" / "python3"
            place.mkdir(parents=True)
            (place / "kernel.json").write_text(spec.replace("PYTHON", sys.executable))
        self.mood("well")

    def mood(self, mood: str) -> None:
        (self.folder / "mood").write_text(mood)

    @property
    def url(self) -> str:
        return f"http://reef.localhost:{self.port}/base/"

    def endpoint(self, token: str = TOKEN) -> Endpoint:
        return Endpoint(self.url, token, connect=f"127.0.0.1:{self.port}")

    def start(self) -> None:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        with (self.folder / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", "config.py"],
                cwd=self.folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 45
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.api("GET", "info").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise AssertionError((self.folder / "hub.log").read_text()[-3000:])

    def kill(self) -> None:
        """The hub alone: its proxy and users' servers live on."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end, which ends proxy and servers too; then end all that is left of its process group."""
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def api(self, method: str, path: str) -> httpx.Response:
        return httpx.request(
            method,
            f"http://127.0.0.1:{self.port}/base/hub/api/{path}",
            headers={"Authorization": f"token {TOKEN}"},
            timeout=20,
            trust_env=False,
        )

    def users(self) -> set[str]:
        return {user["name"] for user in self.api("GET", "users").json()}
