"""The support release of a local cluster: its ingress as a daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployer.plan.ports import Control
from deployer.targets.local import ingress, ports
from deployer.targets.local.daemon import Daemon
from deployer.targets.local.files import private_folder
from deployer.targets.local.layout import ClusterFolder, ReleaseFolder
from deployer.targets.local.ports import Ports
from deployer.targets.local.proxy import request
from deployer.targets.local.revisions import Record
from deployer.targets.local.startup import daemon_environment
from deployer.targets.local.unit import Deadline

PURPOSE = "the address of the cluster's ingress"


@dataclass(frozen=True, slots=True)
class IngressUnit:
    """One traefik. ``port`` is the public one that the fleet gives, None for one that is chosen."""

    cluster: ClusterFolder
    folder: ReleaseFolder
    kept_ports: Ports
    env: Mapping[str, str]
    port: int | None = None

    @property
    def daemon(self) -> Daemon:
        return self.folder.daemon("ingress")

    def ports(self) -> dict[str, int]:
        fixed = {ingress.ENTRY: self.port} if self.port else {}
        return self.kept_ports.ensure((ingress.ENTRY, ingress.INTERNAL), fixed)

    def _wanted(self) -> dict[str, int]:
        """The ports as they stand and as the fleet gives them; none is chosen."""
        fixed = {ingress.ENTRY: self.port} if self.port else {}
        return {ingress.ENTRY: 0, ingress.INTERNAL: 0, **self.kept_ports.get(), **fixed}

    def argv(self) -> tuple[str, ...]:
        return ingress.command(ingress.find_traefik(self.env), self.cluster.routes, self._wanted())

    def alive(self) -> bool:
        return self.daemon.alive()

    def answers(self) -> bool:
        return request(self._wanted()[ingress.INTERNAL], "/ping") == 200

    def runs(self, number: int) -> bool:  # noqa: ARG002 (it runs a command line, not a revision)
        return self.daemon.tag == ingress.fingerprint(self.argv()) and self.answers()

    def back_up(self, number: int) -> None:
        """There is nothing to keep."""

    def start(self, record: Record, values: Mapping[str, Any], control: Control) -> tuple[str, ...]:
        if self.runs(record.number):
            return _notices(values)
        self._refuse_to_move()
        self.daemon.stop()
        private_folder(self.cluster.routes)
        self._free_ports()
        argv, reading = self.argv(), self.daemon.new_log()
        self.daemon.start(argv, env=daemon_environment(self.env), cwd=self.folder.path, tag=ingress.fingerprint(argv))
        Deadline(control).wait(self.answers, self.daemon, reading, "the ingress")
        return _notices(values)

    def _refuse_to_move(self) -> None:
        """A new port that a stranger has: said while the ingress still serves at the old one."""
        if self.port and self.port != self.kept_ports.get().get(ingress.ENTRY) and not ports.is_free(self.port):
            raise ports.taken_error(self.port, PURPOSE)

    def _free_ports(self) -> None:
        """Where a stranger sits on a port of ours that nobody was told, choose another; else say who it is."""
        for name, port in self.ports().items():
            if ports.comes_free(port):
                continue
            if name == ingress.ENTRY and (self.port or self.folder.published.exists()):
                raise ports.taken_error(port, PURPOSE)
            self.kept_ports.replace(name)

    def restore(self, record: Record) -> None:
        """Nothing was spoilt."""

    def stop(self) -> None:
        self.daemon.stop()

    def schema(self) -> str:
        return ""


def _notices(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Support is only the ingress here; what else its chart would bring is said."""
    others = sorted(key for key, value in values.items() if isinstance(value, Mapping) and value)
    return (f"only the ingress of support runs on this machine, not: {', '.join(others)}",) if others else ()
