"""One real hub with its proxy, started straight from values: no revisions, no ingress, nothing that repairs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from deployer.targets.local import proxy
from deployer.targets.local.context import HubContext, Secrets
from deployer.targets.local.environment import hub_environment
from deployer.targets.local.ports import free_port

TIMEOUT = 120.0  # seconds; the machine may be busy
PASSWORD = "local pass word"
CONFIG = "from deployer.targets.local.hub_config import configure\nconfigure(get_config(), {path!r})\n"


@dataclass
class HubProcess:
    """A hub in ``folder`` that is what ``values`` say."""

    folder: Path
    values: Mapping[str, Any]
    base_url: str = "/"
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        taken: set[int] = set()
        for _ in range(3):
            taken.add(free_port(taken))
        hub, public, api = sorted(taken)
        self.ports = {"hub": hub, "public": public, "api": api}
        self.context = HubContext(
            cluster="reef",
            hub="ocean",
            hub_dir=self.folder,
            values_path=self.folder / "values.json",
            secrets_path=self.folder / "secrets.json",
            report_path=self.folder / "report.json",
            hub_port=hub,
            proxy_port=public,
            proxy_api_url=f"http://127.0.0.1:{api}",
        )
        self.secrets = Secrets("ab" * 32, "cd" * 32, "proxy-token", "health-token", PASSWORD)

    @property
    def env(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        return kept | hub_environment(self.values, self.context)

    @property
    def log(self) -> str:
        return (self.folder / "hub.log").read_text()

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.context.report_path.read_text())
        return report

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['public']}{self.base_url}"

    def start_proxy(self) -> None:
        node = proxy.find_node(self.env)
        program = proxy.ensure_proxy(node, self.env)
        argv = proxy.command(node, program, self.ports, self.base_url)
        self._start("proxy", argv, {"CONFIGPROXY_AUTH_TOKEN": self.secrets.proxy_token})

    def start_hub(self) -> subprocess.Popen[bytes]:
        self.context.values_path.write_text(json.dumps(self.values))
        self.secrets.write(self.context.secrets_path)
        self.context.write(self.folder / "context.json")
        config = self.folder / "jupyterhub_config.py"
        config.write_text(CONFIG.format(path=str(self.folder / "context.json")))
        return self._start("hub", (sys.executable, "-m", "jupyterhub", "-f", str(config)), {})

    def start(self) -> HubProcess:
        self.start_proxy()
        self.start_hub()
        wait_until(self.answers, lambda: self.log)
        return self

    def answers(self) -> bool:
        assert self.children["hub"].poll() is None, self.log
        try:
            return httpx.get(f"{self.url}hub/api/", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, *names: str) -> None:
        for name in names or ("hub", "proxy"):
            child = self.children.pop(name, None)
            if child:
                child.terminate()
                child.wait(30)

    def end(self) -> None:
        """Stop users' servers, the hub and the proxy."""
        try:
            if "hub" in self.children and self.children["hub"].poll() is None:
                wait_until(self._without_servers, lambda: self.log, 30)
        finally:
            self.stop()

    def _without_servers(self) -> bool:
        """Stop what runs; whether nothing does."""
        users = self.api("GET", "users").json()
        for user in users:
            for server in user["servers"]:
                self.api(
                    "DELETE", f"users/{user['name']}/servers/{server}" if server else f"users/{user['name']}/server"
                )
        return not any(user["servers"] for user in users)

    def api(self, method: str, path: str, body: Any = None, token: str = "health-token") -> httpx.Response:
        headers = {"Authorization": f"token {token}"}
        url = f"{self.url}hub/api/{path}"
        return httpx.request(method, url, json=body, headers=headers, timeout=60, trust_env=False)

    def spawn(self, user: str, server: str = "", options: Any = None) -> str:
        """Start a server; its address below the proxy. The user is made where there is none."""
        self.api("POST", f"users/{user}")
        path = f"users/{user}/servers/{server}" if server else f"users/{user}/server"
        asked = self.api("POST", path, options)
        assert asked.status_code in (201, 202), asked.text
        wait_until(lambda: self.server(user, server).get("ready"), lambda: self.log)
        return f"{self.url.removesuffix(self.base_url)}{self.server(user, server)['url']}"

    def server(self, user: str, server: str = "") -> dict[str, Any]:
        servers: dict[str, Any] = self.api("GET", f"users/{user}?include_stopped_servers").json().get("servers", {})
        return dict(servers.get(server, {}))

    def log_in(self, name: str, password: str = PASSWORD) -> tuple[int, str]:
        """Status and place where a person ends who fills in the form."""
        with self.browser() as http:
            done = self.fill_in(http, "hub/login", {"username": name, "password": password}, then="hub/home")
            return done.status_code, done.url.path

    def browser(self) -> httpx.Client:
        return httpx.Client(follow_redirects=True, trust_env=False, timeout=60)

    def fill_in(self, http: httpx.Client, path: str, form: Mapping[str, str], then: str = "") -> httpx.Response:
        """Send the form of a page of the hub."""
        page = http.get(f"{self.url}{path}")
        token = re.search(r'name="_xsrf" value="([^"]+)"|_xsrf=([^"&]+)"', page.text)
        assert token, page.text
        after = f"?next={self.base_url}{then}" if then else ""
        return http.post(f"{self.url}{path}{after}", data={**form, "_xsrf": token[1] or unquote(token[2])})

    def _start(self, name: str, argv: tuple[str, ...], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                argv, env=self.env | dict(env), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        self.children[name] = child
        return child


def wait_until(condition: Callable[[], Any], told: Callable[[], str] = str, seconds: float = TIMEOUT) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited in vain\n{told()[-4000:]}"
        time.sleep(0.2)
