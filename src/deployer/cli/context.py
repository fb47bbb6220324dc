"""What every verb gets: where the fleet is, the environment, and what is made of them when it is asked for."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from deployer.errors import FleetError
from deployer.fleet.repository import CLUSTERS, Fleet, load_fleet
from deployer.fleet.settings import FILE as SETTINGS_FILE
from deployer.fleet.tree import SnapshotTree, Tree
from deployer.git import Repository, WorkTree

if TYPE_CHECKING:  # only what compares digests needs the one, only clusters on Kubernetes the other
    from deployer.changes.inputs import InputReader
    from deployer.helm.logins import ChartLogins
    from deployer.targets.helm.workshop import Workshop

CANNOT_WRITE = {errno.EROFS, errno.EACCES, errno.EPERM}
STATE = ".deployer"  # below the fleet: journals, and all that local clusters are made of; never committed


@dataclass(frozen=True)
class Context:
    """The surroundings of one call. ``cwd`` is what relative paths on the command line start from."""

    given: Path | None
    cwd: Path
    env: Mapping[str, str]

    @classmethod
    def open(cls, fleet: Path | None, env: Mapping[str, str]) -> Self:
        return cls(fleet, Path.cwd(), env)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "workshop" in self.__dict__:
            self.workshop.close()

    @cached_property
    def workshop(self) -> Workshop:
        """What Kubernetes clusters are worked on with: sessions and charts, made when asked for, gone at the end."""
        from deployer.targets.helm.workshop import Workshop

        return Workshop(self.env, self.chart_logins)

    @cached_property
    def chart_logins(self) -> ChartLogins:
        """Who we are to repositories of charts; nothing is decrypted before one asks.

        :raises FleetError: the fleet cannot be read.
        """
        from deployer.helm.logins import ChartLogins

        return ChartLogins(self.fleet.settings.chart_logins, self.root, self.env)

    @cached_property
    def root(self) -> Path:
        """The fleet's folder: the one that was named, or the nearest above us that looks like one.

        :raises FleetError: there is none.
        """
        if self.given is not None:
            if not self.given.is_dir():
                raise FleetError(f"--fleet {self.given}: no such folder")
            return self.given.resolve()
        for folder in (self.cwd, *self.cwd.parents):
            if (folder / SETTINGS_FILE).is_file() or (folder / CLUSTERS).is_dir():
                return folder
        raise FleetError(
            f"no fleet here: neither {SETTINGS_FILE} nor {CLUSTERS}/ in this folder or above",
            hint="Go to its folder, name it with --fleet DIR, or make one with: deployer init DIR",
        )

    @cached_property
    def fleet(self) -> Fleet:
        """The fleet as it is on disk: each file as it was when it was first read, for as long as the call lasts.

        :raises FleetError: it cannot be read.
        """
        return load_fleet(self.tree)

    @cached_property
    def tree(self) -> Tree:
        """The files of the fleet's folder, read once each."""
        return SnapshotTree(WorkTree(self.root, self.repository.ignored))

    @cached_property
    def inputs(self) -> InputReader:
        """What the fleet's releases are made of."""
        from deployer.changes.inputs import InputReader

        return InputReader(self.fleet)

    @cached_property
    def repository(self) -> Repository:
        return Repository(self.root, self.env)

    @cached_property
    def revision(self) -> str:
        """The commit that the fleet's folder holds, "" where it holds anything else."""
        return self.repository.head()

    @cached_property
    def state(self) -> Path:
        """The folder of journals and local clusters, private to the user and invisible to git."""
        folder = self.root / STATE
        ignore = folder / ".gitignore"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            if not ignore.exists() or not ignore.stat().st_size:  # a full disk leaves it empty
                ignore.write_text("*\n")
        except OSError as error:
            if error.errno not in CANNOT_WRITE:
                raise  # who only reads finds nothing there, or what others wrote; who writes is told then
        return folder.resolve()  # a link, where several work trees share what runs
