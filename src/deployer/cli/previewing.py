"""A hub that runs on this machine for as long as somebody looks at it, in a folder that goes with it."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployer.errors import TargetError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Control, State
from deployer.rollout.journal import new_id
from deployer.targets.local.desired import Desired
from deployer.targets.local.target import LocalTarget

PREFIX = "deployer-preview-"
START = 300.0  # seconds for a hub to come up
LOOK = 2.0  # seconds between looks whether it still runs


@dataclass(frozen=True)
class Preview:
    """A hub that came up."""

    target: LocalTarget
    release: ReleaseId
    url: str
    notices: tuple[str, ...]

    def wait(self, ended: threading.Event) -> None:
        """Until it is to end.

        :raises TargetError: the hub ended by itself.
        """
        while not ended.wait(LOOK):
            seen = self.target.observe(self.release)
            if seen.state is not State.RUNNING:
                raise TargetError(f"{self.release}: the hub ended: {seen.detail or seen.state}")


@contextmanager
def running(desired: Desired, env: Mapping[str, str]) -> Iterator[Preview]:
    """The hub, from when it answers until it is left; then its processes are ended, and all that it wrote is removed.

    :raises DeployerError: it does not come up.
    """
    sweep(env)
    with _folder() as folder:
        target = LocalTarget(folder, desired.cluster, lambda _release: desired, env=env)
        try:
            control = Control(START, say=lambda text: print(f"  {text}", flush=True))
            rollout = new_id(datetime.now(UTC), secrets.randbits(24))
            made = target.upgrade(desired.id, rollout=rollout, force=True, control=control)
            yield Preview(target, desired.id, made.url, made.notices)
        finally:
            target.down(purge=True)


@contextmanager
def _folder() -> Iterator[Path]:
    """A private folder, locked while it is used, so that :func:`sweep` knows one that a killed process left."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def sweep(env: Mapping[str, str], where: Path | None = None) -> None:
    """End and remove what killed previews of ours left, by default where temporary folders are made."""
    for folder in (where or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(handle).st_uid != os.getuid():
                    continue
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end(folder, env)
            finally:
                os.close(handle)


def _end(folder: Path, env: Mapping[str, str]) -> None:
    for cluster in (folder / "local").glob("*"):
        LocalTarget(folder, cluster.name, _nothing, env=env).down(purge=True)
    shutil.rmtree(folder, ignore_errors=True)


def _nothing(release: ReleaseId) -> Desired:
    raise TargetError(f"{release} is not wanted any more")
