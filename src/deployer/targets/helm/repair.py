"""A release that an interrupted deploy left pending: whether somebody is at work on it, and how it is put right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from deployer.errors import TargetError
from deployer.fleet.ids import ReleaseId
from deployer.targets.helm.history import History, Revision
from deployer.targets.helm.kubectl import Kubectl, core
from deployer.targets.helm.records import Record

KEEP = ("helm.sh/resource-policy", "keep")
OF_RELEASE = "meta.helm.sh/release-name"


def somebody_at_work(
    release: ReleaseId, pending: Revision, record: Record, *, now: datetime, timeout: float
) -> TargetError | None:
    """The error that says so; None where nobody can be at work on the pending revision.

    The caller holds the release, here and in the cluster: what a process of this machine began is dead. What another
    machine began, or somebody without us, may still be going on until its time-out has passed.
    """
    attempt = record.attempt if record.attempt and record.attempt.after < pending.number else None
    if attempt and attempt.here:
        return None
    if now - pending.updated > timedelta(seconds=timeout):
        return None
    who = str(attempt) if attempt else "somebody without this deployer, or one whose record is gone"
    until = pending.updated + timedelta(seconds=timeout)
    return TargetError(
        f"{release} is {pending.status} since {pending.updated:%Y-%m-%d %H:%M:%S %Z}: {who} may be at work on it",
        hint=f"Run this again when that has ended, or after {until:%H:%M:%S %Z}: then it counts as left behind.",
    )


def last_good(history: History) -> Revision | None:
    """What a pending release is rolled back to: the revision that is deployed still, or was last."""
    fine = [one for one in history.revisions if one.status in ("deployed", "superseded")]
    return history.current or (fine[-1] if fine else None)


def claims_that_would_go(kubectl: Kubectl, release: ReleaseId) -> list[str]:
    """The volume claims of a release that are not marked to be kept when it is uninstalled.

    :raises TargetError: they cannot be read.
    """
    found = kubectl.get(core(release.name, "persistentvolumeclaims")) or {}
    return [item["metadata"]["name"] for item in found.get("items") or () if _would_go(item["metadata"], release)]


def _would_go(metadata: Mapping[str, Any], release: ReleaseId) -> bool:
    notes = metadata.get("annotations") or {}
    key, kept = KEEP
    return notes.get(OF_RELEASE) == release.name and notes.get(key) != kept


def describe_claims(claims: list[str]) -> str:
    return ", ".join(sorted(claims))


def cannot_uninstall(release: ReleaseId, pending: Revision, claims: list[str]) -> TargetError:
    """Why a first install that was cut is left as it is."""
    secret = f"sh.helm.release.v1.{release.name}.v{pending.number}"
    return TargetError(
        f"{release} is {pending.status} and was never deployed; to uninstall it would delete its volume claims: "
        f"{describe_claims(claims)}",
        hint="Forget the attempt, and the next deploy takes over what it had made:\n"
        f"  deployer shell {release.cluster} -- kubectl delete secret --namespace {release.name} {secret}",
    )
