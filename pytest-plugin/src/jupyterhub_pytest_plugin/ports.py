"""Ports that stay ours until they are given back, also when other test processes look for ports at the same time."""

from __future__ import annotations

import socket


class Port:
    """A TCP port of this machine, kept by a socket that is bound but does not listen.

    The kernel gives such a port to nobody who asks for any free one, while a server that sets ``SO_REUSEADDR`` can
    listen on it: tornado, Node, Go and this plugin's own do.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, 0))
        self.number: int = self._socket.getsockname()[1]

    def url(self, scheme: str = "http") -> str:
        return f"{scheme}://{self.host}:{self.number}"

    def release(self) -> None:
        self._socket.close()
