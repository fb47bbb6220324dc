"""A server whose part a test plays, where what it says, or when, is to be seen."""

from __future__ import annotations

import socket
from queue import Empty, Queue
from typing import TYPE_CHECKING

from jupyterhub_pytest_plugin.contracts.wire import Connection
from jupyterhub_pytest_plugin.echo import EchoServer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_pytest_plugin.echo import Request

BY_HAND = "by-hand"


class HandServer(EchoServer):
    """Answers as its base does; a request for an address with ``by-hand`` waits for the test to read and answer it.

    Each request has a connection of its own, so that none of the test's comes where the server reads; streams are for
    other servers.
    """

    def __init__(self, name: str, patience: float) -> None:
        super().__init__(name)
        self.patience = patience
        self._taken: Queue[Connection] = Queue()

    def taken(self) -> Connection:
        """The server's side of the next request by hand, of which nothing has been read."""
        try:
            return self._taken.get(timeout=self.patience)
        except Empty:
            msg = f"the request did not reach the server within {self.patience:g} seconds"
            raise AssertionError(msg) from None

    def forget(self) -> None:
        """Close what no test has taken."""
        while not self._taken.empty():
            self._taken.get().close()

    def close(self) -> None:
        self.forget()
        super().close()

    def _connection(self, sock: socket.socket) -> None:
        if BY_HAND.encode() in _first_line(sock):
            self._taken.put(Connection(sock, self.patience))
        else:
            super()._connection(sock)

    def _send(
        self, sock: socket.socket, request: Request, status: int, body: bytes, headers: Iterable[tuple[str, str]]
    ) -> None:
        super()._send(sock, request, status, body, [*headers, ("Connection", "close")])

    def _answer(self, *args: object) -> bool:
        super()._answer(*args)  # type: ignore[arg-type]
        return False


def _first_line(sock: socket.socket) -> bytes:
    """What a connection begins with, left there."""
    size = 1
    seen = b""
    while b"\n" not in seen:
        try:
            new = sock.recv(size, socket.MSG_PEEK | socket.MSG_WAITALL)
        except OSError:
            break  # the server ends
        if len(new) < size:
            break  # the other side has
        seen, size = new, size + 1
    return seen
