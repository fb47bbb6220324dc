"""What was deployed, kept beside each release in a ConfigMap that no upgrade touches and that goes with the namespace.

Which revision of the repository, with which digest of its inputs, is written into Helm's own description of the
revision, at once with it; what came later (it passed its health check, somebody began an upgrade) stands in the
ConfigMap.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from deployer.fleet.ids import ReleaseId
from deployer.targets.helm.kubectl import ApiError, Kubectl, Object, core, ensure_namespace
from deployer.targets.helm.leases import parse_time

LABEL = "jupyterhub-deployer/record"
KEPT = 20  # revisions
REASON = 1000  # characters of why one failed
_DESCRIPTION = re.compile(r"source=(\S+) digest=(\S+) rollout=(\S+)")
_NONE = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """What a revision was made from. ``revision`` is a commit or ""."""

    revision: str
    digest: str
    rollout: str

    def description(self) -> str:
        """As Helm keeps it with the revision."""
        words = (self.revision or _NONE, self.digest or _NONE, self.rollout or _NONE)
        return "source={} digest={} rollout={}".format(*words)

    @classmethod
    def parse(cls, description: str) -> Source | None:
        found = _DESCRIPTION.fullmatch(description)
        return cls(*("" if word == _NONE else word for word in found.groups())) if found else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An upgrade that was begun: after which revision, by whom."""

    after: int
    rollout: str
    host: str
    pid: int
    since: str

    @classmethod
    def ours(cls, after: int, rollout: str) -> Attempt:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(after, rollout, socket.gethostname(), os.getpid(), now)

    @property
    def here(self) -> bool:
        return self.host == socket.gethostname()

    def __str__(self) -> str:
        return f"rollout {self.rollout} (process {self.pid} on {self.host}, since {self.since})"


@dataclass(frozen=True, slots=True)
class Verified:
    """A revision that passed its health check, and what it was made from."""

    source: str
    digest: str
    rollout: str
    at: str

    @property
    def time(self) -> datetime | None:
        return parse_time(self.at)


@dataclass(frozen=True, slots=True)
class Record:
    """All that is kept of one release.

    ``given_up``: the revision that was stopped, for nothing good came before it. ``failed``: why revisions since the
    last good one did not pass their health check.
    """

    verified: dict[int, Verified] = field(default_factory=dict)
    attempt: Attempt | None = None
    given_up: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    version: str = ""  # of the ConfigMap, "" where there is none yet

    def with_verified(self, revision: int, source: Source) -> Record:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        one = Verified(source.revision, source.digest, source.rollout, now)
        kept = dict(sorted({**self.verified, revision: one}.items())[-KEPT:])
        return replace(self, verified=kept, attempt=None, given_up=0, failed={})

    def with_failed(self, revision: int, reason: str) -> Record:
        """``reason`` may be "": then nothing is to be told."""
        return replace(self, failed={**self.failed, revision: reason[:REASON]}, attempt=None) if reason else self

    def to_json(self) -> str:
        data: dict[str, Any] = {"version": 1, "verified": {str(n): asdict(one) for n, one in self.verified.items()}}
        if self.attempt:
            data["attempt"] = asdict(self.attempt)
        if self.given_up:
            data["given_up"] = self.given_up
        if self.failed:
            data["failed"] = {str(number): reason for number, reason in sorted(self.failed.items())[-KEPT:]}
        return json.dumps(data, indent=1)

    @classmethod
    def parse(cls, config_map: Object) -> Record:
        """What a ConfigMap holds; what somebody has spoilt counts as nothing."""
        version = str(config_map.get("metadata", {}).get("resourceVersion") or "")
        try:
            data = json.loads(config_map["data"]["record"])
            verified = {int(number): Verified(**one) for number, one in data["verified"].items()}
            attempt = Attempt(**data["attempt"]) if "attempt" in data else None
            failed = {int(number): str(reason) for number, reason in data.get("failed", {}).items()}
            return cls(verified, attempt, int(data.get("given_up", 0)), failed, version)
        except (KeyError, ValueError, TypeError, AttributeError):
            return cls(version=version)


def record_name(release: str) -> str:
    return f"deployer-record-{release}"


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one cluster's releases."""

    kubectl: Kubectl

    def get(self, release: ReleaseId) -> Record:
        """The record of a release, an empty one where there is none.

        :raises TargetError: it cannot be read.
        """
        found = self.kubectl.get(core(release.name, "configmaps", record_name(release.name)))
        return Record.parse(found) if found else Record()

    def put(self, release: ReleaseId, record: Record) -> Record:
        """Keep a record; whoever holds the release is the only one to write it.

        :raises TargetError: it cannot be written.
        """
        done = self._create(release, record) if not record.version else None
        if done is None:
            path = core(release.name, "configmaps", record_name(release.name))
            done = self.kubectl.replace(path, _config_map(release, record))
        return replace(record, version=str(done.get("metadata", {}).get("resourceVersion") or ""))

    def _create(self, release: ReleaseId, record: Record) -> Object | None:
        """The new ConfigMap; None where there is one."""
        for last in (False, True):
            try:
                return self.kubectl.create(core(release.name, "configmaps"), _config_map(release, record))
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    return None
                if error.reason != "NotFound" or last:
                    raise
                ensure_namespace(self.kubectl, release.name)
        return None

    def all(self, cluster: str, known: Iterable[ReleaseId] = ()) -> dict[ReleaseId, Record]:
        """Every record in the cluster; where the account may not look everywhere, those of the ``known`` releases.

        :raises TargetError: they cannot be read.
        """
        try:
            found = self.kubectl.get(f"/api/v1/configmaps?labelSelector={LABEL.replace('/', '%2F')}") or {}
        except ApiError as error:
            if error.reason != "Forbidden":
                raise
            each = {release: self.get(release) for release in known}
            return {release: record for release, record in each.items() if record.version}
        records = {}
        for item in found.get("items") or ():
            name = item["metadata"]["labels"][LABEL]
            if item["metadata"]["namespace"] == name:
                records[ReleaseId(cluster, name)] = Record.parse(item)
        return records


def _config_map(release: ReleaseId, record: Record) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": record_name(release.name),
            "namespace": release.name,
            "labels": {LABEL: release.name},
        },
        "data": {"record": record.to_json()},
    }
