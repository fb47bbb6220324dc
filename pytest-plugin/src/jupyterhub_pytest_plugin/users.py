"""A user or a service of one test, with everything that it needs to act."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from .guard import guard

if TYPE_CHECKING:
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
        spawner = self.hub.call(lambda: self.hub.app.users[self.name].spawners[server])
        guard(spawner, self.hub)
        return spawner

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
