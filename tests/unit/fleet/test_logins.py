"""Who may log in, as the classes themselves decide it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from deployer.fleet.logins import class_name, read_login

ALL = {"allow_all": True}


def config(name: str | None, **sections: Mapping[str, Any]) -> dict[str, Any]:
    return {**({"JupyterHub": {"authenticator_class": name}} if name else {}), **sections}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, "dummy"),  # the chart's default
        ("github", "github"),
        ("local-github", "github"),
        ("oauthenticator.github.GitHubOAuthenticator", "github"),
        ("oauthenticator.github.LocalGitHubOAuthenticator", "github"),
        ("jupyterhub.auth:DummyAuthenticator", "dummy"),
        ("firstuseauthenticator.FirstUseAuthenticator", "firstuse"),
        ("firstuseauthenticator", "firstuse"),
        ("default", "pam"),
        ("ours.OurAuthenticator", "ours.OurAuthenticator"),
    ],
)
def test_classes_by_their_short_names(given: str | None, name: str) -> None:
    assert class_name(config(given)) == name


@pytest.mark.parametrize(
    ("name", "sections", "nobody", "strangers"),
    [
        ("github", {}, True, False),
        ("github", {"Authenticator": {"admin_users": ["ada"]}}, False, False),  # OAuth lets administrators in
        ("github", {"GitHubOAuthenticator": {"allowed_organizations": ["reef"]}}, False, False),
        ("github", {"GitHubOAuthenticator": {"allowed_organizations": []}}, True, False),
        ("github", {"OAuthenticator": {"allow_existing_users": True}}, False, False),
        ("github", {"OAuthenticator": ALL}, False, True),
        ("github", {"GitHubOAuthenticator": {"allow_all": False}, "Authenticator": ALL}, True, False),
        ("local-github", {"LocalGitHubOAuthenticator": ALL}, False, True),
        ("google", {"Authenticator": ALL, "GoogleOAuthenticator": {"hosted_domain": ["a.org"]}}, False, False),
        ("google", {"Authenticator": ALL}, False, True),
        ("google", {"GoogleOAuthenticator": {"hosted_domain": ["a.org"]}}, True, False),  # a gate lets nobody in
        ("generic-oauth", {"Authenticator": ALL}, False, False),  # whom its provider knows cannot be told
        ("gitlab", {"Authenticator": ALL, "GitLabOAuthenticator": {"gitlab_url": "https://g.org"}}, False, False),
        ("globus", {"GlobusOAuthenticator": {"admin_globus_groups": ["g"]}}, False, False),
        ("auth0", {"Auth0OAuthenticator": {"allow_unverified_email": True}}, True, False),
        ("cilogon", {"CILogonOAuthenticator": {"allowed_idps": {"https://a.org": {}}}}, True, False),
        ("cilogon", {"CILogonOAuthenticator": {"allowed_idps": {"https://a.org": ALL}}}, False, False),
        ("cilogon", {"CILogonOAuthenticator": {"idps": {"https://a.org": {"allowed_domains": ["b"]}}}}, False, False),
        ("cilogon", {"CILogonOAuthenticator": {"idps": {"http://orcid.org/oauth/authorize": ALL}}}, False, True),
        ("tmp", {}, True, False),
        ("tmp", {"Authenticator": {"admin_users": ["ada"], "allowed_users": ["ada"]}}, True, False),
        ("tmp", {"Authenticator": ALL}, False, True),
        ("null", {}, False, False),  # meant so
        ("dummy", {}, False, False),
        ("dummy", {"DummyAuthenticator": {"allow_all": False}}, True, False),
        ("firstuse", {}, False, True),
        ("firstuse", {"FirstUseAuthenticator": {"create_users": False}}, False, False),
        ("firstuse", {"Authenticator": {"allowed_users": ["ada"]}}, False, False),
        ("native", {"Authenticator": {"admin_users": ["ada"]}}, True, False),
        ("native", {"Authenticator": ALL}, False, False),
        ("native", {"Authenticator": ALL, "NativeAuthenticator": {"open_signup": True}}, False, True),
        ("pam", {"PAMAuthenticator": {"allowed_groups": ["staff"]}}, False, False),
        ("lti13", {"Authenticator": ALL}, False, False),
        ("shared-password", {"Authenticator": ALL}, False, False),
        ("ours.OurAuthenticator", {}, False, False),  # nothing is said of what is not known
    ],
)
def test_nobody_and_everybody(name: str, sections: dict[str, Any], nobody: bool, strangers: bool) -> None:
    rules = read_login(config(name, **sections))
    assert (rules.nobody, bool(rules.strangers)) == (nobody, strangers)


@pytest.mark.parametrize("kind", ["tmp", "dummy", "firstuse", "github", "bitbucket"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"admin_users": {"ada"}},
        {"allowed_users": {"ada"}},
        {"allow_all": True},
        {"allow_all": False},
        {"admin_users": {"ada"}, "allowed_users": {"bob"}},
        {"allow_all": False, "admin_users": {"ada"}},
    ],
)
def test_the_classes_themselves_agree(kind: str, settings: dict[str, Any]) -> None:
    assert read_login(config(kind, Authenticator=settings)).nobody is not somebody(kind, settings)


def somebody(kind: str, settings: dict[str, Any]) -> bool:
    """What JupyterHub decides for users who have proved who they are."""
    pytest.importorskip("jupyterhub")
    from importlib.metadata import entry_points

    from traitlets.config import Config

    (found,) = [one for one in entry_points(group="jupyterhub.authenticators") if one.name == kind]
    made = found.load()(config=Config(Authenticator=settings))
    if made.allowed_users:
        made.allowed_users |= made.admin_users  # as JupyterHub does at its start
    names = ["1b4e28ba-2fa1-11d2-883f-0016d3cca427"] if kind == "tmp" else ["ada", "bob", "eve"]
    return any(_allowed(made, name) for name in names)


def _allowed(made: Any, name: str) -> bool:
    if made.allow_all:
        return True
    model = {"name": name, "admin": name in made.admin_users, "auth_state": {}}
    decided = made.check_allowed(name, model)
    return bool(asyncio.run(decided) if asyncio.iscoroutine(decided) else decided)
