"""Charts from a real repository on loopback, locked and not, vendored, and from one that does not answer."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from render_world import CORAL, OCEAN, UNUSED, HelmWorld

from deployer.process import run
from helm_world import HUB_CHART, helm_folder, reef

CONFIGMAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: remote}\ndata: {version: {{ .Chart.Version | quote }}}\n"


class _Quiet(SimpleHTTPRequestHandler):
    """Counts what it is asked for."""

    asked: list[str]

    def log_message(self, *_: Any) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]


class Repository:
    """A chart repository with versions 1.0.0 and 1.1.0 of the chart ``remote``, which has secrets made at random."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        served = folder / "served"
        served.mkdir(parents=True)
        for version in ("1.0.0", "1.1.0"):
            self._package(folder / version, version)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(served)))
        self.server.asked = self.asked = []  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.helm("repo", "index", str(served), "--url", self.url)
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def helm(self, *words: str) -> None:
        env = {"HELM_CACHE_HOME": f"{self.folder}/c", "HELM_CONFIG_HOME": f"{self.folder}/k", "HOME": str(self.folder)}
        run([helm_folder() / "helm", *words], env=env)

    def _package(self, chart: Path, version: str) -> None:
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: remote\nversion: {version}\n")
        (chart / "templates" / "configmap.yaml").write_text(CONFIGMAP)
        secret = HUB_CHART["templates/_helpers.tpl"] + HUB_CHART["templates/secret.yaml"].replace(
            "name: hub", "name: r"
        )
        (chart / "templates" / "secret.yaml").write_text(secret.replace(".Values.hub.cookieSecret", ".Values.cookie"))
        self.helm("package", str(chart), "--destination", str(self.folder / "served"))

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    made = Repository(tmp_path / "repository")
    yield made
    made.close()


def chart_yaml(url: str, version: str) -> str:
    return (
        "apiVersion: v2\nname: basehub\nversion: 0.1.0\ndependencies:\n"
        f"  - {{name: remote, version: {version}, repository: '{url}'}}\n"
    )


def world_with(tmp_path: Path, url: str, version: str = "1.0.0") -> HelmWorld:
    contents = reef() | {"helm-charts/basehub/Chart.yaml": chart_yaml(url, version)}
    return HelmWorld(tmp_path, contents)


def test_a_chart_from_a_repository_is_fetched_once_for_all_releases_and_both_revisions(
    tmp_path: Path, repository: Repository
) -> None:
    world = world_with(tmp_path, repository.url)
    world.write(OCEAN, UNUSED)
    world.write(CORAL, "motd: bye\n")
    assert world.exact() == (["reef/staging", "reef/coral"], ["reef/ocean"])
    assert len([path for path in repository.asked if path.endswith(".tgz")]) == 1
    assert [call for call in world.helm.calls() if call.startswith("dependency")]


def test_a_version_that_is_raised_is_a_difference(tmp_path: Path, repository: Repository) -> None:
    world = world_with(tmp_path, repository.url)
    world.write("helm-charts/basehub/Chart.yaml", chart_yaml(repository.url, "1.1.0"))
    said = world.diff()
    assert "-  version: 1.0.0" in said.out
    assert "+  version: 1.1.0" in said.out
    assert "the same on 4 hubs: reef/coral, reef/lagoon, reef/ocean, reef/staging" in said.out


def test_a_lock_decides_where_there_is_one(tmp_path: Path, repository: Repository) -> None:
    world = world_with(tmp_path, repository.url, ">=1.0.0")
    chart = world.root / "helm-charts" / "basehub"
    world.write("helm-charts/basehub/Chart.yaml", chart_yaml(repository.url, "1.0.0"))
    repository.helm("dependency", "update", str(chart))
    for packed in (chart / "charts").iterdir():
        packed.unlink()
    world.base = world.commit()
    world.write(CORAL, "motd: bye\n")
    assert world.exact() == (["reef/staging", "reef/coral"], [])
    assert [call for call in world.helm.calls() if call.startswith("dependency build")]


def test_vendored_charts_are_used_as_they_are(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9/"
    contents = reef() | {
        "helm-charts/basehub/Chart.yaml": chart_yaml(nobody, "1.0.0"),
        "helm-charts/basehub/charts/remote/Chart.yaml": "apiVersion: v2\nname: remote\nversion: 1.0.0\n",
        "helm-charts/basehub/charts/remote/templates/configmap.yaml": CONFIGMAP,
    }
    world = HelmWorld(tmp_path, contents)
    world.write(OCEAN, UNUSED)
    assert world.exact() == ([], ["reef/ocean"])
    assert not [call for call in world.helm.calls() if call.startswith(("dependency", "repo"))]


def test_what_helm_left_behind_and_git_ignores_is_not_part_of_a_chart(tmp_path: Path, repository: Repository) -> None:
    world = world_with(tmp_path, repository.url, "1.1.0")
    world.write(".gitignore", "charts/\nChart.lock\n")
    world.base = world.commit()
    chart = world.root / "helm-charts" / "basehub"
    repository.helm("dependency", "update", str(chart))
    assert list((chart / "charts").iterdir())
    world.write(OCEAN, UNUSED)
    assert world.exact() == ([], ["reef/ocean"])


def test_a_chart_that_cannot_be_fetched_keeps_its_releases_planned(tmp_path: Path) -> None:
    world = world_with(tmp_path, "http://127.0.0.1:9/")
    world.write(OCEAN, UNUSED)
    said = world.run("plan", "--since", world.base, "--exact")
    assert said.code == 0
    assert "stays planned, for it cannot be rendered: reef/ocean: Error: " in said.err
    assert "127.0.0.1:9" in said.err
    assert "\nreef/ocean " in said.out


def test_a_packed_chart_of_the_right_version_is_used_and_of_another_is_not(
    tmp_path: Path, repository: Repository
) -> None:
    packed = (repository.folder / "served" / "remote-1.0.0.tgz").read_bytes()
    world = world_with(tmp_path, "http://127.0.0.1:9/")
    (world.root / "helm-charts/basehub/charts").mkdir()
    (world.root / "helm-charts/basehub/charts/remote-1.0.0.tgz").write_bytes(packed)
    world.base = world.commit()
    world.write(OCEAN, UNUSED)
    assert world.exact() == ([], ["reef/ocean"])
    world.write("helm-charts/basehub/Chart.yaml", chart_yaml("http://127.0.0.1:9/", "1.1.0"))
    said = world.run("plan", "--since", world.base, "--exact")
    assert "4 releases on 1 cluster to upgrade" in said.out
    assert "cannot be rendered" in said.err
