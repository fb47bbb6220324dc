"""How people log in to a hub, and who may: each choice with the rules that it knows, as settings of the chart."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from deployer.errors import DeployerError
from deployer.fleet.cluster import Provider
from deployer.scaffold.cluster import check_domain
from deployer.scaffold.yaml_text import Setting

CONFIG = ("jupyterhub", "hub", "config")


class LoginKind(StrEnum):
    """Who says who somebody is."""

    GITHUB = "github"
    CILOGON = "cilogon"
    GOOGLE = "google"
    GENERIC = "generic"  # any provider of OpenID Connect
    NATIVE = "native"  # people sign up, administrators approve
    FIRSTUSE = "firstuse"  # people choose a password at their first log-in
    TMP = "tmp"  # no log-in: a new user each time
    DUMMY = "dummy"  # any name with one password: only for this machine


Own = dict[str, tuple[Any, str]]  # settings of one class, each with its reason


class Choice(NamedTuple):
    """A log-in: the class that JupyterHub knows it by, the section of its settings, and the rules that it knows."""

    cls: str
    section: str
    rules: frozenset[str]
    oauth: bool = False


_USERS_OR_ALL = frozenset({"user", "all"})
CHOICES: Mapping[LoginKind, Choice] = {
    LoginKind.GITHUB: Choice("github", "GitHubOAuthenticator", _USERS_OR_ALL | {"org"}, oauth=True),
    LoginKind.CILOGON: Choice("cilogon", "CILogonOAuthenticator", _USERS_OR_ALL | {"domain"}, oauth=True),
    LoginKind.GOOGLE: Choice("google", "GoogleOAuthenticator", _USERS_OR_ALL | {"domain"}, oauth=True),
    LoginKind.GENERIC: Choice("generic-oauth", "GenericOAuthenticator", _USERS_OR_ALL | {"group"}, oauth=True),
    LoginKind.NATIVE: Choice("native", "NativeAuthenticator", _USERS_OR_ALL),
    LoginKind.FIRSTUSE: Choice("firstuseauthenticator.FirstUseAuthenticator", "FirstUseAuthenticator", _USERS_OR_ALL),
    LoginKind.TMP: Choice("tmp", "TmpAuthenticator", frozenset({"all"})),
    LoginKind.DUMMY: Choice("dummy", "DummyAuthenticator", _USERS_OR_ALL),
}
# What CILogon calls the providers that are asked for most.
PROVIDERS = {
    "google": "http://google.com/accounts/o/oauth2",
    "github": "http://github.com/login/oauth/authorize",
    "orcid": "http://orcid.org/oauth/authorize",
    "microsoft": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
}
RULES = {
    "org": "organisations of GitHub, or teams: ORG:TEAM",
    "domain": "domains of mail addresses",
    "group": "groups that the provider names",
    "user": "users, by name",
    "all": "everybody who can log in",
}
OPEN = "open on purpose: whoever can log in may use it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A log-in that was chosen. ``allow`` are its rules, each with its words; nobody else may use the hub.

    ``idp`` is CILogon's address of an identity provider; ``urls`` are the three addresses of a generic one
    (authorize, token, userdata); ``claim`` is what names a user.
    """

    kind: LoginKind
    allow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    everybody: bool = False
    admins: tuple[str, ...] = ()
    idp: str = ""
    urls: Mapping[str, str] = field(default_factory=dict)
    claim: str = ""

    @property
    def choice(self) -> Choice:
        return CHOICES[self.kind]

    @property
    def anybody(self) -> bool:
        """Whether anybody at all may log in: administrators may, whatever the log-in."""
        return self.everybody or self.kind is LoginKind.TMP or any(self.allow.values()) or bool(self.admins)

    @property
    def by_mail(self) -> bool:
        """Whether people are called by their mail addresses."""
        by_claim = {LoginKind.CILOGON: "email", LoginKind.GENERIC: "preferred_username"}
        return self.kind is LoginKind.GOOGLE or (self.claim or by_claim.get(self.kind)) == "email"


