"""A fleet in a folder, and the real helm; no cluster."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from deployer.changes.inputs import InputReader
from deployer.fleet.repository import Fleet, load_fleet
from deployer.git import WorkTree
from deployer.targets.helm.desired import Desired

ROOT = Path(__file__).parents[4]
HUB = {"name": "ocean", "domain": "ocean.example.org", "helm_chart": "basehub"}
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {x: {{ .Values.x | quote }}}\n"


@functools.cache
def helm_folder() -> str:
    """The folder of a real helm: built, or on PATH."""
    if shutil.which("go"):
        built = subprocess.run([ROOT / "tools" / "build", "helm3"], stdout=subprocess.PIPE, text=True, check=True)
        return built.stdout.strip()
    if found := shutil.which("helm"):
        return str(Path(found).parent)
    if os.environ.get("CI"):
        pytest.fail("neither helm nor Go is installed")
    pytest.skip("neither helm nor Go is installed: charts are NOT tested")


def environment() -> dict[str, str]:
    return {"HOME": os.environ["HOME"], "PATH": f"{helm_folder()}:{os.environ['PATH']}"}


def write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def chart(name: str, *dependencies: str) -> dict[str, str]:
    """A chart with one template; each dependency is a path beside it."""
    entries = "".join(f"  - {{name: {one}, version: 0.1.0, repository: 'file://../{one}'}}\n" for one in dependencies)
    folder = f"helm-charts/{name}"
    return {
        f"{folder}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n"
        + (f"dependencies:\n{entries}" if entries else ""),
        f"{folder}/values.yaml": "x: default\n",
        f"{folder}/templates/map.yaml": CONFIG_MAP % name,
    }


def load(root: Path) -> Fleet:
    return load_fleet(WorkTree(root))


def desired(root: Path, cluster: str = "reef") -> Desired:
    fleet = load(root)
    reader = InputReader(fleet)
    return Desired(fleet, root, cluster, lambda release: reader.inputs(fleet.release(release)).digest, "abc123")
