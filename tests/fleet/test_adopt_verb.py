"""`deployer adopt`: what is wrong on this side is told before any cluster is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_world import World

from small_fleet import cluster, files, hub

NEW = ["adopt", "reef", "pond"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["adopt", "reef", "ocean", "--from-release"], "there is a hub reef/ocean already"),
        (["adopt", "rif", "pond", "--from-release"], "no cluster 'rif'"),
        (NEW, "its values are missing"),
        ([*NEW, "--values", "nowhere.yaml"], "nowhere.yaml: No such file"),
        ([*NEW, "--values", "broken.yaml"], "broken.yaml:"),
        ([*NEW, "--values", "a/x.yaml", "--values", "b/x.yaml"], "values files of one name"),
        ([*NEW, "--from-release", "--version", "1.0.0"], "--version goes with --repository"),
        ([*NEW, "--from-release", "--domain", "https://x"], "is no domain"),
    ],
)
def test_what_is_wrong_here_is_told_first(tmp_path: Path, words: list[str], told: str) -> None:
    world = World(tmp_path, contents=files(cluster("reef", [hub("ocean")])))
    (world.root / "broken.yaml").write_text("a: [\n")
    said = world.run(*words, cwd=world.root)
    assert said.code == 1
    assert told in said.err
    assert not said.out
