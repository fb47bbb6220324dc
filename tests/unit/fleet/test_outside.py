"""Files that cannot or must not be read: each a message with its place, and no file outside the fleet."""

from __future__ import annotations

import pytest

from deployer.errors import DeployerError, flattened
from deployer.fleet.inside import Inside, OutsideError, leaves
from deployer.fleet.tree import DictTree, follow
from deployer.fleet.validation import what_cannot_be_read
from small_fleet import cluster, files, fleet_of, hub

FILE = "config/clusters/reef/cluster.yaml"
OUT = "../../../../etc/passwd"


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"helm_chart_values_files": ["ocean.values.yaml", OUT]}, "hubs[0].helm_chart_values_files[1]"),
        ({"helm_chart_values_files": ["/etc/passwd"]}, "hubs[0].helm_chart_values_files[0]"),
        ({"chart_override": OUT}, "hubs[0].chart_override"),
        ({"domain_override_file": OUT}, "hubs[0].domain_override_file"),
        ({"helm_chart": "../../charts"}, "hubs[0].helm_chart"),
        ({"helm_chart": "/charts"}, "hubs[0].helm_chart"),
    ],
)
def test_a_path_of_a_hub_that_leads_out(keys: dict[str, object], key: str) -> None:
    with pytest.raises(DeployerError) as caught:
        fleet_of(files(cluster("reef", [hub("ocean", **keys)])))
    (one,) = what_cannot_be_read([caught.value])
    assert (one.rule, one.place.path, one.place.line, one.key) == ("outside-fleet", FILE, 1, key)
    assert one.message.endswith("leads out of the fleet")


@pytest.mark.parametrize(
    "keys",
    [
        {"provider": "gcp", "gcp": {"project": "p", "cluster": "c", "key": OUT}},
        {"provider": "kubeconfig", "kubeconfig": {"file": OUT}},
        {"support": {"helm_chart_values_files": [OUT]}},
        {"support": {"helm_chart": "../../x"}},
    ],
)
def test_a_path_of_a_cluster_that_leads_out(keys: dict[str, object]) -> None:
    with pytest.raises(OutsideError):
        fleet_of(
            files({**cluster("reef", [], "gcp"), **keys})
            if "provider" not in keys
            else {FILE: str({"name": "reef", **keys})}
        )


def test_all_at_once() -> None:
    with pytest.raises(DeployerError) as caught:
        fleet_of(files(cluster("reef", [hub("ocean", chart_override=OUT, domain_override_file=OUT)])))
    assert len(flattened(caught.value)) == 2


def test_charts_elsewhere() -> None:
    with pytest.raises(OutsideError, match=r"charts: \.\./charts leads out"):
        fleet_of(files(cluster("reef", [])) | {"deployer.yaml": "charts: ../charts\n"})


def test_what_looks_like_it_and_is_not() -> None:
    inside = {"helm_chart_values_files": ["../atoll/ocean.values.yaml", "..ocean.values.yaml"]}
    assert fleet_of(files(cluster("reef", [hub("ocean", **inside)]))).releases
    assert [leaves(path) for path in ("..", "../a", "/a", "..a", "a/..b", "")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


class Linked(DictTree):
    """A tree in memory with symbolic links."""

    links = {"a/out": "../../etc", "a/abs": "/etc/passwd", "a/in": "../b", "loop": "loop"}  # noqa: RUF012

    def trail(self, path: str) -> tuple[str, ...]:
        return follow(path, self.links.get)


@pytest.mark.parametrize("path", ["a/out/passwd", "a/abs", "../a", "/a"])
def test_a_link_that_leads_out_is_not_read(path: str) -> None:
    with pytest.raises(OutsideError, match="leads out of the fleet"):
        Inside(Linked({path: b"root:x"})).read(path)


@pytest.mark.parametrize("path", ["a/in", "a/in/c", "b/c", "loop"])
def test_a_link_within_is(path: str) -> None:
    assert Inside(Linked({path: b"x"})).read(path) == b"x"
