"""Revisions and the work tree as trees of files, and the paths in which they differ."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from fleet_world import World

from deployer.errors import FleetError
from deployer.fleet.repository import load_fleet
from deployer.fleet.tree import Tree
from deployer.git import Repository, WorkTree

FILES = {"a.txt": "a\n", "b/c.txt": "c\n", "b/d/e.txt": "", "b.txt": "", "bb/x": "x"}


@pytest.fixture(params=["", "sub", "-odd [x]* é/in ner"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made = World(tmp_path / "top", request.param, FILES)
    (made.top / "elsewhere.txt").write_text("x")
    made.base = made.commit()
    return made


def repository(world: World) -> Repository:
    return Repository(world.root, world.env)


def trees(world: World) -> list[Tree]:
    return [WorkTree(world.root), repository(world).at("HEAD")]


def test_both_trees_hold_the_same(world: World) -> None:
    for tree in trees(world):
        assert {path: tree.read(path) for path in FILES} == {path: text.encode() for path, text in FILES.items()}
        assert [name for name in tree.children("") if name not in (".git", "elsewhere.txt", "sub")] == [
            "a.txt", "b", "b.txt", "bb"
        ]  # fmt: skip
        assert tree.children("b") == ["c.txt", "d"]
        assert tree.children("a.txt") == tree.children("gone") == []
        assert [tree.is_file(path) for path in ("a.txt", "b", "gone", "b/d/e.txt")] == [True, False, False, True]


@pytest.mark.parametrize("path", ["gone", "b", "a.txt/x", "b/gone"])
def test_what_is_not_there(world: World, path: str) -> None:
    for tree in trees(world):
        with pytest.raises(FileNotFoundError):
            tree.read(path)


def test_changed(world: World) -> None:
    def changed() -> list[str]:
        return repository(world).changed(world.base)

    assert changed() == []
    (world.top / "elsewhere.txt").write_text("y")
    assert changed() == ([] if world.root != world.top else ["elsewhere.txt"])
    world.git("checkout", "-q", "--", ".")
    world.write("a.txt", "a\n")  # written anew, and the same
    assert changed() == []
    world.write("a.txt", "other\n")
    world.write("new/x\ny.txt", "")
    world.write(b"caf\xe9", "")
    (world.root / "b/c.txt").rename(world.root / "renamed.txt")
    expected = ["a.txt", "b/c.txt", "caf\udce9", "new/x\ny.txt", "renamed.txt"]
    assert changed() == expected
    world.git("add", "-A")
    assert changed() == expected  # staged
    world.commit()
    assert changed() == expected
    assert repository(world).at("HEAD").is_file("caf\udce9")
    assert repository(world).at("HEAD").read("new/x\ny.txt") == b""


def test_head_is_a_commit_only_where_the_folder_holds_just_that(world: World) -> None:
    assert repository(world).head() == world.base
    world.write("untracked", "")
    assert repository(world).head() == ""


def test_a_tree_is_read_with_few_processes(tmp_path: Path) -> None:
    """One for the list and one for all that stands below a top folder."""
    world = World(tmp_path / "fleet")
    counted = tmp_path / "bin"
    counted.mkdir()
    real = subprocess.run(["bash", "-c", "command -v git"], capture_output=True, check=True).stdout.decode().strip()
    (counted / "git").write_text(f'#!/bin/sh\necho x >> {tmp_path}/calls\nexec {real} "$@"\n')
    (counted / "git").chmod(0o755)
    tree = Repository(world.root, world.env | {"PATH": f"{counted}{os.pathsep}{os.environ['PATH']}"}).at("HEAD")
    fleet = load_fleet(tree)
    for release in fleet.releases.values():
        fleet.values(release)
    assert len((tmp_path / "calls").read_text().split()) <= 6


def test_a_folder_that_git_does_not_trust_says_what_git_says(tmp_path: Path) -> None:
    world = World(tmp_path / "fleet", contents={"x": ""})
    with pytest.raises(FleetError) as caught:
        Repository(world.root, world.env | {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}).resolve("HEAD")
    assert "is not in a git repository" not in str(caught.value)
    assert "dubious ownership" in str(caught.value)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    tree = WorkTree(tmp_path)
    assert not tree.is_file("a.yaml")
    with pytest.raises(FleetError, match="no regular file"):
        tree.read("a.yaml")
