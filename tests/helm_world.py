"""Fleets whose charts Helm can render with no repository at hand, and the real Helm, built from its Go module."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from small_fleet import cluster, files, hub

ROOT = Path(__file__).parent.parent

# The shape of the community's chart: secrets made anew at each render, all values in a Secret, and checksums over it.
HUB_CHART = {
    "Chart.yaml": "apiVersion: v2\nname: jupyterhub\nversion: 4.3.3\n",
    "values.yaml": "singleuser: {memory: {limit: 1G}}\nhub: {config: {}, services: {}}\nunused: 0\n",
    "templates/_helpers.tpl": """\
{{- define "cookie" -}}
{{- $known := lookup "v1" "Secret" .Release.Namespace "hub" | default (dict "data" dict) -}}
{{- .Values.hub.cookieSecret | default (randAlphaNum 64) -}}
{{- end -}}
""",
    "templates/secret.yaml": """\
apiVersion: v1
kind: Secret
metadata: {name: hub, namespace: {{ .Release.Namespace }}}
data:
  values.yaml: {{ omit .Values "unused" | toYaml | b64enc | quote }}
  hub.config.JupyterHub.cookie_secret: {{ include "cookie" . | b64enc | quote }}
""",
    "templates/deployment.yaml": """\
# A comment of the template's, {{ .Release.Name }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: hub, namespace: {{ .Release.Namespace }}}
spec:
  template:
    metadata:
      annotations:
        checksum/secret: {{ include (print .Template.BasePath "/secret.yaml") . | sha256sum }}
    spec:
      containers:
        - name: hub
          env:
            - {name: MEM_LIMIT, value: {{ .Values.singleuser.memory.limit | quote }}}
            - {name: DB_PASSWORD, value: {{ .Values.hub.dbPassword | default "none" | quote }}}
            - {name: HUB_DOMAIN, value: {{ printf "%s.reef.example.org" .Release.Name | quote }}}
""",
}
OUTER_CHART = {
    "Chart.yaml": "apiVersion: v2\nname: basehub\nversion: 0.1.0\ndependencies:\n"
    "  - {name: jupyterhub, version: 4.3.3, repository: 'file://../jupyterhub'}\n",
    "values.yaml": "jupyterhub: {singleuser: {memory: {limit: 2G}}}\nmotd: hello\n",
    "templates/configmap.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: motd, namespace: {{ .Release.Namespace }}}
data:
  motd: {{ .Values.motd | quote }}
  settings.ini: |
    [db]
    password = {{ .Values.iniPassword | default "unset" }}
    host = localhost
""",
}
SUPPORT_CHART = {
    "Chart.yaml": "apiVersion: v2\nname: support\nversion: 0.1.0\n",
    "templates/configmap.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: support}\n"
    "data: {v: {{ .Values.v | default 1 | quote }}}\n",
}


def charts(**more: dict[str, str]) -> dict[str, str]:
    """Files of the charts, by path."""
    known = {"jupyterhub": HUB_CHART, "basehub": OUTER_CHART, "support": SUPPORT_CHART, **more}
    return {f"helm-charts/{name}/{path}": text for name, chart in known.items() for path, text in chart.items()}


def reef(**more: dict[str, str]) -> dict[str, str]:
    """One cluster: support, staging, coral, ocean, lagoon."""
    hubs = [hub("staging"), hub("coral"), hub("ocean"), hub("lagoon")]
    plain = {path: text for path, text in files(cluster("reef", hubs)).items() if not path.startswith("helm-charts/")}
    return plain | charts(**more) | {"deployer.yaml": "{}\n"}


@functools.cache
def helm_folder(tool: str = "helm3") -> Path:
    """The folder of the real helm: built once, else the one on PATH. Skips where neither can be; fails in CI."""
    if shutil.which("go"):
        build = [str(ROOT / "tools" / "build"), tool]
        return Path(subprocess.run(build, capture_output=True, check=True, text=True).stdout.strip())
    if found := shutil.which("helm"):
        return Path(found).parent
    why = "neither helm nor go is installed: what Helm renders is NOT tested"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


class CountingHelm:
    """A helm that writes down what it is called with, and is the real one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "bin", folder / "helm.log"
        self.folder.mkdir(parents=True)
        script = self.folder / "helm"
        real = helm_folder() / "helm"
        script.write_text(f'#!/bin/sh\necho "$*" >> "{self.log}"\nexec "{real}" "$@"\n')
        script.chmod(0o755)

    @property
    def path(self) -> str:
        return f"{self.folder}{os.pathsep}{os.environ['PATH']}"

    def calls(self) -> list[str]:
        """What it was called with since it was asked last."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines
