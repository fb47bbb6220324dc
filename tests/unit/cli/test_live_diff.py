"""`deployer diff` against what is deployed on a local cluster: values, for there are no manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.cli.context import Context
from deployer.cli.main import main
from deployer.cli.wiring import local_target
from deployer.fleet.ids import ReleaseId
from deployer.targets.local.revisions import Record
from small_fleet import cluster, files, hub


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in files(cluster("reef", [hub("ocean"), hub("staging")], "local", support=None)).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def deployed(root: Path, name: str, values: dict[str, object]) -> None:
    """As a rollout leaves it."""
    revisions = local_target(Context.open(root, {}), "reef").revisions(ReleaseId("reef", name))
    made = revisions.add(Record(0, "d", "r", "2026-01-01T00:00:00+00:00"), values)
    revisions.deployed(made)


def test_what_a_hub_holds_and_what_it_would_get(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--fleet", str(root), "diff", "--exit-code"]) == 2
    first = capsys.readouterr()
    assert "Values ocean: added" in first.out
    assert "Comparing 2 releases with what is deployed" in first.err

    for name in ("ocean", "staging"):
        deployed(root, name, {"cull": {"enabled": False}})
    deployed(root, "pond", {})
    assert main(["--fleet", str(root), "diff"]) == 0
    said = capsys.readouterr().out
    assert "the same on 2 hubs: reef/ocean, reef/staging" in said
    assert "-  enabled: false" in said
    assert "+  enabled: true" in said
    assert "Gone from the fleet, and left alone: reef/pond" in said
    assert main(["--fleet", str(root), "diff", "reef/ocean", "--exit-code"]) == 2
    assert "reef/pond" not in capsys.readouterr().out
