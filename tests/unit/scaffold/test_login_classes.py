"""Settings of log-ins against the very classes that read them."""

from __future__ import annotations

import asyncio
from importlib.metadata import entry_points

import pytest
from test_new_hub import LOGINS
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from deployer.scaffold.login import CONFIG, login_settings


@pytest.fixture
def in_a_folder(tmp_path, monkeypatch):
    """Some classes make a file where they stand."""
    monkeypatch.chdir(tmp_path)


def made(kind):
    """An authenticator as the hub would have it."""
    settings = {one.key: one.value for one in login_settings(LOGINS[kind], "ocean.example.org")}
    chosen = settings.pop((*CONFIG, "JupyterHub", "authenticator_class"))
    config = Config()
    for key, value in settings.items():
        section, trait = key[len(CONFIG) :]
        config[section][trait] = value
    known = {one.name: one.value.replace(":", ".") for one in entry_points(group="jupyterhub.authenticators")}
    cls = import_item(known.get(chosen, chosen))
    unknown = {
        (section, trait)
        for section, traits in config.items()
        for trait in traits
        if section not in {base.__name__ for base in cls.__mro__} or not hasattr(cls, trait)
    }
    assert unknown == set()
    return cls(config=config)


# Native log-in needs a hub's database; a dummy's password is deprecated, and for this machine only.
@pytest.mark.parametrize("kind", [kind for kind in LOGINS if kind not in ("native", "dummy")])
@pytest.mark.usefixtures("in_a_folder")
def test_the_class_takes_every_setting(kind):
    assert made(kind).any_allow_config


GOOGLE = {"domain": "example.org", "email": "ada@example.org", "verified_email": True}
CASES = [
    ("firstuse", "grace", {}, True),
    ("firstuse", "ada", {}, True),
    ("firstuse", "mallory", {}, False),
    ("google", "ada@example.org", {"google_user": GOOGLE}, True),
    ("github", "ada", {"github_user": {"login": "ada"}}, True),
    ("generic", "eve", {"oauth_user": {"groups": ["others"]}}, False),
    ("generic", "eve", {"oauth_user": {"groups": ["hub-users"]}}, True),
    ("tmp", "somebody", {}, True),
]


@pytest.mark.parametrize(("kind", "name", "state", "allowed"), CASES)
@pytest.mark.usefixtures("in_a_folder")
def test_who_may_come(kind, name, state, allowed):
    login = made(kind)
    groups = settled(login.get_user_groups(state)) if kind == "generic" else set()
    model = {"name": name, "auth_state": {"scope": [], **state}, "groups": groups, "admin": None}

    assert bool(settled(login.check_allowed(name, model))) is allowed


def settled(answer):
    return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer
