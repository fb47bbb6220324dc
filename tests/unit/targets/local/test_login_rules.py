from __future__ import annotations

from typing import Any

import pytest

from deployer.targets.local.login_rules import deciding, read_rules


def provider(**changes: Any) -> dict[str, Any]:
    return {"allowed_idps": {"https://idp": {"username_derivation": {"username_claim": "email"}, **changes}}}


STRIPPED = {"username_derivation": {"username_claim": "email", "action": "strip_idp_domain", "domain": "uni.edu"}}
PREFIXED = {"username_derivation": {"username_claim": "email", "action": "prefix", "prefix": "uni"}}


@pytest.mark.parametrize(
    ("settings", "name", "enters"),
    [
        ({}, "ada", False),
        ({"allowed_organizations": ["reef"]}, "ada", True),  # needs GitHub to decide: could admit her
        ({"allowed_organizations": []}, "ada", False),
        ({"allowed_users": ["eve"]}, "ada", False),  # a list of names, which the base class decides
        (provider(), "ada@uni.edu", False),  # only says who may authenticate, admits nobody by itself
        (provider(allow_all=True), "ada@uni.edu", True),
        (provider(allowed_domains=["uni.edu"]), "ada@uni.edu", True),
        (provider(allowed_domains=["*.uni.edu"]), "ada@chem.UNI.edu", True),
        (provider(allowed_domains=["uni.edu"]), "ada@else.edu", False),
        (provider(allowed_domains=["uni.edu"]), "ada", False),
        (provider(allowed_domains=["uni.edu"], **STRIPPED), "ada", True),
        (provider(allowed_domains=["uni.edu"], **PREFIXED), "uni:ada@uni.edu", True),
        (provider(allowed_domains=["uni.edu"], **PREFIXED), "ada@uni.edu", False),
        (provider(allowed_domains=["uni.edu"], allowed_domains_claim="org"), "ada", True),
    ],
)
def test_who_is_admitted(settings: dict[str, Any], name: str, enters: bool) -> None:
    assert read_rules(settings).admits(name) is enters


@pytest.mark.parametrize(
    ("settings", "name", "passes"),
    [
        ({"hosted_domain": ["reef.org"]}, "ada@reef.org", True),
        ({"hosted_domain": "reef.org"}, "ada@else.org", False),
        ({"hosted_domain": ["reef.org"]}, "ada", False),
        ({"hosted_domain": ["reef.org"], "strip_domain": True}, "ada", True),
        ({}, "ada", True),
    ],
)
def test_a_gate_comes_before_every_rule(settings: dict[str, Any], name: str, passes: bool) -> None:
    assert read_rules(settings).may_pass(name) is passes


def test_no_client_secret_is_carried_along() -> None:
    settings = {"client_secret": "s", "allowed_groups": ["a"], "allowed_users": ["b"], "strip_domain": True}
    assert deciding(settings) == {"allowed_groups": ["a"], "strip_domain": True}
