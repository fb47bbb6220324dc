"""Allow and block rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_pytest_plugin.contracts.collect import hub_version, relies_on

from .base import GUIDE, USERS, Logins

if TYPE_CHECKING:
    import pytest

    from jupyterhub_pytest_plugin.hosting import Hub

    from .base import Hubs


class Rules(Logins):
    @relies_on(USERS, needs="deny-by-default", since=5)
    def test_nobody_is_allowed_by_default(self, contract_hub: Hub, contract_hubs: Hubs) -> None:
        """Without any allow rule, who is authenticated is still not let in."""
        self.entered(contract_hub, "ada")
        self.kept_out(self.make(contract_hubs, allow_all=False), "ada")

    @relies_on(USERS, needs="chosen-names")
    def test_allowed_users(self, contract_hubs: Hubs) -> None:
        """allowed_users come in, others do not."""
        hub = self.make(contract_hubs, allow_all=False, allowed_users={"ada"})
        self.entered(hub, "ada")
        self.kept_out(hub, "bob")

    @relies_on(GUIDE, needs="chosen-names", since="5.3")
    def test_refusal_is_403(self, contract_hubs: Hubs) -> None:
        """Who is authenticated and not allowed gets status 403, which is no error of the hub."""
        hub = self.make(contract_hubs, allow_all=False, allowed_users={"ada"})
        self.entered(hub, "ada")
        attempt = self.kept_out(hub, "bob")
        assert attempt.answer.status_code == 403, attempt

    @relies_on(USERS, needs="chosen-names", since=5)
    def test_allow_existing_users(self, contract_hubs: Hubs) -> None:
        """With allow_existing_users, who is in the database comes in: admins add users on the admin page."""
        hub = self.make(contract_hubs, allow_all=False, allow_existing_users=True)
        hub.api().post("users/ada").raise_for_status()
        self.entered(hub, "ada")
        self.kept_out(hub, "bob")

    @relies_on(USERS, needs="chosen-names", since=5)
    def test_deleted_user_is_not_allowed_any_more(self, contract_hub: Hub, contract_hubs: Hubs) -> None:
        """Who came in as an existing user, and was deleted, does not come in again."""
        self.entered(contract_hub, "ada")
        hub = self.make(contract_hubs, allow_all=False, allow_existing_users=True)
        hub.api().post("users/ada").raise_for_status()
        hub.api().delete("users/ada").raise_for_status()
        self.kept_out(hub, "ada")

    @relies_on(USERS, needs="chosen-names")
    def test_blocked_users(self, contract_hubs: Hubs) -> None:
        """blocked_users do not come in, even where all are allowed."""
        hub = self.make(contract_hubs, allow_all=True, blocked_users={"ada"})
        self.kept_out(hub, "ada")
        self.entered(hub, "bob")

    @relies_on(USERS, needs="any-case")
    def test_blocked_in_any_case(self, contract_hubs: Hubs) -> None:
        """Who is blocked as ``ada`` does not come in as ``ADA``: the rules judge the normalised name."""
        self.need("chosen-names")
        hub = self.make(contract_hubs, allow_all=True, blocked_users={"ada"})
        self.entered(hub, "bob")
        self.kept_out(hub, "ADA")

    @relies_on(USERS, needs="chosen-names")
    def test_block_wins_over_allow(self, contract_hubs: Hubs) -> None:
        """Who is both allowed and blocked is blocked."""
        hub = self.make(contract_hubs, allow_all=False, allowed_users={"ada", "bob"}, blocked_users={"ada"})
        self.kept_out(hub, "ada")
        self.entered(hub, "bob")

    @relies_on(USERS, needs="chosen-names")
    def test_rules_judge_the_mapped_name(self, contract_hubs: Hubs) -> None:
        """Where username_map gives another name, allow and block rules are about that name."""
        names = {"ada": "lovelace", "bob": "kahn"}
        rules = {"allowed_users": {"lovelace", "kahn"}, "blocked_users": {"kahn"}}
        hub = self.make(contract_hubs, allow_all=False, username_map=names, **rules)
        self.entered(hub, "ada", name="lovelace")
        self.kept_out(hub, "bob")

    # Rules of the authenticator's own

    @classmethod
    def pytest_generate_tests(cls, metafunc: pytest.Metafunc) -> None:
        """One test for each rule; without any, one that is skipped with the reason.

        :meta private:
        """
        if "allow_rule" in metafunc.fixturenames:
            metafunc.parametrize("allow_rule", list(cls.allow_rules) or ["none"])

    def _with_rule(self, hubs: Hubs, allow_rule: str, **traits: Any) -> tuple[Hub, str, str]:
        value, insider, outsider = self.allow_rules[allow_rule]
        return self.make(hubs, allow_all=False, **{allow_rule: value}, **traits), insider, outsider

    @relies_on(USERS, needs="allow-rules")
    def test_allow_rule(self, contract_hubs: Hubs, allow_rule: str) -> None:
        """A rule of the authenticator's own lets in whom it means, and keeps others out with status 403."""
        hub, insider, outsider = self._with_rule(contract_hubs, allow_rule)
        self.entered(hub, insider)
        attempt = self.kept_out(hub, outsider)
        assert attempt.answer.status_code == 403 or hub_version() < (5, 3), attempt  # before, a form came with 200

    @relies_on(USERS, needs="allow-rules")
    def test_block_wins_over_allow_rule(self, contract_hubs: Hubs, allow_rule: str) -> None:
        """Who comes in by a rule of the authenticator's own, and is blocked, is blocked."""
        hub, insider, _ = self._with_rule(contract_hubs, allow_rule)
        self.entered(hub, insider)
        hub.config[self.authenticator_section()].blocked_users = {insider.lower()}
        self.kept_out(hub.restart(), insider)

    @relies_on(USERS, needs="allow-rules")
    def test_allow_rule_with_a_mapped_name(self, contract_hubs: Hubs, allow_rule: str) -> None:
        """A rule is about the person whom the service knows, whatever username_map calls them in the hub."""
        self.need("chosen-names")
        _, insider, outsider = self.allow_rules[allow_rule]
        names = {insider.lower(): "lovelace", outsider.lower(): "kahn"}
        hub, insider, outsider = self._with_rule(contract_hubs, allow_rule, username_map=names)
        self.entered(hub, insider, name="lovelace")
        self.kept_out(hub, outsider)
