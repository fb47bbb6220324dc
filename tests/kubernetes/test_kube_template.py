"""The charts of a new fleet, deployed: support first, and what becomes of hubs where it fails."""

from __future__ import annotations

import shutil

import pytest

from template_charts import materialise

pytestmark = pytest.mark.kubernetes
FAILS = "traefik: {annotations: {stage.test/fails: 'yes'}}\n"


@pytest.fixture
def fleet(fleets, charts, cluster, tmp_path_factory):
    entry = {"helm_chart_values_files": ["support.values.yaml"]}
    fleet = fleets({"reef": {"staging": {}, "ocean": {}}}, support=entry)
    shutil.rmtree(fleet.root / "helm-charts")
    made = materialise(tmp_path_factory.mktemp("template"), charts)
    shutil.copytree(made, fleet.root / "helm-charts")
    for folder in ("basehub", "support"):
        shutil.rmtree(fleet.root / "helm-charts" / folder / "charts", ignore_errors=True)
    (fleet.folder("reef") / "support.values.yaml").write_text("{}\n")
    fleet.commit()
    yield fleet
    cluster.run("helm", "uninstall", "support", "--namespace", "support")
    cluster.run("kubectl", "delete", "crd", "clusterissuers.cert-manager.io", "--ignore-not-found", "--wait=false")
    cluster.forget("support")


def test_support_comes_first_and_where_it_fails_no_hub_is_touched(fleet):
    alone = fleet.ok("deploy", "reef", fleet.full("staging"), "--yes")
    assert "reef/support was never deployed" in alone.err
    assert "deployer deploy reef --support" in alone.err

    fleet.ok("deploy", "--all", "--yes")
    assert fleet.outcomes() == {"reef/support": "succeeded", "reef/staging": "unchanged", "reef/ocean": "succeeded"}
    issuer = fleet.cluster("reef/support").get("clusterissuer", "letsencrypt-prod", "support")
    assert issuer["spec"]["acme"]["solvers"][0]["http01"]["ingress"]["ingressClassName"] == "traefik"
    assert fleet.run("diff", "--exit-code").code == 0

    (fleet.folder("reef") / "support.values.yaml").write_text(FAILS)
    fleet.change("reef/staging", {"jupyterhub": {"hub": {"extraEnv": {"NEW": "1"}}}})
    ran = fleet.run("deploy", "--all", "--yes", "--timeout", "30")
    assert ran.code == 3, str(ran)
    assert fleet.outcomes() == {"reef/support": "failed", "reef/staging": "withheld", "reef/ocean": "withheld"}
    assert fleet.revisions("reef/staging") == [(1, "deployed")]
    assert "never deployed" not in fleet.ok("deploy", "reef", fleet.full("ocean"), "--yes").err
