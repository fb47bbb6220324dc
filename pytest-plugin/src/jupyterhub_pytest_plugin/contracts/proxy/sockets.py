"""WebSockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_pytest_plugin.contracts.collect import relies_on
from jupyterhub_pytest_plugin.contracts.wire import WebSocket

from .base import PROXY, ProxySuite

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.echo import EchoServer

    from .base import Router


class WebSockets(ProxySuite):
    @relies_on(PROXY, needs="websockets")
    def test_websocket(self, router: Router, blue: EchoServer) -> None:
        """WebSockets are proxied, text and binary, small and large: kernels speak over them."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        with WebSocket(router.hub.connect_address, f"{spec}api/kernels/1/channels") as ws:
            assert (ws.status, ws.accepted) == (101, True)
            for data, text in ((b"hello", True), (b"\x00\xff", False), (b"x" * 300_000, False)):
                ws.send(data, text=text)
                assert ws.receive() == data

    @relies_on(PROXY, needs="websockets")
    def test_websocket_subprotocol(self, router: Router, blue: EchoServer) -> None:
        """The sub-protocol that the server accepts reaches the browser: JupyterLab asks for one."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        protocols = ("v1.kernel.websocket.jupyter.org",)
        with WebSocket(router.hub.connect_address, f"{spec}channels", protocols=protocols) as ws:
            assert ws.status == 101
            assert ws.headers.get("sec-websocket-protocol") == protocols[0]
