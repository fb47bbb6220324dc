"""What a key of owners gives, and what ``validate`` says of it."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.fleet.findings import Finding
from deployer.fleet.owners import gives, in_terms_of, name_of, parse_pattern, unnamed
from deployer.fleet.validation import validate
from small_fleet import cluster, files, fleet_of, hub

NOT_GIVEN = None


@pytest.mark.parametrize(
    ("pattern", "key", "missing"),
    [
        ("a.b", "a.b", ""),
        ("a.b", "a.b.c.0", ""),
        ("a.b", "a", NOT_GIVEN),
        ("a.b", "a.bc", NOT_GIVEN),
        ("a.*.c", "a.b.c", ""),
        ("a.*.c", "a.b.d", NOT_GIVEN),
        ("a", "a.extraConfig", "extraConfig"),
        ("a", "a.extra_config.x", "extra_config"),
        ("a.*", "a.extraConfig", "extraConfig"),  # any key names none
        ("a.extraConfig", "a.extraConfig.x", ""),
        ("a.extraConfig", "a.extraConfig.x.initContainers", "initContainers"),
        ("jupyterhub.hub", "jupyterhub.hub.allowNamedServers", "allowNamedServers"),
        ("jupyterhub.hub.allowNamedServers", "jupyterhub.hub.allowNamedServers", ""),
        ("jupyterhub.hub.config", "jupyterhub.hub.config.A.b", "A"),
        ("jupyterhub.hub.config.A", "jupyterhub.hub.config.A.b", "b"),
        ("jupyterhub.hub.config.A.*", "jupyterhub.hub.config.A.b", "b"),
        ("jupyterhub.hub.config.A.b", "jupyterhub.hub.config.A.b.c", ""),
        ("x.y.jupyterhub.hub.config", "x.y.jupyterhub.hub.config.A.b", "A"),
        ("jupyterhub.singleuser", "jupyterhub.singleuser.image.tag", ""),
        ("jupyterhub", "jupyterhub.proxy.chp.image.tag", "proxy"),
        ("jupyterhub", "jupyterhub.prePuller.pause.image", "image"),
        ("p", "p.0.kubespawner_override.mem_limit", ""),
        ("p", "p.0.kubespawner_override.storage_class", "storage_class"),
        ("p", "p.0.kubespawner_override.node_selector.storage", ""),
        ("p.*.kubespawner_override.uid", "p.0.kubespawner_override.uid", ""),
        ("p", "p.0.kubespawner_override.0.image", "image"),
        ("p", "p.0.profile_options.environment.choices.storage.display_name", ""),
    ],
)
def test_what_a_key_gives(pattern: str, key: str, missing: str | None) -> None:
    path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    wanted = parse_pattern(pattern)
    assert gives(wanted, path) is (missing is not NOT_GIVEN)
    if missing is not NOT_GIVEN:
        assert unnamed(wanted, path) == missing


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.b", ("a", "b")),
        ('a."b.c/d".e', ("a", "b.c/d", "e")),
        ("", ()),
        ("a..b", ()),
        (".a", ()),
        ("a.", ()),
        ('a."b', ()),
        ("a b", ()),
        ('a"b"', ()),
    ],
)
def test_how_keys_are_written(text: str, parts: tuple[str, ...]) -> None:
    assert parse_pattern(text) == parts


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ada", "ada"),
        ("@ada", "ada"),
        ("dependabot[bot]", "dependabot[bot]"),
        ("Our-Org/Team_1", "our-org/team_1"),
        ("\u212aate", ""),  # its lower case is "kate"
        ("a b", ""),
        ("-a", ""),
        ("", ""),
        ("a/b/c", ""),
    ],
)
def test_names_as_github_compares_them(text: str, name: str) -> None:
    assert name_of(text) == name


def test_a_chart_in_a_chart_is_known_by_the_community_s_name() -> None:
    below = ("basehub", "jupyterhub")
    assert in_terms_of(below, (*below, "cull"))[-1] == ("jupyterhub", "cull")
    assert in_terms_of((), ("cull",)) == (("cull",), ("jupyterhub", "cull"))
    assert in_terms_of(below, ("nfs", "path")) == (("nfs", "path"),)
    assert in_terms_of(None, ("nfs",)) == (("nfs",),)


def said(*entries: dict[str, Any], **keys: Any) -> list[Finding]:
    reef = cluster("reef", [hub("staging"), hub("ocean", owners=list(entries), **keys)])
    found = validate(fleet_of(files(reef)))
    return [one for one in found if one.rule.startswith("owners")]


@pytest.mark.parametrize(
    ("entry", "rules"),
    [
        ({"who": ["ada"]}, []),
        ({"who": []}, ["owners"]),
        ({"who": ["a b"]}, ["owners"]),
        ({"who": ["ada"], "keys": ["a..b"]}, ["owners"]),
        ({"who": ["ada"], "keys": ["jupyterhub.singleuser.im\u0430ge"]}, ["owners"]),
        ({"who": ["ada"], "files": ["../other/x"]}, ["owners"]),
        ({"who": ["ada"], "keys": ["jupyterhub.singleuser"]}, ["owners-broad"]),
        ({"who": ["ada"], "keys": ["jupyterhub.*"]}, ["owners-broad"]),
        ({"who": ["ada"], "keys": ["jupyterhub.hub.config"]}, ["owners-broad"]),
        ({"who": ["ada"], "keys": ["*"]}, ["owners-broad"]),
        ({"who": ["ada"], "keys": ["jupyterhub.singleuser.image", "jupyterhub.singleuser.memory"]}, []),
        ({"who": ["ada"], "keys": ["jupyterhub.hub.allowNamedServers"]}, []),
        ({"who": ["ada"], "keys": ["jupyterhub.hub.extraConfig"]}, ["owners-power"]),
        ({"who": ["ada"], "keys": ["jupyterhub.singleuser.profileList"]}, []),
        ({"who": ["ada"], "keys": ["jupyterhub.singleuser.profileList.*.description"]}, ["owners-power"]),
        ({"who": ["ada"], "keys": ["jupyterhub.hub.templateVars"]}, ["owners-power"]),
        ({"who": ["ada"], "keys": ["jupyterhub.hub.image"]}, ["owners-power"]),
        ({"who": ["ada"], "keys": ["jupyterhub.hub.config.JupyterHub.admin_access"]}, ["owners-power"]),
    ],
)
def test_what_validate_says(entry: dict[str, Any], rules: list[str]) -> None:
    assert [one.rule for one in said(entry)] == rules


def test_it_can_be_silenced_and_is_not_said_of_a_hub_that_retires() -> None:
    broad = {"who": ["ada"], "keys": ["jupyterhub.singleuser"]}
    assert said(broad, silence={"owners-broad": "they run the fleet"}) == []
    assert said(broad, retire=True) == []
