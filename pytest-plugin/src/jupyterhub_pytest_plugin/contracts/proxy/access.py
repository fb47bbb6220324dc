"""Who comes in, where, and what is told to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on
from jupyterhub_pytest_plugin.contracts.wire import elsewhere, refuses

from .base import SECURITY, ProxySuite

if TYPE_CHECKING:
    from .base import Router
    from .byhand import HandServer

NETWORK = "tutorial/getting-started/networking-basics.html"
TOKEN = "tutorial/getting-started/security-basics.html"


class Access(ProxySuite):
    @relies_on(TOKEN, needs="api")
    def test_api_wants_its_token(self, router: Router) -> None:
        """The proxy's REST API refuses whoever has no token, or a wrong one: users' servers can reach it too."""
        request = self.api_request(router.hub)
        known = router.http.send(request)
        assert known.is_success, f"api_request() is not what JupyterHub sends: {known.status_code} {known.text}"
        for headers in ({}, {"Authorization": "token of-somebody-else"}):
            answer = router.http.request(request.method, request.url, content=request.content, headers=headers)
            assert answer.status_code in (401, 403)

    @relies_on(NETWORK, needs="api")
    def test_api_listens_on_this_machine_only(self, router: Router) -> None:
        """The proxy's REST API listens where it was told: by default, nobody reaches it from another machine."""
        url = self.api_request(router.hub).url
        assert not refuses((url.host, url.port or 80))
        _assert_nowhere_else(url.port or 80)

    @relies_on(NETWORK)
    def test_listens_where_it_was_told(self, router: Router) -> None:
        """The proxy listens at the address of bind_url, and at no other one of its machine."""
        address = router.hub.connect_address
        assert not refuses(address)
        _assert_nowhere_else(address[1])

    @relies_on(SECURITY)
    def test_cookies_stay_with_their_browser(self, router: Router, ada: HandServer, bob: HandServer) -> None:
        """A cookie that one user's browser gets is not sent with the requests of another's."""
        of_ada, of_bob = router.route(ada), router.route(bob)
        with router.connection() as browser:
            query = "?header=Set-Cookie:of-ada=1%3B%20Path=/"
            browser.ask(f"GET {of_ada}{query} HTTP/1.1", router.host, "Cookie: known-to-ada=1")
            assert "of-ada=1; Path=/" in browser.answer()[0].all("set-cookie")
        for spec, server in ((of_bob, bob), (of_ada, ada)):
            with router.connection() as browser:
                browser.ask(f"GET {spec} HTTP/1.1", router.host)
                browser.answer()
            assert "cookie" not in server.requests[-1].headers
            with router.connection() as browser:
                browser.ask(f"GET {spec} HTTP/1.1", router.host, "Cookie: of-bob=1")
                browser.answer()
            assert server.requests[-1].headers["cookie"] == "of-bob=1"


def _assert_nowhere_else(port: int) -> None:
    others = elsewhere(port)
    if not others:
        pytest.skip("this machine has one address only")
    assert [address for address in others if not refuses(address)] == []
