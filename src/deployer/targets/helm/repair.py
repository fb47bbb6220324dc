"""A release that an interrupted deploy left pending: whether somebody is at work on it, and how it is put right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import yaml

from deployer.errors import TargetError
from deployer.fleet.ids import ReleaseId
from deployer.targets.helm.history import History, Revision
from deployer.targets.helm.kubectl import Kubectl, core
from deployer.targets.helm.records import Record

KEEP = ("helm.sh/resource-policy", "keep")


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


def claims_that_would_go(kubectl: Kubectl, release: ReleaseId, manifest: bytes) -> list[str]:
    """The volume claims of a release that are there and that Helm would delete with it.

    What counts is the manifest that Helm keeps: an annotation that only the live claim has does not hold it back.

    :raises TargetError: they cannot be read.
    """
    found = kubectl.get(core(release.name, "persistentvolumeclaims")) or {}
    there = {item["metadata"]["name"] for item in found.get("items") or ()}
    return sorted(there & set(unkept_claims(manifest)))


def unkept_claims(manifest: bytes) -> Iterator[str]:
    """The volume claims in a manifest that are not marked to be kept."""
    key, kept = KEEP
    for document in yaml.load_all(manifest, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(document, dict) and document.get("kind") == "PersistentVolumeClaim":
            metadata = document.get("metadata") or {}
            if (metadata.get("annotations") or {}).get(key) != kept:
                yield str(metadata.get("name"))


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
