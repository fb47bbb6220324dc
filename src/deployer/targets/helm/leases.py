"""Locks across machines: a Lease beside each release, held by a rollout and renewed while it is at work.

Processes that share a rollout id share the lock. A holder that stops renewing has lost it after its duration; the
clocks of the machines are taken to agree within :data:`SKEW`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deployer.errors import DeployerError, LockedError, TargetError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Holder
from deployer.targets.helm.kubectl import ApiError, Kubectl, Object, ensure_namespace, leases

DURATION, RENEWED_EVERY, POLL, SKEW = 60, 15.0, 1.0, 5.0  # seconds
_ABOUT = "jupyterhub-deployer/"  # the prefix of our annotations
_RBAC = """Apply this (or say `lock: none` in deployer.yaml, where nothing else keeps rollouts apart):
  apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {{name: deployer-lock, namespace: {namespace}}}
  rules:
    - apiGroups: [coordination.k8s.io]
      resources: [leases]
      verbs: [get, create, update, delete]
and bind the Role to the account that deploys."""


def lease_name(release: ReleaseId) -> str:
    return f"deployer-{release.name}"


@dataclass(frozen=True, slots=True)
class Leases:
    """The locks of one cluster's releases."""

    kubectl: Kubectl

    @contextmanager
    def hold(self, release: ReleaseId, rollout: str, *, timeout: float, cancelled: threading.Event) -> Iterator[None]:
        """Hold the release for this rollout.

        :raises LockedError: another rollout holds it still after ``timeout`` seconds.
        :raises TargetError: leases cannot be used.
        """
        with _telling(release):
            held = self._acquire(release, rollout, time.monotonic() + timeout, cancelled)
        ended = threading.Event()
        kept = _Kept(held)
        renewer = threading.Thread(target=self._renew, args=(release, rollout, kept, ended), daemon=True)
        renewer.start()
        try:
            yield
        finally:
            ended.set()
            renewer.join()
            with suppress(
                DeployerError
            ):  # it runs out by itself, or another process has renewed it: then it is its own
                self._release(release, kept.lease)

    def holders(self, known: Iterable[ReleaseId] = ()) -> dict[ReleaseId, Holder]:
        """Who holds which release of the cluster; of the ``known`` ones where the account may not look everywhere.

        :raises TargetError: leases cannot be read.
        """
        held = {}
        for lease in self._all(known):
            release = ReleaseId(self.kubectl.session.cluster, lease["metadata"]["namespace"])
            if lease["metadata"]["name"] == lease_name(release) and _is_held(lease):
                held[release] = _holder(lease)
        return held

    def _all(self, known: Iterable[ReleaseId]) -> list[Object]:
        try:
            found = self.kubectl.get("/apis/coordination.k8s.io/v1/leases") or {}
        except ApiError as error:
            if error.reason != "Forbidden":
                raise
            return [lease for release in known if (lease := self._get(release))]
        return list(found.get("items") or ())

    def unlock(self, release: ReleaseId) -> Holder | None:
        """Take the lock away from whoever holds it.

        :raises TargetError: the lease cannot be removed.
        """
        lease = self._get(release)
        if lease is None:
            return None
        self.kubectl.delete(leases(release.name, lease_name(release)))
        return _holder(lease) if _is_held(lease) else None

    def _get(self, release: ReleaseId) -> Object | None:
        return self.kubectl.get(leases(release.name, lease_name(release)))

    def _acquire(self, release: ReleaseId, rollout: str, until: float, cancelled: threading.Event) -> Object:
        while not (held := self._try(release, rollout)):
            lease = self._get(release)
            if time.monotonic() >= until or cancelled.is_set():
                if lease is None:
                    continue
                raise LockedError(
                    f"{release} is locked by {_holder(lease)}",
                    hint=f"Wait for it (--lock-timeout SECONDS), or if it is gone: deployer unlock {release}",
                )
            cancelled.wait(min(POLL, max(until - time.monotonic(), 0)))
        return held

    def _try(self, release: ReleaseId, rollout: str) -> Object | None:
        """The lease, taken where it is free, ours, or run out; None where it is another's."""
        try:
            return self._create(release, rollout) or self._take_over(release, rollout)
        except ApiError as error:
            if error.reason in ("Conflict", "NotFound"):  # somebody was faster, or is just letting it go
                return None
            raise

    def _create(self, release: ReleaseId, rollout: str) -> Object | None:
        """The new lease; None where there is one. The usual case: one request."""
        for last in (False, True):
            try:
                return self.kubectl.create(leases(release.name), _lease(release, rollout))
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    return None
                if error.reason != "NotFound" or last:
                    raise
                ensure_namespace(self.kubectl, release.name)
        return None

    def _take_over(self, release: ReleaseId, rollout: str) -> Object | None:
        lease = self._get(release)
        if lease is None or (_spec(lease).get("holderIdentity") != rollout and _is_held(lease)):
            return None
        return self.kubectl.replace(leases(release.name, lease_name(release)), _lease(release, rollout, lease))

    def _renew(self, release: ReleaseId, rollout: str, kept: _Kept, ended: threading.Event) -> None:
        while not ended.wait(RENEWED_EVERY):
            with suppress(DeployerError):  # the next renewal tries again
                kept.lease = self._take_over(release, rollout) or self._try(release, rollout) or kept.lease

    def _release(self, release: ReleaseId, lease: Object) -> None:
        """Remove the lease as we left it."""
        version = lease["metadata"]["resourceVersion"]
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": version}}
        self.kubectl.delete(leases(release.name, lease_name(release)), body)


