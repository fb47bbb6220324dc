"""What the targets of one run share: sessions, and charts with their dependencies, each made once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from deployer.errors import DeployerError
from deployer.fleet.cluster import Cluster
from deployer.helm.charts import ChartFolders, Prepared
from deployer.helm.command import Helm
from deployer.helm.logins import ChartLogins
from deployer.helm.sources import ChartSource
from deployer.secrets.private import private_folder
from deployer.targets.credentials.session import Session, Sessions
from deployer.targets.helm.reach import unreachable


class Workshop:
    """Lives as long as the run; all that it wrote goes when it is closed. Safe to use from several threads."""

    def __init__(self, env: Mapping[str, str], logins: ChartLogins | None = None) -> None:
        self.env, self.logins = env, logins or ChartLogins()
        self.sessions = Sessions(env)
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._reached: dict[str, DeployerError | None] = {}
        self._reaching: dict[str, threading.Lock] = {}
        self._made: tuple[Helm, ChartFolders, Path] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.sessions.close()
        self._stack.close()

    def session(self, cluster: Cluster, folder: Path) -> Session:
        """The session of a cluster that answered when it was first asked for.

        :raises DeployerError: it cannot be logged in to or reached; the same error each time.
        """
        found = self.sessions.of(cluster, folder)
        with self._lock:
            reaching = self._reaching.setdefault(cluster.name, threading.Lock())
        with reaching:
            if cluster.name not in self._reached:
                self._reached[cluster.name] = unreachable(found)
        if error := self._reached[cluster.name]:
            raise error
        return found

    @property
    def helm(self) -> Helm:
        """The helm command.

        :raises CommandError: there is none.
        """
        return self._make()[0]

    @property
    def homes(self) -> Path:
        """Below which Helm keeps its own files."""
        return self._make()[2]

    def chart(self, source: ChartSource) -> Prepared:
        """The chart, its dependencies built once.

        :raises DeployerError: they cannot be.
        """
        return self._make()[1].prepared(source)

    def _make(self) -> tuple[Helm, ChartFolders, Path]:
        with self._lock:
            if self._made is None:
                # Charts are no secret, and a memory-backed folder is often small.
                folder = self._stack.enter_context(private_folder(in_memory=False))
                config = self._stack.enter_context(private_folder()) if self.logins.entries else None
                helm = Helm.find(self.env, folder / "helm", config=config)
                self._made = helm, ChartFolders(folder / "charts", helm, self.logins), folder / "helm"
            return self._made
