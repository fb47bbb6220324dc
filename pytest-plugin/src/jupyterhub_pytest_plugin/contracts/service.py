"""What JupyterHub and its users rely on in a service that authenticates with the hub."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from .collect import Contract, relies_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx
    from traitlets.config import Config

    from jupyterhub_pytest_plugin.client import HubClient
    from jupyterhub_pytest_plugin.config import Overrides, Place
    from jupyterhub_pytest_plugin.hosting import Hub
    from jupyterhub_pytest_plugin.services import HubService

GUIDE = "reference/services.html"
API = "reference/api/services.auth.html"
_NUMBERS = itertools.count(1)


class Served:
    """One running service, and people who may or may not use it."""

    def __init__(self, hub: Hub, service: HubService, *, managed: bool, page: str) -> None:
        self.hub = hub
        self.service = service
        self.managed = managed
        self.path = service.path + page

    def user(self, *, may_use: bool = True) -> str:
        """A new user, with or without access to the service."""
        name = f"guest-{next(_NUMBERS)}"
        self.hub.call(self._add_user, name, may_use=may_use)
        return name

    def _add_user(self, name: str, *, may_use: bool) -> None:
        from jupyterhub import roles

        user = self.hub.people.add(name)
        if may_use:
            role = f"uses-{self.service.name}"
            scopes = [f"access:services!service={self.service.name}"]
            roles.create_role(self.hub.app.db, {"name": role, "scopes": scopes})
            roles.grant_role(self.hub.app.db, entity=user.orm_user, rolename=role)

    def browser(self, name: str) -> HubClient:
        return self.hub.user_client(name)

    def open(self, client: HubClient) -> httpx.Response:
        """Open the page as a person does: through OAuth, agreeing where asked."""
        response = client.get(self.path)
        if "oauth2/authorize" in response.url.path and response.status_code == 200:
            response = client.approve(response)
        return response

    def unused_answer(self, client: HubClient) -> str:
        """Where the hub sends this browser with an OAuth code, at the end of a login; the browser does not go there."""
        response = client.get(self.path, follow_redirects=False)
        while (request := response.next_request) is not None and "code" not in request.url.params:
            response = client.send(request, follow_redirects=False)
            if "oauth2/authorize" in response.url.path and response.status_code == 200:
                agreed = next(client._approve(response))  # noqa: SLF001 - its first step: the rest follows redirects
                response = client.send(agreed, follow_redirects=False)
        assert request is not None, f"the login ended at {response.url}, with status {response.status_code}"
        return str(request.url)

    def with_token(self, token: str) -> httpx.Response:
        """Ask for the page as a script does."""
        client = self.hub.client()
        headers = {"Authorization": f"Bearer {token}", "Sec-Fetch-Mode": "cors"}
        return client.get(self.path, headers=headers, follow_redirects=False)

    def arrived(self, response: httpx.Response) -> bool:
        """Whether this is the service's own page."""
        return response.status_code == 200 and response.url.path.endswith(self.path)


