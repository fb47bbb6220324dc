"""A small real cluster for tests of the local target: what it should be, and a user who works on its hubs."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
from websockets.asyncio.client import connect

from deployer.errors import FleetError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Control, Endpoint, Upgrade
from deployer.targets.local.desired import Desired
from deployer.targets.local.target import LocalTarget

CLUSTER = "reef"
SUPPORT = ReleaseId(CLUSTER, "support")
OCEAN = ReleaseId(CLUSTER, "ocean")
TIMEOUT = 120.0  # seconds; the machine may be busy


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


@dataclass
class World:
    """The fleet, as values by release, and the target that makes it so."""

    state: Path
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def target(self) -> LocalTarget:
        return LocalTarget(self.state, CLUSTER, self.desired, env=environment())

    def desired(self, release: ReleaseId) -> Desired:
        if release.name not in self.values:
            raise FleetError(f"there is no {release}")
        values = self.values[release.name]
        return Desired(CLUSTER, release.name, values=values, digest=json.dumps(values, sort_keys=True))

    def upgrade(self, release: ReleaseId = OCEAN, *, force: bool = False, timeout: float = TIMEOUT) -> Upgrade:
        """A rollout of its own."""
        control = Control(timeout, say=self.said.append)
        return self.target.upgrade(release, rollout=uuid4().hex[:8], force=force, control=control)

    def change(self, values: dict[str, Any], release: ReleaseId = OCEAN) -> Upgrade:
        self.values[release.name] = values
        return self.upgrade(release)

    def log(self, release: ReleaseId = OCEAN, name: str = "hub") -> str:
        return self.target.logs(release)[name].read_text()

    def numbers(self, release: ReleaseId = OCEAN) -> list[tuple[int, str]]:
        return [(record.number, str(record.status)) for record in self.target.revisions(release).all()]

    def pid(self, name: str, release: ReleaseId = OCEAN) -> int:
        process = self.target.folder.release(release.name).daemon(name).process()
        assert process is not None
        return process.pid

    def kill(self, name: str, release: ReleaseId = OCEAN) -> None:
        daemon = self.target.folder.release(release.name).daemon(name)
        process = daemon.process()
        assert process is not None
        process.kill()
        wait_until(lambda: not daemon.alive())

    def processes(self) -> list[psutil.Process]:
        """All that speak of this world's folder, in their command, their place or their environment."""
        return [process for process in psutil.process_iter() if self._speaks_of_us(process)]

    def _speaks_of_us(self, process: psutil.Process) -> bool:
        mark = str(self.state)
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            return any(mark in text for text in (*process.cmdline(), process.cwd(), *process.environ().values()))
        except (psutil.Error, OSError):
            return False

    def page(self, path: str, release: ReleaseId = OCEAN) -> int:
        """The status of a page at the hub's public address."""
        endpoint = self.target.endpoint(release)
        with client(endpoint) as http:
            return http.get(path).status_code


def wait_until(condition: Any, seconds: float = TIMEOUT) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def client(endpoint: Endpoint) -> httpx.Client:
    url = httpx.URL(endpoint.url)
    return httpx.Client(
        base_url=f"http://{endpoint.connect}{url.path}",
        headers={"Host": url.netloc.decode(), "Authorization": f"token {endpoint.token}"},
        timeout=30,
        trust_env=False,
    )


@dataclass
class Person:
    """Somebody with a server on a hub."""

    endpoint: Endpoint
    name: str

    def begin(self) -> None:
        with client(self.endpoint) as http:
            http.post(f"hub/api/users/{self.name}").raise_for_status()
            http.post(f"hub/api/users/{self.name}/server").raise_for_status()
            wait_until(lambda: http.get(f"hub/api/users/{self.name}").json()["servers"].get("", {}).get("ready"))

    def started(self) -> str:
        """When the server was started: another server has another time."""
        with client(self.endpoint) as http:
            return str(http.get(f"hub/api/users/{self.name}").json()["servers"][""]["started"])

    def sees_server(self) -> int:
        with client(self.endpoint) as http:
            return http.get(f"user/{self.name}/api/status").status_code

    @asynccontextmanager
    async def kernel(self) -> AsyncIterator[Any]:
        """A WebSocket to a new kernel, through the hub's public address."""
        with client(self.endpoint) as http:
            found = http.post(f"user/{self.name}/api/kernels", json={})
            found.raise_for_status()
        url = httpx.URL(self.endpoint.url)
        host, port = self.endpoint.connect.split(":")
        uri = f"ws://{url.netloc.decode()}{url.path}user/{self.name}/api/kernels/{found.json()['id']}/channels"
        headers = {"Authorization": f"token {self.endpoint.token}"}
        async with connect(uri, host=host, port=int(port), additional_headers=headers, proxy=None) as socket:
            yield socket


async def run_code(socket: Any, code: str) -> str:
    """What ``code`` prints."""
    message = uuid4().hex
    header = {"msg_id": message, "msg_type": "execute_request", "session": "s", "username": "u", "version": "5.3"}
    content = {"code": code, "silent": False}
    await socket.send(
        json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
    )
    async with asyncio.timeout(TIMEOUT):
        while True:
            reply = json.loads(await socket.recv())
            if reply["parent_header"].get("msg_id") == message and reply["msg_type"] == "stream":
                return str(reply["content"]["text"]).strip()
