"""Authenticators of other projects, from PyPI."""

from importlib.metadata import version
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
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
    known_failures = {"test_refusal_is_403": "its form comes with status 200"}

    @classmethod
    def configure(cls, config, place):
        native = pytest.importorskip("nativeauthenticator")
        config.JupyterHub.template_paths = [str(Path(native.__file__).parent / "templates")]
        super().configure(config, place)

    def credentials(self, username):
        return {"username": username, "password": PASSWORD}

    def prepare_user(self, hub, username):
        hub.call(hub.app.authenticator.create_user, username, PASSWORD)


class TestLTI11Authenticator(AuthenticatorContract):
    """A learning platform sends its users with a signed form of its own: here we are the platform."""

    authenticator_class = "ltiauthenticator.lti11.auth.LTI11Authenticator"
    authenticator_config = {"consumers": {"platform": "secret"}, "username_key": "user_id", "uri_scheme": "http"}
    lacks = {
        "groups": "it manages none",
        "roles": "it manages none",
        "own-login-url": "its address is for the platform's forms, not for browsers",
    }
    known_failures = {
        "test_login_url_is_served": "the address takes no GET: the button of the login page leads to an error",
        "test_refusal_is_403": "who is not allowed is sent on to a login page",
    }

    @classmethod
    def configure(cls, config, place):
        pytest.importorskip("ltiauthenticator")
        super().configure(config, place)

    def launch(self, hub, client, username, secret, query=None):
        form = {
            "lti_message_type": "basic-lti-launch-request",
            "lti_version": "LTI-1p0",
            "resource_link_id": "exercise 1",
            "user_id": username,
        }
        url = httpx.URL(f"{hub.url}hub/lti/launch", params=query)
        return client.post(url, data=_signed(str(url), form, secret), follow_redirects=False)

    def log_in(self, hub, client, username, *, query=None):
        return self.launch(hub, client, username, "secret", query)

    def log_in_wrongly(self, hub, client, username):
        return self.launch(hub, client, username, "another secret")


def _signed(url, form, secret):
    """A form with its OAuth 1 signature among its fields."""
    from oauthlib.oauth1 import SIGNATURE_TYPE_BODY, Client

    client = Client("platform", client_secret=secret, signature_type=SIGNATURE_TYPE_BODY)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    _, _, body = client.sign(url, "POST", body=form, headers=headers)
    return dict(parse_qsl(body))


def test_tmp_authenticator_gives_each_browser_a_user_of_its_own(jupyterhub_factory):
    """The suite is for authenticators that know who comes: this one makes up a name for each browser."""
    pytest.importorskip("tmpauthenticator")
    hub = jupyterhub_factory({"JupyterHub": {"authenticator_class": "tmp", "redirect_to_server": False}})
    browsers = [hub.client(), hub.client()]
    for browser in browsers:
        assert browser.get("").url.path == "/hub/home"  # nobody asks for a name
    names = [browser.api("GET", "user").json()["name"] for browser in browsers]
    assert len(set(names)) == len(names)
