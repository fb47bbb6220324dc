"""A real JupyterHub for the health check's tests: one for all cases, for its spawner does what a file says."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import httpx
from jupyterhub_pytest_plugin import HubFactory

from deployer.plan.ports import Endpoint
from deployer.targets.local import proxy

TOKEN = "a-token-of-the-health-check-0123456789"
POOR = "a-token-with-too-few-scopes-0123456789"
SCOPES = ["admin:users", "admin:servers", "access:servers", "list:users", "read:hub"]

# Kernels by mood, each in the place of the default one.
KERNELS = {
    "no-kernel": '{"argv": ["/bin/false"], "display_name": "none", "language": "python"}',
    "wrong": """{"argv": ["PYTHON", "-m", "ipykernel_launcher", "-f", "{connection_file}",
        "--IPKernelApp.exec_lines=print = lambda *a: None"], "display_name": "wrong", "language": "python"}""",
}


def moody(folder: Path) -> type:
    """A spawner that does what the file ``mood`` in this folder says."""
    from jupyterhub.spawner import SimpleLocalProcessSpawner

    class Moody(SimpleLocalProcessSpawner):
        async def start(self):
            mood = (folder / "mood").read_text()
            if mood == "fail":
                raise RuntimeError("no such image: moody:latest")
            if mood == "hang":
                await asyncio.sleep(600)
            self.environment = {
                **self.environment,
                "JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp",
                "JUPYTER_PATH": str(folder / "kernels" / mood),
            }
            return await super().start()

    return Moody


def traits(folder: Path) -> dict[str, dict[str, Any]]:
    node = proxy.find_node(os.environ)
    program = proxy.ensure_proxy(node, os.environ)
    return {
        "JupyterHub": {
            "base_url": "/base/",
            "spawner_class": moody(folder),
            "proxy_class": "configurable-http-proxy",
            "services": [{"name": "hub-health", "api_token": TOKEN}, {"name": "poor", "api_token": POOR}],
            "load_roles": [
                {"name": "hub-health", "scopes": SCOPES, "services": ["hub-health"]},
                {"name": "poor", "scopes": ["admin:users", "list:users"], "services": ["poor"]},
            ],
            "tornado_settings": {"slow_spawn_timeout": 1, "slow_stop_timeout": 3},
        },
        "ConfigurableHTTPProxy": {"command": [str(node.binary), str(program)]},
        "Spawner": {
            "cmd": [sys.executable, "-m", "jupyterhub.singleuser"],
            "args": ["--allow-root"],
            "start_timeout": 120,
            "http_timeout": 120,
            "consecutive_failure_limit": 0,
        },
    }


class Hub:
    """A hub of the pytest plugin's, as the health check sees it."""

    def __init__(self, make: HubFactory, folder: Path) -> None:
        self.folder = folder
        for mood, spec in KERNELS.items():
            place = folder / "kernels" / mood / "kernels" / "python3"
            place.mkdir(parents=True)
            (place / "kernel.json").write_text(spec.replace("PYTHON", sys.executable))
        self.mood("well")
        self._hub = make(traits(folder))
        self.port = self._hub.connect_address[1]

    def mood(self, mood: str) -> None:
        (self.folder / "mood").write_text(mood)

    @property
    def url(self) -> str:
        return f"http://reef.localhost:{self.port}/base/"

    def endpoint(self, token: str = TOKEN) -> Endpoint:
        return Endpoint(self.url, token, connect=f"127.0.0.1:{self.port}")

    def stop(self) -> None:
        """The hub alone: its proxy and users' servers live on."""
        self._hub.stop(servers=False, proxy=False)
        self._hub.config.ConfigurableHTTPProxy.should_start = False

    def start(self) -> None:
        self._hub.start()

    def api(self, method: str, path: str) -> httpx.Response:
        return httpx.request(
            method,
            f"http://127.0.0.1:{self.port}/base/hub/api/{path}",
            headers={"Authorization": f"token {TOKEN}"},
            timeout=20,
            trust_env=False,
        )

    def users(self) -> set[str]:
        return {user["name"] for user in self.api("GET", "users").json()} - {"hub-api", "admin"}
