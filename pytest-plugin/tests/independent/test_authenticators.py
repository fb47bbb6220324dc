"""Authenticators of other projects, from PyPI."""

from importlib.metadata import version
from pathlib import Path

import pytest

from jupyterhub_pytest_plugin import AuthenticatorContract

HUB = version("jupyterhub")
PASSWORD = "a long and right password"
FORM_ONLY = {
    "groups": "it manages none",
    "roles": "it manages none",
    "auth-state": "it gives none",
    "own-login-url": "it uses a form",
}


class TestFirstUseAuthenticator(AuthenticatorContract):
    """The first password of a user is the right one from then on."""

    authenticator_class = "firstuse"
    authenticator_config = {"create_users": True}
    lacks = {**FORM_ONLY, "rejection": "the first password of a user is the right one"}
    known_failures = {"test_deleted_user_is_not_allowed_any_more": "delete_user() does not call the base class"}

    @classmethod
    def configure(cls, config, place):
        pytest.importorskip("firstuseauthenticator")
        config.FirstUseAuthenticator.dbm_path = str(place.folder / "passwords.dbm")
        super().configure(config, place)

    def credentials(self, username):
        return {"username": username, "password": PASSWORD}


@pytest.mark.skipif(HUB >= "6", reason="nobody can log in on JupyterHub 6: docs/findings.md")
class TestNativeAuthenticator(AuthenticatorContract):
    """Users sign up; here each one has, before the login."""

    authenticator_class = "native"
    authenticator_config = {"open_signup": True}
    lacks = FORM_ONLY

    @classmethod
    def configure(cls, config, place):
        native = pytest.importorskip("nativeauthenticator")
        config.JupyterHub.template_paths = [str(Path(native.__file__).parent / "templates")]
        super().configure(config, place)

    def credentials(self, username):
        return {"username": username, "password": PASSWORD}

    def prepare_user(self, hub, username):
        hub.call(hub.app.authenticator.create_user, username, PASSWORD)
