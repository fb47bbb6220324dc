"""What the repository wants of a release, as the Helm target needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deployer.errors import DeployerError, FleetError, Place
from deployer.fleet.cluster import Cluster
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, Release, cluster_path
from deployer.helm.sources import SourceReader
from deployer.secrets.sops import SecretError, decrypt, secret_texts
from deployer.targets.credentials.session import Session


@dataclass(frozen=True)
class Desired:
    """One cluster's part of the fleet. ``root`` is the fleet's folder, ``digest`` gives that of a release's inputs."""

    fleet: Fleet
    root: Path
    name: str
    digest: Callable[[ReleaseId], str]
    revision: str = ""  # the commit that the fleet's folder holds
    sources: SourceReader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", SourceReader(self.fleet))

    @property
    def cluster(self) -> Cluster:
        return self.fleet.cluster(self.name)

    @property
    def folder(self) -> Path:
        """The cluster's folder, in which its credentials stand."""
        return self.root / cluster_path(self.name, ".")

    def release(self, wanted: ReleaseId) -> Release:
        """One release.

        :raises FleetError: the fleet does not have it.
        """
        return self.fleet.release(wanted)

    def wanted_digest(self, release: ReleaseId) -> str | None:
        """The digest of a release's inputs; None where it is gone from the fleet or cannot be read."""
        try:
            return self.digest(release)
        except DeployerError:
            return None

    def crds(self, release: Release) -> dict[str, bytes]:
        """The files of custom resource definitions that the release's charts need, by their paths in the fleet.

        :raises FleetError: one is missing.
        """
        return {path: self._crd(path) for path in self.fleet.crds(release)}

    def _crd(self, path: str) -> bytes:
        try:
            return self.fleet.tree.read(path)
        except FileNotFoundError:
            raise FleetError("no such file; `crds:` of deployer.yaml names it", Place(path)) from None

    def chart_folders(self, release: Release) -> dict[str, str]:
        """The folder of each chart that the release is made of, by the chart's name."""
        closure = self.fleet.charts.closure(release.chart, release.chart_override)
        return {chart.name: chart.folder for chart in closure}

    def decrypted(self, path: str, session: Session) -> bytes:
        """A secret file of the fleet; what it holds is redacted from then on.

        :raises SecretError: it cannot be decrypted here, or is another than was read before.
        """
        if (self.root / path).read_bytes() != self.fleet.tree.read(path):
            raise SecretError(
                "was edited while we were at work", Place(path), "Run this again, to take it as it is now."
            )
        raw = decrypt(self.root / path, env=session.env, shown=path)
        session.redactions.add(secret_texts(raw, path))
        return raw
