"""What a deploy would run, command by command, with nothing run."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.cli.context import Context
from deployer.cli.selection import parse_releases
from deployer.cli.wiring import targets
from deployer.errors import EXIT_OK
from deployer.plan.build import only as part_of
from deployer.plan.model import Plan
from deployer.targets.helm.target import HelmTarget


def show(context: Context, plan: Plan, only: Sequence[str] | None) -> int:
    """Print each release's commands, in the order of the stages.

    :raises DeployerError: the plan does not fit the fleet.
    """
    chosen = parse_releases(list(only) if only else None)
    part = part_of(plan, chosen) if chosen else plan
    wired = targets(context, {release.id.cluster for release in part.releases})
    if not part:
        print("# Nothing to upgrade.")
    for release in part.releases:
        print(f"# {release.id} ({release.stage}): {'; '.join(reason.text for reason in release.reasons)}")
        target = wired[release.id.cluster]
        if isinstance(target, HelmTarget):
            print(target.script(release.id))
            continue
        for step in target.steps(release.id):
            print(f"#   {step.title}")
            print(step.shell())
        print()
    return EXIT_OK
