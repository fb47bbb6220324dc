"""The life of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, USERS, Logins, who

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.hosting import Hub

    from .base import Hubs


class Life(Logins):
    @relies_on(API)
    def test_add_user_is_idempotent(self, contract_hubs: Hubs) -> None:
        """add_user() is called for each known user at each start of the hub: again is no error."""
        hub = contract_hubs()
        self.entered(hub, "ada")
        hub.run(_add_again(hub, "ada"))
        hub.restart()
        assert hub.api().get("users/ada").status_code == 200

    @relies_on(API)
    def test_admin_adds_and_deletes_a_user(self, contract_hubs: Hubs) -> None:
        """Users can be added and deleted by the REST API, and added again."""
        hub = contract_hubs()
        api = hub.api()
        for _ in range(2):
            assert api.post("users/ada").status_code == 201
            assert api.delete("users/ada").status_code == 204

    @relies_on(API)
    def test_deleted_user_is_logged_out(self, contract_hubs: Hubs) -> None:
        """A deleted user's browser is nobody."""
        hub = contract_hubs()
        client = self.entered(hub, "ada")
        hub.api().delete("users/ada").raise_for_status()
        assert who(client) == ""

    @relies_on(USERS)
    def test_login_survives_a_restart(self, contract_hubs: Hubs) -> None:
        """Who is logged in stays so when the hub restarts, and others can log in again."""
        hub = contract_hubs()
        client = self.entered(hub, "ada")
        hub.restart()
        assert who(client) == "ada"
        self.entered(hub, "ada")


async def _add_again(hub: Hub, name: str) -> None:
    from jupyterhub.utils import maybe_future

    await maybe_future(hub.app.authenticator.add_user(hub.app.users[name]))
