"""Policy on effective values: what each rule says, of what, and where it keeps still."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.fleet.findings import POLICY_RULES, RULES, Finding, Severity
from deployer.fleet.ids import ReleaseId
from deployer.fleet.policy import CHECKS
from deployer.fleet.validation import validate
from small_fleet import cluster, files, fleet_of, hub

REEF = "config/clusters/reef"
GITHUB = {"JupyterHub": {"authenticator_class": "github"}, "GitHubOAuthenticator": {"allowed_organizations": ["reefs"]}}
SOUND = {"singleuser": {"memory": {"limit": "1G"}}, "hub": {"config": GITHUB}}
SEALED = "enc-ocean.secret.values.yaml"


def said(
    values: dict[str, Any], provider: str = "gcp", contents: dict[str, str] | None = None, **keys: Any
) -> list[Finding]:
    """What policy says of reef/ocean."""
    reef = cluster("reef", [hub("staging"), hub("ocean", **keys)], provider)
    whole = files(reef) | {
        "helm-charts/basehub/values.yaml": json.dumps({"jupyterhub": SOUND}),
        f"{REEF}/ocean.values.yaml": json.dumps({"jupyterhub": values}),
        f"{REEF}/{SEALED}": "sops: {mac: x}\n",
        **(contents or {}),
    }
    found = validate(fleet_of(whole), [ReleaseId("reef", "ocean")])
    return [one for one in found if one.rule in POLICY_RULES]


def rules(*args: Any, **options: Any) -> list[str]:
    return [one.rule for one in said(*args, **options)]


def login(name: str | None = None, **sections: Any) -> dict[str, Any]:
    chosen = {"JupyterHub": {"authenticator_class": name}} if name else {}
    return {"hub": {"config": {**chosen, **sections}}}


def profiles(*entries: dict[str, Any], limit: str | None = None) -> dict[str, Any]:
    return {"singleuser": {"memory": {"limit": limit}, "profileList": list(entries)}}


def profile(**override: Any) -> dict[str, Any]:
    return {"display_name": "P", "kubespawner_override": override}


CHOICES = {"profile_options": {"size": {"choices": {"s": {"kubespawner_override": {"mem_limit": "1G"}}}}}}
NO_ORGS = {"allowed_organizations": []}


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, []),
        (login(GitHubOAuthenticator=NO_ORGS), ["nobody-can-log-in"]),
        (login("tmp"), ["nobody-can-log-in"]),
        (login("null"), []),
        (login(GitHubOAuthenticator={"allow_all": True}), ["everybody-can-log-in"]),
        (login("dummy"), ["dummy-authenticator"]),
        (login("jupyterhub.auth.DummyAuthenticator"), ["dummy-authenticator"]),
        (login(GitHubOAuthenticator={"allowed_users": ["ada"]}), ["organisations-and-users"]),
        (login(GitHubOAuthenticator={"allowed_users": ["ada"], "allow_existing_users": False}), []),
        (login(GitHubOAuthenticator={**NO_ORGS, "allowed_users": ["ada"]}), []),
        ({"singleuser": {"memory": {"limit": None}}}, ["no-memory-limit"]),  # null takes the chart's default away
        (profiles(profile(mem_limit="1G")), []),
        (profiles(profile(mem_limit="1G"), profile()), ["no-memory-limit"]),
        (profiles({**profile(), **CHOICES}), []),
        (profiles(profile(), limit="2G"), []),
        ({"singleuser": {"image": {"name": "a/b", "tag": "latest"}}}, ["image-latest"]),
        ({"hub": {"image": {"tag": "latest"}}}, ["image-latest"]),
        (profiles(profile(image="a/b:latest"), limit="1G"), ["image-latest"]),
        (profiles(profile(image="registry:5000/a/b"), limit="1G"), ["image-latest"]),
        ({"singleuser": {"initContainers": [{"image": "a/b"}, {"image": "a/b:1"}]}}, ["image-latest"]),
        ({"hub": {"extraContainers": [{"image": "a/b:latest"}, "c"]}}, ["image-latest"]),
        (profiles(profile(image="a/b:2026.1"), profile(image="a@sha256:0"), profile(image="{value}"), limit="1G"), []),
        ({"cull": {"enabled": False}}, ["culling-off"]),
    ],
)
def test_the_table(values: dict[str, Any], found: list[str]) -> None:
    assert rules(values) == found


def test_a_production_hub_with_no_canary() -> None:
    assert rules({}, canary=[]) == ["no-canary"]
    assert rules({}, canary=[], stage="staging") == []


def test_on_this_machine_nobody_else_comes_in() -> None:
    assert rules(login("dummy"), provider="local") == []
    assert rules(login("tmp", Authenticator={"allow_all": True}), provider="local") == []
    assert rules(login("tmp"), provider="local") == ["nobody-can-log-in"]


def test_the_chart_s_default_is_the_dummy() -> None:
    bare = {"helm-charts/basehub/values.yaml": "jupyterhub: {singleuser: {memory: {limit: 1G}}}\n"}
    (one,) = said({}, contents=bare)
    assert (one.rule, one.severity) == ("dummy-authenticator", Severity.ERROR)


def test_where_a_snippet_may_decide_nothing_is_said() -> None:
    snippet = {"hub": {"extraConfig": {"x": "c.Authenticator.allow_all = True"}}}
    assert rules({"hub": {**login("tmp")["hub"], **snippet["hub"]}}) == []
    memory = {"hub": {"extraConfig": {"x": "c.KubeSpawner.mem_limit = '1G'"}}, "singleuser": {"memory": None}}
    assert rules(memory) == []


SEALED_LAST = ["ocean.values.yaml", SEALED]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (login("tmp"), []),  # it may allow somebody
        (login("dummy"), ["dummy-authenticator"]),
        ({"cull": {"enabled": False}}, ["culling-off"]),
    ],
)
def test_where_an_encrypted_file_may_decide(values: dict[str, Any], found: list[str]) -> None:
    findings = said(values, helm_chart_values_files=SEALED_LAST)
    assert [one.rule for one in findings] == found
    assert all(one.severity is Severity.WARNING and "unless an encrypted file" in one.message for one in findings)
    # Below the plain file that sets it, it decides nothing.
    before = said(values, helm_chart_values_files=SEALED_LAST[::-1])
    assert [one.severity for one in before if one.rule == "dummy-authenticator"] == [Severity.ERROR] * found.count(
        "dummy-authenticator"
    )


def test_a_finding_stands_where_the_value_is_set() -> None:
    text = "jupyterhub:\n  cull:\n    timeout: 3\n    enabled: false\n"
    (one,) = said({}, contents={f"{REEF}/ocean.values.yaml": text})
    assert (str(one.place), one.key) == (f"{REEF}/ocean.values.yaml:4", "jupyterhub.cull.enabled")
    chart = json.dumps({"jupyterhub": {**SOUND, "cull": {"enabled": False}}})
    (one,) = said({}, contents={"helm-charts/basehub/values.yaml": chart})
    assert one.place.path == "helm-charts/basehub/values.yaml"


def test_a_hub_one_level_up() -> None:
    values = {f"{REEF}/ocean.values.yaml": "basehub:\n  jupyterhub:\n    cull: {enabled: false}\n"}
    (one,) = said({}, contents=values, helm_chart="daskhub")
    assert (one.key, one.place.line) == ("basehub.jupyterhub.cull.enabled", 3)


def test_what_several_hubs_share_is_said_once() -> None:
    shared = [hub(name, helm_chart_values_files=["common.values.yaml"]) for name in ("staging", "ocean", "coral")]
    contents = files(cluster("reef", shared)) | {
        "helm-charts/basehub/values.yaml": json.dumps({"jupyterhub": SOUND}),
        f"{REEF}/common.values.yaml": "jupyterhub:\n  cull: {enabled: false}\n",
    }
    (one,) = validate(fleet_of(contents))
    assert [release.name for release in one.releases] == ["coral", "ocean", "staging"]


def test_every_rule_of_policy_has_a_check_and_all_have_words() -> None:
    assert CHECKS.keys() | {"owners-broad", "owners-power"} == POLICY_RULES.keys()
    assert all(rule.what and rule.reason and rule.remedy for rule in RULES.values())
    assert all(rule.may_be_silenced for rule in POLICY_RULES.values())
