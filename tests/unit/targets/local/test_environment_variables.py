from __future__ import annotations

from typing import Any

import pytest

from deployer.targets.local.environment import expand, filled, read_variables

SECRET = {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
NAMESPACE = {"valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}


@pytest.mark.parametrize(
    ("written", "plain", "unknown"),
    [
        (None, {}, {}),
        ({"A": "1", "B": 2, "C": True, "D": None}, {"A": "1", "B": "2", "C": "true"}, {}),
        ({"A": {"value": "1"}, "B": {"name": "C", "value": "2"}}, {"A": "1", "C": "2"}, {}),
        ({"A": SECRET, "B": NAMESPACE}, {"B": "ocean"}, {"A": "secretKeyRef"}),
        ([{"name": "A", "value": "1"}, {"name": "B", **SECRET}], {"A": "1"}, {"B": "secretKeyRef"}),
    ],
)
def test_all_forms_are_read(written: Any, plain: dict[str, str], unknown: dict[str, str]) -> None:
    found = read_variables(written, "ocean")
    assert (found.plain, found.unknown) == (plain, unknown)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("s3://b/$(USER)", "s3://b/ada"),
        ("$(BEFORE)-$(USER)", "x-ada"),
        ("$(AFTER)", "$(AFTER)"),  # only what was written before, as in a pod
        ("$$(USER)", "$(USER)"),
        ("$USER {username}", "$USER {username}"),
    ],
)
def test_references_are_expanded(text: str, expanded: str) -> None:
    found = expand({"BEFORE": "x", "IT": text, "AFTER": "y"}, {"USER": "ada"})
    assert found["IT"] == expanded


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("s3://{username}/x", "s3://ada/x"),
        ('{{"user": "{username}"}}', '{"user": "ada"}'),
        ('{"user": 1}', '{"user": 1}'),
        ("{other}", "{other}"),
        ("{", "{"),
        ("{0}", "{0}"),
        ("{username.x}", "{username.x}"),
    ],
)
def test_names_are_filled_in(text: str, result: str) -> None:
    assert filled(text, {"username": "ada"}) == result
