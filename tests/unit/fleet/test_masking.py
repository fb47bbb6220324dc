"""What of values is never shown, and what still is."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from deployer.fleet.masking import MASK, masked, shown
from secret_shapes import PW, SECRET_KEYS, SECRET_VALUES


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_keys_of_secrets(key: str) -> None:
    assert shown(PW, ["hub", key]) == MASK
    assert PW not in shown({key: PW})
    assert PW not in json.dumps(masked({key: PW, "plain": 1}))


@pytest.mark.parametrize(
    "key",
    [
        *("author", "authenticator_class", "path", "compass", "bypass", "pattern", "oauth_callback_url", "passive"),
        *("seeds_of_doubt", "mountPath", "hosts"),
    ],
)
def test_keys_of_other_things(key: str) -> None:
    assert shown("a.Thing", ["hub", key]) == "a.Thing"
    assert masked({key: "a.Thing"}) == {key: "a.Thing"}


@pytest.mark.parametrize("value", SECRET_VALUES)
def test_values_that_look_like_secrets(value: Any) -> None:
    assert PW not in shown(value, ["hub", "plain"], 200).lower()
    assert PW not in json.dumps(masked({"plain": value}), sort_keys=True).lower()


@pytest.mark.parametrize("path", [["env", "[0]", "value"], ["env", "0", "value"], ["extraArgs", "[1]"], ["cmd", "1"]])
def test_what_is_beside_its_name(path: list[str]) -> None:
    assert shown(PW, path) == MASK


@pytest.mark.parametrize(
    ("value", "path", "said"),
    [
        ("https://me:hunter2@x.org/a", [], "https://me:***@x.org/a"),
        ("ssh://git@x.org/a", [], "ssh://git@x.org/a"),
        ("http://x.org:8080/a", [], "http://x.org:8080/a"),
        ("quay.io/a/b:1.2", ["image", "name"], "quay.io/a/b:1.2"),
        ("gke.reef@example.org", ["admin"], "gke.reef@example.org"),
        ("kubeconfig", ["provider"], "kubeconfig"),
        ("a.kube.yaml", ["kubeconfig", "file"], "a.kube.yaml"),
        (["a.values.yaml", "enc-a.secret.yaml"], ["helm_chart_values_files"], '["a.values.yaml", "enc-a.secret.yaml"]'),
        ("enc-a.secret.yaml", ["helm_chart_values_files", "[0]"], "enc-a.secret.yaml"),
        ("--debug", ["args", "[0]"], "--debug"),
        (["one", "two"], ["admin_users"], '["one", "two"]'),
    ],
)
def test_what_stays_readable(value: Any, path: list[str], said: str) -> None:
    assert shown(value, path, 80) == said


def test_lists_with_nothing_in_them_stay() -> None:
    assert masked({"plain": [], "more": [[]]}) == {"plain": [], "more": [[]]}


def test_only_the_value_of_a_named_entry_is_masked() -> None:
    entries = [{"name": "API_TOKEN", "value": PW}, {"name": "LANG", "value": "C"}]
    assert masked(entries) == [{"name": "API_TOKEN", "value": MASK}, {"name": "LANG", "value": "C"}]


def test_long_texts_take_no_longer_than_their_length_asks() -> None:
    start = time.monotonic()
    for text in ("a" * 300_000, "a-" * 150_000, "a:" * 150_000):
        shown(text, ["plain"])
    assert time.monotonic() - start < 10  # seconds; where time grew with the square: minutes
