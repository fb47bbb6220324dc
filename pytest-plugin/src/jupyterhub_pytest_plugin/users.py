"""A user or a service of one test, with everything that it needs to act."""

from __future__ import annotations

import secrets
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from .compat import forget_service, make_service, start_service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    import httpx

    from .client import HubAPI, HubClient
    from .hosting import Hub


class HubUser:
    """A user of a running hub, with ``name`` and ``hub``.

    A context manager: at its end what the user runs is stopped, and the user deleted.
    """

    def __init__(self, hub: Hub, name: str, *, admin: bool = False) -> None:
        self.hub = hub
        self.name = name
        self.admin = admin

    def __enter__(self) -> Self:
        self.hub.call(self.hub.people.add, self.name, admin=self.admin)
        return self

    def __exit__(self, *_: object) -> None:
        if self.hub.running:
            self.hub.wait(delete_user(self.hub, self.name))

    def set_auth_state(self, state: dict[str, Any] | None) -> None:
        """Keep what a login would have kept: for an authenticator with ``enable_auth_state``."""
        self.hub.wait(self.hub.people.set_auth_state(self.name, state))

    @property
    def auth_state(self) -> dict[str, Any] | None:
        """What the authenticator keeps of the user, decrypted."""
        return self.hub.auth_state(self.name)

    @cached_property
    def client(self) -> HubClient:
        """A browser in which the user is logged in."""
        return self.hub.user_client(self.name)

    @cached_property
    def api(self) -> HubAPI:
        """The REST API with a token that has all that the user has."""
        return self.hub.api_with(self.token())

    def token(self, scopes: str | list[str] | None = None) -> str:
        """A new token of the user, with just these scopes; without any, with all that the user has."""
        return self.hub.call(self.hub.people.token, scopes, username=self.name)

    @property
    def model(self) -> dict[str, Any]:
        """What the REST API says about the user."""
        return cast("dict[str, Any]", self.hub.api().get(f"users/{quote(self.name)}").raise_for_status().json())

    def spawn(self, server: str = "", *, options: dict[str, Any] | None = None, check: bool = True) -> httpx.Response:
        """Start a server and open it: with the echo server, the answer tells its environment and arguments.

        Raises :class:`SpawnError` with the hub's words if that fails; ``check=False`` returns the last page instead.
        """
        return self.client.spawn(server, options=options, check=check)

    def spawner(self, server: str = "") -> Any:
        """JupyterHub's spawner object, to be used in the hub's thread."""
        return self.hub.call(lambda: self.hub.app.users[self.name].spawners[server])

    def stop(self, server: str = "") -> None:
        """Stop a server and wait until it has stopped."""
        self.hub.wait(self.object.stop(server))

    @property
    def object(self) -> Any:
        """JupyterHub's user object, to be used in the hub's thread."""
        return self.hub.call(lambda: self.hub.app.users[self.name])


async def delete_user(hub: Hub, name: str) -> None:
    """Stop the user's servers and delete the user, if there is one."""
    user = hub.people.find(name)
    if user is None:
        return
    for server, spawner in list(user.spawners.items()):
        if spawner.active:
            await user.stop(server)
            await hub.app.proxy.delete_user(user, server)
    await hub.app.proxy.check_routes(hub.app.users, hub.app._service_map)
    hub.app.users.delete(user)


class HubService:
    """A service of a running hub, managed (``command=[…]``) or external, with ``name``, ``token`` and ``hub``.

    A context manager: at its end the service is stopped, if it is managed, and removed.
    """

    def __init__(self, hub: Hub, name: str, scopes: Sequence[str], spec: Mapping[str, Any]) -> None:
        self.hub = hub
        self.name = name
        self.token = str(spec.get("api_token") or secrets.token_hex(16))
        self._scopes = list(scopes)
        self._spec = {"name": name, **spec, "api_token": self.token}

    def __enter__(self) -> Self:
        self.hub.wait(self._add())
        return self

    def __exit__(self, *_: object) -> None:
        if self.hub.running:
            self.hub.wait(self._remove())

    async def _add(self) -> None:
        from jupyterhub import orm, roles

        app = self.hub.app
        service = make_service(app, self._spec)
        if orm.APIToken.find(app.db, self.token) is None:
            service.orm.new_api_token(self.token, generated=False)
        if self._scopes:
            roles.create_role(app.db, {"name": f"role-of-{self.name}", "scopes": self._scopes})
            roles.grant_role(app.db, entity=service.orm, rolename=f"role-of-{self.name}")
        app.db.commit()
        if self._spec.get("oauth_no_confirm"):  # JupyterHub collects these at its start
            app.tornado_settings["oauth_no_confirm_list"].add(service.oauth_client_id)
        self._service = service
        await start_service(app, service)
        if service.server is not None:
            await app.proxy.add_service(service)

    async def _remove(self) -> None:
        app = self.hub.app
        service = self._service
        if service.managed:
            await service.stop()
        if service.server is not None:
            await app.proxy.delete_service(service)
        forget_service(app, service)

    @property
    def api(self) -> HubAPI:
        """The REST API with the service's own token."""
        return self.hub.api_with(self.token)

    @property
    def path(self) -> str:
        """Where the hub's proxy serves it, relative to the hub's public URL."""
        return f"services/{self.name}/"

    @property
    def environment(self) -> dict[str, str]:
        """What JupyterHub would set for a managed service: for one that the test runs itself."""
        app = self.hub.app
        return {
            "JUPYTERHUB_SERVICE_NAME": self.name,
            "JUPYTERHUB_API_TOKEN": self.token,
            "JUPYTERHUB_API_URL": f"{app.hub.url}api",
            "JUPYTERHUB_BASE_URL": str(app.base_url),
            "JUPYTERHUB_HOST": str(app.subdomain_host or ""),
            "JUPYTERHUB_PUBLIC_HUB_URL": f"{self.hub.url}hub/",
            "JUPYTERHUB_SERVICE_PREFIX": f"{app.base_url}{self.path}",
            "JUPYTERHUB_SERVICE_URL": str(self._spec.get("url", "")),
            "JUPYTERHUB_CLIENT_ID": f"service-{self.name}",
            "JUPYTERHUB_OAUTH_SCOPES": f'["access:services!service={self.name}"]',
        }
