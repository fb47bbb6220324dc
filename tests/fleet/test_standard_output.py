"""Standard output that is closed, or full: said plainly, and no bug of the deployer's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fleet_world import World

COMMAND = f"{sys.executable} -m deployer.cli.main"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("status >&-", 0, ""),
        ("plan --all >&-", 0, ""),
        (
            "plan --all --format json >/dev/full",
            1,
            "deployer: standard output: No space left on device\nMake room there, then run this again.\n",
        ),
    ],
)
def test_standard_output_that_takes_nothing(tmp_path: Path, words: str, code: int, said: str) -> None:
    world = World(tmp_path / "fleet", contents={"deployer.yaml": "{}\n"})
    ran = subprocess.run(
        ["sh", "-c", f"{COMMAND} {words}"],
        cwd=world.root,
        env=world.env,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (code, said)
