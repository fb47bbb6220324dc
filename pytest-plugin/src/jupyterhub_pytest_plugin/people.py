"""Users, groups, services and tokens, made directly in the database. All of it runs in the hub's thread."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from jupyterhub import orm, roles
from tornado.web import create_signed_value

from .errors import HubError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub.user import User

    from .app import HubApp

API_USER = "hub-api"


class People:
    """Who is known to one hub. In a test: ``jupyterhub.call(jupyterhub.people.add, "ada", admin=True)``."""

    def __init__(self, app: HubApp) -> None:
        self.app = app

    def find(self, name: str) -> User | None:
        """JupyterHub's user object; None if there is no such user."""
        found = orm.User.find(self.app.db, name)
        return None if found is None else self.app.users[found.id]

    def add(self, name: str, *, admin: bool = False) -> User:
        """The user of this name, made if need be; JupyterHub's own object, for use in the hub's thread."""
        user = self.find(name)
        if user is None:
            orm_user = orm.User(name=name, admin=admin)
            self.app.db.add(orm_user)
            self.app.db.commit()
            user = self.app.users[orm_user.id]
            roles.assign_default_roles(self.app.db, entity=orm_user)
        elif admin and not user.admin:
            user.admin = True
            self.app.db.commit()
            roles.assign_default_roles(self.app.db, entity=user.orm_user)
        return user

    def add_group(self, name: str, members: Iterable[str] = (), properties: dict[str, Any] | None = None) -> str:
        """Make a group, if need be, with these users (made too) among its members; returns its name."""
        db = self.app.db
        group = orm.Group.find(db, name)
        if group is None:
            group = orm.Group(name=name)
            db.add(group)
        if properties:
            group.properties = properties
        for member in members:
            orm_user = self.add(member).orm_user
            if orm_user not in group.users:
                group.users.append(orm_user)
        db.commit()
        return name

    def token(self, scopes: str | list[str] | None = None, *, username: str = "") -> str:
        """An API token of this user (default: one with all rights), limited to these scopes."""
        user = self.add(username) if username else self.add(API_USER, admin=True)
        limits = {} if scopes is None else {"scopes": [scopes] if isinstance(scopes, str) else scopes}
        token: str = user.new_api_token(note="made for a test", **limits)
        return token

    async def auth_state(self, name: str) -> dict[str, Any] | None:
        """What the authenticator keeps of this user, decrypted; None if it keeps nothing."""
        state: dict[str, Any] | None = await self._known(name).get_auth_state()
        return state

    async def set_auth_state(self, name: str, state: dict[str, Any] | None) -> None:
        """Keep this, encrypted, as a login would: only where the authenticator has ``enable_auth_state``."""
        if state is not None and not self.app.authenticator.enable_auth_state:
            msg = 'the hub keeps no auth_state: {"Authenticator": {"enable_auth_state": True}} in its configuration'
            raise HubError(msg)
        await self.add(name).save_auth_state(state)

    def _known(self, name: str) -> User:
        user = self.find(name)
        if user is None:
            msg = f"the hub has no user {name!r}"
            raise HubError(msg)
        return user

    def login_cookies(self, name: str) -> list[tuple[str, str, str]]:
        """Name, value and path of the cookies that the hub sets when this user logs in.

        As after a login, the authenticator is not asked again before ``auth_refresh_age`` has passed.
        """
        user = self.add(name)
        user._auth_refreshed = time.monotonic()  # noqa: SLF001 - JupyterHub's login sets it too
        hub = self.app.hub
        value = create_signed_value(self.app.cookie_secret, hub.cookie_name, user.cookie_id).decode()
        return [
            (hub.cookie_name, value, hub.base_url),
            ("jupyterhub-session-id", secrets.token_hex(16), str(self.app.base_url)),
        ]
