"""What JupyterHub relies on in an authenticator."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import pytest

from jupyterhub_pytest_plugin.client import shown
from jupyterhub_pytest_plugin.compat import allows_nobody_by_default
from jupyterhub_pytest_plugin.errors import LoginError

from .collect import Contract, relies_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx
    from traitlets.config import Config

    from jupyterhub_pytest_plugin.client import HubClient
    from jupyterhub_pytest_plugin.config import Overrides, Place
    from jupyterhub_pytest_plugin.hosting import Hub

    Hubs = Callable[..., Hub]

GUIDE = "reference/authenticators.html"
USERS = "tutorial/getting-started/authenticators-users-basics.html"
API = "reference/api/auth.html"
SECURITY = "explanation/websecurity.html"
DISTINCTIVE = 10  # characters of a password that is found in a log for no other reason
ABROAD = {
    "absolute": "https://abroad.test/hub/home",
    "scheme-relative": "//abroad.test/hub/home",
    "three-slashes": "///abroad.test/hub/home",
    "backslash": "/\\abroad.test/hub/home",
    "two-backslashes": "\\\\abroad.test/hub/home",
}


def who(client: HubClient) -> str:
    """The name under which the hub knows this browser; empty if it does not."""
    response = client.api("GET", "user")
    return str(response.json()["name"]) if response.status_code == 200 else ""


class AuthenticatorContract(Contract):
    """Derive from it, name the authenticator, and say how somebody logs in::

        class TestMyAuthenticator(AuthenticatorContract):
            authenticator_class = MyAuthenticator

            def credentials(self, username):
                return {"username": username, "password": "the right one"}

    An authenticator with a form or a protocol of its own overrides :meth:`log_in`; one that must know users first, also
    :meth:`prepare_user`.
    """

    #: The class, or the name under which it is registered with JupyterHub.
    authenticator_class: ClassVar[Any] = None
    #: Traits of the authenticator.
    authenticator_config: ClassVar[Mapping[str, Any]] = {}
    #: Anything else of the hub's configuration, by class.
    hub_config: ClassVar[Overrides] = {}

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
    def authenticator_section(cls) -> str:
        """The name under which traits of the authenticator are configured."""
        from jupyterhub.app import JupyterHub

        return str(JupyterHub.authenticator_class.validate(None, cls.authenticator_class).__name__)

    def credentials(self, username: str) -> dict[str, str]:
        """The fields of a login form that let this user in."""
        return {"username": username, "password": "right password"}

    def wrong_credentials(self, username: str) -> dict[str, str]:
        """The fields of a login form that let nobody in."""
        return {"username": username, "password": "wrong password"}

    def prepare_user(self, hub: Hub, username: str) -> None:
        """Make the user known to whatever the authenticator asks; called before each first login."""

    def log_in(
        self, hub: Hub, client: HubClient, username: str, *, query: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send what logs this user in; returns the hub's answer, redirects not followed."""
        return client.submit_login(self.credentials(username), query)

    def log_in_wrongly(self, hub: Hub, client: HubClient, username: str) -> httpx.Response:
        """Send what must not log this user in; returns the hub's answer."""
        return client.submit_login(self.wrong_credentials(username))

    def entered(self, hub: Hub, username: str) -> HubClient:
        """A browser after a login of this user, whether it succeeded or not."""
        self.prepare_user(hub, username)
        client = hub.client()
        answer = self.log_in(hub, client, username)
        if not answer.is_redirect:  # right for some tests; shown beside one that fails
            self.refusals = [*self.refusals, str(LoginError(username, answer.status_code, shown(answer)))]
        client.get("hub/login")
        return client

    def make(self, hubs: Hubs, **traits: Any) -> Hub:
        """A hub of its own for a test, with these traits of the authenticator."""
        if not allows_nobody_by_default():  # any rule is a refusal to all others there
            traits.pop("allow_all", None)
        return hubs({self.authenticator_section(): traits})

    # Who comes in

    @relies_on(GUIDE)
    def test_login(self, contract_hubs: Hubs) -> None:
        """authenticate() names a user: the user is logged in, and in the database."""
        hub = contract_hubs()
        assert who(self.entered(hub, "ada")) == "ada"
        assert hub.api().get("users/ada").status_code == 200

    @relies_on(GUIDE, needs="rejection")
    def test_wrong_credentials_are_refused(self, contract_hubs: Hubs) -> None:
        """authenticate() returns None or raises 403: nobody is logged in, and no user is made."""
        hub = contract_hubs()
        client = hub.client()
        answer = self.log_in_wrongly(hub, client, "ada")
        assert who(client) == ""
        assert answer.status_code < 500
        assert hub.api().get("users/ada").status_code == 404

    @relies_on(GUIDE, needs="rejection")
    def test_rejection_after_login_of_another(self, contract_hubs: Hubs) -> None:
        """Each login is judged by itself: a right one does not open the door for the next."""
        hub = contract_hubs()
        assert who(self.entered(hub, "ada")) == "ada"
        client = hub.client()
        self.log_in_wrongly(hub, client, "ada")
        assert who(client) == ""

    @relies_on(GUIDE)
    def test_authenticate_is_the_only_way_in(self, contract_hubs: Hubs) -> None:
        """A browser that did not log in is nobody, whoever else is logged in."""
        hub = contract_hubs()
        assert who(self.entered(hub, "ada")) == "ada"
        client = hub.client()
        assert client.get("hub/home").url.path != "/hub/home"
        assert who(client) == ""

    @relies_on(GUIDE)
    def test_two_users_are_two(self, contract_hubs: Hubs) -> None:
        """Two browsers with two users stay apart."""
        hub = contract_hubs()
        ada, bob = self.entered(hub, "ada"), self.entered(hub, "bob")
        assert (who(ada), who(bob)) == ("ada", "bob")

    @relies_on(API, needs="form")
    def test_result_is_complete(self, contract_hubs: Hubs) -> None:
        """get_authenticated_user() gives name, admin and auth_state: what JupyterHub stores."""
        hub = contract_hubs()
        self.prepare_user(hub, "ada")
        authenticator = hub.app.authenticator
        result = hub.run(authenticator.get_authenticated_user(None, self.credentials("ada")))
        assert result["name"] == "ada"
        assert {"admin", "auth_state"} <= set(result)

    # Names

    @relies_on(GUIDE, needs="any-case")
    def test_name_is_normalised(self, contract_hubs: Hubs) -> None:
        """Names are compared in lower case: who logs in as ``ADA`` is ``ada``."""
        if "chosen-names" in self.lacks:
            pytest.skip(f"lacks chosen-names: {self.lacks['chosen-names']}")
        hub = contract_hubs()
        assert who(self.entered(hub, "ADA")) == "ada"

    @relies_on(GUIDE, needs="chosen-names")
    def test_username_map(self, contract_hubs: Hubs) -> None:
        """username_map translates the name of the authentication service into the one in the hub."""
        hub = self.make(contract_hubs, username_map={"ada": "lovelace"})
        assert who(self.entered(hub, "ada")) == "lovelace"

    @relies_on(GUIDE, needs="chosen-names")
    def test_username_pattern(self, contract_hubs: Hubs) -> None:
        """A name that does not match username_pattern does not come in."""
        hub = self.make(contract_hubs, username_pattern="a.*")
        assert who(self.entered(hub, "ada")) == "ada"
        assert who(self.entered(hub, "bob")) == ""

    @relies_on(API)
    def test_invalid_names(self, contract_hub: Hub) -> None:
        """A name that would break URLs is not valid."""
        validate = contract_hub.app.authenticator.validate_username
        assert [name for name in ("", "a/b", "ada") if validate(name)] == ["ada"]

    # Allow and block

    @relies_on(USERS, needs="deny-by-default", since=5)
    def test_nobody_is_allowed_by_default(self, contract_hubs: Hubs) -> None:
        """Without any allow rule, who is authenticated is still not let in."""
        hub = self.make(contract_hubs, allow_all=False)
        assert who(self.entered(hub, "ada")) == ""

    @relies_on(USERS, needs="chosen-names")
    def test_allowed_users(self, contract_hubs: Hubs) -> None:
        """allowed_users come in, others do not."""
        hub = self.make(contract_hubs, allow_all=False, allowed_users={"ada"})
        assert who(self.entered(hub, "ada")) == "ada"
        assert who(self.entered(hub, "bob")) == ""

    @relies_on(USERS, needs="chosen-names", since=5)
    def test_allow_existing_users(self, contract_hubs: Hubs) -> None:
        """With allow_existing_users, who is in the database comes in: admins add users on the admin page."""
        hub = self.make(contract_hubs, allow_all=False, allow_existing_users=True)
        hub.api().post("users/ada").raise_for_status()
        assert who(self.entered(hub, "ada")) == "ada"
        assert who(self.entered(hub, "bob")) == ""

    @relies_on(USERS, needs="chosen-names", since=5)
    def test_deleted_user_is_not_allowed_any_more(self, contract_hubs: Hubs) -> None:
        """Who came in as an existing user, and was deleted, does not come in again."""
        hub = self.make(contract_hubs, allow_all=False, allow_existing_users=True)
        hub.api().post("users/ada").raise_for_status()
        hub.api().delete("users/ada").raise_for_status()
        assert who(self.entered(hub, "ada")) == ""

    @relies_on(USERS, needs="chosen-names")
    def test_blocked_users(self, contract_hubs: Hubs) -> None:
        """blocked_users do not come in, even where all are allowed."""
        hub = self.make(contract_hubs, allow_all=True, blocked_users={"ada"})
        assert who(self.entered(hub, "ada")) == ""
        assert who(self.entered(hub, "bob")) == "bob"

    @relies_on(USERS, needs="chosen-names")
    def test_block_wins_over_allow(self, contract_hubs: Hubs) -> None:
        """Who is both allowed and blocked is blocked."""
        hub = self.make(contract_hubs, allow_all=False, allowed_users={"ada", "bob"}, blocked_users={"ada"})
        assert who(self.entered(hub, "ada")) == ""
        assert who(self.entered(hub, "bob")) == "bob"

    # Admins

    @relies_on(USERS, needs="chosen-names")
    def test_admin_users_become_admins(self, contract_hubs: Hubs) -> None:
        """Who is in admin_users is an admin after the login, and others are not."""
        hub = self.make(contract_hubs, admin_users={"ada"})
        assert self.entered(hub, "ada").get("hub/admin").status_code == 200
        assert self.entered(hub, "bob").get("hub/admin").status_code == 403

    @relies_on(USERS, needs="database-admins")
    def test_admin_of_the_database_stays_one(self, contract_hubs: Hubs) -> None:
        """An authenticator that says nothing about admin leaves alone what an admin granted."""
        hub = contract_hubs()
        hub.api().post("users/ada", json={"admin": True}).raise_for_status()
        self.entered(hub, "ada")
        assert hub.api().get("users/ada").json()["admin"] is True

    # State, refresh, groups, roles, hooks

    @relies_on(GUIDE, needs="auth-state")
    def test_auth_state_is_kept_encrypted(self, contract_hubs: Hubs) -> None:
        """With enable_auth_state, auth_state is stored encrypted, and read again after a restart."""
        hub = self.make(contract_hubs, enable_auth_state=True)
        self.entered(hub, "ada")
        state = hub.run(_auth_state(hub, "ada"))
        assert state
        stored = hub.call(lambda: bytes(hub.app.users["ada"].encrypted_auth_state))
        assert not any(str(value).encode() in stored for value in state.values() if len(str(value)) > 3)
        hub.restart()
        assert hub.run(_auth_state(hub, "ada")) == state

    @relies_on(GUIDE)
    def test_auth_state_is_not_kept_unasked(self, contract_hubs: Hubs) -> None:
        """Without enable_auth_state nothing of it is stored."""
        hub = self.make(contract_hubs, enable_auth_state=False)
        self.entered(hub, "ada")
        assert hub.run(_auth_state(hub, "ada")) is None

    @relies_on(API)
    def test_refresh_user(self, contract_hubs: Hubs) -> None:
        """refresh_user() right after a login says True, or gives data of the same user."""
        hub = contract_hubs()
        self.entered(hub, "ada")
        result = hub.run(_refresh(hub, "ada"))
        assert result is True or (isinstance(result, dict) and result.get("name", "ada") == "ada")

    @relies_on(API)
    def test_refresh_before_spawn(self, contract_hubs: Hubs) -> None:
        """With refresh_pre_spawn, who has just logged in can start a server."""
        hub = self.make(contract_hubs, refresh_pre_spawn=True)
        client = self.entered(hub, "ada")
        client.username = "ada"
        assert client.spawn().json()["env"]["JUPYTERHUB_USER"] == "ada"

    @relies_on(GUIDE, needs="groups")
    def test_managed_groups(self, contract_hubs: Hubs) -> None:
        """With manage_groups, each login sets the user's groups; a login without ``groups`` is an error."""
        hub = self.make(contract_hubs, manage_groups=True)
        assert who(self.entered(hub, "ada")) == "ada"
        groups = hub.api().get("users/ada").json()["groups"]
        assert sorted(groups) == sorted(self.expected_groups("ada"))

    def expected_groups(self, username: str) -> list[str]:
        """The groups in which the authenticator puts this user, where it manages groups."""
        return []

    @relies_on(GUIDE, needs="roles", since=5)
    def test_managed_roles(self, contract_hubs: Hubs) -> None:
        """With manage_roles, each login sets the user's roles."""
        hub = self.make(contract_hubs, manage_roles=True)
        assert who(self.entered(hub, "ada")) == "ada"
        roles = hub.api().get("users/ada").json()["roles"]
        assert set(self.expected_roles("ada")) <= set(roles)

    def expected_roles(self, username: str) -> list[str]:
        """The roles that the authenticator gives this user, where it manages roles."""
        return []

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
        client = self.entered(hub, "ada")
        client.username = "ada"
        client.spawn().raise_for_status()
        hub.run(hub.call(lambda: hub.app.users["ada"]).stop())
        assert not hub.api().get("users/ada").json()["servers"]

    # Pages

    @relies_on(API)
    def test_login_url_is_served(self, contract_hub: Hub) -> None:
        """login_url() leads to a page (or onwards, to the service that authenticates)."""
        hub = contract_hub
        url = hub.app.authenticator.login_url(hub.app.hub.base_url)
        path = urlsplit(url).path.removeprefix(hub.app.base_url)
        assert urlsplit(url).netloc or hub.client().get(path, follow_redirects=False).status_code < 404

    @relies_on(API)
    def test_logout_url_is_served(self, contract_hub: Hub) -> None:
        """logout_url() leads to a page too."""
        hub = contract_hub
        url = hub.app.authenticator.logout_url(hub.app.hub.base_url)
        path = urlsplit(url).path.removeprefix(hub.app.base_url)
        assert urlsplit(url).netloc or hub.client().get(path, follow_redirects=False).status_code < 400

    @relies_on(API)
    def test_handlers(self, contract_hub: Hub) -> None:
        """get_handlers() gives routes and handler classes, and may be called again."""
        from tornado.web import RequestHandler

        for _ in range(2):
            for path, handler, *_rest in contract_hub.app.authenticator.get_handlers(contract_hub.app):
                assert path.startswith("/")
                assert inspect.isclass(handler)
                assert issubclass(handler, RequestHandler)

    @relies_on(API, needs="own-login-url")
    def test_auto_login(self, contract_hubs: Hubs) -> None:
        """With auto_login, who opens the hub is sent on to login_url() without a click."""
        hub = self.make(contract_hubs, auto_login=True)
        url = hub.app.authenticator.login_url(hub.app.hub.base_url)
        answer = hub.client().get("hub/login", follow_redirects=False)
        assert answer.is_redirect
        assert urlsplit(answer.headers["Location"]).path == urlsplit(url).path

    @relies_on(API)
    def test_logout(self, contract_hubs: Hubs) -> None:
        """After /hub/logout the browser is nobody."""
        hub = contract_hubs()
        client = self.entered(hub, "ada")
        assert who(client) == "ada"
        client.logout()
        assert who(client) == ""

    # Attacks

    @relies_on(SECURITY, needs="form")
    def test_login_without_xsrf_is_refused(self, contract_hubs: Hubs) -> None:
        """A login form without the XSRF token logs nobody in: it could come from another site."""
        hub = contract_hubs()
        self.prepare_user(hub, "ada")
        client = hub.client()
        client.get("hub/login")
        answer = client.post("hub/login", data=self.credentials("ada"), follow_redirects=False)
        assert answer.status_code == 403
        assert who(client) == ""

    @relies_on(API, needs="form")
    def test_next_page_follows_the_login(self, contract_hubs: Hubs) -> None:
        """After a login the browser goes where it wanted to go."""
        hub = contract_hubs()
        self.prepare_user(hub, "ada")
        answer = self.log_in(hub, hub.client(), "ada", query={"next": "/hub/token"})
        assert urlsplit(answer.headers["Location"]).path == "/hub/token"

    @pytest.mark.parametrize("address", ABROAD.values(), ids=list(ABROAD))
    @relies_on(SECURITY, needs="form")
    def test_login_does_not_lead_abroad(self, contract_hubs: Hubs, address: str) -> None:
        """``?next=`` of another site is ignored: a link to the hub must not end elsewhere."""
        hub = contract_hubs()
        self.prepare_user(hub, "ada")
        client = hub.client()
        target = self.log_in(hub, client, "ada", query={"next": address}).headers.get("Location", "/")
        browser_view = target.replace("\\", "/")
        assert urlsplit(browser_view).netloc in {"", urlsplit(hub.url).netloc}
        assert not browser_view.startswith("//")

    @relies_on(SECURITY, needs="rejection")
    def test_failed_login_escapes_the_name(self, contract_hubs: Hubs) -> None:
        """What was typed as a name is shown again as text, never as mark-up."""
        hub = contract_hubs()
        answer = self.log_in_wrongly(hub, hub.client(), "<b>ada</b>")
        assert "<b>ada</b>" not in answer.text

    @relies_on(SECURITY, needs="form")
    def test_password_is_not_logged(self, contract_hubs: Hubs) -> None:
        """No password appears in the log, of a right login or a wrong one."""
        hub = contract_hubs()
        self.entered(hub, "ada")
        hub.client().submit_login(self.wrong_credentials("ada"))
        secrets = [self.credentials("ada").get("password"), self.wrong_credentials("ada").get("password")]
        assert [secret for secret in secrets if secret and _says(hub.log.text, secret)] == []

    # The life of a user

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
        assert who(self.entered(hub, "ada")) == "ada"


def _says(text: str, secret: str) -> bool:
    """Whether a log tells this password; a short one, which may be a word of any sentence, as a value."""
    if len(secret) >= DISTINCTIVE:
        return secret in text
    return re.search(rf"""(?:['"=]|: ?){re.escape(secret)}(?:['"\s&,;}})]|$)""", text) is not None


async def _auth_state(hub: Hub, name: str) -> Any:
    return await hub.app.users[name].get_auth_state()


async def _refresh(hub: Hub, name: str) -> Any:
    from jupyterhub.utils import maybe_future

    return await maybe_future(hub.app.authenticator.refresh_user(hub.app.users[name], None))


async def _add_again(hub: Hub, name: str) -> None:
    from jupyterhub.utils import maybe_future

    await maybe_future(hub.app.authenticator.add_user(hub.app.users[name]))
