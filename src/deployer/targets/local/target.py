"""The local target: a cluster of ``provider: local`` is real JupyterHubs, as daemons on this machine."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from deployer.errors import DeployerError, TargetError
from deployer.fleet.ids import SUPPORT, ReleaseId
from deployer.plan.ports import Control, Endpoint, Holder, Observation, State, Upgrade
from deployer.plan.steps import Step
from deployer.targets.local import ingress, proxy
from deployer.targets.local.addresses import Addresses, daemons
from deployer.targets.local.configuration import base_url
from deployer.targets.local.desired import Desired
from deployer.targets.local.files import locked, private_folder, telling, write_text
from deployer.targets.local.hub_data import LocalDatabase
from deployer.targets.local.hub_unit import HEALTH_SERVICE, HEALTH_USER, PORTS, HubUnit
from deployer.targets.local.ingress_unit import IngressUnit
from deployer.targets.local.keys import OF_A_CLUSTER, ensure_secrets
from deployer.targets.local.layout import ClusterFolder, ReleaseFolder
from deployer.targets.local.locks import Locks
from deployer.targets.local.proxy import request
from deployer.targets.local.revisions import Record, Revisions, Status
from deployer.targets.local.unit import FAILED
from deployer.targets.local.upgrade import Done, Upgrader

QUICK = 2.0  # seconds for a look at a hub
STOPPED_AT_ONCE = 8  # releases
MENDING = 120.0  # seconds for a hub to come back


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """One cluster on this machine; implements :class:`deployer.plan.ports.Target`.

    ``state`` is the fleet's state folder, ``desired`` says what the repository wants of a release, ``port`` is the
    ingress's where the fleet gives one. ``env`` is the caller's environment, of which daemons get a harmless part.
    ``slots`` limits how many hubs start at once, by default to the machine's cores. ``health_service`` and
    ``health_user`` are the names that the health check goes by.
    """

    state: Path
    cluster: str
    desired: Callable[[ReleaseId], Desired]
    port: int | None = None
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    slots: int | None = None
    health_service: str = HEALTH_SERVICE
    health_user: str = HEALTH_USER

    @property
    def folder(self) -> ClusterFolder:
        return ClusterFolder.of(self.state, self.cluster)

    @property
    def _at(self) -> Addresses:
        return Addresses(self.folder, proxy.cache_folder(self.env) / "ports.json")

    # What a rollout asks for

    def steps(self, release: ReleaseId) -> tuple[Step, ...]:
        ports = self._at.ports(release).get()
        if release.hub is None:
            ports = {ingress.ENTRY: self.port or 0, ingress.INTERNAL: 0, **ports}
            argv = ingress.command(ingress.find_traefik(self.env), self.folder.routes, ports)
            return (Step("the ingress", argv),)
        last = self.revisions(release).last()
        unit, node, at = self._hub(release), proxy.find_node(self.env), dict.fromkeys(PORTS, 0) | ports
        base = base_url(self.desired(release).values)
        return (
            Step("the proxy, where it does not run", proxy.command(node, proxy.program(self.env), at, base)),
            Step("the hub", unit.command(last.number + 1 if last else 1)),
        )

    def lock(
        self, release: ReleaseId, rollout: str, *, timeout: float, cancelled: threading.Event
    ) -> AbstractContextManager[None]:
        return self._locks().hold(release, rollout, timeout=timeout, cancelled=cancelled)

    def upgrade(self, release: ReleaseId, *, rollout: str, force: bool, control: Control) -> Upgrade:
        desired = self.desired(release)
        if release.hub:
            self._mend_ingress(control)
        with self._at_work(release, control):
            self._folder(release).retired.unlink(missing_ok=True)
            upgrader = self._upgrader(release, control, desired)
            done = upgrader.upgrade(desired, rollout, force=force)
            told = (*done.notices, *desired.notices) if done.changed else done.notices
            return self._finished(release, replace(done, notices=told))

    def confirm(self, release: ReleaseId, revision: int) -> None:
        with self._at_work(release, Control(MENDING)):
            revisions = self.revisions(release)
            if record := revisions.get(revision):
                revisions.update(replace(record, verified=True, detail=""))

    def rollback(
        self, release: ReleaseId, *, control: Control, revision: int | None = None, reason: str = ""
    ) -> Upgrade | None:
        with self._at_work(release, control):
            to = self._to_return_to(release, revision)
            if to is None:
                self._give_up(release, reason)
                return None
            current = self.revisions(release).current()
            if current and reason:
                self.revisions(release).update(replace(current, detail=reason))
            rollout = current.rollout if current else to.rollout
            return self._finished(release, self._upgrader(release, control).go_back(to, rollout))

    def observe(self, release: ReleaseId) -> Observation:
        revisions = self.revisions(release)
        record = revisions.current() or revisions.last()
        if record is None or self._folder(release).retired.exists():
            return Observation(State.ABSENT)
        state, healthy, detail = self._look(release, record)
        wanted = record.status is Status.DEPLOYED and record.digest == self._wanted_digest(release)
        failed = revisions.failed_since()
        if failed and not wanted:
            other = detail if detail != failed.detail else ""
            detail = "; ".join(filter(None, [f"revision {failed.number} failed: {failed.detail}", other]))
        url, plain = self._at.of(release, record)
        return Observation(
            state=state,
            revision=record.number,
            deployed_at=record.time,
            rollout=record.rollout,
            url=url,
            plain_url=plain,
            verified=record.verified,
            wanted=wanted,
            healthy=healthy,
            detail=detail,
        )

    def endpoint(self, release: ReleaseId) -> Endpoint:
        record = self.revisions(release).current()
        if release.hub is None or record is None:
            raise TargetError(f"{release} is not deployed", hint=f"deployer deploy {release.cluster} {release.name}")
        url, _plain = self._at.of(release, record)
        token = self._hub(release).secrets()["health_token"]
        return Endpoint(url=url, token=token, connect=self._at.connect(release), service=self.health_service)

    # What the other verbs ask for

    def releases(self) -> list[ReleaseId]:
        """All that was ever deployed here and not purged: hubs, then support."""
        return [ReleaseId(self.cluster, name) for name in self.folder.names()]

    def revisions(self, release: ReleaseId) -> Revisions:
        return Revisions(self._folder(release).revisions)

    def locks(self) -> dict[ReleaseId, Holder]:
        return self._locks().holders()

    def unlock(self, release: ReleaseId) -> Holder | None:
        return self._locks().unlock(release)

    def repair(self, release: ReleaseId | None = None, *, timeout: float = MENDING) -> dict[ReleaseId, Upgrade]:
        """Start what is deployed and dead, the ingress first; what was stopped on purpose is left alone."""
        found: dict[ReleaseId, Upgrade] = {}
        for one in [release] if release else reversed(self.releases()):
            control = Control(timeout)
            with self._at_work(one, control):
                done = None if self._at.is_stopped(one) else self._upgrader(one, control).mend()
                if done and done.changed:
                    found[one] = self._finished(one, done)
        return found

    def down(self, release: ReleaseId | None = None, *, purge: bool = False) -> list[ReleaseId]:
        """End all processes of a release, or of the cluster; with ``purge`` its state and its users' homes go too.

        The caller holds their locks. Those of which something ran are returned.
        """

        def end(one: ReleaseId) -> bool:
            with self._at_work(one, Control(MENDING)):
                ran = any(self._folder(one).daemon(name).alive() for name in daemons(one))
                self._stop(one)
                if purge:
                    self._delete(self._folder(one).path)
                return ran

        releases = [release] if release else self.releases()
        with ThreadPoolExecutor(STOPPED_AT_ONCE) as threads:
            ends = [threads.submit(end, one) for one in releases]
        ran = [one for one, done in zip(releases, ends, strict=True) if done.result()]
        if purge and release is None:
            self._delete(self.folder.path)
        return ran

    def retire(self, release: ReleaseId, *, purge: bool = False) -> None:
        """Stop a release that is gone from the fleet: it is absent from then on; homes stay unless purged."""
        self.down(release, purge=purge)
        if not purge and self._folder(release).path.exists():
            write_text(self._folder(release).retired, "")

    @contextmanager
    def database(self, release: ReleaseId, control: Control) -> Iterator[LocalDatabase]:
        """The hub's database, with other deployers kept away from it, after a restore that was cut is taken back.

        :raises TargetError: nothing of the hub was ever deployed here.
        """
        if self.revisions(release).last() is None:
            raise TargetError(f"{release} was never deployed here", hint=f"deployer deploy {release}")
        with self._at_work(release, control):
            found = LocalDatabase(self._hub(release), lambda: self._started(release, control), control.say)
            found.settle()
            yield found

    def _started(self, release: ReleaseId, control: Control) -> None:
        if done := self._upgrader(release, control).mend():
            self._finished(release, done)

    def logs(self, release: ReleaseId) -> dict[str, Path]:
        """Where logs are: ``hub``, ``proxy`` and ``users/<file>`` of a hub, ``ingress`` of support.

        ``failed``: what the last revision that did not come up wrote, if one did not.
        """
        folder = self._folder(release)
        if release.hub is None:
            return {"ingress": folder.daemon("ingress").log}
        users = {f"users/{path.stem}": path for path in self._hub(release).user_logs()}
        hub = folder.daemon("hub").log
        failed = hub.with_name(f"{hub.stem}{FAILED}")
        return {
            "hub": hub,
            "proxy": folder.daemon("proxy").log,
            **({"failed": failed} if failed.exists() else {}),
            **users,
        }

    def password(self) -> str:
        """What people log in with at the cluster's hubs."""
        return ensure_secrets(self.folder.secrets, OF_A_CLUSTER)[OF_A_CLUSTER[0]]

    # How it is done

    def _upgrader(self, release: ReleaseId, control: Control, desired: Desired | None = None) -> Upgrader:
        unit = self._ingress() if release.hub is None else self._hub(release, desired)
        return Upgrader(self.revisions(release), unit, control)

    def _hub(self, release: ReleaseId, desired: Desired | None = None) -> HubUnit:
        folder, record = self._folder(release), self.revisions(release).current()
        domain = desired.domain if desired else record.domain if record else ""
        values = desired.values if desired else self.revisions(release).values(record.number) if record else {}
        return HubUnit(
            name=release.name,
            cluster=self.folder,
            folder=folder,
            kept_ports=self._at.ports(release),
            env=self.env,
            public_url=self._at.by_name(release, domain, base_url(values)),
            health_service=self.health_service,
            health_user=self.health_user,
            slots=self.slots,
        )

    def _ingress(self) -> IngressUnit:
        folder = self.folder.release(SUPPORT)
        return IngressUnit(self.folder, folder, self._at.ports(self._at.support), self.env, self.port)

    def _mend_ingress(self, control: Control) -> None:
        """A hub's address leads through the ingress: a dead one (after a reboot, say) comes back with the first hub."""
        if not self._at.has_ingress() or self._ingress().alive():
            return
        with self._at_work(self._at.support, control):
            self._upgrader(self._at.support, control).mend()

    def _finished(self, release: ReleaseId, done: Done) -> Upgrade:
        """Publish the release's address: its route appears, its port stays from now on."""
        if not self._folder(release).published.exists():
            write_text(self._folder(release).published, "")
        notices = done.notices
        if release.hub is None:
            self._at.publish_all()
        else:
            self._at.publish(release, done.record)
            notices += self._at.await_served(release, done.record)
        url, plain = self._at.of(release, done.record)
        name = "hub" if release.hub else "ingress"
        return Upgrade(
            changed=done.changed,
            revision=done.record.number,
            verified=done.record.verified,
            url=url,
            plain_url=plain,
            log=str(self.logs(release)[name]),
            notices=notices,
        )

    def _look(self, release: ReleaseId, record: Record) -> tuple[State, bool, str]:
        """State, health by one quick request, and what is wrong."""
        if self._at.is_stopped(release):
            failed = record.status is Status.FAILED
            return (State.FAILED if failed else State.STOPPED), False, record.detail if failed else ""
        dead = [name for name in daemons(release) if not self._folder(release).daemon(name).alive()]
        if dead:
            return State.FAILED, False, f"not alive: {', '.join(dead)}"
        if release.hub is None:
            healthy = self._ingress().answers()
        else:
            path = f"{self._at.base(release, record)}hub/health"
            healthy = request(self._at.plain_port(release), path, timeout=QUICK) == 200
        return State.RUNNING, healthy, "" if healthy else "it does not answer"

    def _wanted_digest(self, release: ReleaseId) -> str | None:
        try:
            return self.desired(release).digest
        except DeployerError:
            return None  # gone from the fleet, or the fleet cannot be read

    def _to_return_to(self, release: ReleaseId, revision: int | None) -> Record | None:
        revisions = self.revisions(release)
        if revision is not None:
            if found := revisions.get(revision):
                return found
            raise TargetError(f"{release} has no revision {revision}", hint=_known(revisions))
        newest = revisions.current() or revisions.last()
        return revisions.verified_before(newest.number) if newest else None

    def _give_up(self, release: ReleaseId, reason: str) -> None:
        self._stop(release)
        for record in self.revisions(release).all():
            if record.status in (Status.DEPLOYED, Status.PENDING):
                self.revisions(release).failed(record, reason or record.detail or "it did not pass its health check")

    def _stop(self, release: ReleaseId) -> None:
        if release.hub is None:
            self._ingress().stop()
        else:
            self._at.withdraw(release)
            self._hub(release).stop()

    def _delete(self, path: Path) -> None:
        with telling(path), suppress(FileNotFoundError):  # never deployed
            shutil.rmtree(path)

    @contextmanager
    def _at_work(self, release: ReleaseId, control: Control) -> Iterator[None]:
        """Keep other deployers away from the release's processes, whatever rollout they belong to."""
        if release.cluster != self.cluster:
            raise TargetError(f"{release} is not of cluster {self.cluster}")
        private_folder(self._folder(release).path)
        with locked(self._folder(release).busy, give_up=control.cancelled.is_set) as held:
            if not held:
                raise TargetError(f"{release}: cancelled before it began")
            yield

    def _folder(self, release: ReleaseId) -> ReleaseFolder:
        return self.folder.release(release.name)

    def _locks(self) -> Locks:
        return Locks(self.folder.locks, self.cluster)


def _known(revisions: Revisions) -> str:
    return "Its revisions: " + (", ".join(str(record.number) for record in revisions.all()) or "none")
