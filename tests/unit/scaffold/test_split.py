"""Secrets out of values: what goes, what stays, and that the two together are what there was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import FleetError
from deployer.fleet.helm_yaml import load
from deployer.fleet.values import merge
from deployer.scaffold.split import secret_keys, split_data, split_text
from secret_shapes import PW, SECRET_KEYS, SECRET_VALUES

TEXT = """\
# The hub of the institute.
jupyterhub:
  hub:
    config:
      JupyterHub:
        authenticator_class: github   # as agreed
      GitHubOAuthenticator:
        client_id: Iv1.abc
        client_secret: 123456abcdef
        # client_secret: an-old-one
        allowed_organizations: [our-org]
    services:
      dash:
        api_token: aaaabbbbcccc
  proxy:
    secretToken: >-
      0123456789
      abcdef
  ingress:
    tls:
      - secretName: https-auto-tls
        hosts: [ocean.example.org]
  singleuser:
    extraEnv:
      DATABASE: postgres://user:hunter2@db/x
      PLAIN: "yes"
"""
KEYS = [
    "jupyterhub.hub.config.GitHubOAuthenticator.client_secret",
    "jupyterhub.hub.services.dash.api_token",
    "jupyterhub.proxy.secretToken",
    "jupyterhub.singleuser.extraEnv.DATABASE",
]


def test_a_file_with_secrets():
    found = split_text(TEXT.encode(), "values.yaml")
    plain = found.plain.decode()
    assert [".".join(key) for key in found.keys] == KEYS
    for secret in ("123456abcdef", "an-old-one", "aaaabbbbcccc", "0123456789", "hunter2"):
        assert secret not in plain
        assert secret == "an-old-one" or secret in json.dumps(found.secret)
    assert found.comments == 1
    kept = [line for line in TEXT.splitlines() if line in plain.splitlines()]
    assert plain.splitlines() == kept
    assert "authenticator_class: github   # as agreed" in plain
    assert "services" not in plain  # nothing of it is left, and `services:` alone would remove the chart's own
    assert merge([load(found.plain, "x").data, found.secret]) == load(TEXT.encode(), "x").data


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "a: 1\nb: {c: [x, {d: e}]}\n", "\ufeffa: é\r\nb: 1\r\n"])
def test_a_file_without_secrets_is_the_same_bytes(text):
    found = split_text(text.encode(), "values.yaml")
    assert (found.plain, found.secret, found.keys) == (text.encode(), {}, ())


def test_a_file_of_secrets_only():
    found = split_text(b"proxy:\n  secretToken: abcdef\n", "x")
    assert (found.plain, found.secret) == (b"{}\n", {"proxy": {"secretToken": "abcdef"}})


def test_what_is_said_to_be_plain_stays():
    found = split_text(TEXT.encode(), "values.yaml", ["jupyterhub.singleuser.extraEnv", "jupyterhub.proxy.secretToken"])
    assert [".".join(key) for key in found.keys] == KEYS[:2]


@pytest.mark.parametrize("text", ["a: {password: hunter2, b: 1}\n", '{"a": {"token": "abcdef"}, "b": 1}', "- a\n"])
def test_what_cannot_be_taken_out_is_said(text):
    with pytest.raises(FleetError) as error:
        split_text(text.encode(), "values.yaml")
    assert "hunter2" not in str(error.value)
    assert "values.yaml" in str(error.value)


@pytest.mark.parametrize("data", [
    {"password": ""}, {"token": None}, {"tls": [{"secretName": "x"}]}, {"secretRef": "x"}, {"keys": []}, {"auth": {}},
    {"hub": {"existingSecretName": "x"}}, {"passwordFile": "/etc/x"},
])  # fmt: skip
def test_what_only_sounds_like_one(data):
    assert list(secret_keys(data)) == []


@pytest.mark.parametrize("data", [
    {"CryptKeeper": {"keys": ["abc"]}}, {"extraEnv": [{"name": "API_TOKEN", "value": "x1"}]},
    {"args": ["--token", "x1"]}, {"config": "password = x1"}, {"url": "https://u:p@host"}, {"dbpass": "x"},
])  # fmt: skip
def test_what_is_one(data):
    assert len(list(secret_keys(data))) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["x", "yes", "1", "a: b", "ghp_abcdefgh", "é\n"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "on", "token", "password", "name", "value", "1"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "secret", "no"]), VALUES, max_size=4))
def test_the_two_together_are_what_there_was_and_the_plain_one_holds_no_secret(data):
    found = split_data(data)
    plain = load(found.plain, "x").data
    assert list(secret_keys(plain)) == []
    both = merge([plain, found.secret])
    assert json.dumps(both, sort_keys=True) == json.dumps(data, sort_keys=True)


@pytest.mark.parametrize("value", SECRET_VALUES, ids=str)
def test_all_that_is_masked_is_taken_out(value):
    found = split_data({"a": {"b": value}, "c": 1})
    assert PW not in found.plain.decode()
    assert found.secret


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_all_keys_that_are_masked_are_taken_out(key):
    assert PW not in split_data({"a": {key: PW}}).plain.decode()
