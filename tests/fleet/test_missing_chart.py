"""A chart that is not there is told where cluster.yaml names it, whatever stumbles on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_world import World

YAML = "config/clusters/reef/cluster.yaml"
TEXT = """\
name: reef
provider: local
hubs:
- name: ocean
  helm_chart: bashub
  helm_chart_values_files: []
"""


@pytest.mark.parametrize("words", [["validate", "reef"], ["preview", "reef", "ocean"], ["explain", "reef/ocean"]])
def test_a_misspelt_chart(tmp_path: Path, words: list[str]) -> None:
    world = World(tmp_path)
    world.write(YAML, TEXT)
    said = world.run(*words)
    wrong = (
        f"{YAML}:5: hubs[0].helm_chart: no such chart: helm-charts/bashub/Chart.yaml is missing; did you mean basehub?"
    )
    assert wrong in said.out + said.err
    assert said.code == 1
