"""Who waits for what another process left at work says so."""

from __future__ import annotations

from pathlib import Path

from deployer.targets.local.files import locked_file


def test_who_waits_is_told_once_and_who_does_not_is_not(tmp_path: Path) -> None:
    told: list[str] = []
    with locked_file(tmp_path / "busy", waits=lambda: told.append("first")) as first:
        assert first is not None
        looks = iter([False, False, True])
        with locked_file(tmp_path / "busy", give_up=lambda: next(looks), waits=lambda: told.append("second")) as second:
            assert second is None
    assert told == ["second"]
