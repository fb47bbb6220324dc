"""The contract for authenticators, on those that come with JupyterHub and on one that has every capability."""

import pytest

from complete import CompleteContract
from jupyterhub_pytest_plugin import AuthenticatorContract

NOTHING_MORE = {
    "auth-state": "it gives none",
    "groups": "it manages none",
    "roles": "it manages none",
    "own-login-url": "it uses JupyterHub's form",
}


class TestCompleteAuthenticator(CompleteContract):
    """Every test runs."""


class TestDoorOfCompleteAuthenticator(CompleteContract):
    """The same without a form: the service knows who comes."""

    credentials = AuthenticatorContract.credentials

    def log_in_wrongly(self, hub, client, username):
        return client.get(self.callback(hub, client, username).replace("right", "wrong"), follow_redirects=False)


class TestDummyAuthenticator(AuthenticatorContract):
    """Without a password, it lets everybody in."""

    authenticator_class = "dummy"
    lacks = {**NOTHING_MORE, "rejection": "it accepts any password"}


def _has_shared_password() -> bool:
    try:
        import jupyterhub.authenticators.shared  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.mark.skipif(not _has_shared_password(), reason="JupyterHub before 5.3")
class TestSharedPasswordAuthenticator(AuthenticatorContract):
    authenticator_class = "shared-password"
    authenticator_config = {
        "user_password": "a long user password",
        "admin_password": "a long and quite other admin password",
    }
    lacks = {
        **NOTHING_MORE,
        "admin-users": "who is one needs another password than users have",
        "database-admins": "the admin password decides who is an admin",
    }

    def credentials(self, username):
        return {"username": username, "password": "a long user password"}
