"""The programs of this lane, each built once from the Go module that pins it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What `tools/build` makes of each of our programs.
PROGRAMS = {
    "etcd": ("etcd", "server"),
    "kwok": ("kwok", "kwok"),
    "kube-apiserver": ("kubernetes", "kube-apiserver"),
    "kube-controller-manager": ("kubernetes", "kube-controller-manager"),
    "kube-scheduler": ("kubernetes", "kube-scheduler"),
    "kubectl": ("kubernetes", "kubectl"),
    "helm3": ("helm3", "helm"),
    "helm4": ("helm4", "helm"),
}


@functools.cache
def folder(tool: str) -> Path:
    """Where a tool's programs stand; built where they do not yet. Skips where Go is missing; fails in CI."""
    if not shutil.which("go"):
        missing(f"Go is not installed, so {tool} cannot be built: what Kubernetes does is NOT tested")
    built = subprocess.run([ROOT / "tools" / "build", tool], stdout=subprocess.PIPE, check=True, text=True)
    return Path(built.stdout.strip())


def program(name: str) -> Path:
    tool, file = PROGRAMS[name]
    return folder(tool) / file


def search_path(helm: str = "helm3") -> str:
    """PATH with this helm and the kubectl of the test clusters before all others."""
    return os.pathsep.join([str(folder(helm)), str(folder("kubernetes")), os.environ["PATH"]])


def missing(why: str) -> None:
    """CI demands what a user's machine may lack."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
