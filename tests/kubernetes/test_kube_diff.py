"""`deployer diff` against what is deployed."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.kubernetes
PLANTED = "planted-in-the-values-4711"


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_what_an_upgrade_would_change(fleets, helm):
    """The chart makes secrets at random and finds them again; of what it does find, nothing differs."""
    fleet = fleets({"reef": {"staging": {}, "ocean": {}, "coral": {}}, "lagoon": {"staging": {}}}, helm=helm)
    first = fleet.run("diff", "reef", fleet.full("staging"), "--exit-code")
    assert first.code == 2, str(first)
    assert "Deployment hub: added" in first.out
    fleet.ok("deploy", "--all", "--yes")
    same = fleet.run("diff", "--exit-code")
    assert same.code == 0, str(same)
    assert "No difference between what is deployed and what the repository says." in same.out

    for release in ("reef/staging", "reef/coral"):
        fleet.change(release, {"title": "New"})
    fleet.change("reef/ocean", {"jupyterhub": {"hub": {"extraEnv": {"DB_PASSWORD": PLANTED}}}})
    before = fleet.revisions("reef/staging")
    ran = fleet.run("diff")

    assert ran.code == 0, str(ran)
    assert f"the same on 2 hubs: reef/{fleet.full('coral')}, reef/{fleet.full('staging')}" in ran.out
    assert "-  title: Hello" in ran.out
    assert "+  title: New" in ran.out
    assert "3 releases differ from what is deployed, in 2 ways." in ran.out
    assert "DB_PASSWORD" in ran.out
    assert PLANTED not in ran.out + ran.err
    assert fleet.revisions("reef/staging") == before


def test_a_cluster_that_does_not_answer_hides_no_other(fleets):
    fleet = fleets({"reef": {"staging": {"helm_chart": "small"}}, "lagoon": {"staging": {"helm_chart": "small"}}})
    (fleet.folder("reef") / "kubeconfig.yaml").write_text("{}")
    ran = fleet.run("diff")
    assert ran.code == 1, str(ran)
    assert "Not compared: reef/" in ran.out
    assert f"lagoon/{fleet.full('staging')}" in ran.out
    assert "title: Hello" in ran.out
