"""Requests and answers on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on
from jupyterhub_pytest_plugin.echo import EchoServer

from .base import PROXY, ProxySuite

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.ports import Port

    from .base import Router
    from .byhand import HandServer


class Traffic(ProxySuite):
    @relies_on(PROXY)
    def test_path_and_query_pass_unchanged(self, router: Router, ada: HandServer) -> None:
        """The target sees the whole path, with the route's prefix, encoded as the browser sent it."""
        spec = router.route(ada)
        seen = router.request(f"{spec}a%20b/c%2Fd/J%C3%B6rg?x=1%202&y=%26").json()
        assert seen["path"] == f"{spec}a%20b/c%2Fd/J%C3%B6rg"
        assert seen["query"] == "x=1%202&y=%26"

    @relies_on(PROXY)
    def test_methods_and_bodies_pass(self, router: Router, ada: HandServer) -> None:
        """All that JupyterLab sends arrives: PUT, PATCH, DELETE, with bodies."""
        spec = router.route(ada)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            seen = router.request(spec, method, content=b'{"a": 1}').json()
            assert (seen["method"], seen["body"]) == (method, '{"a": 1}')

    @relies_on(PROXY)
    def test_status_and_headers_pass(self, router: Router, ada: HandServer) -> None:
        """The browser gets the server's status and headers, each of several cookies among them."""
        spec = router.route(ada)
        query = "?status=418&header=Set-Cookie:a=1&header=Set-Cookie:b=2&header=X-Echo:yes"
        response = router.request(f"{spec}{query}")
        assert response.status_code == 418
        assert response.headers["X-Echo"] == "yes"
        assert [cookie.partition(";")[0] for cookie in response.headers.get_list("Set-Cookie")] == ["a=1", "b=2"]

    @relies_on(PROXY)
    def test_host_is_preserved(self, router: Router, ada: HandServer) -> None:
        """Servers see the Host that the browser asked for: they check the origin of WebSockets against it."""
        spec = router.route(ada)
        seen = router.request(spec, headers={"Host": "hub.example.org"}).json()
        assert seen["headers"]["host"] == "hub.example.org"

    @relies_on("explanation/websecurity.html")
    def test_forwarded_headers(self, router: Router, ada: HandServer) -> None:
        """X-Forwarded-For and X-Forwarded-Proto tell who asked, and how."""
        spec = router.route(ada)
        headers = router.request(spec).json()["headers"]
        assert "127.0.0.1" in headers.get("x-forwarded-for", "")
        assert headers.get("x-forwarded-proto") == "http"

    @relies_on(PROXY, needs="streaming")
    def test_streams_are_not_buffered(self, router: Router, blue: EchoServer) -> None:
        """What a server sends arrives at once: the progress of a spawn is such a stream."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        address, port = router.hub.connect_address
        arrived = []
        try:
            with router.http.stream("GET", f"http://{address}:{port}{spec}?stream=3&wait=1") as response:
                for text in filter(None, response.iter_raw()):
                    arrived.append(text)
                    blue.proceed()
        except httpx.ReadTimeout:
            pytest.fail("nothing arrived while the server waited for its first words to be read")
        assert b"".join(arrived) == b"012"

    @relies_on(PROXY)
    def test_large_upload(self, router: Router, ada: HandServer) -> None:
        """Notebooks are large: a body of several megabytes arrives whole."""
        spec, size = router.route(ada), 8_000_000
        response = router.request(f"{spec}?size=1", "PUT", content=b"x" * size)
        assert response.status_code == 200
        assert len(ada.requests[-1].body) == size

    @relies_on(PROXY)
    def test_large_download(self, router: Router, ada: HandServer) -> None:
        """An answer of several megabytes arrives whole."""
        spec, size = router.route(ada), 8_000_000
        assert len(router.request(f"{spec}?size={size}").content) == size

    @relies_on(PROXY)
    def test_dead_server_is_an_error(self, router: Router, blue: EchoServer, contract_port: Port) -> None:
        """A server that does not answer gives an error of the proxy (5xx), and leaves all other routes alone."""
        dead, alive = router.spec(), router.spec()
        router.add(dead, contract_port.url())
        router.add(alive, blue.url)
        with EchoServer("mortal").start(port=contract_port.number):
            router.expect(dead, "mortal")
        assert router.request(dead).status_code >= 500
        router.expect(alive, "blue")
