"""A hub as daemons: its proxy, which goes on, and the hub itself, which each revision starts anew."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from deployer.errors import TargetError
from deployer.plan.ports import Control
from deployer.process import redact
from deployer.targets.local import configuration, database, ports, proxy
from deployer.targets.local.configuration import base_url
from deployer.targets.local.context import HubContext
from deployer.targets.local.daemon import Daemon, end, marked
from deployer.targets.local.environment import hub_environment
from deployer.targets.local.files import POLL, private_folder, write_json
from deployer.targets.local.keys import OF_A_CLUSTER, OF_A_HUB, ensure_secrets
from deployer.targets.local.layout import ClusterFolder, ReleaseFolder
from deployer.targets.local.ports import HOST, Ports
from deployer.targets.local.proxy import Node, request
from deployer.targets.local.revisions import Record, Revisions
from deployer.targets.local.startup import compile_once, daemon_environment, start_slot
from deployer.targets.local.unit import Deadline

HEALTH_SERVICE = "hub-health"
HEALTH_USER = "deployment-service-check"
PORTS = ("public", "api", "hub")
PROXY_START = 20.0  # seconds
PATIENCE = 15.0  # seconds until a hub that is alive but does not answer counts as broken


@dataclass(frozen=True, slots=True)
class HubUnit:
    """One hub. ``public_url`` is the address that its users are told."""

    name: str
    cluster: ClusterFolder
    folder: ReleaseFolder
    kept_ports: Ports
    env: Mapping[str, str]
    public_url: str = ""
    health_service: str = HEALTH_SERVICE
    health_user: str = HEALTH_USER
    slots: int | None = None

    @property
    def hub(self) -> Daemon:
        return self.folder.daemon("hub")

    @property
    def proxy(self) -> Daemon:
        return self.folder.daemon("proxy")

    def ports(self) -> dict[str, int]:
        return self.kept_ports.ensure(PORTS)

    def secrets(self) -> dict[str, str]:
        """All secrets; the password is the cluster's, so that people type the same one at each hub."""
        shared = ensure_secrets(self.cluster.secrets, OF_A_CLUSTER)
        own = ensure_secrets(self.folder.secrets, OF_A_HUB)
        if own | shared != own:
            own = own | shared
            write_json(self.folder.secrets, own)
        return own

    def alive(self) -> bool:
        return self.hub.alive()

    def answers(self, base: str) -> bool:
        """Whether the hub's API answers, and its page through the proxy."""
        at = self.ports()
        return request(at["hub"], f"{base}hub/api/") == 200 and request(at["public"], f"{base}hub/health") == 200

    def runs(self, number: int) -> bool:
        """Patient with a hub that is alive and busy: a restart would not make it faster."""
        base, until = self._base(number), time.monotonic() + PATIENCE
        while self.hub.tag == str(number) and self.proxy.alive():
            if self.proxy_answers() and self.answers(base):
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(POLL)
        return False

    def proxy_answers(self) -> bool:
        return self.proxy.alive() and proxy.answers(self.ports()["api"], self.secrets()["proxy_token"])

    def back_up(self, number: int) -> None:
        copy = self.folder.backups / f"before-{number}.sqlite"
        if not copy.exists() and self.hub.tag != str(number):
            database.back_up(self.folder.database, copy)
            database.prune(self.folder.backups)

    def schema(self) -> str:
        return database.schema(self.folder.database)

    def restore(self, record: Record) -> None:
        if not record.schema or self.schema() == record.schema:
            return
        self.hub.stop()
        copy = database.find_backup(self.folder.backups, record.schema)
        if copy is None:
            raise TargetError(
                f"{self.folder.database}: its tables are newer than revision {record.number}, and no backup fits",
                hint=f"Backups are in {self.folder.backups}",
            )
        database.restore(self.folder.database, copy, datetime.now(UTC))

    def start(self, record: Record, values: Mapping[str, Any], control: Control) -> tuple[str, ...]:
        control.say("preparing")
        compile_once(proxy.cache_folder(self.env), self.env)
        node = proxy.find_node(self.env)
        program = proxy.ensure_proxy(node, self.env)
        for path in (self.folder.path, self.folder.homes, self.folder.logs / "users"):
            private_folder(path)
        with start_slot(self.cluster.slots, control, self.slots):
            deadline = Deadline(control)
            self._stop_hub()
            database.discard_half_made(self.folder.database)
            self._end_lost_proxy()
            self._free_ports()
            self._ensure_proxy(node, program, base_url(values), control)
            control.say("starting the hub")
            return self._start_hub(record, values, deadline)

    def command(self, number: int) -> tuple[str, ...]:
        config = Revisions(self.folder.revisions).path(number) / configuration.CONFIG
        return (sys.executable, "-m", "jupyterhub", "--config", str(config))

    def context(self, number: int, display_name: str = "") -> HubContext:
        revision, at = Revisions(self.folder.revisions).path(number), self.ports()
        return HubContext(
            cluster=self.cluster.path.name,
            hub=self.name,
            hub_dir=self.folder.path,
            values_path=revision / "values.json",
            secrets_path=self.folder.secrets,
            report_path=revision / "report.json",
            hub_port=at["hub"],
            proxy_port=at["public"],
            proxy_api_url=f"http://{HOST}:{at['api']}",
            display_name=display_name,
            public_url=self.public_url,
            health_service=self.health_service,
            health_user=self.health_user,
        )

    def _start_hub(self, record: Record, values: Mapping[str, Any], deadline: Deadline) -> tuple[str, ...]:
        context = self.context(record.number, record.display_name)
        configuration.write_config(Revisions(self.folder.revisions).path(record.number), context)
        env = daemon_environment(self.env) | hub_environment(values, context)
        env["CONFIGPROXY_AUTH_TOKEN"] = self.secrets()["proxy_token"]
        reading = self.hub.new_log()
        self.hub.start(self.command(record.number), env=env, cwd=self.folder.path, tag=str(record.number))
        try:
            deadline.wait(lambda: self.answers(base_url(values)), self.hub, reading, f"the hub {self.name}")
        except TargetError as error:
            error.message = redact(error.message, self.secrets().values())
            raise
        return configuration.read_notices(context.report_path)

    def _stop_hub(self) -> None:
        """End the hub alone; the services that it managed go too where it could not end them itself."""
        self.hub.stop()
        end(self.children(services_only=True))

    def _end_lost_proxy(self) -> None:
        """One without a pid file is ours, and no stranger on our ports."""
        if not self.proxy.alive():
            self.proxy.end_strays()

    def _free_ports(self) -> None:
        """A stranger on a port of ours: choose another, or, where people know the port, say who it is."""
        mine = {"hub"} if self.proxy.alive() else set(PORTS)
        for name, port in self.ports().items():
            if name not in mine or ports.comes_free(port):
                continue
            if name == "public" and self.folder.published.exists():
                raise ports.taken_error(port, f"the address of the hub {self.name}")
            self.kept_ports.replace(name)

    def _ensure_proxy(self, node: Node, program: Path, base: str, control: Control) -> None:
        """Start the proxy where it is not, or serves other ports. Otherwise it goes on, and connections with it."""
        tag = " ".join(f"{name}={port}" for name, port in sorted(self.ports().items()))
        if self.proxy.tag == tag and self.proxy_answers():
            return
        control.say("starting the proxy")
        self.proxy.stop()
        env = daemon_environment(self.env) | {"CONFIGPROXY_AUTH_TOKEN": self.secrets()["proxy_token"]}
        reading = self.proxy.new_log()
        self.proxy.start(proxy.command(node, program, self.ports(), base), env=env, cwd=self.folder.path, tag=tag)
        waiting = Deadline(Control(PROXY_START, control.cancelled, control.say))
        waiting.wait(self.proxy_answers, self.proxy, reading, f"the proxy of {self.name}")

    def children(self, *, services_only: bool = False) -> list[psutil.Process]:
        """Processes that the hub started: services, users' servers and what these started."""
        api, homes = f"http://{HOST}:{self.ports()['hub']}/", f"{self.folder.homes}/"

        def ours(env: Mapping[str, str]) -> bool:
            mine = env.get("JUPYTERHUB_API_URL", "").startswith(api) or env.get("HOME", "").startswith(homes)
            return mine and not (services_only and env.get("JUPYTERHUB_USER"))

        return list(marked(ours))

    def stop(self) -> None:
        """End the hub first, so that it starts nothing again, then what it started, then the proxy."""
        self.hub.stop()
        end(self.children(), grace=5.0)
        self.proxy.stop()

    def _base(self, number: int) -> str:
        return base_url(Revisions(self.folder.revisions).values(number))

    def user_logs(self) -> list[Path]:
        with suppress(OSError):
            return sorted((self.folder.logs / "users").glob("*"))
        return []
