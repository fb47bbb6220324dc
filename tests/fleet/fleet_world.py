"""A fleet in a real git repository, and the command as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from small_fleet import cluster, files, hub

ENV = {
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.org",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "NO_COLOR": "1",
    "COLUMNS": "80",
}


class Said(NamedTuple):
    """What the user sees."""

    code: int
    out: str
    err: str


def default_files() -> dict[str, str]:
    """reef: staging, ocean, coral; atoll: staging, lagoon."""
    reef = cluster("reef", [hub("staging"), hub("ocean"), hub("coral")])
    return files(reef, cluster("atoll", [hub("staging"), hub("lagoon")], "aws")) | {"deployer.yaml": "{}\n"}


class World:
    """A repository at ``top``, with a fleet in ``folder`` below it ("" for the top itself)."""

    def __init__(self, top: Path, folder: str = "", contents: Mapping[str, str] | None = None) -> None:
        self.top = top
        self.root = top / folder
        self.env = {**os.environ, **ENV}
        top.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        for path, text in (default_files() if contents is None else contents).items():
            self.write(path, text)
        self.base = self.commit()

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.top, env=self.env, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def write(self, path: str | bytes, text: str) -> None:
        target = os.path.join(os.fsencode(self.root), os.fsencode(path))  # noqa: PTH118 - names that are bytes
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        with open(target, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)

    def commit(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def run(self, *words: str | bytes, stdin: bytes = b"", cwd: Path | None = None, **env: str) -> Said:
        """The command in a process of its own, as on a terminal of 80 columns without colour."""
        done = subprocess.run(
            [sys.executable, "-m", "deployer.cli.main", *words],
            cwd=cwd or self.root,
            env={**self.env, **env},
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def plan(self, *words: str | bytes, **options: Any) -> list[str]:
        """The releases that ``plan`` prints as JSON."""
        return [_name(one) for one in self.plan_json(*words, **options)["releases"]]

    def plan_json(self, *words: str | bytes, **options: Any) -> dict[str, Any]:
        said = self.run("plan", "--format", "json", *words, **options)
        assert (said.code, said.err) == (0, "")
        data: dict[str, Any] = json.loads(said.out)
        return data


def _name(entry: Mapping[str, Any]) -> str:
    return f"{entry['cluster']}/{entry['hub'] or 'support'}"
