"""What JupyterHub and its users rely on in a service: with pages behind the hub's login, or without any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode, urlsplit, urlunsplit

import pytest

from jupyterhub_pytest_plugin.errors import HubStartError

from .collect import Contract, relies_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from http.cookiejar import Cookie

    import httpx
    from traitlets.config import Config

    from jupyterhub_pytest_plugin.client import HubClient
    from jupyterhub_pytest_plugin.config import Overrides, Place

    from .served import Served

GUIDE = "reference/services.html"
API = "reference/api/services.auth.html"
OAUTH = "explanation/oauth.html"
SECURITY = "explanation/websecurity.html"
SCOPES = "rbac/scopes.html"

ELSEWHERE = "https://elsewhere.test"
# Ways in which a proxy in front of a service tells it who comes; JupyterHub's does not.
IDENTITY_HEADERS = (
    "Remote-User",
    "X-Auth-Request-User",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-User",
    "X-JupyterHub-User",
    "X-Remote-User",
    "X-User",
)
# Names by which services take the address to go to after a login.
NEXT = ("next", "next_url", "redirect", "redirect_uri", "return_to", "url")
# What has none of the first, has none of the others.
IMPLIED = {
    "page": ("oauth", "tokens", "logout", "deep-links", "header-only-tokens", "form", "base-path"),
    "oauth": ("logout", "deep-links", "form"),
    "tokens": ("header-only-tokens",),
}


class ServiceContract(Contract):
    """Derive from it, and say how the service is started::

        class TestMyService(ServiceContract):
            service_command = [sys.executable, "-m", "my_service"]

    The command serves at ``$JUPYTERHUB_SERVICE_URL``, below ``$JUPYTERHUB_SERVICE_PREFIX``. Every test runs twice: with
    the service managed by the hub, and with it started beside the hub, as an external one.

    A service that serves nothing says ``lacks = {"page": "…"}``; one that takes tokens and no browsers, ``"oauth"``.
    """

    #: What starts the service.
    service_command: ClassVar[Sequence[str]] = ()
    #: Further environment of the service.
    environment: ClassVar[Mapping[str, str]] = {}
    #: Further fields of its entry in JupyterHub.services.
    service_config: ClassVar[Mapping[str, Any]] = {}
    #: Scopes of the service's own token: those of its role.
    scopes: ClassVar[Sequence[str]] = ()
    #: A page that only logged in users may see, relative to the service's prefix.
    page: ClassVar[str] = ""
    #: Further pages that only logged in users may see.
    pages: ClassVar[Sequence[str]] = ()
    #: A page that takes a POST from browsers, relative to the service's prefix; see ``submit_form()``.
    form_page: ClassVar[str | None] = None
    #: Seconds for which the service believes what the hub said of a token: its ``HubAuth.cache_max_age``, by default
    #: 300. What a token that was revoked still opens is tested where this is less than ``patience``.
    cache_max_age: ClassVar[float] = 300
    #: Anything else of the hub's configuration, by class.
    hub_config: ClassVar[Overrides] = {}

    ways = ("managed", "external")

    @classmethod
    def not_given(cls) -> Mapping[str, str]:
        """Also what is implied: a service without a page has no login.

        :meta private:
        """
        implied = {other: f"it has no {name}" for name in IMPLIED if name in cls.lacks for other in IMPLIED[name]}
        unset = {} if cls.form_page is not None else {"form": "the suite does not say where it is: form_page"}
        return {**super().not_given(), **unset, **implied}

    @classmethod
    def configure(cls, config: Config, place: Place) -> None:
        """Configure the hub before it starts."""

    @classmethod
    def checked_command(cls) -> list[str]:
        if not cls.service_command or isinstance(cls.service_command, str):
            msg = (
                f"{cls.__module__}.{cls.__qualname__}: set service_command to what starts the service to be tested, as"
                f' in [sys.executable, "-m", "my_service"], not {cls.service_command!r}'
            )
            raise pytest.UsageError(msg)
        return list(cls.service_command)

    def user_of(self, response: httpx.Response) -> str:
        """The name of the user in the page, where it is shown in JSON as ``name``."""
        return str(response.json()["name"])

    def submit_form(self, served: Served, browser: HubClient) -> httpx.Response:
        """Send the form of ``form_page`` as the page itself does: with JupyterHub's XSRF token for the service."""
        address = served.path_of(self.form_page or "")
        found = [cookie for cookie in _cookies(browser, address) if cookie.name == "_xsrf"]
        token = max(found, key=lambda cookie: len(cookie.path)).value if found else ""
        return browser.post(address, data={"_xsrf": token}, headers=_from_its_own_page(served), follow_redirects=False)

    # Who sees a page

    @relies_on(GUIDE, needs="page")
    def test_strangers_see_nothing(self, served: Served) -> None:
        """Who is not logged in sees no page, asks with whatever method, and gets no error of the service (5xx)."""
        for page in (self.page, *self.pages):
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
                response = _ask_as_a_stranger(served, method, page)
                refused = response.status_code in {*range(300, 500), 501}
                assert refused, f"{method} {page}: {response.status_code}"

    @relies_on(GUIDE, needs="oauth")
    def test_page_needs_a_login(self, served: Served) -> None:
        """Who is not logged in is sent to the hub's login page."""
        for page in (self.page, *self.pages):
            response = served.open(served.hub.client(), page)
            assert not served.arrived(response, page)
            assert response.url.path.endswith("/hub/login")

    @relies_on(SECURITY, needs="page")
    def test_headers_identify_nobody(self, served: Served) -> None:
        """Headers that name a user, which anybody can send through the hub's proxy, are not believed."""
        for name in ("admin", served.user().name):
            headers = dict.fromkeys(IDENTITY_HEADERS, name)
            assert not served.arrived(served.look(served.hub.client(), headers=headers))
            assert not served.arrived(served.look(served.hub.client(), auth=(name, "any")))

    @relies_on(OAUTH, needs="oauth")
    def test_oauth_login(self, served: Served) -> None:
        """Who may use the service comes through OAuth to its page, and to each of its pages."""
        for page in (self.page, *self.pages):
            assert served.arrived(served.open(served.user().client, page), page)

    @relies_on(API, needs="oauth")
    def test_page_knows_the_user(self, served: Served) -> None:
        """The service knows who has come."""
        user = served.user()
        assert self.user_of(served.open(user.client)) == user.name

    @relies_on(API, needs="oauth")
    def test_users_are_told_apart(self, served: Served) -> None:
        """Two people in two browsers are two users for the service."""
        users = [served.user(), served.user()]
        assert [self.user_of(served.open(user.client)) for user in users] == [user.name for user in users]
        assert [self.user_of(served.open(user.client)) for user in users] == [user.name for user in users]

    @relies_on(OAUTH, needs="deep-links")
    def test_login_leads_to_the_page_that_was_asked_for(self, served: Served) -> None:
        """After a login the browser is where it wanted to go, with the query of the address."""
        for page in (self.page, *self.pages):
            response = served.open(served.user().client, f"{page}?question=1")
            assert served.arrived(response, page)
            assert response.url.params.get("question") == "1"

    @relies_on(SCOPES, needs="oauth")
    def test_user_without_access_is_refused(self, served: Served) -> None:
        """Who loses access:services after a login sees no page any more: the service looks at its users' scopes."""
        user, client = served.logged_in()
        served.service.disallow(user)
        if not self.has("logout"):
            self._needs_a_short_memory()
        else:  # it asks the hub about each session, and this is a new one
            for cookie in [one for one in client.cookies.jar if one.name == "jupyterhub-session-id"]:
                client.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)
        self.eventually(lambda: _true(not served.arrived(served.look(client))))

    def _needs_a_short_memory(self) -> None:
        if self.cache_max_age > self.patience:
            pytest.skip(f"it may believe a token for {self.cache_max_age} s: let it ask the hub more often in its test")

    @relies_on(API, needs="logout")
    def test_logout_of_the_hub_ends_the_session(self, served: Served) -> None:
        """Who logs out of the hub is logged out of the service, which tells the hub its visitors' ``session_id``."""
        user = served.user()
        client = served.hub.client().login(user.name, "any")
        assert served.arrived(served.open(client))
        client.logout()
        assert not served.arrived(served.open(client))

    # The login

    @relies_on(OAUTH, needs="oauth")
    def test_oauth_state_is_checked(self, served: Served) -> None:
        """An OAuth answer that a browser did not ask for logs nobody in: neither made up nor another user's."""
        victim, attacker = served.user(), served.user()
        for address in self._answers_of(served, attacker.client):
            client = served.hub.user_client(victim.name)
            client.get(address, follow_redirects=False)
            assert not served.arrived(served.look(client)), f"{urlsplit(address).query} was believed"
        client = served.hub.user_client(victim.name)
        served.look(client)  # it has begun to log in itself
        client.get(served.answer(attacker.client), follow_redirects=False)
        assert not served.arrived(served.look(client)), "an answer to somebody else was believed"

    def _answers_of(self, served: Served, attacker: HubClient) -> Iterator[str]:
        yield served.answer(attacker)
        yield _with_query(served.answer(attacker), state=None)
        yield _with_query(served.answer(attacker), state="made-up")
        yield _with_query(served.answer(attacker), code="made-up", state="made-up")

    @relies_on(OAUTH, needs="oauth")
    def test_login_does_not_lead_abroad(self, served: Served) -> None:
        """Where a login ends is not for others to say: no address of another host in the query is followed."""
        abroad = dict.fromkeys(NEXT, f"{ELSEWHERE}/")
        for page in (self.page, f"{self.page}?{urlencode(abroad)}"):
            client = served.user().client
            answer = served.answer(client, page)
            response = client.get(_with_query(answer, **abroad), follow_redirects=False)
            assert response.is_redirect
            assert not response.headers["Location"].startswith(ELSEWHERE)

    @relies_on(API, needs="oauth")
    def test_cookies_stay_with_the_service(self, served: Served) -> None:
        """The service's cookies are for its own prefix: no other service gets to see them."""
        client = served.user().client
        before = {(cookie.name, cookie.path) for cookie in client.cookies.jar}
        served.open(client)
        new = [cookie for cookie in client.cookies.jar if (cookie.name, cookie.path) not in before]
        neighbour = served.service.public_url.rstrip("/") + "-neighbour/"
        shared = {cookie.name for cookie in _cookies(client, neighbour) if cookie in new}
        assert new
        assert shared <= {"jupyterhub-session-id"}

    @relies_on(API, needs="oauth")
    def test_scripts_do_not_see_the_login(self, served: Served) -> None:
        """The cookie without which a user is logged out is ``HttpOnly``."""
        _, client = served.logged_in()
        sent = [cookie for cookie in _cookies(client, served.path) if cookie.name != "jupyterhub-session-id"]
        needed = [cookie for cookie in sent if not served.arrived(_without(served, client, cookie))]
        assert needed, "no cookie of the service logs its user in"
        assert [cookie.name for cookie in needed if not cookie.has_nonstandard_attr("HttpOnly")] == []

    @relies_on(SCOPES, needs="oauth")
    def test_cookies_of_another_service_open_nothing(self, served: Served, served_below_a_path: Served) -> None:
        """A login at one service, or at the same one elsewhere, is none at another."""
        _, client = served.logged_in()
        names = {f"service-{served.service.name}": f"service-{served_below_a_path.service.name}"}
        cookies = {names.get(one.name, one.name): one.value or "" for one in _cookies(client, served.path)}
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        other = served_below_a_path
        assert not other.arrived(other.look(other.hub.client(), headers={"Cookie": header}))

    @relies_on(SECURITY, needs="form")
    def test_form_needs_its_token(self, served: Served) -> None:
        """A form that another page of the same host sends in a user's name is refused: it has no XSRF token."""
        _, client = served.logged_in()
        headers = {**_from_its_own_page(served), "Referer": f"{served.hub.url}user/mallory/page"}
        address = served.path_of(self.form_page or "")
        forged = client.post(address, data={"_xsrf": "made-up"}, headers=headers, follow_redirects=False)
        assert forged.status_code >= 400 or "oauth2/authorize" in forged.headers.get("Location", "")
        sent = self.submit_form(served, client)
        assert sent.status_code < 400, f"the right form is refused too: {sent.status_code} {sent.text[:300]}"
        assert "oauth2/authorize" not in sent.headers.get("Location", ""), "the right form is refused too"

    # What a page tells others

    @relies_on(SECURITY, needs="page")
    def test_no_secret_is_shown(self, served: Served) -> None:
        """No token, neither the service's nor a visitor's, is in a page, a header, an address or what it prints."""
        user, printed = served.user(), len(served.output)
        pages = [served.with_token(served.service.token_for(user))]
        if self.has("oauth"):
            last = user.client.get(served.answer(user.client))  # all that the service itself answers in a login
            pages += [*last.history, last, *(served.open(user.client, page) for page in self.pages)]
        for response in pages:
            headers = [f"{name}: {value}" for name, value in response.headers.items() if name != "set-cookie"]
            told = "\n".join([str(response.url), *headers, *_readable(response), response.text])
            assert served.secrets_in(told) == [], f"at {response.url}"
        assert served.secrets_in(served.output[printed:]) == [], "in its output"

    @relies_on(SECURITY, needs="page")
    def test_other_origins_read_nothing(self, served: Served) -> None:
        """No page of another origin may read what a user sees, and no cache may keep it for others."""
        for response in self._seen_from(served, {"Origin": ELSEWHERE}):
            allowed = response.headers.get("Access-Control-Allow-Origin", "")
            with_cookies = response.headers.get("Access-Control-Allow-Credentials", "") == "true"
            assert not (with_cookies and allowed in {ELSEWHERE, "*", "null"})
            kept = {word.strip().partition("=")[0] for word in response.headers.get("Cache-Control", "").split(",")}
            assert not kept & {"public", "s-maxage"}

    def _seen_from(self, served: Served, headers: dict[str, str]) -> Iterator[httpx.Response]:
        if not self.has("oauth"):
            token = served.service.token_for(served.user())
            client, headers = served.hub.client(), {**headers, "Authorization": f"Bearer {token}"}
        else:
            _, client = served.logged_in()
        for page in (self.page, *self.pages):
            response = served.look(client, page, headers=headers)
            assert served.arrived(response, page)
            yield response

    # Tokens

    @relies_on(API, needs="tokens")
    def test_token(self, served: Served) -> None:
        """A token whose owner may use the service opens its page, without cookies."""
        user = served.user()
        response = served.with_token(served.service.token_for(user))
        assert response.status_code == 200
        assert self.user_of(response) == user.name

    @relies_on(SCOPES, needs="tokens")
    def test_token_without_access_is_refused(self, served: Served) -> None:
        """A token with other scopes opens nothing, though its owner may use the service."""
        token = served.service.token_for(served.user(), "read:users!user")
        for page in (self.page, *self.pages):
            assert served.with_token(token, page).status_code in {302, 401, 403}

    @relies_on(API, needs="tokens")
    def test_unknown_token_is_refused(self, served: Served) -> None:
        """A token that the hub does not know opens nothing, in a header or in the address."""
        assert served.with_token("0" * 32).status_code in {302, 401, 403}
        assert not served.arrived(served.look(served.hub.client(), f"{self.page}?token={'0' * 32}"))

    @relies_on(API, needs="tokens")
    def test_revoked_token_is_refused(self, served: Served) -> None:
        """A token that was revoked before anybody used it opens nothing."""
        user = served.user()
        token, revoke = self._revocable(served, user.name)
        revoke()
        assert served.with_token(token).status_code in {302, 401, 403}

    @relies_on(OAUTH, needs="tokens")
    def test_revoked_token_is_forgotten(self, served: Served) -> None:
        """A token that was used and revoked opens nothing, as soon as the service asks the hub again."""
        if self.cache_max_age > self.patience:
            pytest.skip(
                f"the service may believe a token for {self.cache_max_age} s: let it ask more often in its test"
            )
        token, revoke = self._revocable(served, served.user().name)
        assert served.with_token(token).status_code == 200
        revoke()
        self.eventually(lambda: _refused(served.with_token(token)))

    def _revocable(self, served: Served, name: str) -> tuple[str, Any]:
        api = served.hub.api()
        model = api.post(f"users/{name}/tokens").json()
        return model["token"], lambda: api.delete(f"users/{name}/tokens/{model['id']}").raise_for_status()

    @relies_on(SECURITY, needs="header-only-tokens", since=5)
    def test_token_in_the_address_is_not_taken(self, served: Served) -> None:
        """A link with a token logs nobody in: who follows it would work as whoever sent it."""
        token = served.service.token_for(served.user())
        client = served.hub.client()
        assert not served.arrived(served.look(client, f"{self.page}?token={token}"))
        assert not served.arrived(served.look(client))

    # Its life

    @relies_on(GUIDE, needs="base-path")
    def test_prefix_of_the_service(self, served_below_a_path: Served) -> None:
        """Where the hub has a base path, the service serves below its own prefix all the same."""
        served = served_below_a_path
        if not self.has("oauth"):
            response = served.with_token(served.service.token_for(served.user()))
        else:
            response = served.open(served.user().client)
        assert served.arrived(response)

    @relies_on(SCOPES, needs="api")
    def test_own_scopes_suffice(self, served: Served) -> None:
        """What the service asks the hub with its own token, the hub grants."""
        if not self.scopes:
            pytest.skip("the suite gives it none: set scopes to those of its role")
        self.eventually(lambda: _some(served.asked))
        assert [request for request in served.asked if request[2] in {401, 403}] == []

    @relies_on(GUIDE)
    def test_ends_when_it_is_asked_to(self, served: Served) -> None:
        """The service runs until SIGINT or SIGTERM, ends then, and can be started again."""
        assert served.running
        ended = served.stop(self.patience)
        served.start()
        assert ended, "it had to be killed"
        assert served.running

    @relies_on(GUIDE)
    def test_restart_of_the_hub(self, served: Served) -> None:
        """When the hub has started again the service works as before: one beside it has run on, with the same token."""
        user = None if not self.has("page") else served.user()
        try:
            served.hub.restart()
        except HubStartError as error:
            pytest.fail(f"the hub does not start with it again: {error}\nIts last words:\n{served.output[-2000:]}")
        served.asked.clear()
        served.watch()
        assert served.running
        if user is not None and self.has("oauth"):
            client = served.hub.user_client(user.name)
            self.eventually(lambda: _true(served.arrived(served.open(client))))
        elif user is not None:
            self.eventually(lambda: _true(served.arrived(served.with_token(served.service.token_for(user)))))
        if self.scopes and self.has("api"):
            self.eventually(lambda: _some([request for request in served.asked if request[2] < 400]))


