import pytest
from passphrase import PassphraseAuthenticator

from jupyterhub_pytest_plugin import AuthenticatorContract, LoginError


class TestContract(AuthenticatorContract):
    """All that JupyterHub relies on."""

    authenticator_class = PassphraseAuthenticator
    authenticator_config = {"passphrase": "open sesame"}
    lacks = {
        "auth-state": "there is none to give",
        "groups": "it manages none",
        "roles": "it manages none",
        "own-login-url": "it uses JupyterHub's form",
    }

    def credentials(self, username):
        return {"username": username, "password": "open sesame"}


@pytest.fixture(scope="module")
def jupyterhub_config():
    return {
        "JupyterHub": {"authenticator_class": PassphraseAuthenticator},
        "PassphraseAuthenticator": {"passphrase": "open sesame"},
    }


def test_right_passphrase(hub_client):
    hub_client.login("ada", "open sesame")
    assert hub_client.logged_in


def test_wrong_passphrase(hub_client):
    with pytest.raises(LoginError, match="403"):
        hub_client.login("ada", "abracadabra")


def test_without_a_hub(make_authenticator, auth_handler, hub_run):
    authenticator = make_authenticator(PassphraseAuthenticator, passphrase="")
    data = {"username": "ada", "password": ""}
    assert hub_run(authenticator.get_authenticated_user(auth_handler(), data)) is None
