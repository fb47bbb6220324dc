import httpx
import pytest
from crew_authenticator import CrewAuthenticator
from provider import SECRET

from jupyterhub_pytest_plugin import AuthenticatorContract


def sent_back(client, username, query=None):
    """Begin a login in this browser, be this user at the service, and return where that sends the browser."""
    there = client.get("hub/crew/login", params=query, follow_redirects=False).headers["Location"]
    return httpx.get(there, params={**httpx.URL(there).params, "login_hint": username}).headers["Location"]


@pytest.fixture(scope="class")
def service(request, provider):
    request.cls.provider = provider


@pytest.mark.usefixtures("service")
class TestContract(AuthenticatorContract):
    """All that JupyterHub relies on."""

    authenticator_class = CrewAuthenticator
    authenticator_config = {"client_secret": SECRET}
    allow_rules = {"allowed_crews": ({"officers"}, "ada", "bob")}
    lacks = {"roles": "the service knows of none"}

    @classmethod
    def configure(cls, config, place):
        super().configure(config, place)
        config.CrewAuthenticator.service_url = cls.provider.url

    def callback(self, hub, client, username, *, query=None):
        return sent_back(client, username, query)

    def log_in_wrongly(self, hub, client, username):
        return client.get(f"{sent_back(client, username)}&code=wrong", follow_redirects=False)

    def expected_groups(self, username):
        return self.provider.people[username]["crews"]

    def change_groups(self, hub, username, groups):
        self.provider.people[username]["crews"] = groups

    def revoke(self, hub, username):
        self.provider.revoke(username)


@pytest.fixture(scope="module")
def jupyterhub_config(provider):
    return {
        "JupyterHub": {"authenticator_class": CrewAuthenticator},
        "CrewAuthenticator": {"service_url": provider.url, "client_secret": SECRET},
    }


def test_login(hub_client):
    hub_client.get(sent_back(hub_client, "ada"), follow_redirects=False)
    assert hub_client.logged_in


def test_code_is_good_for_one_login(jupyterhub, hub_client):
    back = sent_back(hub_client, "ada")
    assert hub_client.get(back, follow_redirects=False).status_code == 302
    assert hub_client.get(back).status_code == 400


def test_page_names_the_service(hub_client):
    assert "the crew&#39;s service" in hub_client.get("hub/login").text
