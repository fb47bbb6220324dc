"""A running hub as an entry of the fleet: its files, its entry, and what cannot be."""

from __future__ import annotations

import pytest

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import load_fleet
from deployer.scaffold.adopt import Adopted, ValuesFile, adopt, chart_name, domain_of, read_chart_folder
from deployer.scaffold.split import split_text
from small_fleet import cluster, files, fleet_of, hub

FLEET = fleet_of(files(cluster("reef", [hub("staging")])))
CHART = {"Chart.yaml": b"name: jupyterhub\nversion: 4.3.3\n", "values.yaml": b"singleuser: {memory: {limit: 1G}}\n"}
OPEN = b"hub: {config: {JupyterHub: {authenticator_class: dummy}}}\n"  # an error of policy, and so as it is


def adopted(*texts: bytes, **keys) -> Adopted:
    parts = [
        ValuesFile(f"{number}.values.yaml", split_text(text, f"{number}.yaml")) for number, text in enumerate(texts)
    ]
    given = {"chart": "jupyterhub", "new_chart": CHART, "domain": "institute.example.org", **keys}
    return Adopted(name="institute", files=tuple(parts), **given)


def test_an_entry_and_its_files():
    edit = adopt(
        FLEET, "reef", adopted(OPEN, b"hub:\n  extraEnv:\n    A: b\n", sealed=b"sops: {}\n"), service="hub-health"
    )
    warned = edit.check(FLEET, [ReleaseId("reef", "institute")], as_it_is=True)
    assert "dummy-authenticator" in {one.rule for one in warned}  # said, but no reason not to adopt what is so already
    fleet = load_fleet(edit.over(FLEET.tree))
    found = fleet.release(ReleaseId("reef", "institute"))
    assert found.chart == "helm-charts/jupyterhub"
    names = ["0.values.yaml", "1.values.yaml", "enc-institute.secret.values.yaml"]
    assert list(found.values_files) == [f"config/clusters/reef/{name}" for name in names]
    assert str(found.hub.health) == "none"
    with pytest.raises(DeployerError, match="dummy authenticator"):
        adopt(FLEET, "reef", adopted(OPEN), service="x").check(FLEET, [ReleaseId("reef", "institute")])


@pytest.mark.parametrize(
    ("text", "level"),
    [(b"hub: {services: {hub-health: {}}}\n", "user"), (b"hub: {services: {other: {}}}\n", "none"), (b"", "none")],
)
def test_a_hub_with_the_service_is_checked(text, level):
    fleet = load_fleet(adopt(FLEET, "reef", adopted(text), service="hub-health").over(FLEET.tree))
    assert str(fleet.release(ReleaseId("reef", "institute")).hub.health) == level


def test_a_secret_that_a_later_file_sets_otherwise():
    first, second = b"proxy:\n  secretToken: abcdef\n", b"proxy:\n  secretToken: ''\n"
    with pytest.raises(DeployerError, match=r"proxy\.secretToken: set here, and as a secret in 0\.values\.yaml"):
        adopt(FLEET, "reef", adopted(first, second), service="hub-health")
    both = adopted(first, b"proxy:\n  secretToken: ghijkl\n")
    assert both.secrets() == {"proxy": {"secretToken": "ghijkl"}}  # the later one wins, as it did


def test_a_name_that_is_taken():
    with pytest.raises(DeployerError, match="there is a hub reef/staging already"):
        adopt(FLEET, "reef", Adopted(name="staging", chart="basehub", files=()), service="hub-health")


@pytest.mark.parametrize(
    ("values", "domain"),
    [
        ({"ingress": {"hosts": ["a.example.org"]}}, "a.example.org"),
        ({"jupyterhub": {"proxy": {"https": {"hosts": ["b.example.org"]}}}}, "b.example.org"),
        ({"basehub": {"jupyterhub": {"ingress": {"hosts": ["c.example.org"]}}}}, "c.example.org"),
        ({"ingress": {"hosts": []}}, ""),
        ({"ingress": {"hosts": [{"host": "x"}]}}, ""),
        ({}, ""),
    ],
)
def test_where_the_hub_is_found(values, domain):
    assert domain_of(values) == domain


def test_a_chart_is_copied_whole_and_nothing_from_outside(tmp_path):
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / ".git").mkdir()
    for path, content in {**CHART, "templates/a.yaml": b"a", ".git/config": b"b"}.items():
        (chart / path).write_bytes(content)
    found = read_chart_folder(chart)
    assert found == {**CHART, "templates/a.yaml": b"a"}
    assert chart_name(found) == "jupyterhub"
    (tmp_path / "outside").write_bytes(b"x")
    (chart / "link").symlink_to("../outside")
    with pytest.raises(DeployerError, match="leads out of the chart"):
        read_chart_folder(chart)
    with pytest.raises(DeployerError, match=r"it has no Chart\.yaml"):
        read_chart_folder(tmp_path)


@pytest.mark.parametrize("text", [b"{}", b"name: ../x\n", b"name: ..\n", b"[]"])
def test_a_chart_without_a_name(text):
    with pytest.raises(DeployerError):
        chart_name({"Chart.yaml": text})
