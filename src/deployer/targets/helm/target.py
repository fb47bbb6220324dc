"""The Helm target: a cluster on Kubernetes, whose releases are Helm's."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from deployer.errors import DeployerError, TargetError
from deployer.fleet.ids import ReleaseId, Stage
from deployer.fleet.repository import Release, cluster_path
from deployer.fleet.settings import Lock
from deployer.helm.command import homes
from deployer.helm.commands import Commands
from deployer.helm.sources import with_domain
from deployer.plan.ports import Control, Endpoint, Holder, Observation, State, Upgrade
from deployer.plan.steps import Step
from deployer.secrets.named import check_encrypted, secret_files
from deployer.secrets.sops import decrypt
from deployer.targets.credentials.session import CredentialError, Session
from deployer.targets.helm import script
from deployer.targets.helm.desired import Desired
from deployer.targets.helm.helm import Runner, read_history, read_revisions
from deployer.targets.helm.history import History
from deployer.targets.helm.hub_data import PodDatabase, check_kind
from deployer.targets.helm.ingress import where_names_go
from deployer.targets.helm.kubectl import Kubectl, apps, core
from deployer.targets.helm.leases import Leases
from deployer.targets.helm.live import Live
from deployer.targets.helm.observed import by_hand, observed, utc_now
from deployer.targets.helm.records import Record, Records, Source
from deployer.targets.helm.work import Made, Work
from deployer.targets.helm.workshop import Workshop
from deployer.targets.local.files import locked_file, private_folder

LEFT_AT_WORK = "a helm that another deployer on this machine began, or left behind"
QUICK = 60.0  # seconds for what changes no pods
FRESH = 5.0  # seconds for which an upgrade takes what was just seen for true
HUB_SECRET = "hub"  # noqa: S105 - the name that the community's chart gives its Secret


class Seen(NamedTuple):
    """What was found of a release, and when (:func:`time.monotonic`)."""

    at: float
    history: History
    record: Record


@dataclass(frozen=True)
class HelmTarget:
    """One cluster on Kubernetes; implements :class:`deployer.plan.ports.Target`.

    ``state`` is the fleet's state folder, in which logs are kept; ``workshop`` is shared by all targets of a run.
    ``timeout`` is what an upgrade is given where a step is only printed.
    """

    desired: Desired
    state: Path
    workshop: Workshop
    timeout: float = 600.0
    health_service: str = "hub-health"
    _seen: dict[ReleaseId, Seen] = field(default_factory=dict, init=False, repr=False)
    _made: dict[ReleaseId, Made] = field(default_factory=dict, init=False, repr=False)

    @property
    def cluster(self) -> str:
        return self.desired.name

    @property
    def session(self) -> Session:
        """The cluster's session, logged in to when it is first asked for.

        :raises DeployerError: it cannot be, or nothing answers there.
        """
        return self.workshop.session(self.desired.cluster, self.desired.folder)

    def logged_in(self) -> Session:
        """The same, whether anything answers there or not.

        :raises DeployerError: it cannot be logged in to.
        """
        return self.workshop.sessions.of(self.desired.cluster, self.desired.folder)

    # What a rollout asks for

    def steps(self, release: ReleaseId) -> tuple[Step, ...]:
        found, commands = self.desired.release(release), self._commands(release)
        return script.steps(self.desired, found, commands, self.timeout)

    def script(self, release: ReleaseId, then: str = "") -> str:
        """A shell script that upgrades the release with no deployer at hand, and does ``then`` where that succeeded.

        :raises FleetError: the fleet cannot be used.
        """
        return script.text(self.desired, self.desired.release(release), self._commands(release), self.timeout, then)

    def lock(
        self, release: ReleaseId, rollout: str, *, timeout: float, cancelled: threading.Event
    ) -> AbstractContextManager[None]:
        if self.desired.fleet.settings.lock is Lock.NONE:
            return nullcontext()
        leases = Leases(Kubectl(self.session, cancelled))
        return leases.hold(release, rollout, timeout=timeout, cancelled=cancelled)

    def upgrade(self, release: ReleaseId, *, rollout: str, force: bool, control: Control) -> Upgrade:
        with self._at_work(release, control) as work:
            seen = self._seen.pop(release, None)
            work.seen = (seen.history, seen.record) if seen and time.monotonic() - seen.at < FRESH else None
            done = work.upgrade(rollout, force=force)
            if work.made:
                self._made[release] = work.made
        if release.hub is None and done.changed:
            told = where_names_go(Kubectl(self.session), release)
            done = replace(done, notices=(*done.notices, *told))
        return self._with_url(release, done)

    def confirm(self, release: ReleaseId, revision: int) -> None:
        with self._at_work(release, Control(QUICK)) as work:
            work.confirm(revision, self._made.pop(release, None))

    def rollback(
        self,
        release: ReleaseId,
        *,
        control: Control,
        revision: int | None = None,
        reason: str = "",
    ) -> Upgrade | None:
        with self._at_work(release, control) as work:
            done = work.roll_back(revision, reason)
        return self._with_url(release, done) if done else None

    def observe(self, release: ReleaseId) -> Observation:
        at = time.monotonic()
        with ThreadPoolExecutor(1) as threads:  # side by side: each is a wait for the cluster
            recorded = threads.submit(self.record, release)
            history, record = self.history(release), recorded.result()
        self._seen[release] = Seen(at, history, record)
        if history.absent:
            return Observation(State.ABSENT)
        seen = observed(
            release, history, record, digest=self.desired.wanted_digest(release), timeout=self.timeout, now=utc_now()
        )
        return replace(seen, url=self.url(release))

    def endpoint(self, release: ReleaseId) -> Endpoint:
        if release.hub is None:
            raise TargetError(f"{release} is no hub")
        token = self._token(release)
        self.session.redactions.add([token])
        connect = urlsplit(self._ingress) if self._ingress else None
        return Endpoint(
            url=self.url(release), token=token, connect=connect.netloc if connect else "", service=self.health_service
        )

    # What the other verbs ask for

    def history(self, release: ReleaseId) -> History:
        """What Helm holds of a release.

        :raises TargetError: it cannot be read.
        """
        return read_history(self.session, self._commands(release), env=self.env)

    def record(self, release: ReleaseId) -> Record:
        """What is recorded of a release.

        :raises TargetError: it cannot be read.
        """
        return self._records().get(release)

    def records(self) -> dict[ReleaseId, Record]:
        """What is recorded in the cluster, of all releases.

        :raises TargetError: it cannot be read.
        """
        return self._records().all(self.cluster, self._known())

    def deployed(self) -> dict[ReleaseId, Source]:
        """What each release was made from that runs as it passed its health check.

        :raises TargetError: the cluster cannot be asked.
        """
        records = self.records()
        live = read_revisions(self.session, [one.name for one in records], env=self.env) if records else {}
        found = {}
        for release, record in records.items():
            if source := self._proven(release, record, live.get(release.name)):
                found[release] = source
        return found

    def _proven(self, release: ReleaseId, record: Record, live: int | None) -> Source | None:
        if live is None or record.given_up == live:
            return None
        if known := record.verified.get(live):
            return Source(known.source, known.digest, known.rollout)
        history = self.history(release)  # what runs may be a roll-back to what was proven
        current = history.current
        if current is None or current is not history.last or not history.verified(current, record):
            return None
        return history.source(current, record)

    def status(self, release: ReleaseId) -> Observation:
        """:meth:`observe`, and whether all that the release runs is ready."""
        seen = self.observe(release)
        if seen.state is not State.RUNNING:
            return seen
        seen = self._compared(release, seen)
        waiting = self._not_ready(release)
        detail = "; ".join(filter(None, [seen.detail, f"not ready: {', '.join(waiting)}" if waiting else ""]))
        return replace(seen, healthy=not waiting, detail=detail)

    def live(self, release: ReleaseId) -> Live:
        """What the release holds, and what an upgrade would make of it.

        :raises DeployerError: it is not in the fleet, or the cluster cannot be logged in to.
        """
        found, commands = self.desired.release(release), self._commands(release)
        return Live(found, self.desired, self.workshop, self.session, commands, self.env)

    @contextmanager
    def database(self, release: ReleaseId, control: Control) -> Iterator[PodDatabase]:
        """The hub's database, with other deployers on this machine kept away from it.

        :raises DeployerError: it is no file in the hub's pod, or the cluster cannot be logged in to.
        """
        check_kind(release, self.desired.fleet.hub_values(self.desired.release(release), encrypted="skip"))
        with self._at_work(release, control):
            yield PodDatabase(release, self.session, control)

    def check(self, release: ReleaseId) -> None:
        """Find what would fail before anything is done: inputs that cannot be read, a secret that is not encrypted.

        :raises DeployerError: there is one.
        """
        self.desired.digest(release)
        self.desired.sources.source(self.desired.release(release), skip_encrypted=True)
        self.desired.crds(self.desired.release(release))
        for path in secret_files(self.desired.release(release)):
            check_encrypted(self.desired.fleet.tree, path)

    def secrets(self, release: ReleaseId) -> list[str]:
        """The secret files that an upgrade of the release decrypts."""
        return list(secret_files(self.desired.release(release)))

    def check_secret(self, path: str) -> None:
        """See that a secret file can be decrypted, as whoever an upgrade decrypts it as; nothing of it is kept.

        :raises SecretError: it cannot be.
        :raises CredentialError: the cluster's key is who decrypts it, and cannot be logged in with.
        """
        key = getattr(self.desired.cluster.connection, "key", "")
        env = self.workshop.env
        if key and path != cluster_path(self.cluster, key):
            try:
                env = self.session.env
            except DeployerError as error:  # a key that cannot be decrypted is told of by its own name
                raise CredentialError(error.message, error.place, error.hint) from None
        decrypt(self.desired.root / path, env=env, shown=path)

    def locks(self) -> dict[ReleaseId, Holder]:
        """Who holds which release.

        :raises TargetError: the cluster cannot be asked.
        """
        return Leases(Kubectl(self.session)).holders(self._known())

    def unlock(self, release: ReleaseId) -> Holder | None:
        """Take the lock away from its holder."""
        return Leases(Kubectl(self.session)).unlock(release)

    def retire(self, release: ReleaseId, *, control: Control, delete_volumes: bool = False) -> None:
        """Uninstall a release.

        :raises TargetError: volume claims would go with it, and that was not asked for; or somebody may be at work.
        """
        with self._at_work(release, control) as work:
            work.uninstall(delete_volumes=delete_volumes)

    def logs(self, release: ReleaseId) -> list[Path]:
        """What helm said of a release on this machine, oldest first."""
        return sorted(self._folder(release).glob("*.log"))

    def _folder(self, release: ReleaseId) -> Path:
        return self.state / "helm" / self.cluster / release.name

    def url(self, release: ReleaseId) -> str:
        """A hub's public address; "" where it has none."""
        found = self.desired.fleet.releases.get(release)
        if found is None or found.hub is None:
            return ""
        hub = with_domain(found, lambda path: self.desired.decrypted(path, self.session)).hub
        scheme = urlsplit(self._ingress).scheme or "https" if self._ingress else "https"
        return f"{scheme}://{hub.domain}/" if hub and hub.domain else ""

    # How it is done

    @property
    def env(self) -> dict[str, str]:
        """What Helm gets beside the session's own environment: folders of its own."""
        return homes(self.workshop.homes)

    @property
    def _ingress(self) -> str:
        """Where to connect instead of what domains resolve to, as a URL; "" for the public way."""
        given = self.desired.cluster.ingress
        return given if "//" in given or not given else f"https://{given}"

    def _known(self) -> list[ReleaseId]:
        """The releases that the fleet has on this cluster."""
        return sorted(one for one in self.desired.fleet.releases if one.cluster == self.cluster)

    def _commands(self, release: ReleaseId) -> Commands:
        return Commands(release.name, self.workshop.helm.major)

    def _records(self) -> Records:
        return Records(Kubectl(self.session))

    @contextmanager
    def _at_work(self, release: ReleaseId, control: Control) -> Iterator[Work]:
        """Keep other deployers on this machine, and what a killed one left running, away from the release."""
        if release.cluster != self.cluster:
            raise TargetError(f"{release} is not of cluster {self.cluster}")
        folder = private_folder(self._folder(release))
        notices: list[str] = []

        def waits() -> None:
            control.say(f"waits for {LEFT_AT_WORK}")
            notices.append(f"waited for {LEFT_AT_WORK}")

        with locked_file(folder / "busy", give_up=control.cancelled.is_set, waits=waits) as busy:
            if busy is None:
                raise TargetError(f"{release}: cancelled before it began")
            found = self.desired.fleet.releases.get(release) or self._gone(release)
            runner = Runner(
                release,
                self.session,
                self.env,
                folder,
                control.cancelled,
                busy,
                self.desired.chart_folders(found) if found.chart else {},
                control.say,
            )
            yield Work(found, self.desired, self.workshop, runner, self._commands(release), control, notices=notices)

    def _gone(self, release: ReleaseId) -> Release:
        """A release that the fleet has no more, or that it retires: only what it is called is known."""
        return Release(release, Stage.PRODUCTION, self.desired.cluster, None, "", ())

    def _compared(self, release: ReleaseId, seen: Observation) -> Observation:
        """Of a release that was made without us: whether it holds what the repository says all the same."""
        history, record = self._seen[release].history, self._seen[release].record
        if seen.pending or history.current is None or history.source(history.current, record) is not None:
            return seen
        if release not in self.desired.fleet.releases:
            return seen
        return by_hand(self.live(release), seen)

    def _with_url(self, release: ReleaseId, done: Upgrade) -> Upgrade:
        return replace(done, url=self.url(release))

    def _token(self, release: ReleaseId) -> str:
        key = f"hub.services.{self.health_service}.apiToken"
        secret = Kubectl(self.session).get(core(release.name, "secrets", HUB_SECRET))
        if secret is None:
            raise TargetError(f"{release} is not deployed", hint=f"deployer deploy {release.cluster} {release.name}")
        try:
            return base64.b64decode(secret["data"][key]).decode()
        except (KeyError, ValueError, TypeError):
            raise TargetError(
                f"{release}: its Secret {HUB_SECRET!r} has no {key}",
                hint=f"Declare the service in the hub's values: jupyterhub.hub.services.{self.health_service}: {{}}",
            ) from None

    def _not_ready(self, release: ReleaseId) -> list[str]:
        found = []
        for kind in ("deployments", "statefulsets"):
            items = (Kubectl(self.session).get(apps(release.name, kind)) or {}).get("items") or ()
            for item in items:
                wants = item["spec"].get("replicas", 1)
                ready = item.get("status", {}).get("readyReplicas", 0)
                if ready < wants or not wants:
                    found.append(f"{item['metadata']['name']} ({ready} of {wants})")
        return found
