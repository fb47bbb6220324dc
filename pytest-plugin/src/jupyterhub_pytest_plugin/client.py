"""A browser's and an API client's view of a hub, over real HTTP.

The conversations (login, spawn, consent) are written once, as generators that yield requests and are sent the
responses; :class:`HubClient` drives them in a sync test, :class:`AsyncHubClient` in an async one.
"""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Generator
from logging import ERROR
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from .errors import HubError, LoginError, SpawnError, WrongThreadError
from .pages import form_fields, refused
from .pages import shown as shown  # noqa: PLC0414 - contracts import it from here

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from logging import LogRecord
    from typing import Self

    from .log import HubLog

T = TypeVar("T")
Flow = Generator[httpx.Request, httpx.Response, T]
Form = dict[str, Any]

TIMEOUT = 120.0
_POLL = 0.03


class Site(Protocol):
    """What a client needs to know of a hub."""

    name: str
    log: HubLog
    timeout: float
    loop: asyncio.AbstractEventLoop | None
    inline: bool

    @property
    def url(self) -> str: ...

    @property
    def connect_address(self) -> tuple[str, int]: ...

    def client_context(self) -> ssl.SSLContext | None: ...


def running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


class _Direct:
    """Sends every request of a hub's hosts to its proxy's address, so that sub-domains need no DNS.

    Other ports of these hosts are others': a backend or a provider of logins on this machine.
    """

    def __init__(self, site: Site) -> None:
        self.site = site

    def redirect(self, request: httpx.Request) -> httpx.Request:
        host = request.url.host
        known = urlsplit(self.site.url).hostname or ""
        if _port(str(request.url)) != _port(self.site.url) or (host != known and not host.endswith("." + known)):
            return request
        address, port = self.site.connect_address
        return httpx.Request(
            request.method,
            request.url.copy_with(host=address, port=port),
            headers=request.headers,  # with the Host of the address as the browser sees it
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )


