"""Charts in private copies, their dependencies built by the real helm."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from helm_files import HUB, chart, environment, load, write

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.helm.charts import ChartFolders
from deployer.helm.command import Helm
from deployer.helm.sources import SourceReader
from deployer.targets.helm.workshop import Workshop

OCEAN = ReleaseId("reef", "ocean")


def cluster_yaml(**hub):
    import json

    hubs = [{**HUB, "helm_chart_values_files": ["ocean.values.yaml"], **hub}]
    return json.dumps({"name": "reef", "provider": "kubeconfig", "kubeconfig": {"file": "k.yaml"}, "hubs": hubs})


@pytest.fixture
def fleet(tmp_path):
    """daskhub upon basehub upon jupyterhub, all by path."""
    write(
        tmp_path,
        {
            "deployer.yaml": "{}",
            "config/clusters/reef/cluster.yaml": cluster_yaml(helm_chart="daskhub"),
            "config/clusters/reef/ocean.values.yaml": "x: mine\n",
            **chart("jupyterhub"),
            **chart("basehub", "jupyterhub"),
            **chart("daskhub", "basehub"),
        },
    )
    return tmp_path


def source(root):
    found = load(root)
    return SourceReader(found).chart(found.release(OCEAN))


def rendered(helm, folder):
    return helm.run("template", "x", str(folder)).stdout


def test_dependencies_by_path_are_built_bottom_up_and_never_in_the_work_tree(fleet, tmp_path):
    before = sorted(path for path in fleet.rglob("*"))
    with Workshop(environment()) as shop:
        folder = shop.chart(source(fleet)).folder
        text = rendered(shop.helm, folder)
        assert all(f"name: {name}" in text for name in ("jupyterhub", "basehub", "daskhub"))
        assert sorted(path for path in fleet.rglob("*")) == before
    assert not folder.exists()


def test_a_chart_is_built_once_however_many_ask(fleet, tmp_path):
    with Workshop(environment()) as shop:
        one = source(fleet)
        with ThreadPoolExecutor(8) as threads:
            assert len(set(threads.map(lambda _: shop.chart(one), range(8)))) == 1


def test_a_lock_that_does_not_fit_names_the_command(fleet, tmp_path):
    helm = Helm.find(environment(), tmp_path / "home")
    helm.run("dependency", "update", str(fleet / "helm-charts/basehub"))
    changed = (
        (fleet / "helm-charts/basehub/Chart.yaml").read_text().replace("version: 0.1.0, repo", "version: 0.x, repo")
    )
    (fleet / "helm-charts/basehub/Chart.yaml").write_text(changed)
    subprocess.run(["rm", "-r", fleet / "helm-charts/basehub/charts"], check=True)
    folders = ChartFolders(tmp_path / "charts", helm)
    for _ in range(2):  # the same each time it is asked for
        with pytest.raises(DeployerError) as error:
            folders.prepared(source(fleet))
        assert error.value.headline.startswith("helm-charts/basehub/Chart.lock: the lock does not fit")
        assert "helm dependency update helm-charts/basehub" in error.value.hint


def test_an_override_has_its_own_copy_and_no_lock(fleet, tmp_path):
    helm = Helm.find(environment(), tmp_path / "home")
    write(
        fleet,
        {
            "config/clusters/reef/cluster.yaml": cluster_yaml(helm_chart="daskhub", chart_override="chart.yaml"),
            "config/clusters/reef/chart.yaml": "apiVersion: v2\nname: overridden\nversion: 9.9.9\n",
            "helm-charts/daskhub/Chart.lock": "dependencies: []\ndigest: sha256:0\ngenerated: now\n",
        },
    )
    folder = ChartFolders(tmp_path / "charts", helm).prepared(source(fleet)).folder
    assert "overridden" in (folder / "Chart.yaml").read_text()
    assert not (folder / "Chart.lock").exists()


def test_the_users_own_helm_and_cluster_stay_out(tmp_path):
    helm = Helm.find({**environment(), "HELM_NAMESPACE": "x", "KUBECONFIG": "y", "HELM_CACHE_HOME": "z"}, tmp_path)
    assert not {"HELM_NAMESPACE", "KUBECONFIG"} & helm.env.keys()
    assert helm.env["HELM_CACHE_HOME"] == str(tmp_path / "cache")
    assert helm.major in (3, 4)
