"""What others may try with a login."""

from __future__ import annotations

import re
from collections.abc import Mapping
from logging import DEBUG
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, OAUTH, SECURITY, Logins, who

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_pytest_plugin.hosting import Hub

    from .base import Hubs

DISTINCTIVE = 10  # characters of a password that is found in a log for no other reason
SECRET = re.compile("token|secret|passw|ticket|assertion")
ABROAD = {
    "absolute": "https://abroad.test/hub/home",
    "scheme-relative": "//abroad.test/hub/home",
    "three-slashes": "///abroad.test/hub/home",
    "backslash": "/\\abroad.test/hub/home",
    "two-backslashes": "\\\\abroad.test/hub/home",
}


class Attacks(Logins):
    @relies_on(SECURITY, needs="form")
    def test_login_without_xsrf_is_refused(self, contract_hub: Hub) -> None:
        """A login form without the XSRF token logs nobody in: it could come from another site."""
        self.entered(contract_hub, "ada")
        client = contract_hub.client()
        client.get("hub/login")
        answer = client.post("hub/login", data=self.fields("credentials", "ada"), follow_redirects=False)
        assert answer.status_code == 403
        assert who(client) == ""

    @pytest.mark.parametrize("victim", ["fresh", "about-to-log-in"])
    @relies_on(OAUTH, needs="callback")
    def test_login_begun_elsewhere(self, contract_hub: Hub, victim: str) -> None:
        """The way back from the service logs in only the browser that was sent there: a link must not log others in."""
        self.prepare(contract_hub, "ada")
        own = contract_hub.client()
        own.get(self.callback(contract_hub, own, "ada"), follow_redirects=False)
        assert who(own) == "ada"
        link = self.callback(contract_hub, contract_hub.client(), "ada")
        browser = contract_hub.client()
        if victim == "about-to-log-in":
            self.prepare(contract_hub, "bob")
            self.callback(contract_hub, browser, "bob")
        answer = browser.get(link, follow_redirects=False)
        assert who(browser) == ""
        assert answer.status_code < 500

    @relies_on(API, needs="form")
    def test_empty_password_is_refused(self, contract_hub: Hub) -> None:
        """Without a password nobody comes in: many a directory takes that for an anonymous login, which succeeds."""
        self.need("rejection")
        self.entered(contract_hub, "ada")
        right, wrong = self.fields("credentials", "ada"), self.fields("wrong_credentials", "ada")
        empty = {name: value if wrong.get(name) == value else "" for name, value in right.items()}
        client = contract_hub.client()
        answer = client.submit_login(empty)
        assert who(client) == ""
        assert answer.status_code < 500

    @pytest.mark.parametrize("address", ABROAD.values(), ids=list(ABROAD))
    @relies_on(SECURITY, needs="next")
    def test_login_does_not_lead_abroad(self, contract_hub: Hub, address: str) -> None:
        """``?next=`` of another site is ignored: a link to the hub must not end elsewhere."""
        self.entered(contract_hub, "ada")
        attempt = self.attempt(contract_hub, "ada", next=address)
        assert attempt.answer.is_redirect or 400 <= attempt.answer.status_code < 500, attempt
        browser_view = attempt.answer.headers.get("Location", "/").replace("\\", "/")
        assert urlsplit(browser_view).netloc in {"", urlsplit(contract_hub.url).netloc}
        assert not browser_view.startswith("//")

    @relies_on(SECURITY, needs="rejection")
    def test_failed_login_escapes_the_name(self, contract_hub: Hub) -> None:
        """What was typed as a name is shown again as text, never as mark-up."""
        self.entered(contract_hub, "ada")
        attempt = self.attempt_wrongly(contract_hub, "<b>ada</b>")
        assert not attempt.name, attempt
        assert "<b>ada</b>" not in attempt.answer.text

    @relies_on(SECURITY, needs="form")
    def test_password_is_not_logged(self, contract_hubs: Hubs) -> None:
        """No password appears in the log, of a right login or a wrong one, also where the hub is asked to tell all."""
        hub = contract_hubs({"JupyterHub": {"log_level": DEBUG}})
        self.entered(hub, "ada")
        right, wrong = self.fields("credentials", "ada"), self.fields("wrong_credentials", "ada")
        hub.client().submit_login(wrong)
        secrets = {form[name] for form in (right, wrong) for name in form if right.get(name) != wrong.get(name)}
        secrets |= {form["password"] for form in (right, wrong) if form.get("password")}
        assert [secret for secret in secrets if _says(hub.log.text, secret)] == []

    @relies_on(SECURITY)
    def test_secrets_are_not_logged(self, contract_hubs: Hubs) -> None:
        """No token of a user, secret of the configuration or login cookie appears in the log, even at DEBUG."""
        hub = contract_hubs(
            {"JupyterHub": {"log_level": DEBUG}}, {self.authenticator_section(): {"enable_auth_state": True}}
        )
        client = self.entered(hub, "ada")
        secrets = [(cookie.name, cookie.value or "") for cookie in client.cookies.jar if "login" in cookie.name]
        assert secrets, "the login set no cookie"
        secrets += _secrets(hub.auth_state("ada") or {})
        secrets += _secrets(hub.call(hub.app.authenticator.trait_values, config=True))
        assert [name for name, secret in secrets if secret in hub.log.text] == []


def _secrets(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is called a secret, at any depth, and is long enough to be found in a log for no other reason."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _secrets(value)
        elif isinstance(value, str) and len(value) >= DISTINCTIVE and SECRET.search(str(name)) and "://" not in value:
            yield str(name), value


def _says(text: str, secret: str) -> bool:
    """Whether a log tells this password; a short one, which may be a word of any sentence, as a value."""
    if len(secret) >= DISTINCTIVE:
        return secret in text
    return re.search(rf"""(?:['"=]|: ?){re.escape(secret)}(?:['"\s&,;}})]|$)""", text) is not None
