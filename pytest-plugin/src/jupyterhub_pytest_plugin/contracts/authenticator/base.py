"""What the author of an authenticator says, and how the tests log in with it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

import httpx
import pytest

from jupyterhub_pytest_plugin.checks import component_class
from jupyterhub_pytest_plugin.compat import allows_nobody_by_default
from jupyterhub_pytest_plugin.contracts.collect import Contract
from jupyterhub_pytest_plugin.pages import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from traitlets.config import Config

    from jupyterhub_pytest_plugin.client import HubClient
    from jupyterhub_pytest_plugin.config import Overrides, Place
    from jupyterhub_pytest_plugin.hosting import Hub

    Hubs = Callable[..., Hub]

GUIDE = "reference/authenticators.html"
USERS = "tutorial/getting-started/authenticators-users-basics.html"
API = "reference/api/auth.html"
SECURITY = "explanation/websecurity.html"
OAUTH = "explanation/oauth.html"

_PREPARED: WeakKeyDictionary[Hub, set[str]] = WeakKeyDictionary()


def who(client: HubClient) -> str:
    """The name under which the hub knows this browser; empty if it does not."""
    if client.get("hub/home", follow_redirects=False).status_code != 200:
        return ""
    return str(client.api("GET", "user").raise_for_status().json()["name"])


class Attempt(NamedTuple):
    """One login: the browser, the hub's answer, and for whom the hub takes the browser then (empty: nobody)."""

    username: str
    client: HubClient
    answer: httpx.Response
    name: str
    logged: str

    def __repr__(self) -> str:
        request, answer = self.answer.request, self.answer
        taken = f"the hub takes the browser for {repr(self.name) if self.name else 'nobody'}"
        end = f"{taken}; logged: {self.logged}" if self.logged else taken
        words = f" to {answer.headers['Location']}" if answer.is_redirect else f": {shown(answer)}"
        return (
            f"login of {self.username!r}: {request.method} {request.url.path} was answered with status"
            f" {answer.status_code}{words}; {end}"
        )