class _Transport(httpx.HTTPTransport):
    def __init__(self, site: Site, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._direct = _Direct(site)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        site = self._direct.site
        if site.inline and running_loop() is site.loop:
            msg = (
                f"{site.name} runs in this test's own event loop, which a sync request would block for ever:"
                " use its async client (`await hub.client().get(...)`), or the `jupyterhub` fixture"
            )
            raise WrongThreadError(msg)
        return super().handle_request(self._direct.redirect(request))


class _AsyncTransport(httpx.AsyncHTTPTransport):
    def __init__(self, site: Site, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._direct = _Direct(site)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        site = self._direct.site
        if site.inline and running_loop() is not site.loop:
            msg = (
                f"{site.name} was started in another event loop, which does not run now, so it cannot answer:"
                " start it in this test (`async with jupyterhub_inline() as hub:`), give fixture and test the same"
                " loop_scope, or use the `jupyterhub` fixture, whose hub has a loop of its own"
            )
            raise WrongThreadError(msg)
        return await super().handle_async_request(self._direct.redirect(request))


class NoAnswerError(HubError, httpx.TimeoutException):
    """A request was not answered in time."""

    def __init__(self, site: Site, request: httpx.Request) -> None:
        limits: dict[str, float | None] = request.extensions.get("timeout", {})
        path = request.url.path
        if str(request.url).startswith(site.url):
            path = path.removeprefix(urlsplit(site.url).path)
        msg = f"{request.method} {path} was not answered within {limits.get('read') or 0:g} s by {site.name}"
        httpx.TimeoutException.__init__(self, msg, request=request)


class _Talk:
    """The conversations that sync and async clients have in common."""

    site: Site
    cookies: httpx.Cookies
    build_request: Any
    username: str = ""

    def xsrf(self, path: str = "hub/") -> str:
        """The XSRF token for this path of the hub; empty if the browser has none yet."""
        full = urlsplit(self.site.url).path + path.lstrip("/")
        found = [c for c in self.cookies.jar if c.name == "_xsrf" and full.startswith(c.path)]
        return max(found, key=lambda cookie: len(cookie.path)).value or "" if found else ""

    def _login(self, data: Mapping[str, str], query: Mapping[str, str]) -> Flow[httpx.Response]:
        """Open the form, then send it with the XSRF token, as a browser does."""
        yield self.build_request("GET", "hub/login", params=query)
        response = yield self.build_request(
            "POST", "hub/login", params={**query, "_xsrf": self.xsrf()}, data=data, headers={"Origin": self._origin}
        )
        if response.is_redirect:
            self.username = data.get("username", "")
        return response

    def _logout(self) -> Flow[httpx.Response]:
        response = yield self.build_request("GET", "hub/logout")
        self.username = ""
        return response

    @property
    def _origin(self) -> str:
        parts = urlsplit(self.site.url)
        return f"{parts.scheme}://{parts.netloc}"

    def _follow(self, request: httpx.Request, hops: int = 30) -> Flow[httpx.Response]:
        response = yield request
        while response.next_request is not None and hops:
            hops -= 1
            response = yield response.next_request
        return response

    def _spawned(self, server: str, options: Form | None, until: float, *, check: bool) -> Flow[httpx.Response]:
        if not self.username:
            msg = (
                "nobody is logged in with this client: login() first (or set its `username` after a login of your own)"
            )
            raise HubError(msg)
        before = len(self.site.log.records)
        response = yield from self._spawn(server, options, until)
        of_the_hub = response.url.path.startswith(urlsplit(self.site.url).path + "hub/")
        if check and (response.status_code >= 400 or of_the_hub):
            logged = _first_error(self.site.log.records[before:])
            asks = _HOW_TO_STAY if _wants_login(response, logged) else ""
            if response.status_code == 200 and _is_form(response):
                raise _of_form(self.username, server, response)
            raise SpawnError(self.username, server, response, f"{shown(response)}{logged}{asks}")
        return response

    def _spawn(self, server: str, options: Form | None, until: float) -> Flow[httpx.Response]:
        """Start a server by its form, and wait on its page as the browser would; returns its own page."""
        path = f"hub/spawn/{quote(self.username)}" + (f"/{quote(server)}" if server else "")
        home = yield from self._follow(self.build_request("GET", "hub/home"))
        _expect(home, "open the home page before a spawn")
        if options is None:
            response = yield from self._follow(self.build_request("GET", path))
        else:
            files = {key: value for key, value in options.items() if isinstance(value, tuple)} or None
            data = {key: value for key, value in options.items() if not isinstance(value, tuple)}
            yield self.build_request("GET", path)
            request = self.build_request("POST", path, params={"_xsrf": self.xsrf()}, data=data, files=files)
            response = yield from self._follow(request)
        while "/hub/spawn-pending/" in response.url.path and response.status_code == 200:
            if time.monotonic() > until:
                msg = f"the server {server!r} of {self.username!r} was not ready in time"
                raise HubError(msg)
            response = yield from self._follow(self.build_request("GET", response.url, extensions={"pause": _POLL}))
        return response

    def _approve(self, page: httpx.Response) -> Flow[httpx.Response]:
        """Press the button of the OAuth consent page."""
        fields = [
            (html.unescape(name), html.unescape(value))
            for name, value in re.findall(r'<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"', page.text)
        ]
        data: dict[str, list[str]] = {}
        for name, value in fields:
            data.setdefault(name, []).append(value)
        request = self.build_request("POST", page.url, data=data, headers={"Origin": self._origin})
        return (yield from self._follow(request))

    def _api_headers(self) -> dict[str, str]:
        return {"X-XSRFToken": self.xsrf(), "Sec-Fetch-Mode": "cors", "Referer": f"{self.site.url}hub/home"}


_HOW_TO_STAY = (
    ": the hub asks this user to log in again, as it does where refresh_user() returns False; if it wants auth_state,"
    " give some: hub.user_client(name, auth_state={…}) or hub_user.set_auth_state({…})"
)


def _wants_login(response: httpx.Response, logged: str) -> bool:
    # JupyterHub 6.1 fails with this name where it wants to say, before a spawn, that the login has expired.
    expired = "has expired" in response.text or "_token_authenticated" in logged
    return expired or response.url.path.endswith("/hub/login")


def _is_form(response: httpx.Response) -> bool:
    return "/hub/spawn/" in f"{response.url.path}/" and bool(form_fields(response))


def _of_form(username: str, server: str, response: httpx.Response) -> SpawnError:
    """The spawner's form is shown instead of the server: for the first time, or again with what was wrong."""
    fields = form_fields(response)
    wrong = refused(response)
    said = f"the spawner refused the options: {wrong}" if wrong else "the spawner asks for options: spawn(options={…})"
    return SpawnError(username, server, response, f"{said}; the fields of its form: {', '.join(fields)}", fields)


def _expect(response: httpx.Response, what: str) -> None:
    if response.status_code >= 400:
        msg = f"could not {what}: status {response.status_code}: {shown(response)}"
        raise HubError(msg)


def _first_error(records: list[LogRecord]) -> str:
    """What the hub logged of an error, for a page says less; tornado's own records only tell of the request."""
    found = [record for record in records if record.levelno >= ERROR and not record.name.startswith("tornado")]
    if not found:
        return ""
    said = found[0].getMessage().strip()[:300]
    causes = [record.exc_info[1] for record in records if record.exc_info and record.exc_info[1]]
    return f" (logged: {said} {causes[0]!r})" if said.endswith(":") and causes else f" (logged: {said})"


def _settings(site: Site, headers: Mapping[str, str]) -> dict[str, Any]:
    return {"base_url": site.url, "headers": dict(headers), "timeout": site.timeout, "trust_env": False}


_NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


class _Client(httpx.Client):
    site: Site

    def send(self, request: httpx.Request, **kwargs: Any) -> httpx.Response:
        __tracebackhide__ = True
        try:
            return super().send(request, **kwargs)
        except httpx.TimeoutException as error:
            raise NoAnswerError(self.site, error.request) from None


class _AsyncClient(httpx.AsyncClient):
    site: Site

    async def send(self, request: httpx.Request, **kwargs: Any) -> httpx.Response:
        __tracebackhide__ = True
        try:
            return await super().send(request, **kwargs)
        except httpx.TimeoutException as error:
            raise NoAnswerError(self.site, error.request) from None


class HubClient(_Talk, _Client):
    """An :class:`httpx.Client` that behaves to the hub as a browser does.

    Addresses are relative to the hub's public URL: ``client.get("hub/home")``, ``client.get("user/ada/")``.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        transport = _Transport(site, verify=site.client_context() or False)
        super().__init__(transport=transport, follow_redirects=True, **_settings(site, _NAVIGATE))

    def _drive(self, flow: Flow[T]) -> T:
        try:
            request = next(flow)
            while True:
                time.sleep(request.extensions.get("pause", 0))
                request = flow.send(self.send(request, follow_redirects=False))
        except StopIteration as done:
            result: T = done.value
            return result

    def submit_login(self, fields: Mapping[str, str], query: Mapping[str, str] | None = None) -> httpx.Response:
        """Send the login form and return the hub's answer as it is, whether it lets the user in or not."""
        return self._drive(self._login(fields, query or {}))

    def login(self, username: str, password: str = "", **fields: str) -> Self:
        """Log in by the form; raises :class:`LoginError` with the hub's own words if it is refused."""
        response = self.submit_login({"username": username, "password": password, **fields})
        if not response.is_redirect:
            raise LoginError(username, response.status_code, shown(response))
        self.get("hub/home")
        return self

    def logout(self) -> httpx.Response:
        """Open the page of logging out, and return where it leads: a redirect is not followed."""
        return self._drive(self._logout())

    @property
    def logged_in(self) -> bool:
        """Whether the hub knows this browser's cookies."""
        return self.get("hub/home", follow_redirects=False).status_code == 200

    def spawn(
        self, server: str = "", *, options: Form | None = None, timeout: float = TIMEOUT, check: bool = True
    ) -> httpx.Response:
        """Start one's own server, wait until it is ready, and open it.

        Raises :class:`SpawnError` with the hub's words if that fails; ``check=False`` returns the last page instead.
        """
        return self._drive(self._spawned(server, options, time.monotonic() + timeout, check=check))

    def approve(self, page: httpx.Response) -> httpx.Response:
        """Agree on the page on which a service asks for access, and follow to the service."""
        return self._drive(self._approve(page))

    def consent(self, page: httpx.Response) -> httpx.Response:
        """Agree on that page, and return where the hub sends this browser then, which is not followed."""
        return self.send(next(self._approve(page)), follow_redirects=False)

    def api(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """A call of the REST API with the browser's cookies and XSRF token, as JupyterHub's own pages make it."""
        headers = {**self._api_headers(), **kwargs.pop("headers", {})}
        return self.request(method, "hub/api/" + path.lstrip("/"), headers=headers, **kwargs)


class AsyncHubClient(_Talk, _AsyncClient):
    """:class:`HubClient` for a hub in the test's own event loop."""

    def __init__(self, site: Site) -> None:
        self.site = site
        transport = _AsyncTransport(site, verify=site.client_context() or False)
        super().__init__(transport=transport, follow_redirects=True, **_settings(site, _NAVIGATE))

    async def _drive(self, flow: Flow[T]) -> T:
        try:
            request = next(flow)
            while True:
                await asyncio.sleep(request.extensions.get("pause", 0))
                request = flow.send(await self.send(request, follow_redirects=False))
        except StopIteration as done:
            result: T = done.value
            return result

    async def submit_login(self, fields: Mapping[str, str], query: Mapping[str, str] | None = None) -> httpx.Response:
        """See :meth:`HubClient.submit_login`."""
        return await self._drive(self._login(fields, query or {}))

    async def login(self, username: str, password: str = "", **fields: str) -> Self:
        """See :meth:`HubClient.login`."""
        response = await self.submit_login({"username": username, "password": password, **fields})
        if not response.is_redirect:
            raise LoginError(username, response.status_code, shown(response))
        await self.get("hub/home")
        return self

    async def logout(self) -> httpx.Response:
        """See :meth:`HubClient.logout`."""
        return await self._drive(self._logout())

    async def spawn(
        self, server: str = "", *, options: Form | None = None, timeout: float = TIMEOUT, check: bool = True
    ) -> httpx.Response:
        """See :meth:`HubClient.spawn`."""
        return await self._drive(self._spawned(server, options, time.monotonic() + timeout, check=check))

    async def approve(self, page: httpx.Response) -> httpx.Response:
        """See :meth:`HubClient.approve`."""
        return await self._drive(self._approve(page))

    async def api(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """See :meth:`HubClient.api`."""
        headers = {**self._api_headers(), **kwargs.pop("headers", {})}
        return await self.request(method, "hub/api/" + path.lstrip("/"), headers=headers, **kwargs)


def _api_settings(site: Site, token: str) -> dict[str, Any]:
    settings = _settings(site, {"Authorization": f"token {token}"} if token else {})
    return {**settings, "base_url": f"{site.url}hub/api/"}


class HubAPI(_Client):
    """The REST API with one token: ``api.get("users/ada").json()``."""

    def __init__(self, site: Site, token: str = "") -> None:
        self.site = site
        self.token = token
        super().__init__(
            transport=_Transport(site, verify=site.client_context() or False), **_api_settings(site, token)
        )


class AsyncHubAPI(_AsyncClient):
    """:class:`HubAPI` for a hub in the test's own event loop."""

    def __init__(self, site: Site, token: str = "") -> None:
        self.site = site
        self.token = token
        transport = _AsyncTransport(site, verify=site.client_context() or False)
        super().__init__(transport=transport, **_api_settings(site, token))
