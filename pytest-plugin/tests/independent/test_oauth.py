"""oauthenticator, from PyPI, with the provider of our example."""

import importlib.util
from pathlib import Path

import httpx
import pytest

from jupyterhub_pytest_plugin import AuthenticatorContract

EXAMPLE = Path(__file__).parents[2] / "examples" / "oauth" / "tests" / "provider.py"


def _provider():
    spec = importlib.util.spec_from_file_location("example_provider", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = _provider()


@pytest.fixture(scope="class")
def service(request):
    pytest.importorskip("oauthenticator")
    with example.Provider().start() as provider:
        provider.people = {
            "ada": {"crews": ["crew", "officers"], "email": "ada@crew.test", "email_verified": True},
            "bob": {"crews": ["crew"]},
            "eve": {"crews": ["crew"], "email": "ada@crew.test", "email_verified": False},
        }
        request.cls.provider = provider
        yield


@pytest.mark.usefixtures("service")
@pytest.mark.filterwarnings("ignore:Hub.server is deprecated")  # it uses that at each login
class TestGenericOAuthenticator(AuthenticatorContract):
    authenticator_class = "generic-oauth"
    authenticator_config = {
        "client_id": "jupyterhub",
        "client_secret": example.SECRET,
        "username_claim": "login",
        "manage_groups": True,
        "auth_state_groups_key": "oauth_user.crews",
        "admin_groups": {"captains"},
    }
    allow_rules = {"allowed_groups": ({"officers"}, "ada", "bob")}
    impostors = ("eve",)
    lacks = {
        "roles": "it manages none here",
        "database-admins": "the service says who is an admin",
    }
    known_failures = {"test_wrong_credentials_are_refused": "a code that the service rejects is an error of the hub"}

    @classmethod
    def configure(cls, config, place):
        super().configure(config, place)
        for path, name in {"authorize": "authorize", "token": "token", "userinfo": "userdata"}.items():
            config.GenericOAuthenticator[f"{name}_url"] = f"{cls.provider.url}/{path}"

    def callback(self, hub, client, username, *, query=None):
        there = client.get("hub/oauth_login", params=query, follow_redirects=False).headers["Location"]
        return httpx.get(there, params={**httpx.URL(there).params, "login_hint": username}).headers["Location"]

    def log_in_wrongly(self, hub, client, username):
        back = httpx.URL(self.callback(hub, client, username))
        return client.get(back.copy_set_param("code", "wrong"), follow_redirects=False)

    def expected_groups(self, username):
        return self.provider.people[username]["crews"]

    def change_groups(self, hub, username, groups):
        self.provider.people[username]["crews"] = groups

    def change_admin(self, hub, username, admin):
        self.provider.people[username]["crews"] = ["crew", "captains"] if admin else ["crew", "officers"]

    def revoke(self, hub, username):
        self.provider.revoke(username)


WRONG = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="it asks for the membership of the mapped name: docs/findings.md"
)


@pytest.mark.parametrize("name", ["ada", pytest.param("lovelace", marks=WRONG)])
@pytest.mark.filterwarnings("ignore:Hub.server is deprecated")
def test_github_organization_of_a_mapped_name(make_authenticator, auth_handler, hub_run, name):
    """The suite's ``test_allow_rule_with_a_mapped_name`` in small: ``ada`` is in the organization."""
    github = pytest.importorskip("oauthenticator.github")
    from oauthenticator.oauth2 import OAuthCallbackHandler

    membership = {"/orgs/crew/members/lovelace": 404, "/orgs/crew/members/ada": 204}
    with example.Provider(**membership).start() as provider:
        provider.people["ada"] = {"email": "ada@crew.test"}
        provider.codes["code"] = ("ada", None)
        authenticator = make_authenticator(
            github.GitHubOAuthenticator,
            client_secret=example.SECRET,
            github_api=provider.url,
            token_url=f"{provider.url}/token",
            userdata_url=f"{provider.url}/userinfo",
            enable_pkce=False,
            allow_all=False,
            allowed_organizations={"crew"},
            username_map={"ada": name},
        )
        handler = auth_handler("GET", query={"code": "code"}, handler_class=OAuthCallbackHandler)
        model = hub_run(authenticator.get_authenticated_user(handler, None))
    assert model is not None, "not allowed"
    assert model["name"] == name
