"""Where releases of a cluster are reached: by name through its ingress where there is one, and by a plain port."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from deployer.fleet.ids import SUPPORT, ReleaseId
from deployer.targets.local import ingress
from deployer.targets.local.configuration import base_url
from deployer.targets.local.files import POLL
from deployer.targets.local.ingress import Routes
from deployer.targets.local.layout import ClusterFolder
from deployer.targets.local.ports import HOST, Ports
from deployer.targets.local.proxy import request
from deployer.targets.local.revisions import Record, Revisions

ROUTE_WAIT = 15.0  # seconds
DAEMONS = {True: ("hub", "proxy"), False: ("ingress",)}  # by: is it a hub


def daemons(release: ReleaseId) -> tuple[str, ...]:
    """The daemons of a release, by name."""
    return DAEMONS[release.hub is not None]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one cluster. ``registry`` is where the user's fleets keep apart their ports."""

    cluster: ClusterFolder
    registry: Path

    @property
    def support(self) -> ReleaseId:
        return ReleaseId(self.cluster.path.name, SUPPORT)

    @property
    def web_port(self) -> int:
        """The ingress's public port, 0 where there is none."""
        return self.ports(self.support).get().get(ingress.ENTRY, 0)

    def ports(self, release: ReleaseId) -> Ports:
        return Ports(self.cluster.release(release.name).ports, self.registry)

    def plain_port(self, release: ReleaseId) -> int:
        return self.ports(release).get().get("public", 0)

    def revisions(self, release: ReleaseId) -> Revisions:
        return Revisions(self.cluster.release(release.name).revisions)

    def is_stopped(self, release: ReleaseId) -> bool:
        """Stopped on purpose, or never started: a daemon that died leaves its pid file."""
        folder = self.cluster.release(release.name)
        return not any(folder.daemon(name).pid_file.exists() for name in daemons(release))

    def has_ingress(self) -> bool:
        return self.revisions(self.support).current() is not None and not self.is_stopped(self.support)

    def by_name(self, release: ReleaseId, domain: str, base: str) -> str:
        """A hub's address through the ingress, "" where there is none."""
        return f"http://{self._host(release, domain)}:{self.web_port}{base}" if self.has_ingress() else ""

    def of(self, release: ReleaseId, record: Record) -> tuple[str, str]:
        """The address to tell, and the plain one."""
        if release.hub is None:
            return (f"http://{HOST}:{self.web_port}/",) * 2
        base, port = self.base(release, record), self.plain_port(release)
        plain = f"http://{HOST}:{port}{base}" if port else ""
        return self.by_name(release, record.domain, base) or plain, plain

    def connect(self, release: ReleaseId) -> str:
        """Where to connect for :meth:`of`'s first, for resolvers do not know its name."""
        return f"{HOST}:{self.web_port if self.has_ingress() else self.plain_port(release)}"

    def base(self, release: ReleaseId, record: Record) -> str:
        return base_url(self.revisions(release).values(record.number))

    def publish(self, release: ReleaseId, record: Record) -> None:
        """Let the ingress, now or later, serve a hub."""
        domain = self._host(release, record.domain)
        Routes(self.cluster.routes).add(release.name, domain, self.plain_port(release))

    def publish_all(self) -> None:
        """Every hub that is up, for an ingress that came later."""
        for release in (ReleaseId(self.support.cluster, name) for name in self.cluster.names()):
            record = self.revisions(release).current()
            if release.hub and record and not self.is_stopped(release):
                self.publish(release, record)

    def withdraw(self, release: ReleaseId) -> None:
        Routes(self.cluster.routes).remove(release.name)

    def await_served(self, release: ReleaseId, record: Record) -> tuple[str, ...]:
        """The ingress reads its files a moment later than they are written: nobody is to meet a page not found.

        Where it does not come to serve the hub, a notice says so; the hub itself is well.
        """
        daemon = self.cluster.release(SUPPORT).daemon("ingress")
        host, until = self._host(release, record.domain), time.monotonic() + ROUTE_WAIT
        path = f"{self.base(release, record)}hub/health"
        while daemon.alive() and request(self.web_port, path, headers={"Host": host}) != 200:
            if time.monotonic() >= until:
                return (f"the ingress does not serve it at {host}; its log: {daemon.log}",)
            time.sleep(POLL)
        return ()

    def _host(self, release: ReleaseId, domain: str) -> str:
        return ingress.local_domain(domain, release.name, release.cluster)