def check_provider(kind: LoginKind, provider: Provider) -> None:
    """
    :raises DeployerError: the log-in is not for clusters of this provider.
    """
    if kind is LoginKind.DUMMY and provider is not Provider.LOCAL:
        raise DeployerError(
            "--login dummy lets any name in: it is for clusters of provider local only",
            hint=f"Choose another: {', '.join(one for one in LoginKind if one is not LoginKind.DUMMY)}",
        )


def check_login(login: Login) -> None:
    """
    :raises DeployerError: rules that this log-in does not know, or none that lets anybody in.
    """
    for rule, words in login.allow.items():
        if words and rule not in login.choice.rules:
            known = ", ".join(f"--allow-{one}" for one in RULES if one in login.choice.rules)
            raise DeployerError(f"--allow-{rule}: log-in {login.kind} has no such rule", hint=f"It has: {known}")
    for org in login.allow.get("org", ()):
        check_org(org)
    for domain in login.allow.get("domain", ()):
        check_domain(domain)
    for name in [*login.admins, *(word for words in login.allow.values() for word in words)]:
        if not name or name != name.strip() or not name.isprintable():
            raise DeployerError(f"{name!r} is no name")
    for name in [*login.admins, *login.allow.get("user", ())]:
        check_user(name, login)
    if not login.anybody:
        known = ", ".join(f"--allow-{one}" for one in RULES if one in login.choice.rules)
        raise DeployerError("nobody could log in: no rule lets anybody in", hint=f"Add one of: {known}")


def check_user(name: str, login: Login) -> None:
    """
    :raises DeployerError: nobody can be called so with this log-in.
    """
    if login.by_mail and not re.fullmatch(r"[^@\s]+@[^@\s]+", name):
        other = " --username-claim chooses another name." if login.kind is not LoginKind.GOOGLE else ""
        raise DeployerError(
            f"{name!r} is no mail address, and log-in {login.kind} calls people by theirs: it would be nobody",
            hint=f"Write it as ada@example.org.{other}",
        )


