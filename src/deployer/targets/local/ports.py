"""Free loopback ports: chosen once, kept in the state, never given to two.

Ports come from below the range that operating systems hand out to outgoing connections. A registry of the user's
keeps apart the choices of several fleets, also of those that are stopped.
"""

from __future__ import annotations

import errno
import random
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from deployer.errors import TargetError
from deployer.targets.local.files import POLL, locked, private_folder, read_json, write_json

HOST = "127.0.0.1"
RANGE = range(20_000, 32_000)
ATTEMPTS = 200
LINGER = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one release, kept in ``file``: a name for each, such as ``public`` or ``hub``."""

    file: Path
    registry: Path

    def get(self) -> dict[str, int]:
        kept = read_json(self.file) or {}
        return {name: port for name, port in kept.items() if isinstance(port, int)}

    def ensure(self, names: Iterable[str], fixed: Mapping[str, int] | None = None) -> dict[str, int]:
        """The ports of these names: those kept, and new ones for the names that have none.

        ``fixed`` are given by the fleet and kept as they are.
        """
        wanted = {**dict.fromkeys(names, 0), **self.get(), **(fixed or {})}
        if wanted != self.get():
            with locked(self.registry.with_suffix(".lock")):
                self._keep(self._choose(wanted))
        return self.get()

    def replace(self, name: str) -> int:
        """Choose another port for ``name``: a stranger sits on the one that we had."""
        with locked(self.registry.with_suffix(".lock")):
            self._keep(self._choose({**self.get(), name: 0}))
        return self.get()[name]

    def _choose(self, wanted: Mapping[str, int]) -> dict[str, int]:
        taken = {*self._promised_to_others(), *wanted.values()}
        chosen = dict(wanted)
        for name in (name for name, port in wanted.items() if not port):
            chosen[name] = free_port(taken)
            taken.add(chosen[name])
        return chosen

    def _keep(self, ports: Mapping[str, int]) -> None:
        """The state first: the registry drops what no state speaks of."""
        private_folder(self.file.parent)
        private_folder(self.registry.parent)
        write_json(self.file, ports)
        others = {port: owner for port, owner in self._entries().items() if owner != str(self.file)}
        write_json(self.registry, {**others, **{str(port): str(self.file) for port in ports.values()}})

    def _entries(self) -> dict[str, str]:
        entries = read_json(self.registry) or {}
        return {port: owner for port, owner in entries.items() if isinstance(owner, str) and Path(owner).exists()}

    def _promised_to_others(self) -> set[int]:
        return {int(port) for port, owner in self._entries().items() if owner != str(self.file) and port.isdigit()}


def free_port(taken: Iterable[int]) -> int:
    """A port that nobody listens on and that is not ``taken``.

    :raises TargetError: none was found.
    """
    avoid = set(taken)
    for port in random.SystemRandom().sample(RANGE, ATTEMPTS):
        if port not in avoid and is_free(port):
            return port
    raise TargetError(f"no free port between {RANGE.start} and {RANGE.stop} on {HOST}")


def is_free(port: int) -> bool:
    """Whether we could listen on it now. Connections that linger after their server has gone do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                return False
            raise
    return True


def comes_free(port: int, seconds: float = LINGER) -> bool:
    """:func:`is_free`, but patient: a killed process of many threads lets go of its port a moment after it is gone."""
    until = time.monotonic() + seconds
    while not is_free(port):
        if time.monotonic() >= until:
            return False
        time.sleep(POLL)
    return True


def taken_error(port: int, purpose: str) -> TargetError:
    return TargetError(
        f"port {port} of {HOST}, {purpose}, is taken by {listener(port) or 'another process'}",
        hint="Stop that process, or give another port, then deploy again.",
    )


def listener(port: int) -> str:
    """Who listens on ``port``, as far as this user may know: "name (process 17)", or ""."""
    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        return ""
    return ""
