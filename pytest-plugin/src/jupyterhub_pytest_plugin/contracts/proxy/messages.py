"""What HTTP asks of whoever stands between browser and server."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import HTTP, HTTP1, PROXY, ProxySuite

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.echo import EchoServer

    from .base import Router
    from .byhand import HandServer

# Addresses that a library likes to tidy up.
UNTIDY = {"slashes": "a//b///c", "dots": "a/./b/../c", "unreserved": "%7Eada/a%2Db"}


class Messages(ProxySuite):
    @relies_on("explanation/oauth.html")
    def test_redirects_are_the_browsers(self, router: Router, ada: HandServer, bob: HandServer) -> None:
        """A redirect reaches the browser as it is, and the proxy does not go there: each login is a chain of them."""
        spec, other = router.route(ada), router.route(bob)
        ada.requests.clear()
        bob.requests.clear()
        for location in (f"{other}x?next=%252Fa%2520b", f"{bob.url}{other}", "https://hub.example.org/hub/login"):
            query = f"status=302&header=Location:{location.replace('%', '%25')}"
            answer = router.request(f"{spec}?{query}", follow_redirects=False)
            assert answer.status_code == 302
            assert answer.headers["Location"] == location
        assert (len(ada.requests), len(bob.requests)) == (3, 0)

    @pytest.mark.parametrize("path", UNTIDY.values(), ids=list(UNTIDY))
    @relies_on(f"{HTTP}7.7")
    def test_path_is_not_tidied(self, router: Router, ada: HandServer, path: str) -> None:
        """A path arrives as the browser wrote it, whatever is in it: servers find files, and other URLs, by it."""
        spec = router.route(ada)
        with router.connection() as browser:
            browser.ask(f"GET {spec}{path}?x=%7E&url=http://a//b/../c HTTP/1.1", router.host)
            browser.answer()
        seen = ada.requests[-1]
        assert (seen.path, seen.query) == (f"{spec}{path}", "x=%7E&url=http://a//b/../c")

    @relies_on(f"{HTTP1}7.1")
    def test_chunked_upload(self, router: Router, ada: HandServer) -> None:
        """A body whose length is not known before its end arrives whole."""
        spec = router.route(ada)
        with router.connection() as browser:
            browser.ask(f"PUT {spec}file HTTP/1.1", router.host, "Transfer-Encoding: chunked")
            for part in (b"first, ", b"x" * 100_000, b"; last"):
                browser.send(b"%x\r\n%s\r\n" % (len(part), part))
            browser.send(b"0\r\n\r\n")
            assert browser.answer()[0].status == 200
        assert (ada.requests[-1].method, ada.requests[-1].path) == ("PUT", f"{spec}file")
        assert ada.requests[-1].body == b"first, " + b"x" * 100_000 + b"; last"

    @relies_on(PROXY, needs="streamed-uploads")
    def test_uploads_are_not_buffered(self, router: Router, ada: HandServer) -> None:
        """What a browser sends arrives at once: a server may answer, or refuse, before the last byte."""
        spec = router.route(ada)
        with router.connection() as browser:
            browser.ask(f"PUT {spec}by-hand HTTP/1.1", router.host, "Content-Length: 10", body=b"first")
            with ada.taken() as server:
                server.head()
                assert server.exactly(5) == b"first"
                browser.send(b"later")
                assert server.exactly(5) == b"later"
                server.ask("HTTP/1.1 201 Created", "Content-Length: 0", "Connection: close")
                assert browser.answer()[0].status == 201

    @relies_on(f"{HTTP}10.1.1")
    def test_expected_continue_comes(self, router: Router, ada: HandServer) -> None:
        """Whoever asks before it sends a large body is told to go on: curl does, and others wait for ever."""
        spec = router.route(ada)
        with router.connection() as client:
            headers = (router.host, "Content-Length: 5", "Expect: 100-continue")
            client.ask(f"PUT {spec}file HTTP/1.1", *headers)
            assert client.head().status == 100
            client.send(b"large")
            assert client.answer()[0].status == 200
        assert ada.requests[-1].body == b"large"

    @relies_on(f"{HTTP}7.6.1")
    def test_headers_of_one_connection_end_with_it(self, router: Router, blue: EchoServer) -> None:
        """What Connection names is for the next hop only; all other headers pass, both ways."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        with router.connection() as browser:
            said = ("Connection: close, X-Hop", "X-Hop: 1", "X-End: 1")
            query = "header=Connection:X-Back-Hop&header=X-Back-Hop:1&header=X-Back-End:1"
            browser.ask(f"GET {spec}?{query} HTTP/1.1", router.host, *said)
            answer, _ = browser.answer()
        seen = blue.requests[-1].headers
        assert (seen.get("x-end"), answer.get("x-back-end")) == ("1", "1")
        assert (seen.get("x-hop"), answer.get("x-back-hop")) == (None, "")

    @relies_on(f"{HTTP1}9.3")
    def test_one_connection_many_routes(self, router: Router, ada: HandServer, bob: HandServer) -> None:
        """A browser asks all over one connection: each request goes where its own address says."""
        specs = {router.route(ada): ada, router.route(bob): bob}
        asked = [*specs, "/hub/login", *specs, *reversed(specs)]
        answered: list[str] = []
        while len(answered) < len(asked):
            with router.connection() as browser:
                for path in asked[len(answered) :]:
                    browser.ask(f"GET {path} HTTP/1.1", router.host)
                    answer, body = browser.answer()
                    answered.append(_server(answer.get("x-jupyterhub-version"), body))
                    if "close" in answer.get("connection").lower():
                        break  # it may: the browser connects again
        assert answered == [specs[path].name if path in specs else "hub" for path in asked]

    @relies_on(PROXY)
    def test_many_wait_at_once(self, router: Router, blue: EchoServer, bob: HandServer) -> None:
        """Answers that take long, as each open notebook has one, do not keep others waiting."""
        slow, quick, many = router.spec(), router.route(bob), _many()
        router.add(slow, blue.url)
        router.expect(slow, "blue")
        blue.requests.clear()
        with ExitStack() as browsers:
            waiting = [browsers.enter_context(router.connection()) for _ in range(many)]
            for browser in waiting:
                browser.ask(f"GET {slow}?stream=2&wait=1 HTTP/1.1", router.host)
            self.eventually(lambda: _assert_all_asked(blue, many))
            assert router.served_by(quick) == "bob"
            for _ in waiting:
                blue.proceed()
            assert [browser.answer()[1] for browser in waiting] == [b"01"] * many


def _server(version: str, body: bytes) -> str:
    return "hub" if version else str(json.loads(body)["server"])


def _assert_all_asked(server: EchoServer, many: int) -> None:
    assert len(server.requests) == many


def _many() -> int:
    """More than the pools of HTTP libraries hold (100), where this process may open so many files: five for each."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 110 if limit == resource.RLIM_INFINITY else max(2, min(110, (limit - 200) // 5))
