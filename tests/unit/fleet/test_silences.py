"""Silencing a rule: for one hub or the whole fleet, with a reason."""

from __future__ import annotations

import json

import pytest

from deployer.fleet.findings import Finding
from deployer.fleet.validation import validate
from small_fleet import cluster, files, fleet_of, hub

REEF = "config/clusters/reef"
CHART = {
    "helm-charts/basehub/values.yaml": json.dumps({"jupyterhub": {
        "singleuser": {"memory": {"limit": "1G"}},
        "hub": {"config": {
            "JupyterHub": {"authenticator_class": "github"}, "OAuthenticator": {"allowed_users": ["ada"]},
        }},
    }})
}  # fmt: skip
OFF = {f"{REEF}/ocean.values.yaml": "jupyterhub: {cull: {enabled: false}}\n"}


def found(silence: dict[str, str], settings: str = "{}\n", contents: dict[str, str] = OFF) -> list[Finding]:
    reef = cluster("reef", [hub("staging"), hub("ocean", silence=silence)])
    return validate(fleet_of(files(reef) | CHART | contents | {"deployer.yaml": settings}))


def rules(*args: object, **options: object) -> list[str]:
    return [one.rule for one in found(*args, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("silence", "said"),
    [
        ({}, ["culling-off"]),
        ({"culling-off": "long computations"}, []),
        ({"culling-off": " "}, ["silence-without-reason"]),
        ({"culling-of": "why"}, ["silence-unknown-rule", "culling-off"]),
        ({"schema": "why"}, ["silence-unknown-rule", "culling-off"]),
        ({"unused-values-file": "why"}, ["silence-unknown-rule", "culling-off"]),  # that is no rule about hubs
        ({"culling-off": "why", "image-latest": "why"}, ["silence-of-nothing"]),
    ],
)
def test_of_one_hub(silence: dict[str, str], said: list[str]) -> None:
    assert rules(silence) == said


def test_of_the_fleet() -> None:
    assert rules({}, "silence: {culling-off: we pay for it}\n") == []
    assert rules({}, "silence:\n  culling-off: ''\n") == ["silence-without-reason"]
    (one,) = found({}, "silence:\n  culling-off: why\n  no-canary: why\n")
    assert (one.rule, str(one.place), one.key) == ("silence-of-nothing", "deployer.yaml:3", "silence.no-canary")
    assert rules({}, "silence: {xyzzy: why, culling-off: why}\n") == ["silence-unknown-rule"]


def test_what_an_encrypted_file_may_set_is_never_called_idle() -> None:
    reef = cluster("reef", [
        hub("staging"),
        hub("ocean", silence={"culling-off": "why"}, helm_chart_values_files=["enc-a.secret.values.yaml"]),
    ])  # fmt: skip
    contents = files(reef) | CHART | {f"{REEF}/enc-a.secret.values.yaml": "sops: {mac: x}\n"}
    assert validate(fleet_of(contents)) == []


def test_a_neighbour_s_silence_is_not_mine() -> None:
    silenced = hub("coral", silence={"culling-off": "why"}, helm_chart_values_files=["ocean.values.yaml"])
    reef = cluster("reef", [hub("staging"), hub("ocean"), silenced])
    (one,) = validate(fleet_of(files(reef) | CHART | OFF))
    assert [release.name for release in one.releases] == ["ocean"]
