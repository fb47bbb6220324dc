"""The charts of the fleet template with stand-ins for what they depend on, ready to be rendered."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from chart_repository import TEMPLATE
from helm_world import helm_folder

PATIENCE = 120  # seconds; only a guard, for the machine may be busy
CHARTS = sorted(file.parent.name for file in TEMPLATE.glob("*/Chart.yaml"))
Values = Mapping[str, Any]


def write(folder: Path, repository: str) -> None:
    """The charts as they are, but for the address of what they depend on."""
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
    for name in CHARTS:
        file = folder / name / "Chart.yaml"
        chart = yaml.safe_load(file.read_text())
        chart["dependencies"] = [one | {"repository": repository} for one in chart["dependencies"]]
        file.write_text(yaml.safe_dump(chart, sort_keys=False))


def materialise(folder: Path, repository: str) -> Path:
    """The charts, and what they depend on fetched, as Helm does it."""
    write(folder, repository)
    for name in CHARTS:
        ran = helm("dependency", "update", str(folder / name), home=folder)
        assert ran.returncode == 0, ran.stderr
    return folder


def helm(*words: str, home: Path, tool: str = "helm3") -> subprocess.CompletedProcess[str]:
    env = {f"HELM_{kind}_HOME": str(home / ".helm" / kind) for kind in ("CACHE", "CONFIG", "DATA")}
    return subprocess.run(
        [helm_folder(tool) / "helm", *words], env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@dataclass(frozen=True)
class Objects:
    """What a render gave, by ``Kind/name``."""

    text: str

    @cache  # noqa: B019 - as long as the few that tests make
    def all(self) -> dict[str, dict[str, Any]]:
        found = [one for one in yaml.load_all(self.text, yaml.CSafeLoader) if one]
        named = {f"{one['kind']}/{one['metadata']['name']}": one for one in found}
        assert len(named) == len(found), "two objects of one name"
        return named

    def at(self, name: str, path: Iterable[str | int]) -> Any:
        value: Any = self.all()[name]
        for part in path:
            value = value[part]
        return value

    def names(self, kind: str) -> set[str]:
        return {name.partition("/")[2] for name in self.all() if name.startswith(f"{kind}/")}


@dataclass(frozen=True)
class Charts:
    """The materialised charts in ``root``."""

    root: Path

    def try_render(
        self, chart: str, values: Values, *, tool: str = "helm3", release: str = ""
    ) -> subprocess.CompletedProcess[str]:
        name = release or {"basehub": "ocean"}.get(chart, chart)
        words = ["template", name, str(self.root / chart), "--namespace", name, "--values", "/dev/stdin"]
        env = {f"HELM_{kind}_HOME": str(self.root / ".helm" / kind) for kind in ("CACHE", "CONFIG", "DATA")}
        return subprocess.run(
            [helm_folder(tool) / "helm", *words],
            input=json.dumps(values),
            env=env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def render(self, chart: str, values: Values, *, tool: str = "helm3", release: str = "") -> Objects:
        ran = self.try_render(chart, values, tool=tool, release=release)
        assert ran.returncode == 0, ran.stderr
        return Objects(ran.stdout)
