"""Talking to a proxy byte by byte, where an HTTP library would tidy up what is to be seen."""

from __future__ import annotations

import base64
import os
import socket
import time
from typing import TYPE_CHECKING, TypeVar

from jupyterhub_pytest_plugin.echo import accept_key, frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

T = TypeVar("T")
WAIT = 60.0


def eventually(check: Callable[[], T], timeout: float) -> T:
    """Try until the check does not fail any more; its last failure is the test's."""
    until = time.monotonic() + timeout
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > until:
                raise
        time.sleep(0.05)


def refuses(address: tuple[str, int]) -> bool:
    """Whether nothing listens at this address."""
    try:
        socket.create_connection(address, timeout=2).close()
    except TimeoutError:
        return False  # whoever has a full queue is there
    except OSError:
        return True
    return False


class WebSocket:
    """One WebSocket connection; ``status`` is the answer to its request, 101 if it was accepted."""

    def __init__(self, address: tuple[str, int], path: str, host: str = "", protocols: tuple[str, ...] = ()) -> None:
        self._socket = socket.create_connection(address, timeout=WAIT)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host or f'{address[0]}:{address[1]}'}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        if protocols:
            lines.append(f"Sec-WebSocket-Protocol: {', '.join(protocols)}")
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers = {}
        while line := self._file.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.accepted = self.headers.get("sec-websocket-accept") == accept_key(key)

    def send(self, data: bytes, *, text: bool = False) -> None:
        self._socket.sendall(frame(1 if text else 2, data, os.urandom(4)))

    def receive(self) -> bytes:
        head = self._file.read(2)
        size = head[1] & 0x7F
        if size == 126:
            size = int.from_bytes(self._file.read(2), "big")
        elif size == 127:
            size = int.from_bytes(self._file.read(8), "big")
        return self._file.read(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()
