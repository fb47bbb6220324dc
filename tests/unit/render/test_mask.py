"""What is never shown, and what still is."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from deployer.render.mask import Masker, marks, unmarked
from deployer.render.normalise import dump

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
        {"data": {"motd": "Keys and secrets are kept elsewhere"}},
    ],
)
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
