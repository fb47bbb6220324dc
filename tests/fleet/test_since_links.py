"""`deployer plan` where files are read by another name than git's: through symbolic links, and in submodules."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_world import World, default_files

BASE = "helm-charts/basehub"
ALL_BASE = ["atoll/staging", "atoll/lagoon", "reef/staging", "reef/coral", "reef/ocean"]
ALL = ["atoll/support", *ALL_BASE[:2], "reef/support", *ALL_BASE[2:]]
JSONNET = "jsonnet: {chart_values: values.jsonnet, ext_vars: {X: %s}}\n"


def linked(tmp_path: Path, link: str, to: str, target: str, text: str, **files: str) -> World:
    world = World(tmp_path / "fleet", contents=default_files() | {target: text, **files})
    path = world.root / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(to)
    world.base = world.commit()
    return world


LINKS = {
    "default values": (f"{BASE}/values.yaml", "../../shared/dv.yaml", "shared/dv.yaml", "a: 1\n", "a: 2\n"),
    "a template": (f"{BASE}/templates/x.yaml", "../../../shared/x.yaml", "shared/x.yaml", "kind: A\n", "kind: B\n"),
    "the templates": (f"{BASE}/templates", "../../shared/t", "shared/t/x.yaml", "kind: A\n", "kind: B\n"),
    "a file": (f"{BASE}/files/a.txt", "../../../shared/a.txt", "shared/a.txt", "a", "b"),
    "a folder of files": (f"{BASE}/files/more", "../../../shared/f", "shared/f/deep/a.txt", "a", "b"),
}


@pytest.mark.parametrize("case", LINKS)
def test_what_a_link_within_a_chart_leads_to(tmp_path: Path, case: str) -> None:
    link, to, target, before, after = LINKS[case]
    world = linked(tmp_path, link, to, target, before)
    assert world.plan("--since", world.base) == []
    world.write(target, after)
    assert world.plan("--since", world.base) == ALL_BASE
    assert world.plan(target) == ALL_BASE
    reasons = world.plan_json("--since", world.base)["releases"][0]["reasons"]
    assert target in " ".join(reasons)
    (world.root / target).unlink()
    assert world.plan("--since", world.base) == ALL_BASE
    assert world.plan(target) == ALL_BASE


def test_a_link_back_up_ends(tmp_path: Path) -> None:
    world = linked(tmp_path, f"{BASE}/files/up", "../..", f"{BASE}/files/a.txt", "a")
    world.write(f"{BASE}/files/a.txt", "b")
    assert world.plan("--since", world.base) == ALL_BASE


def test_a_link_to_itself_leads_nowhere(tmp_path: Path) -> None:
    world = linked(tmp_path, f"{BASE}/loop", "loop", f"{BASE}/files/a.txt", "a")
    assert world.plan("--since", world.base) == []


def test_settings_that_are_a_link(tmp_path: Path) -> None:
    chart = {f"{BASE}/values.jsonnet": "{ x: std.extVar('X') }"}
    world = linked(
        tmp_path, "deployer.yaml", "shared/settings.yaml", "shared/settings.yaml", JSONNET % "hub.name", **chart
    )
    world.write("shared/settings.yaml", JSONNET % "hub.domain")
    assert world.plan("--since", world.base) == ALL_BASE
    assert world.plan("shared/settings.yaml") == ALL


@pytest.mark.parametrize("pattern", ["versions.yaml", "vers*.yaml"])
def test_a_link_that_touches_everything(tmp_path: Path, pattern: str) -> None:
    settings = {"deployer.yaml": f"rebuild_all_on: ['{pattern}']\n"}
    world = linked(tmp_path, "versions.yaml", "shared/v.yaml", "shared/v.yaml", "helm: 4\n", **settings)
    world.write("shared/v.yaml", "helm: 5\n")
    assert world.plan("--since", world.base) == ALL
    assert world.plan("shared/v.yaml") == ALL


class Submodule(World):
    """A fleet whose chart `basehub` is a submodule; ``there`` is where its repository stands."""

    def __init__(self, tmp_path: Path) -> None:
        chart = {
            "Chart.yaml": "name: basehub\n",
            "templates/x.yaml": "kind: A\n",
            "README.md": "a",
            ".gitignore": "*.tgz\n",
        }
        there = World(tmp_path / "chart", contents=chart)
        super().__init__(tmp_path / "fleet", contents=default_files())
        self.git("rm", "-rqf", BASE)
        self.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(there.root), BASE)
        self.base = self.commit()

    def inner(self, path: str, text: str, *, commit: bool = True) -> None:
        self.write(f"{BASE}/{path}", text)
        for words in (["add", "-A"], ["commit", "-qm", "x"]) if commit else ():
            subprocess.run(["git", *words], cwd=self.root / BASE, env=self.env, check=True)


SUBMODULE: dict[str, tuple[Callable[[Submodule], object], list[str]]] = {
    "nothing": (lambda _: None, []),
    "another commit": (lambda world: world.inner("templates/x.yaml", "kind: B\n"), ALL_BASE),
    "another commit that says the same": (lambda world: world.inner("README.md", "b"), []),
    "what is not committed": (lambda world: world.inner("templates/x.yaml", "kind: B\n", commit=False), ALL_BASE),
    "what is not known to git": (lambda world: world.inner("templates/y.yaml", "kind: B\n", commit=False), ALL_BASE),
    "what it ignores": (lambda world: world.inner("charts/x.tgz", "x", commit=False), []),
}


@pytest.mark.parametrize("case", SUBMODULE)
def test_a_chart_that_is_a_submodule(tmp_path: Path, case: str) -> None:
    world = Submodule(tmp_path)
    edit, planned = SUBMODULE[case]
    edit(world)
    assert world.plan("--since", world.base) == planned
    assert world.plan(BASE) == ALL_BASE
    world.commit()
    assert world.plan("--since", world.base) == planned


def test_the_commit_of_a_submodule_is_not_fetched(tmp_path: Path) -> None:
    world = Submodule(tmp_path)
    world.git("update-index", "--cacheinfo", f"160000,{'1' * 40},{BASE}")
    world.git("commit", "-qm", "x")
    reasons = world.plan_json("--since", "HEAD")["releases"][0]["reasons"]
    assert any(f"in a submodule whose commit is not in this clone: {BASE}" in reason for reason in reasons)