class ServiceContract(Contract):
    """Derive from it, and say how the service is started::

        class TestMyService(ServiceContract):
            service_command = [sys.executable, "-m", "my_service"]

    The command serves at ``$JUPYTERHUB_SERVICE_URL``, below ``$JUPYTERHUB_SERVICE_PREFIX``. Every test runs twice: with
    the service managed by the hub, and with it started beside the hub, as an external one.
    """

    #: What starts the service.
    service_command: ClassVar[Sequence[str]] = ()
    #: Further environment of the service.
    environment: ClassVar[Mapping[str, str]] = {}
    #: Further fields of its entry in JupyterHub.services.
    service_config: ClassVar[Mapping[str, Any]] = {}
    #: Scopes of the service's own token.
    scopes: ClassVar[Sequence[str]] = ()
    #: A page that only logged in users may see, relative to the service's prefix.
    page: ClassVar[str] = ""
    #: Anything else of the hub's configuration, by class.
    hub_config: ClassVar[Overrides] = {}

    @classmethod
    def configure(cls, config: Config, place: Place) -> None:
        """Configure the hub before it starts."""

    @classmethod
    def checked_command(cls) -> list[str]:
        if not cls.service_command:
            msg = f"{cls.__module__}.{cls.__qualname__}: set service_command to what starts the service to be tested"
            raise pytest.UsageError(msg)
        return list(cls.service_command)

    @relies_on(GUIDE)
    def test_page_needs_a_login(self, served: Served) -> None:
        """Who is not logged in is sent to the hub's login page."""
        response = served.hub.client().get(served.path)
        assert not served.arrived(response)
        assert response.url.path.endswith("/hub/login")

    @relies_on(API)
    def test_oauth_login(self, served: Served) -> None:
        """Who may use the service comes through OAuth to its page."""
        assert served.arrived(served.open(served.browser(served.user())))

    @relies_on(API)
    def test_page_knows_the_user(self, served: Served) -> None:
        """The service knows who has come."""
        name = served.user()
        assert self.user_of(served.open(served.browser(name))) == name

    def user_of(self, response: httpx.Response) -> str:
        """The name of the user in the page, where it is shown in JSON as ``name``."""
        return str(response.json()["name"])

    @relies_on(API)
    def test_users_are_told_apart(self, served: Served) -> None:
        """Two people in two browsers are two users for the service."""
        names = [served.user(), served.user()]
        browsers = [served.browser(name) for name in names]
        assert [self.user_of(served.open(browser)) for browser in browsers] == names
        assert [self.user_of(served.open(browser)) for browser in browsers] == names

    @relies_on("rbac/scopes.html")
    def test_user_without_access_is_refused(self, served: Served) -> None:
        """Who lacks access:services for this service does not see its page."""
        response = served.open(served.browser(served.user(may_use=False)))
        assert not served.arrived(response)
        assert response.status_code == 403

    @relies_on(API, needs="tokens")
    def test_token(self, served: Served) -> None:
        """A token whose owner may use the service opens its page, without cookies."""
        name = served.user()
        response = served.with_token(served.hub.call(served.hub.people.token, None, username=name))
        assert response.status_code == 200
        assert self.user_of(response) == name

    @relies_on("rbac/scopes.html", needs="tokens")
    def test_token_without_access_is_refused(self, served: Served) -> None:
        """A token with other scopes opens nothing, though its owner may use the service."""
        token = served.hub.call(served.hub.people.token, ["read:users!user"], username=served.user())
        assert served.with_token(token).status_code in {302, 401, 403}

    @relies_on(API, needs="tokens")
    def test_unknown_token_is_refused(self, served: Served) -> None:
        """A token that the hub does not know opens nothing."""
        assert served.with_token("0" * 32).status_code in {302, 401, 403}

    @relies_on(API, needs="tokens")
    def test_revoked_token_is_refused(self, served: Served) -> None:
        """A token that was revoked opens nothing."""
        name = served.user()
        api = served.hub.api()
        model = api.post(f"users/{name}/tokens").json()
        assert api.delete(f"users/{name}/tokens/{model['id']}").status_code == 204
        assert served.with_token(model["token"]).status_code in {302, 401, 403}

    @relies_on(API)
    def test_logout_of_the_hub_ends_the_session(self, served: Served) -> None:
        """Who logs out of the hub is logged out of the service."""
        name = served.user()
        client = served.hub.client().login(name, "any")
        assert served.arrived(served.open(client))
        client.logout()
        assert not served.arrived(client.get(served.path))

    @relies_on(API)
    def test_cookies_stay_with_the_service(self, served: Served) -> None:
        """The service's login cookie is for its own prefix: no other service gets to see it."""
        client = served.browser(served.user())
        before = {(cookie.name, cookie.path) for cookie in client.cookies.jar}
        served.open(client)
        new = {(cookie.name, cookie.path) for cookie in client.cookies.jar} - before
        base, prefix = served.hub.app.base_url, f"{served.hub.app.base_url}{served.service.path}"
        own = {name for name, path in new if path.startswith(prefix)}
        assert own
        assert {name for name, path in new if path == base} <= {"jupyterhub-session-id"}

    @relies_on(API)
    def test_oauth_state_is_checked(self, served: Served) -> None:
        """An OAuth answer that a browser did not ask for, made up or meant for another user, logs nobody in."""
        other = served.unused_answer(served.browser(served.user()))
        for address in (other, f"{served.service.path}oauth_callback?code=made-up&state=made-up"):
            client = served.browser(served.user())
            response = client.get(address, follow_redirects=False)
            assert 400 <= response.status_code < 500
            assert not [cookie for cookie in client.cookies.jar if cookie.name == f"service-{served.service.name}"]

    @relies_on(GUIDE)
    def test_own_token_is_not_shown(self, served: Served) -> None:
        """The service's own token, which is its OAuth secret too, reaches no browser."""
        client = served.browser(served.user())
        page = served.open(client)
        said = [f"{dict(one.headers)} {one.text}" for one in (*page.history, page)]
        assert not [text for text in said if served.service.token in text]
        assert not [cookie.name for cookie in client.cookies.jar if served.service.token in (cookie.value or "")]

    @relies_on(GUIDE)
    def test_prefix_of_the_service(self, served_below_a_path: Served) -> None:
        """Where the hub has a base path, the service serves below its own prefix all the same."""
        served = served_below_a_path
        assert served.arrived(served.open(served.browser(served.user())))
