"""The guide's commands for home directories, as they stand there, on a folder of homes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "backup.md"
BLOCKS = re.findall(r"```sh\n# home-directories: ([^\n]*\n.*?)```", PAGE.read_text(), re.DOTALL)


def run(block: str, **folders: Path) -> None:
    env = {**os.environ, **{name: str(path) for name, path in folders.items()}}
    done = subprocess.run(
        ["bash", "-eu", "-c", f"# {block}"], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, path.lstat().st_uid, kind)
    return found


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("tar") is None, reason="GNU tar is needed")
def test_homes_come_back_as_they_were_last(tmp_path: Path) -> None:
    folders = {name: tmp_path / name.lower() for name in ("HOMES", "BACKUPS", "RESTORED")}
    homes, backups, restored = folders.values()
    for folder in (*folders.values(), homes / "ada", homes / "ada/.ssh", homes / "grace" / "a folder"):
        folder.mkdir(parents=True, exist_ok=True)
    (homes / "ada/.ssh/key").write_text("private")
    (homes / "ada/.ssh/key").chmod(0o600)
    (homes / "ada/run.sh").write_text("#!/bin/sh\n")
    (homes / "ada/run.sh").chmod(0o755)
    (homes / "ada/link").symlink_to("run.sh")
    (homes / "grace/a folder/gone later").write_text("x")
    back_up, bring_back = BLOCKS
    run(back_up, **folders)

    # The archives' names tell seconds: those of two nights are two.
    (first,) = backups.glob("homes-*.tar")
    first = first.rename(backups / "homes-20000101T000000.tar")
    shutil.rmtree(homes / "grace/a folder")
    (homes / "ada/new").write_text("new")
    (homes / "ada/run.sh").write_text("#!/bin/bash\n")
    run(back_up, **folders)
    assert len(list(backups.glob("homes-*.tar"))) == 2
    assert all(path.stat().st_mode & 0o077 == 0 for path in backups.iterdir())

    run(bring_back, **folders)
    assert tree(restored) == tree(homes)
    assert tree(restored)["ada/run.sh"][2] == b"#!/bin/bash\n"
