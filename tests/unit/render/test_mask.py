"""What is never shown, and what still is."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
import yaml

from deployer.fleet.masking import masked
from deployer.render.mask import Masker, marks, unmarked
from deployer.render.normalise import dump
from secret_shapes import PW, SECRET_KEYS, SECRET_VALUES

MASKER = Masker(b"k" * 32)


def shown(data: Any) -> str:
    return unmarked(dump(MASKER.manifest(data)))


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "Secret", "data": {"any": b64("hunter2")}},
        {"kind": "Secret", "data": {"any": "hunter2 is no base64"}},
        {"kind": "Secret", "stringData": {"any": "hunter2"}},
        {"kind": "Secret", "data": {"values.yaml": b64("hub: {plain: hunter2, list: [hunter2]}")}},
        {"kind": "ConfigMap", "data": {"password": "hunter2"}},
        {"kind": "ConfigMap", "data": {"x.ini": "a = 1\ndb_password = hunter2\n"}},
        {"kind": "ConfigMap", "data": {"x.yaml": "client_secret: 'hunter2 and more'\n"}},
        {"kind": "ConfigMap", "data": {"x.json": '{"apiToken": "hunter2", "b": 1}'}},
        {"kind": "ConfigMap", "data": {"url": "postgres://hub:hunter2@db/hub"}},
        {"kind": "ConfigMap", "data": {"k": "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"}},
        {"kind": "Deployment", "env": [{"name": "OAUTH_TOKEN", "value": "hunter2"}]},
        {"kind": "Deployment", "args": ["--api-token=hunter2"]},
        {"kind": "Deployment", "tokens": ["hunter2"]},
        {"kind": "Role", "rules": [{"resources": ["x"], "verbs": ["get"], "password": "hunter2"}]},
        {"metadata": {"name": "a", "labels": {"token": "hunter2"}, "annotations": {"x/api-token": "hunter2"}}},
        {"env": [{"name": "TOKEN", "value": "hunter2", "labels": {}}]},
        "kind: Secret\nkind: Secret\ndata: {a: hunter2}\n",  # what could not be parsed
    ],
)
def test_never_shown(data: Any) -> None:
    text = shown(data)
    assert "***" in text
    assert "hunter2" not in text
    assert b64("hunter2") not in text


@pytest.mark.parametrize(
    "data",
    [
        {"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "the-key"}}}]},
        {"volumes": [{"secret": {"secretName": "hub"}}]},
        {"automountServiceAccountToken": False},
        {"tolerations": [{"key": "hub.jupyter.org/dedicated", "value": "user"}]},
        {"args": [], "env": [{"tls": []}]},  # lists with nothing in them
        # An object that is called as a secret is: its name says nothing of its labels.
        {"kind": "ClusterIssuer", "metadata": {
            "name": "letsencrypt", "annotations": {"helm.sh/hook": "post-install"}, "labels": {"helm.sh/chart": "x"}}},
        {"kind": "Service", "metadata": {"name": "token-broker", "labels": {"app.kubernetes.io/instance": "hub"}}},
        {"kind": "Role", "rules": [{"apiGroups": [""], "resources": ["secrets", "services"], "verbs": ["get"]}]},
        {"data": {"motd": "Keys and secrets are kept elsewhere"}},
    ],
)  # fmt: skip
def test_still_shown(data: Any) -> None:
    assert shown(data) == dump(data)


def test_the_keys_of_values_within_a_secret_are_shown() -> None:
    data = {"kind": "Secret", "data": {"values.yaml": b64("hub: {memory: 1G, empty: {}}")}}
    assert shown(
        data
    ) == "data:\n  values.yaml:\n    hub:\n      empty: {}\n      memory: '***'\nkind: Secret\n".replace("'***'", "***")


def test_the_same_secret_has_the_same_mark_with_one_key_only() -> None:
    one, two = MASKER.mark("a"), MASKER.mark("b")
    assert one == MASKER.mark("a")
    assert len({one, two, Masker(b"other").mark("a")}) == 3
    assert marks(f"x {one} y {two}") == {one, two}
    assert unmarked(f"+ {one} {two}", "after", frozenset({two})) == "+ *** (after) ***"


@pytest.mark.parametrize("value", SECRET_VALUES)
def test_what_a_plan_masks_a_diff_masks(value: Any) -> None:
    """As a value of its own, in a text of many lines, and in the text of a file within a ConfigMap."""
    lines = value if isinstance(value, str) else json.dumps(value)
    for data in (
        {"kind": "ConfigMap", "data": {"plain": value}},
        {"kind": "ConfigMap", "data": {"x.py": f"a = 1\n{lines}\nb = 2\n"}},
        {"kind": "ConfigMap", "data": {"x.json": json.dumps({"a": 1, "b": value})}},
        {"kind": "ConfigMap", "data": {"x.yaml": yaml.safe_dump({"a": 1, "b": value})}},
    ):
        assert PW not in shown(data).lower()


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_keys_that_a_plan_masks_a_diff_masks(key: str) -> None:
    for value in (PW, {"value": PW}, [PW], f"{PW}\nand {PW}"):
        whole = {"a": 1, key: value}
        for data in (whole, {"x.json": json.dumps(whole)}, {"x.yaml": yaml.safe_dump(whole)}):
            assert PW not in shown({"kind": "ConfigMap", "data": data}), data


def test_long_texts_take_no_longer_than_their_length_asks() -> None:
    start = time.monotonic()
    for text in (
        "a" * 100_000,
        "a:" * 50_000,
        '{"a": ' * 20_000,
        "token: " * 20_000,
        "-u a" * 20_000,
        "ftp://a" * 20_000,
    ):
        shown({"kind": "ConfigMap", "data": {"plain": text}})
    assert time.monotonic() - start < 20  # seconds; where time grew with the square: minutes


def test_what_is_empty_stays_empty() -> None:
    files = {"x.json": '{"a": []}', "y.yaml": "a: []\nb: {}\n"}
    data = {"hosts": [], "map": {}, "text": "", "nested": [[], {}], "data": files}
    assert MASKER.manifest(data) == data
    assert masked(data) == data
