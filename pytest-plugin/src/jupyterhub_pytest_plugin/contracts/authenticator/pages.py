"""Login and logout pages, and where they lead."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, Logins, who

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.hosting import Hub

    from .base import Hubs


class Pages(Logins):
    @relies_on(API)
    def test_login_url_is_served(self, contract_hub: Hub) -> None:
        """login_url() leads to a page (or onwards, to the service that authenticates)."""
        hub = contract_hub
        url = hub.app.authenticator.login_url(hub.app.hub.base_url)
        path = urlsplit(url).path.removeprefix(hub.app.base_url)
        assert urlsplit(url).netloc or hub.client().get(path, follow_redirects=False).status_code < 404

    @relies_on(API)
    def test_logout_url_is_served(self, contract_hub: Hub) -> None:
        """logout_url() leads to a page too."""
        hub = contract_hub
        url = hub.app.authenticator.logout_url(hub.app.hub.base_url)
        path = urlsplit(url).path.removeprefix(hub.app.base_url)
        assert urlsplit(url).netloc or hub.client().get(path, follow_redirects=False).status_code < 400

    @relies_on(API)
    def test_handlers(self, contract_hub: Hub) -> None:
        """get_handlers() gives routes and handler classes, and may be called again."""
        from tornado.web import RequestHandler

        for _ in range(2):
            for path, handler, *_rest in contract_hub.app.authenticator.get_handlers(contract_hub.app):
                assert path.startswith("/")
                assert inspect.isclass(handler)
                assert issubclass(handler, RequestHandler)

    @relies_on(API)
    def test_base_url(self, contract_hubs: Hubs) -> None:
        """A hub need not be at the root of its host: logins, and where they lead, stay below its base_url."""
        hub = contract_hubs({"JupyterHub": {"base_url": "/lab/"}})
        attempt = self.attempt(hub, "ada")
        assert attempt.name == "ada", attempt
        url = urlsplit(hub.app.authenticator.login_url(hub.app.hub.base_url))
        assert url.netloc or url.path.startswith("/lab/")
        assert urlsplit(attempt.answer.headers.get("Location", "/lab/")).path.startswith("/lab/"), attempt

    @relies_on(API, needs="own-login-url")
    def test_auto_login(self, contract_hubs: Hubs) -> None:
        """With auto_login, who opens the hub is sent on to login_url() without a click."""
        hub = self.make(contract_hubs, auto_login=True)
        url = hub.app.authenticator.login_url(hub.app.hub.base_url)
        answer = hub.client().get("hub/login", follow_redirects=False)
        assert answer.is_redirect
        assert urlsplit(answer.headers["Location"]).path == urlsplit(url).path

    @relies_on(API, needs="next")
    def test_next_page_follows_the_login(self, contract_hub: Hub) -> None:
        """After a login the browser goes where it wanted to go."""
        attempt = self.attempt(contract_hub, "ada", next="/hub/token")
        assert attempt.name == "ada", attempt
        assert urlsplit(attempt.answer.headers.get("Location", "")).path == "/hub/token", attempt

    @relies_on(API)
    def test_logout(self, contract_hub: Hub) -> None:
        """After /hub/logout the browser is nobody."""
        client = self.entered(contract_hub, "ada")
        client.logout()
        assert who(client) == ""
