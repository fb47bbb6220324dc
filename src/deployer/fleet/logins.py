"""Who may log in to a hub, by JupyterHub 5's rules and those of the log-in classes that its image brings. Pure.

Nobody is allowed by default. ``allow_all`` and ``allowed_users`` allow with every class; administrators are allowed by
the OAuth classes only: with the others they must be among the allowed users, who may also be nobody. Some classes have
rules of their own, some allow all when no users are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

DEFAULT_CLASS = "dummy"  # of the chart, where authenticator_class is not set


class Login(NamedTuple):
    """One log-in class: its own section of settings, and how it differs from the base class."""

    section: str
    oauth: bool = True
    open: bool = False  # anybody in the world can come as far as the allow rules
    allows_unlisted: bool = False  # all are allowed where no users are named
    gate: tuple[str, ...] = ()  # settings without which a stranger could pass


_BY_NAME: Mapping[str, Login] = {
    "auth0": Login("Auth0OAuthenticator"),
    "azuread": Login("AzureAdOAuthenticator"),
    "bitbucket": Login("BitbucketOAuthenticator", open=True),
    "cilogon": Login("CILogonOAuthenticator", open=True),
    "dummy": Login("DummyAuthenticator", oauth=False, allows_unlisted=True),
    "firstuse": Login("FirstUseAuthenticator", oauth=False, open=True, allows_unlisted=True),
    "generic-oauth": Login("GenericOAuthenticator"),
    "github": Login("GitHubOAuthenticator", open=True),
    "gitlab": Login("GitLabOAuthenticator", open=True, gate=("gitlab_url",)),
    "globus": Login("GlobusOAuthenticator", open=True, gate=("identity_provider",)),
    "google": Login("GoogleOAuthenticator", open=True, gate=("hosted_domain", "allowed_hosted_domains")),
    "lti11": Login("LTI11Authenticator", oauth=False),
    "lti13": Login("LTI13Authenticator", oauth=False),
    "mediawiki": Login("MWOAuthenticator", open=True),
    "native": Login("NativeAuthenticator", oauth=False, open=True),
    "null": Login("NullAuthenticator", oauth=False),
    "openshift": Login("OpenShiftOAuthenticator"),
    "pam": Login("PAMAuthenticator", oauth=False),
    "shared-password": Login("SharedPasswordAuthenticator", oauth=False),
    "tmp": Login("TmpAuthenticator", oauth=False, open=True),
}
_BY_SECTION = {login.section: name for name, login in _BY_NAME.items()}
_ALIASES = {"default": "pam", "firstuseauthenticator": "firstuse"}
# Begin like a rule that lets people in, and are none.
_NO_RULES = frozenset({
    "allow_2fa", "allow_unverified_email", "allowed_failed_logins", "allowed_hosted_domains", "allowed_idps",
    "allow_all", "allow_existing_users", "allow_self_approval_for",
})  # fmt: skip
# Identity providers of CILogon with which anybody in the world can have an account.
PUBLIC_PROVIDERS = frozenset({
    "http://google.com/accounts/o/oauth2",
    "http://github.com/login/oauth/authorize",
    "http://orcid.org/oauth/authorize",
    "https://orcid.org/oauth/authorize",
    "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
})  # fmt: skip


@dataclass(frozen=True)
class LoginRules:
    """What a hub's values say about who may log in. ``login`` is None for a class that is not known here."""

    name: str
    login: Login | None
    settings: Mapping[str, Any]

    @property
    def allows_all(self) -> bool:
        given = self.settings.get("allow_all")
        if given is None and self.login and self.login.allows_unlisted:
            return not self.settings.get("allowed_users")
        return bool(given)

    @property
    def nobody(self) -> bool:
        """Whether it is certain that no one can log in. The null authenticator is meant so, and not counted."""
        return self.login is not None and self.name != "null" and not self.allows_all and not self._some()

    def _some(self) -> bool:
        if self.name == "tmp":
            return False  # its users have a new random name each time
        given = self.settings
        if given.get("allowed_users") or given.get("allow_existing_users"):
            return True
        if self.login and not self.login.oauth:
            return self.name == "pam" and bool(given.get("allowed_groups"))
        rules = any(value and key.startswith("allowed_") and key not in _NO_RULES for key, value in given.items())
        admins = any(value and key.startswith("admin_") for key, value in given.items())
        return rules or admins or any(map(_admits, self._providers().values()))

    @property
    def strangers(self) -> str:
        """How anybody in the world gets in, in a few words; "" where they do not, or where it cannot be known."""
        if self.login is None or not self.login.open or any(self.settings.get(key) for key in self.login.gate):
            return ""
        if self.name == "cilogon":
            return self._public_provider()
        if not self.allows_all or self._closed():
            return ""
        return f"{self.name} log-in and allow_all"

    def _closed(self) -> bool:
        """Accounts are made by administrators."""
        if self.name == "native":
            return not self.settings.get("open_signup")
        return self.name == "firstuse" and self.settings.get("create_users") is False

    def _public_provider(self) -> str:
        for address, provider in sorted(self._providers().items()):
            known = address in PUBLIC_PROVIDERS and isinstance(provider, Mapping)
            if known and (provider.get("allow_all") or self.allows_all):
                return f"everybody with an account at {address}"
        return ""

    def _providers(self) -> Mapping[str, Any]:
        given = self.settings.get("idps") or self.settings.get("allowed_idps")
        return given if isinstance(given, Mapping) else {}


def _admits(provider: Any) -> bool:
    return isinstance(provider, Mapping) and bool(provider.get("allow_all") or provider.get("allowed_domains"))


def class_name(config: Mapping[str, Any]) -> str:
    """The log-in class in ``hub.config``, by the short name that JupyterHub has for it where there is one."""
    section = config.get("JupyterHub")
    given = section.get("authenticator_class") if isinstance(section, Mapping) else None
    name = str(given or DEFAULT_CLASS)
    if "." in name or ":" in name:
        last = name.replace(":", ".").rsplit(".", 1)[-1]
        return _BY_SECTION.get(last.removeprefix("Local"), name)
    short = name.lower().removeprefix("local-")
    return _ALIASES.get(short, short)


def read_login(config: Mapping[str, Any]) -> LoginRules:
    """The rules in ``hub.config``: the class's own section stands above its bases'."""
    name = class_name(config)
    login = _BY_NAME.get(name)
    sections = ["Authenticator"]
    if login:
        sections += [*(["OAuthenticator"] if login.oauth else []), login.section, f"Local{login.section}"]
    settings: dict[str, Any] = {}
    for section in sections:
        given = config.get(section)
        settings.update(given if isinstance(given, Mapping) else {})
    return LoginRules(name, login, settings)


def section_of(config: Mapping[str, Any], key: str) -> str:
    """The section that sets a key, the most specific first; "Authenticator" where none does."""
    login = read_login(config).login
    for section in (login.section, "OAuthenticator") if login else ():
        given = config.get(section)
        if isinstance(given, Mapping) and key in given:
            return section
    return "Authenticator"
