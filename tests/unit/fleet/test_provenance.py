"""Where a value comes from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import FleetError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.provenance import NOTHING, Provenance, dotted, leaves, reach
from deployer.fleet.repository import Fleet
from small_fleet import cluster, files, fleet_of, hub

REEF = "config/clusters/reef"
FILES = ["common.values.yaml", "enc-ocean.secret.yaml", "ocean.values.yaml", "more.jsonnet"]


def fleet() -> Fleet:
    reef = cluster("reef", [hub("staging"), hub("ocean", helm_chart="daskhub", helm_chart_values_files=FILES)])
    return fleet_of(
        files(reef)
        | {
            "deployer.yaml": "jsonnet: {chart_values: values.jsonnet, ext_vars: {HUB: hub.name}}",
            "helm-charts/basehub/values.yaml": "jupyterhub:\n  singleuser:\n    memory:\n      limit: 1G\n",
            "helm-charts/basehub/values.jsonnet": "{ jupyterhub: { computed: std.extVar('HUB') } }",
            "helm-charts/daskhub/values.yaml": "own: 1\nbasehub:\n  jupyterhub:\n    cull: {every: 60, max: 1}\n",
            f"{REEF}/common.values.yaml": (
                "basehub:\n  jupyterhub:\n    singleuser:\n      memory:\n        limit: 2G\n    cull: {every: null}\n"
            ),
            f"{REEF}/ocean.values.yaml": (
                "basehub:\n  jupyterhub:\n    singleuser: {memory: {limit: 4G}}\n    hub:\n"
                "      db: {password: hunter2}\n"
                "      extraConfig:\n        00-a.b: x = 1\n      list: [{a: 1}, {a: 2}]\n"
            ),
            f"{REEF}/more.jsonnet": "{ own: 2 }",
            f"{REEF}/enc-ocean.secret.yaml": "sops: {}\n",
        }
    )


OCEAN = Provenance(fleet(), fleet().release(ReleaseId("reef", "ocean")))
BASE = "helm-charts/basehub/values.yaml:4"
ENCRYPTED = f"{REEF}/enc-ocean.secret.yaml"


@pytest.mark.parametrize(
    ("key", "value", "setters"),
    [
        (
            "basehub.jupyterhub.singleuser.memory.limit",
            "4G",
            [BASE, f"{REEF}/common.values.yaml:5", ENCRYPTED, f"{REEF}/ocean.values.yaml:3"],
        ),
        ("basehub.jupyterhub.computed", "ocean", ["helm-charts/basehub/values.jsonnet", ENCRYPTED]),
        (
            "basehub.jupyterhub.cull.every",  # null takes the default away
            NOTHING,
            ["helm-charts/daskhub/values.yaml:4", f"{REEF}/common.values.yaml:6", ENCRYPTED],
        ),
        ("own", 2, ["helm-charts/daskhub/values.yaml:1", ENCRYPTED, f"{REEF}/more.jsonnet"]),
        ("basehub.jupyterhub.hub.extraConfig.00-a.b", "x = 1", [ENCRYPTED, f"{REEF}/ocean.values.yaml:7"]),
        ("basehub.jupyterhub.hub.list[1].a", 2, [ENCRYPTED, f"{REEF}/ocean.values.yaml:8"]),
        ("basehub.jupyterhub.prePuller.hook.enabled", NOTHING, [ENCRYPTED]),
    ],
)  # fmt: skip
def test_every_setter_in_order(key: str, value: Any, setters: list[str]) -> None:
    found = OCEAN.explain(OCEAN.parse(key))
    assert dotted(found.key) == key
    assert found.value == value
    assert [str(setter.place) for setter in found.setters] == setters
    assert found.winner is None or not found.winner.encrypted


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("jupyterhub.singleuser.memory.limit", "basehub.jupyterhub.singleuser.memory.limit"),
        ("singleuser.memory", "basehub.jupyterhub.singleuser.memory"),
        ("jupyterhub.hub.extraConfig.00-a.b", "basehub.jupyterhub.hub.extraConfig.00-a.b"),
        ("jupyterhub.prePuller.hook", "basehub.jupyterhub.prePuller.hook"),
        ("own", "own"),
        ("unknown.to.all", "unknown.to.all"),
    ],
)
def test_a_key_as_the_hub_chart_knows_it(typed: str, meant: str) -> None:
    assert dotted(OCEAN.parse(typed)) == meant


def test_the_chart_from_outside_that_gets_a_key() -> None:
    outside = OCEAN.explain(OCEAN.parse("basehub.jupyterhub.hub.image")).outside
    assert outside is not None
    assert (outside.name, outside.version) == ("jupyterhub", "4.3.3")
    assert OCEAN.explain(("own",)).outside is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("basehub.jupyterhub.singleuser.memroy.limit", "basehub.jupyterhub.singleuser.memory.limit"),
        ("basehub.jupyterhub.singleuser.memory.limits", "basehub.jupyterhub.singleuser.memory.limit"),
        ("jupyterhub.singleuser.memroy.limit", "basehub.jupyterhub.singleuser.memory.limit"),
        ("ownn", "own"),
        ("basehub.jupyterhub.hub.extraconfig", "basehub.jupyterhub.hub.extraConfig"),
    ],
)
def test_a_typo(typed: str, meant: str) -> None:
    with pytest.raises(FleetError, match=f"nothing sets {typed}") as error:
        OCEAN.parse(typed)
    assert error.value.hint == f"Did you mean {meant}?"


def test_all_keys_with_their_last_setter() -> None:
    found = {dotted(one.key): str(one.winner.place) for one in OCEAN.everything() if one.winner}
    assert len(found) == len(list(leaves(OCEAN.values)))
    assert found["basehub.jupyterhub.cull.max"] == "helm-charts/daskhub/values.yaml:4"
    assert found["basehub.jupyterhub.hub.db.password"] == f"{REEF}/ocean.values.yaml:5"


LAYERS = st.recursive(
    st.none() | st.integers(0, 2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).map(lambda value: value if isinstance(value, dict) else {})


@given(st.lists(LAYERS, min_size=1, max_size=4))
def test_the_winner_says_the_effective_value(layers: list[dict[str, Any]]) -> None:
    names = [f"{number}.yaml" for number in range(len(layers))]
    made = files(cluster("reef", [hub("ocean", helm_chart_values_files=names)]))
    made |= {f"{REEF}/{name}": json.dumps(layer) for name, layer in zip(names, layers, strict=True)}
    small = fleet_of(made)
    provenance = Provenance(small, small.release(ReleaseId("reef", "ocean")))
    for one in provenance.everything():
        assert one.winner is not None
        assert one.winner.value == one.value
        assert reach(provenance.values, one.key) == (one.key, one.value)
