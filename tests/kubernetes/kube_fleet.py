"""A fleet whose clusters are the tests' own, and the command as a user calls it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from control_plane import PATIENCE
from kube_cluster import KubeCluster, Ran, plain_environment

COMMAND = (sys.executable, "-m", "deployer.cli.main")
WAIT = 240.0  # seconds; only a guard, for the machine may be busy
FAILS = {"jupyterhub": {"hub": {"annotations": {"stage.test/fails": "yes"}}}}
BASEHUB_TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: home-page}
data: {title: {{ .Values.title | quote }}}
"""

Values = Mapping[str, Any]


def slow(seconds: float) -> dict[str, Any]:
    """Values of a hub whose pods are ready only after so long."""
    return {"jupyterhub": {"hub": {"annotations": {"stage.test/after": f"{seconds:g}s"}}}}


@dataclass
class KubeFleet:
    """The fleet in ``root``. ``given`` are its clusters by name; ``more`` is added to the command's environment.

    Hubs of many fleets share the clusters, so ``tag`` is a part of their names. Tests call them without it.
    """

    root: Path
    given: dict[str, KubeCluster]
    tag: str
    helm: str = "helm3"
    more: dict[str, str] = field(default_factory=dict)

    # The command

    @property
    def env(self) -> dict[str, str]:
        return plain_environment(self.helm) | self.more

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, "--fleet", str(self.root), *words],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> Ran:
        return finished(self.begin(*words))

    def ok(self, *words: str) -> Ran:
        ran = self.run(*words)
        assert ran.code == 0, str(ran)
        return ran

    def json(self, *words: str) -> Any:
        return json.loads(self.ok(*words, "--format", "json").out)

    def outcomes(self, rollout: str = "") -> dict[str, str]:
        """Of the newest rollout, as ``history show`` tells them."""
        shown = self.json("history", "show", rollout or self.json("history")[0]["id"])
        return {self.short(one["release"]): one["outcome"] for one in shown["releases"]}

    def journal(self) -> list[dict[str, Any]]:
        """The lines of the newest rollout's journal; a torn one is left out."""
        files = sorted((self.root / ".deployer" / "rollouts").glob("*/journal.jsonl"), key=lambda p: p.stat().st_ctime)
        return list(_lines(files[-1])) if files else []

    # Names

    def full(self, name: str) -> str:
        """Of a hub, or of a release: as the fleet has it."""
        return name if name.endswith("/support") else f"{name}-{self.tag}"

    def short(self, name: str) -> str:
        return name.removesuffix(f"-{self.tag}")

    # What a release is

    def cluster(self, release: str) -> KubeCluster:
        return self.given[release.split("/", maxsplit=1)[0]]

    def namespace(self, release: str) -> str:
        return self.full(release).split("/")[1]

    def revisions(self, release: str) -> list[tuple[int, str]]:
        return self.cluster(release).revisions(self.namespace(release))

    def manifest(self, release: str) -> str:
        name = self.namespace(release)
        return self.cluster(release).helm("get", "manifest", name, "--namespace", name)

    def title(self, release: str) -> str:
        """What the hub's own chart wrote last."""
        found = self.cluster(release).get("configmap", "home-page", self.namespace(release))
        return str(found["data"]["title"])

    def is_pending(self, release: str) -> bool:
        """Whether its last revision is; Helm calls one so for ever that was rolled back."""
        return any(status.startswith("pending") for _, status in self.revisions(release)[-1:])

    # The files

    def folder(self, cluster: str) -> Path:
        return self.root / "config" / "clusters" / cluster

    def values_file(self, release: str) -> Path:
        return self.folder(release.split("/", maxsplit=1)[0]) / f"{self.namespace(release)}.values.yaml"

    def change(self, release: str, values: Values) -> None:
        self.values_file(release).write_text(yaml.safe_dump(dict(values)))

    def write_cluster(self, cluster: str, hubs: Mapping[str, Mapping[str, Any]], **keys: Any) -> None:
        """A cluster.yaml, its kubeconfig, and values for the hubs that have none."""
        folder = self.folder(cluster)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kubeconfig.yaml").write_text(self.given[cluster].kubeconfig.read_text())
        entries = [self._entry(cluster, hub) | dict(entry) for hub, entry in hubs.items()]
        whole = {"name": cluster, "provider": "kubeconfig", "kubeconfig": {"file": "kubeconfig.yaml"}, "hubs": entries}
        (folder / "cluster.yaml").write_text(yaml.safe_dump({**whole, **keys}, sort_keys=False))
        for release in (f"{cluster}/{hub}" for hub in hubs):
            if not self.values_file(release).exists():
                self.change(release, {})

    def _entry(self, cluster: str, hub: str) -> dict[str, Any]:
        return {
            "name": self.full(hub),
            "domain": f"{self.full(hub)}.{cluster}.localhost",
            "helm_chart": "basehub",
            "helm_chart_values_files": [f"{self.full(hub)}.values.yaml"],
            "health": "none",
        }

    def settings(self, **settings: Any) -> None:
        (self.root / "deployer.yaml").write_text(yaml.safe_dump(settings))

    def forget(self) -> None:
        """Delete all that the fleet's hubs have left on the clusters; it is gone some time later."""
        for name, cluster in self.given.items():
            hubs = yaml.safe_load((self.folder(name) / "cluster.yaml").read_text())["hubs"]
            cluster.kubectl("delete", "namespace", "--ignore-not-found", "--wait=false", *(hub["name"] for hub in hubs))

    def git(self, *words: str) -> str:
        name = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        return subprocess.run(
            ["git", *name, *words], cwd=self.root, check=True, capture_output=True, text=True, timeout=PATIENCE
        ).stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A change")


def write_charts(root: Path, repository: str) -> None:
    """``basehub`` upon the hub chart's stand-in, ``small`` without a pod, and ``support``."""
    hub_chart = {"name": "jupyterhub", "version": "4.3.3", "repository": repository}
    write_chart(root, "basehub", {"home-page.yaml": BASEHUB_TEMPLATE}, {"title": "Hello"}, [hub_chart])
    write_chart(root, "small", {"home-page.yaml": BASEHUB_TEMPLATE}, {"title": "Hello"})
    write_chart(root, "support", {"home-page.yaml": BASEHUB_TEMPLATE}, {"title": "Hello"})


def write_chart(
    root: Path,
    name: str,
    templates: Mapping[str, str],
    values: Values,
    dependencies: Iterable[Mapping[str, str]] = (),
) -> Path:
    chart = root / "helm-charts" / name
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    whole = {"apiVersion": "v2", "name": name, "version": "0.1.0", "dependencies": list(dependencies)}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    (chart / "values.yaml").write_text(yaml.safe_dump(dict(values)))
    for file, text in templates.items():
        (chart / "templates" / file).write_text(text)
    return chart


def finished(child: subprocess.Popen[str]) -> Ran:
    try:
        out, err = child.communicate(timeout=WAIT)
    except BaseException:
        child.send_signal(signal.SIGKILL)
        child.communicate()
        raise
    return Ran(child.returncode, out, err)


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue
