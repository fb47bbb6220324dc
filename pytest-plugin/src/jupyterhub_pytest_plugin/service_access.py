"""Who may use a service, how they come to it, and the service's own code without a process of its own."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .client import shown
from .hub_auth import auth_traits, close_auth, environ, installed
from .users import HubUser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    import httpx

    from .client import HubClient
    from .errors import ServiceError
    from .hosting import Hub

_NUMBERS = itertools.count(1)


class ServiceAccess:
    """What a service of a running hub is to its users, and to a test that has its code at hand."""

    hub: Hub
    name: str
    _open: ExitStack
    _users: list[str]

    @property
    def path(self) -> str:
        raise NotImplementedError

    @property
    def public_url(self) -> str:
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        raise NotImplementedError

    def _role(self, kind: str, scopes: list[str], **holders: list[str]) -> dict[str, Any]:
        raise NotImplementedError

    def _role_name(self, kind: str) -> str:
        raise NotImplementedError

    def _error(self, what: str) -> ServiceError:
        raise NotImplementedError

    def user(self, *, access: bool = True) -> HubUser:
        """A new user who may use the service, or may not; deleted with it."""
        user = self._open.enter_context(HubUser(self.hub, f"guest-{next(_NUMBERS)}"))
        if access:
            self.allow(user)
        return user

    def allow(self, user: HubUser | str) -> None:
        """Let a user use the service, which by default nobody but admins may."""
        self.hub.call(self._set_access, _name(user), may_use=True)

    def disallow(self, user: HubUser | str) -> None:
        """Take back what ``allow`` gave."""
        self.hub.call(self._set_access, _name(user), may_use=False)

    def _set_access(self, name: str, *, may_use: bool) -> None:
        from jupyterhub import orm, roles

        db, role = self.hub.app.db, self._role_name("users-of")
        if orm.Role.find(db, role) is None:
            access = [f"access:services!service={self.name}"]
            # An authenticator that manages roles allows no configuration to say who has one.
            managed = getattr(self.hub.app.authenticator, "manage_roles", False)
            holders = {} if managed else {"users": self._users}
            roles.create_role(db, self._role("users-of", access, **holders))
        self._users[:] = {*self._users, name} if may_use else {*self._users} - {name}
        change = roles.grant_role if may_use else roles.strip_role
        change(db, entity=self.hub.people.add(name).orm_user, rolename=role)

    def token_for(self, user: HubUser | str, scopes: str | list[str] | None = None) -> str:
        """A new token of a user with just these scopes; without any, with all that the user has, see ``allow``."""
        return self.hub.call(self.hub.people.token, scopes, username=_name(user))

    def open(self, client: HubClient, page: str = "") -> httpx.Response:
        """Open a page as a person does, through OAuth, agreeing where asked.

        Raises :class:`ServiceError` with the hub's words if the hub does not let this user through.
        """
        response = client.get(self.path + page)
        if _asks_for_consent(response):
            response = client.approve(response)
        if response.url.path.startswith(f"{self.hub.app.base_url}hub/"):
            hint = "" if response.status_code < 400 else "; allow(user) lets a user use the service"
            raise self._error(f"was not reached, but {response.url.path}: {shown(response)}{hint}")
        return response

    def authorize(self, client: HubClient, location: str) -> str:
        """What the hub makes of an OAuth redirect, for services that are called without a browser.

        ``location`` is where the service has sent its caller; the result is where the hub sends that one back to, with
        ``code`` and ``state``, when the user of ``client`` agrees: path and query. Nobody has opened it.
        """
        response = client.get(location, follow_redirects=False)
        while (request := response.next_request) is not None and not self._serves(request.url):
            response = client.send(request, follow_redirects=False)
        if request is None and _asks_for_consent(response):
            request = client.consent(response).next_request
        if request is None or not self._serves(request.url):
            raise self._error(f"got no OAuth code: status {response.status_code} at {response.url}: {shown(response)}")
        return request.url.raw_path.decode()

    def _serves(self, url: httpx.URL) -> bool:
        return str(url).startswith(self.public_url)

    def hub_auth(self, cls: Any = None, **traits: Any) -> Any:
        """A ``HubOAuth``, or another class of JupyterHub's ``services.auth``, as it is within the service."""
        auth = cls(**auth_traits(self.environment, cls, traits)) if cls else self.hub_auth(_hub_oauth(), **traits)
        self._open.callback(close_auth, auth)
        return auth

    @contextmanager
    def in_process(self, cls: Any = None) -> Iterator[Any]:
        """Make this process the service, for a handler that is tested without one of its own.

        Meanwhile its environment is the service's, and ``HubOAuth.instance()`` (or that of ``cls``) the service's.
        """
        auth_class = cls or _hub_oauth()
        with environ(self.environment), installed(auth_class, auth_traits(self.environment, auth_class, {})) as auth:
            yield auth


def _hub_oauth() -> Any:
    from jupyterhub.services.auth import HubOAuth

    return HubOAuth


def _name(user: HubUser | str) -> str:
    return user if isinstance(user, str) else user.name


def _asks_for_consent(response: httpx.Response) -> bool:
    return response.status_code == 200 and response.url.path.endswith("/oauth2/authorize")
