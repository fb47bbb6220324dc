"""WebSockets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on
from jupyterhub_pytest_plugin.contracts.wire import WebSocket, handshake
from jupyterhub_pytest_plugin.echo import accept_key, frame

from .base import PROXY, SECURITY, WEBSOCKET, ProxySuite

if TYPE_CHECKING:
    from .base import Router
    from .byhand import HandServer


class WebSockets(ProxySuite):
    @relies_on(PROXY, needs="websockets")
    def test_websocket(self, router: Router, ada: HandServer) -> None:
        """WebSockets are proxied, text and binary, small and large: kernels speak over them."""
        spec = router.route(ada)
        with WebSocket(router.hub.connect_address, f"{spec}api/kernels/1/channels") as ws:
            assert (ws.status, ws.accepted) == (101, True)
            for data, text in ((b"hello", True), (b"\x00\xff", False), (b"x" * 300_000, False)):
                ws.send(data, text=text)
                assert ws.receive() == data

    @relies_on(PROXY, needs="websockets")
    def test_websocket_subprotocol(self, router: Router, ada: HandServer) -> None:
        """The sub-protocol that the server accepts reaches the browser: JupyterLab asks for one."""
        spec = router.route(ada)
        protocols = ("v1.kernel.websocket.jupyter.org",)
        with WebSocket(router.hub.connect_address, f"{spec}channels", protocols=protocols) as ws:
            assert ws.status == 101
            assert ws.headers.get("sec-websocket-protocol") == protocols[0]

    @relies_on(SECURITY, needs="websockets")
    def test_websocket_says_who_asks(self, router: Router, ada: HandServer) -> None:
        """Cookies, Origin and Host of a WebSocket's request arrive: by them a server knows the user and the page."""
        spec = router.route(ada)
        headers = ("Cookie: session=ada; _xsrf=1", "Origin: http://hub.example.org", "Authorization: token of-ada")
        address, path = router.hub.connect_address, f"{spec}channels?session_id=1"
        with WebSocket(address, path, host="hub.example.org", headers=headers) as ws:
            assert ws.status == 101
        seen = ada.requests[-1]
        assert f"{seen.path}?{seen.query}" == path
        assert seen.headers["host"] == "hub.example.org"
        for name, _, value in (header.partition(": ") for header in headers):
            assert seen.headers.get(name.lower()) == value

    @relies_on(f"{WEBSOCKET}4.2.2", needs="websockets")
    def test_refused_websocket_keeps_its_status(self, router: Router, ada: HandServer) -> None:
        """A server that refuses a WebSocket says why by its status: log in (403), or the kernel is gone (404)."""
        spec = router.route(ada)
        for status in (403, 404):
            with router.connection() as browser:
                browser.ask(*_handshake(router, spec))
                with ada.taken() as server:
                    server.head()
                    server.ask(f"HTTP/1.1 {status} Refused", "Content-Length: 6", "Connection: close", body=b"no way")
                    assert browser.head().status == status

    @pytest.mark.parametrize("closes", ["server", "browser"])
    @relies_on(f"{WEBSOCKET}7.1.5", needs="websockets")
    def test_websocket_close_code_passes(self, router: Router, ada: HandServer, closes: str) -> None:
        """Either side learns why the other one closes: the code tells a restart from an end."""
        spec, reason = router.route(ada), (4001).to_bytes(2, "big") + b"the kernel ended"
        with router.connection() as browser:
            browser.ask(*_handshake(router, spec))
            with ada.taken() as server:
                key = server.head().get("sec-websocket-key")
                accepted = f"Sec-WebSocket-Accept: {accept_key(key)}"
                server.ask("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", accepted)
                assert browser.head().status == 101
                if closes == "server":
                    server.send(frame(8, reason))
                    assert browser.frame() == (8, reason)
                else:
                    browser.send(frame(8, reason, os.urandom(4)))
                    assert server.frame() == (8, reason)


def _handshake(router: Router, spec: str) -> list[str]:
    return handshake(f"{spec}by-hand", router.host.removeprefix("Host: "), "dGhlIHNhbXBsZSBub25jZQ==")
