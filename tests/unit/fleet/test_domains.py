"""Which domains a hub can have."""

from __future__ import annotations

import json

import pytest

from deployer.fleet.validation import validate
from small_fleet import cluster, files, fleet_of, hub


def found(domain: str, provider: str = "gcp") -> list[str]:
    whole = files(cluster("reef", [hub("staging")], provider))
    file = "config/clusters/reef/cluster.yaml"
    whole[file] = whole[file].replace('"staging.reef.example.org"', json.dumps(domain))
    return [one.key for one in validate(fleet_of(whole)) if one.rule == "domain-name"]


@pytest.mark.parametrize(
    "domain", ["ocean.example.org", "a", "xn--bcher-kva.example.org", "1.example.org", "a-b.c", "a" * 63 + ".org"]
)
def test_names_of_hosts(domain: str) -> None:
    assert found(domain) == []


@pytest.mark.parametrize(
    "domain",
    [
        "oc ean; rm",
        "*.example.org",
        "https://ocean.example.org",
        "ocean.example.org:8443",
        "Ocean.example.org",
        "a_b.org",
        "ocean.example.org.",
        "-a.org",
        "a-.org",
        "a..org",
        "bücher.example.org",
        "10.0.0.1",
        "a.org\n",
        "a" * 64 + ".org",
        ".".join(["abcdefgh"] * 29),
    ],
)
def test_what_is_no_name_of_a_host(domain: str) -> None:
    assert found(domain) == ["hubs[0].domain"]


def test_on_this_machine_names_are_taken_as_browsers_take_them() -> None:
    assert found("Ocean.localhost.", "local") == []
    assert found("", "local") == []
    assert found("oc ean", "local") == ["hubs[0].domain"]
