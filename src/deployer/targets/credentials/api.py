"""The API of a session's cluster, asked through one ``kubectl proxy``: a request costs no process of its own.

The proxy listens on a socket in the session's private folder, where nobody else can reach it, and ends when its
standard input does: with us, even where we are killed.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from deployer.errors import CommandError
from deployer.process import companion

STARTING = 10.0  # seconds
LONGEST_PATH = 100  # bytes that a socket's address may have
# The shell waits for its input to end, and then ends the proxy.
_PROXY = ("sh", "-c", 'kubectl proxy --unix-socket="$1" </dev/null >/dev/null 2>&1 & read -r _; kill "$!"', "sh")


class Answer(NamedTuple):
    """``reason`` is the API's own word for what is wrong, "" where the request was granted."""

    body: bytes
    reason: str = ""
    message: str = ""


class Unreachable(Exception):  # noqa: N818 - no error of the cluster's: there is another way to ask it
    """There is no proxy, or it has gone."""


@dataclass
class Api:
    """The proxy of one session, started when it is first needed. Safe to use from several threads."""

    env: Mapping[str, str] = field(repr=False)
    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False, repr=False)
    _there: bool | None = field(default=None, init=False)

    @property
    def _socket(self) -> Path:
        return self.folder / "api.sock"

    def request(self, method: str, path: str, body: bytes | None, *, timeout: float) -> Answer:
        """Ask the API; what it refuses is an answer too.

        :raises Unreachable: there is no proxy to ask.
        """
        if not self._is_there():
            raise Unreachable
        connection = _Connection(str(self._socket), timeout)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException):
            with self._lock:
                self._there = False
            raise Unreachable from None
        finally:
            connection.close()
        return Answer(raw) if response.status < http.client.BAD_REQUEST else _refusal(response.status, raw)

    def close(self) -> None:
        """End the proxy; nothing is asked any more."""
        with self._lock:
            self._there = False
        self._stack.close()

    def _is_there(self) -> bool:
        with self._lock:
            if self._there is None:
                self._there = self._start()
            return self._there

    def _start(self) -> bool:
        if len(str(self._socket)) > LONGEST_PATH:
            return False
        try:
            alive = self._stack.enter_context(companion([*_PROXY, self._socket], env=self.env))
        except CommandError:
            return False
        until = time.monotonic() + STARTING
        while alive() and time.monotonic() < until:
            with suppress(OSError), _connected(self._socket):
                return True
            time.sleep(0.01)
        return False


def _refusal(status: int, raw: bytes) -> Answer:
    try:
        said = json.loads(raw)
        return Answer(b"", str(said["reason"]), str(said.get("message") or ""))
    except (ValueError, KeyError, TypeError):
        text = " ".join(raw.decode(errors="replace").split())
        return Answer(b"", http.client.responses.get(status, str(status)).replace(" ", ""), text)


def _connected(path: Path, timeout: float = STARTING) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(timeout)
    try:
        made.connect(str(path))
    except BaseException:
        made.close()
        raise
    return made


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = Path(path)

    def connect(self) -> None:
        self.sock = _connected(self._path, self.timeout or STARTING)
