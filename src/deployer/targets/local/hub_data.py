"""A local hub's database, for back-up and restore by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import DeployerError, TargetError
from deployer.targets import hub_database
from deployer.targets.local.files import PRIVATE_FILE, telling
from deployer.targets.local.hub_unit import HubUnit


@dataclass(frozen=True, slots=True)
class LocalDatabase:
    """Implements :class:`deployer.targets.backup_file.HubDatabase`. ``start`` brings the current revision up."""

    unit: HubUnit
    start: Callable[[], object]

    @property
    def path(self) -> Path:
        return self.unit.folder.database

    def copy(self, to: Path) -> None:
        self._there()
        try:
            with telling(to):
                hub_database.copy(self.path, to)
        except hub_database.DamagedError as error:
            raise TargetError(f"{self.path}: {error}") from None

    def servers(self) -> int:
        if not self.path.exists():
            return 0
        try:
            return int(hub_database.look(self.path)["servers"])
        except hub_database.DamagedError:
            return 0  # nothing that could be lost is known of it

    def replace(self, by: Path, kept_as: str) -> str:
        ran = self.unit.alive()
        self.unit.stop()
        try:
            kept = self._place(by, kept_as)
        except DeployerError:
            self._start(ran)
            raise
        try:
            self._start(ran)
        except DeployerError as error:
            self.unit.stop()
            if kept:
                self._place(Path(kept), f"{kept_as}.refused")
                self._start(ran)
            raise TargetError(
                f"the hub does not come up with it: {error.message}; the old one is back", hint=error.hint
            ) from None
        return kept

    def _start(self, wanted: bool) -> None:
        if wanted:
            self.start()

    def _place(self, by: Path, kept_as: str) -> str:
        new = self.path.with_name(f"{self.path.name}.incoming")
        with telling(self.path):
            try:
                shutil.copyfile(by, new)
                new.chmod(PRIVATE_FILE)
                return hub_database.place(new, self.path, kept_as)
            finally:
                new.unlink(missing_ok=True)

    def _there(self) -> None:
        if not self.path.exists():
            raise TargetError(f"{self.unit.name} has no database: it was never started here")
