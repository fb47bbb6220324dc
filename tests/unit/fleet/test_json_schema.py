"""The JSON Schema for editors says what our own parser says."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from deployer.errors import DeployerError
from deployer.fleet import json_schema
from deployer.fleet.findings import POLICY_RULES
from deployer.fleet.helm_yaml import load
from deployer.fleet.json_schema import cluster_schema, settings_schema
from deployer.fleet.validation import validate, what_cannot_be_read
from deployer.scaffold import create
from small_fleet import CONNECTIONS, cluster, fleet_of, hub

CLUSTER = Draft202012Validator(cluster_schema())
SETTINGS = Draft202012Validator(settings_schema())
TEMPLATE = Path(create.__file__).parent / "template"
# What our parser says beyond the schema, and what it says of other files than this one.
OF_THE_SCHEMA = {
    "schema",
    "unknown-key",
    "provider-block",
    "hub-name",
    "silence-unknown-rule",
    "silence-without-reason",
}


def test_they_are_schemas() -> None:
    for schema in json_schema.schemas().values():
        Draft202012Validator.check_schema(schema)
        assert json.loads(json_schema.text(schema)) == schema


def test_editors_are_told_what_keys_mean() -> None:
    made = cluster_schema()
    provider = made["properties"]["provider"]
    assert provider["enum"] == ["gcp", "aws", "azure", "kubeconfig", "local"]
    assert provider["description"] == "Where the cluster runs."
    assert made["required"] == ["name", "provider"]
    one = made["$defs"]["Hub"]
    assert one["properties"]["health"]["default"] == "user"
    assert one["properties"]["silence"]["properties"].keys() == POLICY_RULES.keys()
    assert settings_schema()["$defs"]["Limits"]["properties"]["parallel"]["default"] == 8


@pytest.mark.parametrize("file", sorted(TEMPLATE.rglob("cluster.yaml")) + sorted(TEMPLATE.rglob("deployer.yaml")))
def test_the_template_s_files_are_valid_and_point_to_it(file: Path) -> None:
    name = file.stem
    where = file.relative_to(TEMPLATE).as_posix().partition("/")[2]
    assert file.read_text().splitlines()[0] == json_schema.modeline(name, where)
    schema = CLUSTER if name == "cluster" else SETTINGS
    assert list(schema.iter_errors(load(file.read_bytes(), str(file)).data)) == []


@pytest.mark.parametrize("provider", CONNECTIONS)
def test_every_provider(provider: str) -> None:
    whole = cluster("reef", [hub("ocean", silence={"no-canary": "why"})], provider)
    assert CLUSTER.is_valid(whole)
    bare = {key: value for key, value in whole.items() if key != provider}
    assert CLUSTER.is_valid(bare) == (provider == "local")


def test_keys_of_a_fleet_s_own() -> None:
    data = cluster("reef", [hub("ocean", contact="ada")], "aws")
    data["aws"] = {**data["aws"], "billing": {"paid": True}}
    assert not CLUSTER.is_valid(data)
    assert Draft202012Validator(cluster_schema(["aws.billing", "hubs.contact"])).is_valid(data)


VALUES = st.sampled_from(
    [None, True, False, 0, 1, -1, 1.5, 3.0, "", "x", "staging", "production", "gcp", "local", "user", "support",
     "Ocean", [], ["x"], ["staging"], [1], [None], {}, {"x": "y"}, {"no-canary": "why"}, {"no-canary": ""},
     {"no-canary": 1}, {"port": 8080}, [{}], [{"name": "a"}]]
)  # fmt: skip
KEYS = st.sampled_from(
    ["name", "provider", "gcp", "local", "hubs", "support", "x-y", "xy", "metadata", "domain", "helm_chart", "stage",
     "helm_chart_values_files", "health", "retire", "silence", "canary", "project", "zone", "port", "display_name"]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, start: Any) -> Any:
    """The same with a few keys set to other values, added, or taken out."""
    data = copy.deepcopy(start)
    for _ in range(draw(st.integers(1, 3))):
        maps = list(_maps(data))
        if maps:
            here, key = maps[draw(st.integers(0, len(maps) - 1))], draw(KEYS)
            if draw(st.booleans()) and key in here:
                del here[key]
            else:
                here[key] = copy.deepcopy(draw(VALUES))
    return data


def _maps(data: Any) -> list[dict[str, Any]]:
    below = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return ([data] if isinstance(data, dict) else []) + [one for item in below for one in _maps(item)]


WHOLE = cluster("reef", [hub("staging"), hub("ocean", canary=["staging"], health="http")], local={"port": 80})


def refused(path: str, data: Any) -> set[str]:
    """The rules of ours that find something in this file alone."""
    try:
        fleet = fleet_of({path: json.dumps(data)})
    except DeployerError as error:
        said = what_cannot_be_read([error])
        # What no schema can say: then nothing more is looked at either.
        assume(not any("is no staging hub" in one.message or "is also the name of" in one.message for one in said))
        return {one.rule for one in said}
    return {one.rule for one in validate(fleet) if one.place.path == path} & OF_THE_SCHEMA


@given(mutated(WHOLE))
def test_our_parser_agrees_about_cluster_yaml(data: Any) -> None:
    says = refused("config/clusters/reef/cluster.yaml", data)
    assert CLUSTER.is_valid(data) == (not says)


FULL_SETTINGS = {
    "charts": "helm-charts",
    "extra_keys": [],
    "limits": {"parallel": 2, "timeout": 3.5},
    "jsonnet": {"ext_vars": {}},
    "health": {"attempts": 3},
    "silence": {"no-canary": "why"},
}
SETTING_KEYS = st.sampled_from(
    [*FULL_SETTINGS, "parallel", "timeout", "attempts", "ext_vars", "no-canary", "x-a", "zz"]
)


@given(st.data())
def test_our_parser_agrees_about_deployer_yaml(data: st.DataObject) -> None:
    settings = copy.deepcopy(FULL_SETTINGS)
    for _ in range(data.draw(st.integers(0, 2))):
        maps = _maps(settings)
        here, key = maps[data.draw(st.integers(0, len(maps) - 1))], data.draw(SETTING_KEYS)
        here[key] = copy.deepcopy(data.draw(VALUES))
    says = refused("deployer.yaml", settings) - {"outside-fleet"}
    assert SETTINGS.is_valid(settings) == (not says)
