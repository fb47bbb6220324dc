"""What the board says while a command is at work."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from deployer.fleet.ids import ReleaseId, Stage
from deployer.reports.board import Board
from deployer.reports.progress import Row
from deployer.rollout.events import Act


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("$ helm upgrade ocean helm-charts/basehub --install --create-namespace", "upgrading: helm is at work"),
        ("rolling back to revision 3", "rolling back to revision 3"),
        ("", "upgrading"),
    ],
)
def test_a_command_is_not_shown_by_its_first_letters(said: str, shown: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    out = Console(file=StringIO(), width=120)
    board = Board(out, now=lambda: now)
    ocean = ReleaseId("reef", "ocean")
    board.progress.rows[ocean] = Row(ocean, Stage.PRODUCTION, began=now, act=Act.UPGRADE, said=said)
    out.print(board.table(24))
    assert isinstance(out.file, StringIO)
    assert out.file.getvalue().splitlines()[0].rstrip().endswith(f"  {shown}")
