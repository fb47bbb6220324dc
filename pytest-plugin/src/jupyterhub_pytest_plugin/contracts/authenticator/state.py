"""What an authenticator keeps of a login, and how it renews that; hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, GUIDE, OAUTH, Logins, who

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_pytest_plugin.client import HubClient
    from jupyterhub_pytest_plugin.hosting import Hub

    from .base import Hubs


class State(Logins):
    def revoke(self, hub: Hub, username: str) -> None:
        """Have the service take back what it gave for this user, such as tokens, so that asking it again fails."""

    @classmethod
    def not_given(cls) -> Mapping[str, str]:
        missing = {"revocation": "revoke() is not overridden"} if cls.revoke is State.revoke else {}
        return {**super().not_given(), **missing}

    @relies_on(GUIDE, needs="auth-state")
    def test_auth_state_is_kept_encrypted(self, contract_hubs: Hubs) -> None:
        """With enable_auth_state, auth_state is stored encrypted, and read again after a restart."""
        hub = self.make(contract_hubs, enable_auth_state=True)
        self.entered(hub, "ada")
        state = hub.auth_state("ada")
        assert state
        stored = hub.call(lambda: bytes(hub.app.users["ada"].encrypted_auth_state))
        assert not any(str(value).encode() in stored for value in state.values() if len(str(value)) > 3)
        hub.restart()
        assert hub.auth_state("ada") == state

    @relies_on(GUIDE)
    def test_auth_state_is_not_kept_unasked(self, contract_hubs: Hubs) -> None:
        """Without enable_auth_state nothing of it is stored."""
        hub = self.make(contract_hubs, enable_auth_state=False)
        self.entered(hub, "ada")
        assert hub.auth_state("ada") is None

    @relies_on(API)
    def test_refresh_user(self, contract_hub: Hub) -> None:
        """refresh_user() right after a login says True, or gives data of the same user."""
        self.entered(contract_hub, "ada")
        result = contract_hub.run(_refresh(contract_hub, "ada"))
        assert result is True or (isinstance(result, dict) and result.get("name", "ada") == "ada")

    @relies_on(OAUTH, needs="auth-state")
    def test_refresh_while_browsing(self, contract_hubs: Hubs) -> None:
        """With auth_state to look at, refresh_user() leaves each user logged in as who they are, with a state."""
        traits = {"manage_groups": True} if self.has("groups") else {}
        hub = self.make(contract_hubs, enable_auth_state=True, **traits)
        clients = {name: self.entered(hub, name) for name in ("ada", "bob")}
        before = {name: _groups(hub, name) for name in clients}
        for name, client in clients.items():
            page = _refreshed(hub, name, client)
            assert page.status_code == 200, f"{name}: {page.status_code} {page.headers.get('Location', '')}"
            assert who(client) == name
            assert hub.auth_state(name)
        assert {name: _groups(hub, name) for name in clients} == before

    @relies_on(OAUTH, needs="revocation")
    def test_refresh_after_revocation(self, contract_hubs: Hubs) -> None:
        """Whom the service does not vouch for any more has to log in again at the next refresh."""
        self.need("auth-state")
        hub = self.make(contract_hubs, enable_auth_state=True)
        client = self.entered(hub, "ada")
        assert _refreshed(hub, "ada", client).status_code == 200
        self.revoke(hub, "ada")
        page = _refreshed(hub, "ada", client)
        assert page.is_redirect, f"status {page.status_code} instead of a redirect to the login"
        assert who(client) == ""

    @relies_on(API)
    def test_refresh_before_spawn(self, contract_hubs: Hubs) -> None:
        """With refresh_pre_spawn, who has just logged in can start a server."""
        hub = self.make(contract_hubs, refresh_pre_spawn=True)
        assert self.entered(hub, "ada").spawn().json()["env"]["JUPYTERHUB_USER"] == "ada"

    @relies_on(GUIDE)
    def test_post_auth_hook(self, contract_hubs: Hubs) -> None:
        """post_auth_hook sees the result of each login, and may change it."""
        seen = []

        def hook(_authenticator: Any, _handler: Any, model: dict[str, Any]) -> dict[str, Any]:
            seen.append(model["name"])
            return {**model, "admin": True}

        hub = self.make(contract_hubs, post_auth_hook=hook, admin_users=set())
        self.entered(hub, "ada")
        assert seen == ["ada"]
        assert hub.api().get("users/ada").json()["admin"] is True

    @relies_on(API)
    def test_spawn_hooks(self, contract_hubs: Hubs) -> None:
        """pre_spawn_start() and post_spawn_stop() let a server start and stop."""
        hub = contract_hubs()
        self.entered(hub, "ada").spawn().raise_for_status()
        hub.run(hub.call(lambda: hub.app.users["ada"]).stop())
        assert not hub.api().get("users/ada").json()["servers"]


def _refreshed(hub: Hub, name: str, client: HubClient) -> Any:
    """The hub's home page at a moment when it is time to ask the authenticator again."""

    def forget() -> None:
        hub.app.users[name]._auth_refreshed = None  # noqa: SLF001 - JupyterHub's own note of when it asked

    hub.call(forget)
    return client.get("hub/home", follow_redirects=False)


def _groups(hub: Hub, name: str) -> list[str]:
    return sorted(hub.api().get(f"users/{name}").raise_for_status().json()["groups"])


async def _refresh(hub: Hub, name: str) -> Any:
    from jupyterhub.utils import maybe_future

    return await maybe_future(hub.app.authenticator.refresh_user(hub.app.users[name], None))