def check_org(text: str) -> None:
    """
    :raises DeployerError: no ORG and no ORG:TEAM.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*(:[\w.-]+)?", text):
        raise DeployerError(f"{text!r} is neither ORG nor ORG:TEAM")


def login_settings(login: Login, domain: str) -> list[Setting]:
    """The settings of a log-in for the hub at a domain; "" for a hub of this machine."""
    section = (*CONFIG, login.choice.section)
    found = [Setting((*CONFIG, "JupyterHub", "authenticator_class"), login.choice.cls, _WHO[login.kind])]
    if login.choice.oauth and domain:
        why = "As the application is registered. Its id and secret are in an encrypted file."
        found.append(Setting((*section, "oauth_callback_url"), callback(domain), why))
    found += [Setting((*section, key), value, why) for key, (value, why) in _OWN[login.kind](login).items()]
    return found + _who_may(login)


def callback(domain: str) -> str:
    """Where the provider sends people back to."""
    return f"https://{domain}/hub/oauth_callback"


_WHO: Mapping[LoginKind, str] = {
    LoginKind.GITHUB: "People log in with GitHub.",
    LoginKind.CILOGON: "People log in with their institution, by CILogon.",
    LoginKind.GOOGLE: "People log in with Google.",
    LoginKind.GENERIC: "People log in with a provider of OpenID Connect.",
    LoginKind.NATIVE: "People sign up with a password; administrators approve them at /hub/authorize.",
    LoginKind.FIRSTUSE: "Whoever logs in first under a name chooses its password.",
    LoginKind.TMP: "No log-in: each visitor is a new user.",
    LoginKind.DUMMY: "Any name with this password. Fine on loopback only: whoever reaches this hub knows this file.",
}


def _github(login: Login) -> Own:
    if not login.allow.get("org"):
        return {}
    found: Own = {
        "allowed_organizations": (list(login.allow["org"]), "Members may use the hub, and nobody else by this rule."),
        "scope": (["read:org"], "To see whether somebody is a member, also where membership is not public."),
    }
    if login.allow.get("user"):
        found["allow_existing_users"] = (False, "Who left the organisation is not let in for having been a user.")
    return found


def _cilogon(login: Login) -> Own:
    rules: dict[str, Any] = {"username_derivation": {"username_claim": login.claim or "email"}}
    if login.allow.get("domain"):
        rules["allowed_domains"] = list(login.allow["domain"])
    if login.everybody:
        rules["allow_all"] = True
    return {
        "allowed_idps": ({login.idp: rules}, "The provider that people may choose, and who of its people may come.")
    }


def _google(login: Login) -> Own:
    domains = login.allow.get("domain")
    return {"hosted_domain": (list(domains), "Only accounts of these domains.")} if domains else {}


def _generic(login: Login) -> Own:
    found: Own = {
        f"{name}_url": (url, "Addresses of the provider, as its /.well-known/openid-configuration names them." * first)
        for first, (name, url) in zip((True, False, False), login.urls.items(), strict=False)
    }
    groups = login.allow.get("group")
    found["scope"] = (["openid", "profile", "email", *(["groups"] if groups else [])], "")
    found["username_claim"] = (login.claim or "preferred_username", "What of the answer names the user.")
    if groups:
        found["manage_groups"] = (True, "The provider's groups are the hub's.")
        found["auth_state_groups_key"] = ("oauth_user.groups", "Where in the answer they stand.")
        found["allowed_groups"] = (list(groups), "")
    return found


def _native(_login: Login) -> Own:
    return {"open_signup": (False, "An account is of no use before it is approved.")}


def _firstuse(login: Login) -> Own:
    return {"create_users": (login.everybody, "Whether names may come that are not listed below.")}


def _tmp(_login: Login) -> Own:
    return {}


def _dummy(_login: Login) -> Own:
    return {"password": ("try-me", "")}


_OWN: Mapping[LoginKind, Callable[[Login], Own]] = {
    LoginKind.GITHUB: _github,
    LoginKind.CILOGON: _cilogon,
    LoginKind.GOOGLE: _google,
    LoginKind.GENERIC: _generic,
    LoginKind.NATIVE: _native,
    LoginKind.FIRSTUSE: _firstuse,
    LoginKind.TMP: _tmp,
    LoginKind.DUMMY: _dummy,
}


def _who_may(login: Login) -> list[Setting]:
    """The rules that all classes have. Administrators of other classes than OAuth's must be allowed by name."""
    section = (*CONFIG, "Authenticator")
    users = login.allow.get("user", ())
    if not login.choice.oauth and not login.everybody:
        users = tuple(dict.fromkeys([*users, *login.admins])) if login.kind is not LoginKind.TMP else ()
    found = []
    if login.admins:
        why = "Administrators see and stop users' servers, and may use the hub."
        found.append(Setting((*section, "admin_users"), list(login.admins), why))
    if users:
        found.append(Setting((*section, "allowed_users"), list(users), "Who may use the hub, by name."))
    if why := _all_are_let_in(login):
        found.append(Setting((*section, "allow_all"), value=True, why=why))
    return found


def _all_are_let_in(login: Login) -> str:
    """Why no further rule is needed; "" where one is."""
    if login.kind is LoginKind.TMP:
        return "Nobody is let in by default, and a visitor's name is new each time: all are."
    if login.kind is LoginKind.GOOGLE and login.allow.get("domain"):
        return "Everybody of those domains."
    if login.everybody and login.kind is LoginKind.NATIVE:
        return "Everybody whom an administrator approved."
    return "Everybody who can log in." if login.everybody and login.kind is not LoginKind.CILOGON else ""
