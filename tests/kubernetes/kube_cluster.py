"""A cluster of the tests, with helm and kubectl as a stranger would call them."""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kube_tools
from control_plane import PATIENCE, ControlPlane

Object = dict[str, Any]
PIPES: dict[str, int] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class KubeCluster:
    """``plane`` is None where the cluster is a real one, given by its kubeconfig. ``home`` is helm's."""

    name: str
    kubeconfig: Path
    home: Path
    plane: ControlPlane | None = None

    def env(self, helm: str = "helm3") -> dict[str, str]:
        homes = {f"HELM_{kind}_HOME": str(self.home / helm / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return {**plain_environment(helm), **homes, "KUBECONFIG": str(self.kubeconfig)}

    def run(self, *words: str, helm: str = "helm3", stdin: str = "") -> Ran:
        env = self.env(helm)
        ended = subprocess.run(
            words, check=False, env=env, input=stdin, capture_output=True, text=True, timeout=PATIENCE
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def begin_helm(self, *words: str, helm: str = "helm3") -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["helm", *words], env=self.env(helm), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def helm(self, *words: str, helm: str = "helm3") -> str:
        return self._ok("helm", *words, helm=helm)

    def kubectl(self, *words: str, stdin: str = "") -> str:
        return self._ok("kubectl", *words, stdin=stdin)

    def _ok(self, *words: str, helm: str = "helm3", stdin: str = "") -> str:
        ran = self.run(*words, helm=helm, stdin=stdin)
        assert ran.code == 0, f"{' '.join(words)}: {ran}"
        return ran.out

    # What is there

    def get(self, kind: str, name: str, namespace: str) -> Object:
        found: Object = json.loads(self.kubectl("get", kind, name, "--namespace", namespace, "--output", "json"))
        return found

    def all(self, kind: str, namespace: str) -> list[Object]:
        found: Object = json.loads(self.kubectl("get", kind, "--namespace", namespace, "--output", "json"))
        return list(found["items"])

    def revisions(self, release: str) -> list[tuple[int, str]]:
        """Number and status of each revision of a release in the namespace of its name."""
        ran = self.run("helm", "history", release, "--namespace", release, "--output", "json")
        return [(one["revision"], one["status"]) for one in json.loads(ran.out)] if ran.code == 0 else []

    def secret(self, namespace: str, key: str, name: str = "hub") -> str:
        return b64decode(self.get("secret", name, namespace)["data"][key]).decode()

    def forget(self, *namespaces: str) -> None:
        """Delete namespaces with all in them, and wait until they are gone."""
        self.kubectl("delete", "namespace", *namespaces, "--ignore-not-found", "--wait", "--timeout=60s")


def plain_environment(helm: str = "helm3") -> dict[str, str]:
    """Ours, less what would lead to a cluster or settings of whoever runs the tests."""
    strays = ("HELM_", "KUBE")
    kept: Mapping[str, str] = {name: value for name, value in os.environ.items() if not name.startswith(strays)}
    return {**kept, "PATH": kube_tools.search_path(helm)}
