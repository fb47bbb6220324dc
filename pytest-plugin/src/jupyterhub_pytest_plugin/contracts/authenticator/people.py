"""What a login makes of a user: admin, groups, roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, GUIDE, USERS, Logins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_pytest_plugin.hosting import Hub

    from .base import Hubs


class Membership(Logins):
    def expected_groups(self, username: str) -> Sequence[str]:
        """The groups in which the authenticator puts this user, where it manages groups."""
        return []

    def change_groups(self, hub: Hub, username: str, groups: Sequence[str]) -> None:
        """Have the service put this user into just these groups, from the next login on."""

    def expected_roles(self, username: str) -> Sequence[str]:
        """The roles that the authenticator gives this user, where it manages roles."""
        return []

    def change_admin(self, hub: Hub, username: str, admin: bool) -> None:
        """Have the service say whether this user is an admin, from the next login on."""

    @classmethod
    def not_given(cls) -> Mapping[str, str]:
        own = {"changing-groups": "change_groups", "service-admins": "change_admin"}
        missing = {
            capability: f"{name}() is not overridden"
            for capability, name in own.items()
            if getattr(cls, name) is getattr(Membership, name)
        }
        return {**super().not_given(), **missing}

    def _expected(self, kind: str, username: str) -> list[str]:
        expected = list(getattr(self, f"expected_{kind}")(username))
        if not expected:
            pytest.fail(
                f"{type(self).__name__}: say in expected_{kind}({username!r}) which {kind} the authenticator gives this"
                f' user; if it manages none: lacks = {{"{kind}": "why"}}',
                pytrace=False,
            )
        return sorted(expected)

    # Admins

    @relies_on(USERS, needs="admin-users")
    def test_admin_users_become_admins(self, contract_hubs: Hubs) -> None:
        """Who is in admin_users is an admin after the login, and others are not."""
        self.need("chosen-names")
        hub = self.make(contract_hubs, admin_users={"ada"})
        assert self.entered(hub, "ada").get("hub/admin").status_code == 200
        assert self.entered(hub, "bob").get("hub/admin").status_code == 403

    @relies_on(USERS, needs="database-admins")
    def test_admin_of_the_database_stays_one(self, contract_hubs: Hubs) -> None:
        """An authenticator that says nothing about admin leaves alone what an admin granted."""
        hub = contract_hubs()
        hub.api().post("users/ada", json={"admin": True}).raise_for_status()
        self.entered(hub, "ada")
        assert _model(hub, "ada")["admin"] is True

    @relies_on(API, needs="service-admins")
    def test_admin_is_taken_back(self, contract_hubs: Hubs) -> None:
        """Where the service says who is an admin, who is one no more is none after the next login."""
        hub = contract_hubs()
        said = []
        for admin in (True, False):
            self.change_admin(hub, "ada", admin)
            self.entered(hub, "ada")
            said.append(_model(hub, "ada")["admin"])
        assert said == [True, False]

    # Groups and roles

    @relies_on(GUIDE, needs="groups")
    def test_managed_groups(self, contract_hubs: Hubs) -> None:
        """With manage_groups, each login sets the user's groups; a login without ``groups`` is an error."""
        expected = self._expected("groups", "ada")
        hub = self.make(contract_hubs, manage_groups=True)
        self.entered(hub, "ada")
        assert sorted(_model(hub, "ada")["groups"]) == expected

    @relies_on(GUIDE, needs="changing-groups")
    def test_groups_shrink(self, contract_hubs: Hubs) -> None:
        """Who left a group is in it no more after the next login."""
        self.need("groups")
        before = self._expected("groups", "ada")
        hub = self.make(contract_hubs, manage_groups=True)
        self.entered(hub, "ada")
        assert sorted(_model(hub, "ada")["groups"]) == before
        assert self._groups_after(hub, before[:1], before) == before[:1]

    @relies_on(GUIDE, needs="changing-groups")
    def test_user_without_groups(self, contract_hubs: Hubs) -> None:
        """Who is in no group comes in as well, and leaves those of before."""
        self.need("groups")
        before = self._expected("groups", "ada")
        hub = self.make(contract_hubs, manage_groups=True)
        self.entered(hub, "ada")
        assert self._groups_after(hub, [], before) == []

    def _groups_after(self, hub: Hub, groups: list[str], before: list[str]) -> list[str]:
        self.change_groups(hub, "ada", groups)
        try:
            self.entered(hub, "ada")
            return sorted(_model(hub, "ada")["groups"])
        finally:
            self.change_groups(hub, "ada", before)

    @relies_on(GUIDE, needs="roles", since=5)
    def test_managed_roles(self, contract_hubs: Hubs) -> None:
        """With manage_roles, each login sets the user's roles."""
        expected = self._expected("roles", "ada")
        hub = self.make(contract_hubs, manage_roles=True)
        self.entered(hub, "ada")
        assert set(expected) <= set(_model(hub, "ada")["roles"])


def _model(hub: Hub, name: str) -> dict[str, Any]:
    model: dict[str, Any] = hub.api().get(f"users/{name}").raise_for_status().json()
    return model
