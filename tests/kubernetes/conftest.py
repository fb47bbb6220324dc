"""Two clusters for a session, each started when it is first asked for, and all that stands around them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from control_plane import ControlPlane
from kube_cluster import KubeCluster
from kube_fleet import KubeFleet, write_charts

from chart_repository import chart_repository

GIVEN = "KUBERNETES_TEST_KUBECONFIG"  # kubeconfigs of real clusters, to be used instead of our own


class Clusters:
    """The pool: clusters by number."""

    def __init__(self, folder: Callable[[str], Path]) -> None:
        self.folder = folder
        self.given = [Path(text) for text in os.environ.get(GIVEN, "").split(os.pathsep) if text]
        self.made: dict[int, KubeCluster] = {}

    def __getitem__(self, number: int) -> KubeCluster:
        if number not in self.made:
            self.made[number] = self._given(number) if self.given else self._own(number)
        return self.made[number]

    def _given(self, number: int) -> KubeCluster:
        if number >= len(self.given):
            pytest.skip(f"{GIVEN} names {len(self.given)} cluster(s), and this needs one more")
        return KubeCluster(f"given{number}", self.given[number], self.folder("helm"))

    def _own(self, number: int) -> KubeCluster:
        plane = ControlPlane(self.folder("plane"))
        try:
            plane.start()
        except BaseException:
            plane.end()
            raise
        return KubeCluster(f"cluster{number}", plane.kubeconfig(), self.folder("helm"), plane)

    def end(self) -> None:
        for cluster in self.made.values():
            if cluster.plane:
                cluster.plane.end()


@pytest.fixture(scope="session")
def clusters(tmp_path_factory) -> Iterator[Clusters]:
    pool = Clusters(tmp_path_factory.mktemp)
    try:
        yield pool
    finally:
        pool.end()


@pytest.fixture(scope="session")
def cluster(clusters) -> KubeCluster:
    return clusters[0]


@pytest.fixture(scope="session")
def other(clusters) -> KubeCluster:
    return clusters[1]


@pytest.fixture(scope="session")
def charts(tmp_path_factory) -> Iterator[str]:
    """The address of the charts' repository."""
    with chart_repository(tmp_path_factory.mktemp("charts")) as url:
        yield url


@pytest.fixture(scope="session")
def fleet_charts(charts, cluster, tmp_path_factory) -> Path:
    """The charts of the tests' fleets, locked to what the repository holds."""
    root = tmp_path_factory.mktemp("fleet-charts")
    write_charts(root, charts)
    basehub = root / "helm-charts" / "basehub"
    cluster.helm("dependency", "update", str(basehub))
    shutil.rmtree(basehub / "charts")
    return root / "helm-charts"


_tags = count(1)


@pytest.fixture
def fleets(clusters, fleet_charts, tmp_path_factory):
    """Make fleets: by name of the cluster its hubs, which are the keys of their entries in cluster.yaml."""
    made: list[KubeFleet] = []

    def make(hubs, helm="helm3", limits=None, **keys) -> KubeFleet:
        given = {name: clusters[number] for number, name in enumerate(hubs)}
        fleet = KubeFleet(tmp_path_factory.mktemp("fleet"), given, f"{os.getpid() % 1000}-{next(_tags)}", helm)
        made.append(fleet)
        shutil.copytree(fleet_charts, fleet.root / "helm-charts")
        for name, inside in hubs.items():
            fleet.write_cluster(name, inside, **keys)
        fleet.settings(limits={"parallel": 8, "parallel_per_cluster": 4, **(limits or {})})
        (fleet.root / ".gitignore").write_text(".deployer/\n")
        fleet.git("init", "--quiet")
        fleet.commit()
        return fleet

    yield make
    for fleet in made:
        fleet.forget()
