"""Talking to a proxy byte by byte, where an HTTP library would tidy up what is to be seen."""

from __future__ import annotations

import base64
import os
import socket
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from jupyterhub_pytest_plugin.echo import accept_key, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
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


def elsewhere(port: int) -> list[tuple[str, int]]:
    """This port at another address of this machine, where nobody is who listens at one address only."""
    import psutil

    known = [address for addresses in psutil.net_if_addrs().values() for address in addresses]
    others = [address.address for address in known if address.family == socket.AF_INET]
    for name in ("127.0.0.2", *others):
        try:
            with socket.socket() as free:
                free.bind((name, 0))
        except OSError:
            continue
        if name != "127.0.0.1":
            return [(name, port)]
    return []


class Head(NamedTuple):
    """The first lines of a request or an answer."""

    first: str
    headers: list[tuple[str, str]]

    @property
    def status(self) -> int:
        return int(self.first.split()[1])

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def get(self, name: str) -> str:
        return ", ".join(self.all(name))


class Connection:
    """One side of a connection; what does not come within ``timeout`` seconds is a failure."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        sock.settimeout(timeout)
        self._socket = sock
        self._timeout = timeout
        self._file = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, first: str, *headers: str, body: bytes = b"") -> None:
        """Send a request, or an answer: its first line, headers, and body."""
        self.send("\r\n".join([first, *headers]).encode("latin-1") + b"\r\n\r\n" + body)

    def line(self) -> str:
        return self._read(self._file.readline).decode("latin-1").rstrip("\r\n")

    def exactly(self, size: int) -> bytes:
        data = self._read(lambda: self._file.read(size))
        assert len(data) == size, f"the connection ended after {len(data)} bytes of {size}"
        return data

    def head(self) -> Head:
        first = self.line()
        assert first, "the connection ended without a word"
        headers = []
        while line := self.line():
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        return Head(first, headers)

    def answer(self) -> tuple[Head, bytes]:
        """The final answer to one request, whole."""
        head = self.head()
        while head.status < 200:
            head = self.head()
        if "chunked" in head.get("transfer-encoding").lower():
            return head, b"".join(self._chunks())
        size = head.get("content-length")
        return head, self.exactly(int(size)) if size else self._read(self._file.read)

    def _chunks(self) -> Iterable[bytes]:
        while size := int(self.line().partition(";")[0], 16):
            yield self.exactly(size)
            self.line()
        while self.line():
            pass  # trailers

    def frame(self) -> tuple[int, bytes]:
        """A WebSocket frame: its opcode and what it carries."""
        opcode, size = self.exactly(2)
        masked, size = size & 0x80, size & 0x7F
        width = {126: 2, 127: 8}.get(size, 0)
        if width:
            size = int.from_bytes(self.exactly(width), "big")
        mask = self.exactly(4) if masked else bytes(4)
        return opcode & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(self.exactly(size)))

    def _read(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except TimeoutError:
            msg = f"nothing came for {self._timeout:g} seconds"
            raise AssertionError(msg) from None
        except ConnectionError:
            return b""

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WebSocket:
    """One WebSocket connection; ``status`` is the answer to its request, 101 if it was accepted."""

    def __init__(
        self,
        address: tuple[str, int],
        path: str,
        host: str = "",
        protocols: tuple[str, ...] = (),
        headers: tuple[str, ...] = (),
    ) -> None:
        self._connection = Connection(socket.create_connection(address, timeout=WAIT), WAIT)
        key = base64.b64encode(os.urandom(16)).decode()
        offered = [f"Sec-WebSocket-Protocol: {', '.join(protocols)}"] if protocols else []
        host = host or f"{address[0]}:{address[1]}"
        self._connection.ask(*handshake(path, host, key), *offered, *headers)
        head = self._connection.head()
        self.status = head.status
        self.headers = {name.lower(): value for name, value in head.headers}
        self.accepted = self.headers.get("sec-websocket-accept") == accept_key(key)

    def send(self, data: bytes, *, text: bool = False) -> None:
        self._connection.send(frame(1 if text else 2, data, os.urandom(4)))

    def receive(self) -> bytes:
        return self._connection.frame()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def handshake(path: str, host: str, key: str) -> list[str]:
    """The lines with which a browser asks for a WebSocket (RFC 6455, section 4.1)."""
    return [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