class Logins(Contract):
    """What the suite needs to know, and logins with it."""

    #: The class, or the name under which it is registered with JupyterHub.
    authenticator_class: ClassVar[Any] = None
    #: Traits of the authenticator.
    authenticator_config: ClassVar[Mapping[str, Any]] = {}
    #: Anything else of the hub's configuration, by class.
    hub_config: ClassVar[Overrides] = {}
    #: Rules of its own that let people in, by trait: a value, who comes in by it, who does not:
    #: ``{"allowed_organizations": ({"crew"}, "ada", "bob")}``. These tests are for each of them.
    allow_rules: ClassVar[Mapping[str, tuple[Any, str, str]]] = {}
    #: Whom ``log_in()`` can send, too, who looks like ``ada`` to the service and must not become ``ada``: somebody with
    #: her e-mail address, unverified, or of another domain.
    impostors: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def configure(cls, config: Config, place: Place) -> None:
        """Configure a hub before it starts; ``place`` offers ``folder`` for files."""
        if cls.authenticator_class is None:
            msg = f"{cls.__module__}.{cls.__qualname__}: set authenticator_class to the authenticator to be tested"
            raise pytest.UsageError(msg)
        config.JupyterHub.authenticator_class = cls.authenticator_class
        section = config[cls.authenticator_section()]
        for name, value in cls.authenticator_config.items():
            section.setdefault(name, value)
        config.JupyterHub.redirect_to_server = False

    @classmethod
    def authenticator_type(cls) -> Any:
        """The class of the authenticator, also where it is given by name.

        :meta private:
        """
        where = f"{cls.__module__}.{cls.__qualname__}.authenticator_class"
        return component_class("authenticator_class", cls.authenticator_class, where)

    @classmethod
    def authenticator_section(cls) -> str:
        """The name under which traits of the authenticator are configured."""
        return str(cls.authenticator_type().__name__)

    def credentials(self, username: str) -> Mapping[str, str]:
        """The fields of a login form that let this user in."""
        return {"username": username, "password": "right password"}

    def wrong_credentials(self, username: str) -> Mapping[str, str]:
        """The fields of a login form that let nobody in."""
        return {"username": username, "password": "wrong password"}

    def callback(self, hub: Hub, client: HubClient, username: str, *, query: Mapping[str, str] | None = None) -> str:
        """For an authenticator that sends the browser to another service, which knows who it is.

        Begin a login in this browser, be this user there, and return the address, with its query, to which the service
        sends the browser back.
        """
        raise NotImplementedError

    def prepare_user(self, hub: Hub, username: str) -> None:
        """Make the user known to whatever the authenticator asks; called before a user's first login on each hub."""

    def log_in(
        self, hub: Hub, client: HubClient, username: str, *, query: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send what logs this user in; returns the hub's answer, redirects not followed."""
        if self.overrides("callback") and not self.overrides("credentials"):
            return client.get(self.callback(hub, client, username, query=query), follow_redirects=False)
        return client.submit_login(self.fields("credentials", username), query)

    def log_in_wrongly(self, hub: Hub, client: HubClient, username: str) -> httpx.Response:
        """Send what must not log this user in; returns the hub's answer."""
        if "form" in self.not_given():
            pytest.fail(
                f"{type(self).__name__}: override log_in_wrongly() too: it sends what must log nobody in, such as a"
                ' code that the service did not give; or lacks = {"rejection": "why"}',
                pytrace=False,
            )
        return client.submit_login(self.fields("wrong_credentials", username))

    @classmethod
    def overrides(cls, name: str) -> bool:
        """Whether the suite says this itself.

        :meta private:
        """
        return getattr(cls, name) is not getattr(Logins, name)

    @classmethod
    def not_given(cls) -> Mapping[str, str]:
        own = [name for name in ("log_in", "callback") if cls.overrides(name)]
        reasons = {} if cls.overrides("callback") else {"callback": "callback() is not overridden"}
        if own and not cls.overrides("credentials"):
            reasons["form"] = f"{own[0]}() is overridden, and credentials() is not"
        if "query" not in inspect.signature(cls.log_in).parameters:
            reasons["next"] = "log_in() takes no query"
        if not cls.allow_rules:
            reasons["allow-rules"] = "allow_rules is empty"
        if not cls.impostors:
            reasons["impostors"] = "impostors is empty"
        return reasons

    # How tests log in

    def fields(self, method: str, username: str) -> dict[str, str]:
        """What ``credentials()`` or ``wrong_credentials()`` gives, if it can be sent.

        :meta private:
        """
        given = getattr(self, method)(username)
        if isinstance(given, Mapping) and all(isinstance(value, str) for value in given.values()):
            return dict(given)
        _discard(given)
        msg = (
            f'{method}() must return the fields of the login form as a dict of strings, as {{"username": {username!r}}}'
        )
        pytest.fail(f"{msg}; it returned {given!r}", pytrace=False)

    def prepare(self, hub: Hub, username: str) -> None:
        """:meth:`prepare_user`, once for each user and hub."""
        known = _PREPARED.setdefault(hub, set())
        if username not in known:
            self.prepare_user(hub, username)
            known.add(username)

    def attempt(self, hub: Hub, username: str, **query: str) -> Attempt:
        """For tests of your own: log this user in with a new browser, whether that succeeds or not."""
        self.prepare(hub, username)
        return self._attempted(hub, username, lambda client: self.log_in(hub, client, username, **_asking(query)))

    def attempt_wrongly(self, hub: Hub, username: str) -> Attempt:
        """Send what must not log this user in, with a new browser."""
        return self._attempted(hub, username, lambda client: self.log_in_wrongly(hub, client, username), "_wrongly")

    def _attempted(self, hub: Hub, username: str, log_in: Callable[[HubClient], Any], kind: str = "") -> Attempt:
        client = hub.client()
        before = len(hub.log.records)
        answer = _answered(log_in(client), f"log_in{kind}")
        name = who(client)
        attempt = Attempt(username, client, answer, name, _last_error(hub, before))
        if not name:  # right for some tests; shown beside one that fails
            self.refusals = [*self.refusals, str(attempt)]
        return attempt

    def entered(self, hub: Hub, username: str, *, name: str = "", **query: str) -> HubClient:
        """For tests of your own: a browser with this user logged in; fails with the hub's words if that is not so.

        ``name`` is the one in the hub, by default the user's in lower case.
        """
        __tracebackhide__ = True
        attempt = self.attempt(hub, username, **query)
        wanted = name or username.lower()
        if attempt.name != wanted:
            msg = f"{username!r} must come in as {wanted!r}: {attempt}{self._advice(attempt)}"
            raise AssertionError(msg)
        attempt.client.username = wanted
        return attempt.client

    def kept_out(self, hub: Hub, username: str) -> Attempt:
        """For tests of your own: the login of a user who must not come in; fails where the browser is anybody then."""
        __tracebackhide__ = True
        attempt = self.attempt(hub, username)
        if attempt.name:
            msg = f"{username!r} must not come in: {attempt}"
            raise AssertionError(msg)
        return attempt

    def _advice(self, attempt: Attempt) -> str:
        """What the author may have left out."""
        if self.overrides("log_in") or self.overrides("callback"):
            return ""
        page = attempt.client.get("hub/login", follow_redirects=False)
        if 'type="password"' in page.text or "<form" in page.text:
            return ""
        return ". The login page has no form: override callback() (the browser is sent to another service) or log_in()"

    def make(self, hubs: Hubs, **traits: Any) -> Hub:
        """For tests of your own: ``self.make(contract_hubs, allow_all=True)`` is a hub with these traits.

        A trait that allows somebody is the only rule then: the suite's own would let people in who are to stay outside.
        """
        hub = hubs(start=False)
        if any(name.startswith("allow") for name in traits):
            _forget_rules(hub.config, self.authenticator_type())
        if not allows_nobody_by_default():  # any rule is a refusal to all others there
            traits.pop("allow_all", None)
        hub.config[self.authenticator_section()].update(traits)
        return hub.start()


def _asking(query: Mapping[str, str]) -> dict[str, Any]:
    """Only where there is a query: a suite without it can do without the parameter."""
    return {"query": dict(query)} if query else {}


def _forget_rules(config: Config, authenticator_class: type) -> None:
    for cls in authenticator_class.__mro__:
        section = config.get(cls.__name__, {})
        for name in [name for name in section if name.startswith("allow")]:
            del section[name]


def _answered(answer: Any, method: str) -> httpx.Response:
    """The hub's answer to a login, if that is what the suite gave."""
    if isinstance(answer, httpx.Response) and not answer.history:
        return answer
    _discard(answer)
    what = "the page that redirects led to" if isinstance(answer, httpx.Response) else repr(answer)
    msg = f"{method}() must return the hub's answer (an httpx.Response), redirects not followed; it returned {what}"
    pytest.fail(msg, pytrace=False)


def _discard(given: Any) -> None:
    """A coroutine that nobody will await need not be warned of."""
    if inspect.iscoroutine(given):
        given.close()


def _last_error(hub: Hub, before: int) -> str:
    """The last exception or error that the hub logged since; tornado's own records only tell of the request."""
    for record in reversed(hub.log.records[before:]):
        if record.exc_info and record.exc_info[0]:
            error = f"{record.exc_info[0].__name__}: {record.exc_info[1]}"
            return error[:300]
        if record.levelname in {"ERROR", "CRITICAL"} and not record.name.startswith("tornado"):
            return record.getMessage().strip()[:300]
    return ""