@dataclass(slots=True)
class _Kept:
    """The lease as this process wrote it last."""

    lease: Object


def _lease(release: ReleaseId, rollout: str, old: Object | None = None) -> Object:
    now = _now()
    spec = _spec(old) if old else {}
    same = spec.get("holderIdentity") == rollout
    metadata: dict[str, Any] = {"name": lease_name(release), "namespace": release.name, "annotations": _me()}
    if old is not None:
        metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": rollout,
            "leaseDurationSeconds": DURATION,
            "acquireTime": spec["acquireTime"] if same and "acquireTime" in spec else now,
            "renewTime": now,
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (0 if same or old is None else 1),
        },
    }


def _me() -> dict[str, str]:
    return {f"{_ABOUT}host": socket.gethostname(), f"{_ABOUT}pid": str(os.getpid())}


def _spec(lease: Object) -> dict[str, Any]:
    spec = lease.get("spec")
    return spec if isinstance(spec, dict) else {}


def _is_held(lease: Object) -> bool:
    spec = _spec(lease)
    renewed = parse_time(spec.get("renewTime"))
    if not spec.get("holderIdentity") or renewed is None:
        return False
    lasts = timedelta(seconds=float(spec.get("leaseDurationSeconds") or DURATION) + SKEW)
    return datetime.now(UTC) < renewed + lasts


def _holder(lease: Object) -> Holder:
    spec, about = _spec(lease), lease["metadata"].get("annotations") or {}
    pid = str(about.get(f"{_ABOUT}pid") or "0")
    return Holder(
        rollout=str(spec.get("holderIdentity") or "unknown"),
        host=str(about.get(f"{_ABOUT}host") or "unknown"),
        pid=int(pid) if pid.isdigit() else 0,
        started="",
        since=parse_time(spec.get("acquireTime")) or datetime.fromtimestamp(0, UTC),
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: object) -> datetime | None:
    """A time as Kubernetes and Helm write it; nanoseconds are cut off."""
    if not isinstance(text, str):
        return None
    head, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{head}.{rest[:digits][:6]}{rest[digits:]}"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@contextmanager
def _telling(release: ReleaseId) -> Iterator[None]:
    """Where the account may not use leases, say what to grant."""
    try:
        yield
    except ApiError as error:
        if error.reason != "Forbidden":
            raise
        raise TargetError(
            f"{release}: the account may not lock it: {error.message}", hint=_RBAC.format(namespace=release.name)
        ) from None
