"""A deployer of releases in a folder, as a process of its own: FOLDER, what to do, and at which moment to die.

``argv[2]`` is JSON: plan (names), faults, options (as keywords), moments (until SIGKILL; null for never).
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from rollout_world import Faults, Life, World, plan_of, rollout_of

from deployer.fleet.ids import ReleaseId
from deployer.rollout.options import Options
from deployer.rollout.runner import carry_out_plan


def main() -> int:
    asked = json.loads(sys.argv[2])
    faults = {ReleaseId.parse(name): Faults(**fault) for name, fault in asked["faults"].items()}
    world = World(Path(sys.argv[1]), faults, Life(asked["moments"], really=True))
    options = Options(pause=0, attempts=1, max_parallel=3)
    if "only" in asked:
        options = replace(options, only=tuple(map(ReleaseId.parse, asked["only"])))
    if asked.get("resume"):
        options = replace(options, resume=True)
    return carry_out_plan(rollout_of(world, plan_of(*asked["plan"]), options)).exit_code


if __name__ == "__main__":
    sys.exit(main())