def _ask_as_a_stranger(served: Served, method: str, page: str) -> httpx.Response:
    """With the XSRF token of somebody who has none: cookie and field say the same."""
    client = served.hub.client()
    served.look(client, page)
    found = client.cookies.get("_xsrf", path=urlsplit(served.service.public_url).path)
    token = found or "made-up-by-a-stranger"
    headers = {"X-XSRFToken": token, "Cookie": f"_xsrf={token}"}
    return client.request(method, served.path_of(page), headers=headers, follow_redirects=False)


def _cookies(client: HubClient, address: str) -> list[Cookie]:
    """What this browser sends to an address."""
    url = client.build_request("GET", address).url
    host = url.host if "." in url.host else f"{url.host}.local"
    return [
        cookie
        for cookie in client.cookies.jar
        if url.path.startswith(cookie.path) and host.endswith(cookie.domain.lstrip("."))
    ]


def _without(served: Served, client: HubClient, cookie: Cookie) -> httpx.Response:
    others = [f"{one.name}={one.value}" for one in _cookies(client, served.path) if one is not cookie]
    return served.look(served.hub.client(), headers={"Cookie": "; ".join(others)})


def _readable(response: httpx.Response) -> list[str]:
    """Cookies that scripts see."""
    return [line for line in response.headers.get_list("set-cookie") if "httponly" not in line.lower()]


def _from_its_own_page(served: Served) -> dict[str, str]:
    parts = urlsplit(served.service.public_url)
    return {"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": served.service.public_url}


def _with_query(address: str, **changes: str | None) -> str:
    parts = urlsplit(address)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&"))
    query |= {name: value for name, value in changes.items() if value is not None}
    kept = {name: value for name, value in query.items() if changes.get(name, "") is not None}
    return urlunsplit(parts._replace(query="&".join(f"{name}={value}" for name, value in kept.items())))


def _refused(response: httpx.Response) -> None:
    assert response.status_code in {302, 401, 403}


def _some(found: Sequence[object]) -> None:
    assert found, "the service has asked the hub for nothing with its own token"


def _true(found: bool) -> None:
    assert found
