"""A local hub's database, for back-up and restore by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import DeployerError, TargetError
from deployer.targets import hub_database
from deployer.targets.local.files import PRIVATE_FILE, read_json, telling, write_json
from deployer.targets.local.hub_unit import HubUnit

_LEFT = "the hub is stopped, and its database as it was or as the back-up has it; to go on: deployer backup or restore"


@dataclass(frozen=True, slots=True)
class LocalDatabase:
    """Implements :class:`deployer.targets.backup_file.HubDatabase`. ``start`` brings the current revision up.

    While a restore is under way, a mark beside the database says whether the hub ran, and as what the old one is kept:
    where the deployer was killed, whoever opens the database next takes that restore back.
    """

    unit: HubUnit
    start: Callable[[], object]
    say: Callable[[str], None] = lambda _text: None

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
        write_json(self._mark, {"ran": ran, "kept": kept_as})
        try:
            kept = self._replaced(by, kept_as, ran)
        except DeployerError:
            self._mark.unlink(missing_ok=True)
            raise
        except BaseException:  # Ctrl-C, or told to end
            self._taken_back()
            raise
        self._mark.unlink(missing_ok=True)
        return kept

    def settle(self) -> None:
        """Take back a restore that was cut, and start the hub again where it ran.

        :raises TargetError: it cannot be.
        """
        found = read_json(self._mark)
        if found is None:
            return
        if self.unit.alive():  # somebody started it since: what is in its database now may be of today
            self.say(f"an earlier restore was cut; what was there before it is kept as {found['kept']}")
        else:
            self.say("an earlier restore was cut: taking it back")
            self._undo(self.path.with_name(found["kept"]))
            self._start(found["ran"])
        self._mark.unlink(missing_ok=True)

    def _taken_back(self) -> None:
        try:
            self.say("interrupted: putting the old database back, and starting the hub where it ran")
            self.unit.stop()
            self.settle()
        except BaseException:
            self.say(_LEFT)
            raise

    def _undo(self, kept: Path) -> None:
        try:
            hub_database.look(kept)
        except hub_database.DamagedError:
            return  # it was cut before that was whole, and so before anything was replaced
        self._place(kept, f"{kept.name}.refused")
        kept.unlink()

    @property
    def _mark(self) -> Path:
        return self.path.with_name(f"{self.path.name}.restoring")

    def _replaced(self, by: Path, kept_as: str, ran: bool) -> str:
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
