"""Who comes in, and under which name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, GUIDE, Logins, who
from .watch import gate, observed

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.hosting import Hub

    from .base import Hubs


class Entry(Logins):
    @relies_on(GUIDE)
    def test_login(self, contract_hubs: Hubs) -> None:
        """authenticate() names a user: the user is logged in, and in the database."""
        hub = contract_hubs()
        self.entered(hub, "ada")
        assert hub.api().get("users/ada").status_code == 200

    @relies_on(GUIDE, needs="rejection")
    def test_wrong_credentials_are_refused(self, contract_hubs: Hubs) -> None:
        """authenticate() returns None or raises 403: nobody is logged in, and no user is made."""
        hub = contract_hubs()
        self.entered(hub, "bob")
        attempt = self.attempt_wrongly(hub, "ada")
        assert not attempt.name, attempt
        assert attempt.answer.status_code < 500, attempt
        assert hub.api().get("users/ada").status_code == 404

    @relies_on(GUIDE, needs="rejection")
    def test_rejection_after_login_of_another(self, contract_hub: Hub) -> None:
        """Each login is judged by itself: a right one does not open the door for the next."""
        self.entered(contract_hub, "ada")
        attempt = self.attempt_wrongly(contract_hub, "ada")
        assert not attempt.name, attempt

    @relies_on(GUIDE)
    def test_authenticate_is_the_only_way_in(self, contract_hub: Hub) -> None:
        """A browser that did not log in is nobody, whoever else is logged in."""
        self.entered(contract_hub, "ada")
        client = contract_hub.client()
        page = client.get("hub/home", follow_redirects=False)
        while page.next_request is not None and str(page.next_request.url).startswith(contract_hub.url):
            page = client.send(page.next_request, follow_redirects=False)
        assert page.url.path != "/hub/home"
        assert client.api("GET", "user").status_code in {401, 403}

    @relies_on(GUIDE)
    def test_two_users_are_two(self, contract_hub: Hub) -> None:
        """Two browsers with two users stay apart."""
        ada, bob = self.entered(contract_hub, "ada"), self.entered(contract_hub, "bob")
        assert (who(ada), who(bob)) == ("ada", "bob")

    @relies_on(API)
    def test_two_at_once(self, contract_hub: Hub) -> None:
        """Two logins at the same time are two users: there is one authenticator for all of them."""
        names = ["ada", "bob"]
        for name in names:
            self.prepare(contract_hub, name)
        with gate(contract_hub, len(names)) as open_it, ThreadPoolExecutor(len(names)) as pool:
            logins = [pool.submit(self.attempt, contract_hub, name) for name in names]
            for login in logins:
                login.add_done_callback(lambda _: open_it())  # one that was refused before keeps nobody waiting
            assert [login.result().name for login in logins] == names

    @relies_on(API)
    def test_result_is_complete(self, contract_hub: Hub) -> None:
        """A login passes get_authenticated_user(), which gives name, admin and auth_state: what JupyterHub stores."""
        with observed(contract_hub, "get_authenticated_user") as results:
            self.entered(contract_hub, "ada")
        assert results, "the login did not pass get_authenticated_user(), which checks names and rules"
        assert results[-1]["name"] == "ada"
        assert {"admin", "auth_state"} <= set(results[-1])

    # Names

    @relies_on(GUIDE, needs="any-case")
    def test_name_is_normalised(self, contract_hub: Hub) -> None:
        """Names are compared in lower case: who logs in as ``ADA`` is ``ada``."""
        self.need("chosen-names")
        self.entered(contract_hub, "ADA", name="ada")

    @relies_on(GUIDE, needs="chosen-names")
    def test_username_map(self, contract_hubs: Hubs) -> None:
        """username_map translates the name of the authentication service into the one in the hub."""
        self.entered(self.make(contract_hubs, username_map={"ada": "lovelace"}), "ada", name="lovelace")

    @relies_on(GUIDE, needs="chosen-names")
    def test_username_pattern(self, contract_hubs: Hubs) -> None:
        """A name that does not match username_pattern does not come in."""
        hub = self.make(contract_hubs, username_pattern="a.*")
        self.entered(hub, "ada")
        self.kept_out(hub, "bob")

    @relies_on(API)
    def test_invalid_names(self, contract_hub: Hub) -> None:
        """A name that would break URLs is not valid."""
        validate = contract_hub.app.authenticator.validate_username
        assert [name for name in ("", "a/b", "ada") if validate(name)] == ["ada"]

    @relies_on(GUIDE, needs="impostors")
    def test_impostors_stay_themselves(self, contract_hub: Hub) -> None:
        """A name is made of what only its owner can have: who just looks alike does not become ``ada``."""
        self.entered(contract_hub, "ada")
        for impostor in self.impostors:
            attempt = self.attempt(contract_hub, impostor)
            assert attempt.name != "ada", attempt
