"""Where things of a cluster are kept: ``<state>/local/<cluster>/``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deployer.fleet.ids import SUPPORT
from deployer.targets.local.daemon import Daemon


@dataclass(frozen=True, slots=True)
class ReleaseFolder:
    """One release's folder. What a hub's users own stays there until it is purged."""

    path: Path

    @property
    def revisions(self) -> Path:
        return self.path / "revisions"

    @property
    def busy(self) -> Path:
        """Locked while a deployer is at work here."""
        return self.path / "busy"

    @property
    def retired(self) -> Path:
        return self.path / "retired"

    @property
    def ports(self) -> Path:
        return self.path / "ports.json"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def published(self) -> Path:
        """There as soon as an address was told to somebody: from then on its port stays."""
        return self.path / "published"

    @property
    def database(self) -> Path:
        return self.path / "jupyterhub.sqlite"

    @property
    def backups(self) -> Path:
        return self.path / "backups"

    @property
    def homes(self) -> Path:
        return self.path / "homes"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def daemon(self, name: str) -> Daemon:
        return Daemon(self.path / f"{name}.pid.json", self.logs / f"{name}.log")


@dataclass(frozen=True, slots=True)
class ClusterFolder:
    """One cluster's folder."""

    path: Path

    @classmethod
    def of(cls, state: Path, cluster: str) -> ClusterFolder:
        return cls(state.absolute() / "local" / cluster)

    def release(self, name: str) -> ReleaseFolder:
        return ReleaseFolder(self.path / "releases" / name)

    def names(self) -> list[str]:
        """Releases that were ever deployed here: hubs by name, support last."""
        found = [path.parent.name for path in (self.path / "releases").glob("*/revisions")]
        return sorted(found, key=lambda name: (name == SUPPORT, name))

    @property
    def locks(self) -> Path:
        return self.path / "locks"

    @property
    def routes(self) -> Path:
        """One file per hub, watched by the ingress."""
        return self.path / "routes"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def slots(self) -> Path:
        """Shared by all clusters of the fleet."""
        return self.path.parent / ".slots"
