"""Values: the laws of merging, and what is said of files that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import FleetError
from deployer.fleet.tree import DictTree
from deployer.fleet.values import at, coalesce, merge, read_values

LEAVES = st.none() | st.booleans() | st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=2)
KEYS = st.sampled_from("abc")
LAYERS = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=3), lambda m: st.dictionaries(KEYS, LEAVES | m, max_size=3)
)


@pytest.mark.parametrize(
    ("layers", "merged"),
    [
        ([], {}),
        ([{"a": 1}, {"a": 2}], {"a": 2}),
        ([{"a": {"b": 1}}, {"a": {"c": 2}}], {"a": {"b": 1, "c": 2}}),
        ([{"a": [1, 2]}, {"a": [3]}], {"a": [3]}),  # lists replace
        ([{"a": {"b": 1}}, {"a": 1}], {"a": 1}),
        ([{"a": 1}, {"a": {"b": 1}}], {"a": {"b": 1}}),
        ([{"a": {"b": 1}}, {"a": None}], {"a": None}),  # null is kept, for Helm to remove the chart's default
        ([{"a": None}, {"a": {"b": 1}}], {"a": {"b": 1}}),
        ([{"a": {"b": 1}}, {"a": {"b": None}}], {"a": {"b": None}}),
    ],
)
def test_merge(layers: list[dict[str, Any]], merged: dict[str, Any]) -> None:
    assert merge(layers) == merged


@given(LAYERS)
def test_one_layer_and_empty_ones_change_nothing(layer: dict[str, Any]) -> None:
    assert merge([layer]) == merge([{}, layer]) == merge([layer, {}]) == merge([layer, layer]) == layer


@given(LAYERS, LAYERS)
def test_the_later_layer_wins(below: dict[str, Any], above: dict[str, Any]) -> None:
    merged = merge([below, above])
    assert merged.keys() == below.keys() | above.keys()
    for path, value in leaves(above):
        assert reached(merged, path) == value


@given(LAYERS, LAYERS, LAYERS)
def test_the_two_upper_layers_may_be_merged_first_where_no_map_and_scalar_meet(
    a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]
) -> None:
    """Where a scalar stands between two maps it hides the lower one, and hides it only if it is merged in order."""
    if not any(
        isinstance(reached(b, path), dict) != isinstance(reached(c, path), dict) for path in inner(b) & inner(c)
    ):
        assert merge([a, merge([b, c])]) == merge([merge([a, b]), c])


@given(LAYERS, LAYERS)
def test_merging_leaves_the_layers_alone(below: dict[str, Any], above: dict[str, Any]) -> None:
    before = repr((below, above))
    merge([below, above])
    coalesce(above, below)
    assert repr((below, above)) == before


def leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = []
    for key, value in values.items():
        found += leaves(value, (*path, key)) if isinstance(value, dict) else [((*path, key), value)]
    return found


def inner(values: dict[str, Any], path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found = set()
    for key, value in values.items():
        found |= {(*path, key)} | (inner(value, (*path, key)) if isinstance(value, dict) else set())
    return found


def reached(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        values = values[key]
    return values


@pytest.mark.parametrize(
    ("given_", "defaults", "effective"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 2}, {"a": 1}, {"a": 2}),
        ({"a": None}, {"a": 1}, {}),  # null removes the default
        ({"a": {"b": None}}, {"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": {"b": 1}}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": 1}),
        ({"a": [1]}, {"a": [2, 3]}, {"a": [1]}),
        ({"a": 1}, {"b": None}, {"a": 1, "b": None}),
    ],
)
def test_coalesce(given_: dict[str, Any], defaults: dict[str, Any], effective: dict[str, Any]) -> None:
    assert coalesce(given_, defaults) == effective


@given(LAYERS)
def test_nothing_given_leaves_the_defaults(defaults: dict[str, Any]) -> None:
    assert coalesce({}, defaults) == defaults


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "v.yaml: no such values file"),
        ("- a\n", "v.yaml:1: values must be a map"),
        ("just text\n", "v.yaml:1: values must be a map"),
        ("a: [\n", "v.yaml:2:1: not YAML"),
    ],
)
def test_values_files_that_cannot_be_read(text: str | None, message: str) -> None:
    tree = DictTree({} if text is None else {"v.yaml": text.encode()})
    with pytest.raises(FleetError) as caught:
        read_values(tree, "v.yaml")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n", "{}\n"])
def test_an_empty_values_file_is_an_empty_layer(text: str) -> None:
    assert read_values(DictTree({"v.yaml": text.encode()}), "v.yaml") == {}


def test_at() -> None:
    assert at({"a": {"b": {"c": 1}}}, ["a", "b"]) == {"c": 1}
    assert at({"a": 1}, ["a", "b"]) == {}
    assert at({}, []) == {}
