"""A hub's database on Kubernetes: copied by a program in the hub's pod, replaced while no hub runs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from deployer.errors import CommandError, DeployerError, TargetError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Control
from deployer.process import Result
from deployer.targets.credentials.session import Session
from deployer.targets.helm.kubectl import Kubectl, Object, apps, core
from deployer.targets.hub_database import digest
from deployer.targets.local.files import POLL, PRIVATE_FILE, telling

# As the community's chart has them.
HUB, CONTAINER, FOLDER = "hub", "hub", "/srv/jupyterhub"
DATABASE = f"{FOLDER}/jupyterhub.sqlite"
HUB_PODS = "labelSelector=component%3Dhub"
USER_PODS = "labelSelector=component%3Dsingleuser-server"
WORKER = "hub-restore"  # the pod that works on the database while no hub does
SQLITE = "sqlite-pvc"
_OTHERS = {
    "sqlite-memory": "it is kept in memory: there is nothing to back up",
    "postgres": "it is PostgreSQL's: use pg_dump and pg_restore, or the snapshots of who runs it",
    "mysql": "it is MySQL's: use mysqldump and mysql, or the snapshots of who runs it",
}


def check_kind(release: ReleaseId, values: Mapping[str, Any]) -> None:
    """See that a hub's database is a file, by the values of its chart.

    :raises TargetError: it is not.
    """
    hub = values.get("hub")
    database = hub.get("db") if isinstance(hub, dict) else None
    kind = database.get("type", SQLITE) if isinstance(database, dict) else SQLITE
    if kind != SQLITE:
        why = _OTHERS.get(str(kind), "the deployer cannot back that up")
        raise TargetError(f"{release}: its database is of type {kind}: {why}")


@dataclass(frozen=True)
class PodDatabase:
    """Implements :class:`deployer.targets.backup_file.HubDatabase`."""

    release: ReleaseId
    session: Session
    control: Control

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self.session, self.control.cancelled)

    def copy(self, to: Path) -> None:
        done = self._run(self._hub_pod(), ["dump", DATABASE])
        sums = done.stderr.split()
        with telling(to):
            handle = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            with os.fdopen(handle, "wb") as file:
                file.write(done.raw)
        if not sums or sums[-1] != digest(to):
            to.unlink()
            raise TargetError(f"{self.release}: the copy did not arrive whole", hint="Run it again.")

    def servers(self) -> int:
        return int(json.loads(self._run(self._hub_pod(), ["look", DATABASE]).stdout)["servers"])

    def replace(self, by: Path, kept_as: str) -> str:
        deployment = self._deployment()
        replicas = deployment["spec"].get("replicas", 1) or self._wanted_before()
        with self._stopped(deployment, replicas):
            done = self._run(WORKER, ["place", DATABASE, digest(by), kept_as], by.read_bytes())
        try:
            self._come_up(replicas)
        except DeployerError as error:
            with self._stopped(deployment, replicas):
                self._run(WORKER, ["return", DATABASE, kept_as, f"{kept_as}.refused"])
            raise TargetError(
                f"{self.release}: the hub does not come up with it: {error.message}; the old one is back",
                hint=error.hint,
            ) from None
        return done.stdout.strip()

    # The hub and its pods

    def _deployment(self) -> Object:
        found = self._kubectl.get(f"{apps(self.release.name, 'deployments')}/{HUB}")
        if found is None:
            raise TargetError(f"{self.release} is not deployed", hint=f"deployer deploy {self.release}")
        return found

    def _wanted_before(self) -> int:
        """How many hubs are wanted where none is: one, where the pod of a restore that was cut is still there."""
        return 1 if self._kubectl.get(core(self.release.name, "pods", WORKER)) else 0

    def _pods(self, query: str) -> list[Object]:
        found = self._kubectl.get(f"{core(self.release.name, 'pods')}?{query}") or {}
        return list(found.get("items") or ())

    def _hub_pod(self) -> str:
        running = [pod for pod in self._pods(HUB_PODS) if pod.get("status", {}).get("phase") == "Running"]
        names = [pod["metadata"]["name"] for pod in running if not pod["metadata"].get("deletionTimestamp")]
        if not names:
            raise TargetError(f"{self.release}: no pod of the hub runs", hint=f"deployer status {self.release.cluster}")
        return str(names[0])

    @contextmanager
    def _stopped(self, deployment: Object, replicas: int) -> Iterator[None]:
        """No hub and no user's server runs, and a pod with the hub's disk does; then the hub is wanted again."""
        try:
            self._say("stopping the hub")
            self._scale(0)
            self._delete("pods", "--selector", "component=singleuser-server")
            self._wait(lambda: not self._pods(HUB_PODS), "the hub's pod does not end")
            self._delete("pod", WORKER, "--ignore-not-found")
            self._kubectl.create(core(self.release.name, "pods"), worker(deployment))
            self._wait(self._worker_ready, f"the pod {WORKER} does not become ready")
            self._say("replacing the database")
            yield
        finally:
            self._delete("pod", WORKER, "--ignore-not-found")
            self._scale(replicas)

    def _worker_ready(self) -> bool:
        pod = self._kubectl.get(core(self.release.name, "pods", WORKER)) or {}
        conditions = pod.get("status", {}).get("conditions") or ()
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def _come_up(self, replicas: int) -> None:
        if replicas:
            self._say("starting the hub")
            limit = f"--timeout={self.control.timeout:g}s"
            self._call(["kubectl", "rollout", "status", f"deployment/{HUB}", limit], timeout=self.control.timeout + 30)

    def _scale(self, replicas: int) -> None:
        self._call(["kubectl", "scale", f"deployment/{HUB}", f"--replicas={replicas}"])

    def _delete(self, *words: str) -> None:
        self._call(["kubectl", "delete", *words, "--wait=true"])

    def _wait(self, done: Any, otherwise: str) -> None:
        until = time.monotonic() + self.control.timeout
        while not done():
            if time.monotonic() >= until:
                raise TargetError(f"{self.release}: {otherwise} within {self.control.timeout:g} s")
            if self.control.cancelled.wait(POLL * 5):
                raise TargetError(f"{self.release}: cancelled")

    def _run(self, pod: str, words: Sequence[str], stdin: bytes | None = None) -> Result:
        """The program, in a pod with the hub's disk."""
        argv = ["kubectl", "exec", pod, "--container", CONTAINER, *(["--stdin"] if stdin is not None else [])]
        try:
            return self._call([*argv, "--", "python3", "-c", program(), *words], stdin)
        except CommandError as error:  # its message would show the program
            said = error.hint.splitlines()[-1:] or [error.message.rpartition(": ")[2]]
            raise TargetError(f"{self.release}: in pod {pod}: {said[0]}") from None

    def _call(self, argv: Sequence[str], stdin: bytes | None = None, *, timeout: float | None = None) -> Result:
        words = [argv[0], "--namespace", self.release.name, *argv[1:]]
        return self.session.run(words, stdin=stdin, timeout=timeout or self.control.timeout)

    def _say(self, text: str) -> None:
        with suppress(BrokenPipeError):
            self.control.say(text)


def program() -> str:
    """What runs in the pod."""
    return (files("deployer.targets") / "hub_database.py").read_text(encoding="utf-8")


def worker(deployment: Object) -> Object:
    """A pod with the hub's disk, image and rights that does nothing; the hub's service does not lead to it."""
    template = deployment["spec"]["template"]["spec"]
    hub = next(one for one in template["containers"] if one["name"] == CONTAINER)
    kept = ("image", "imagePullPolicy", "securityContext", "volumeMounts", "resources")
    container = {key: hub[key] for key in kept if key in hub}
    container |= {"name": CONTAINER, "command": ["python3", "-c", "import time; time.sleep(86400)"]}
    of_pod = ("volumes", "securityContext", "imagePullSecrets", "nodeSelector", "tolerations", "affinity")
    spec = {key: template[key] for key in of_pod if key in template}
    spec |= {"containers": [container], "restartPolicy": "Never", "automountServiceAccountToken": False}
    spec |= {"terminationGracePeriodSeconds": 1}
    labels = {"component": WORKER, "app.kubernetes.io/managed-by": "deployer"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": WORKER, "labels": labels}, "spec": spec}
