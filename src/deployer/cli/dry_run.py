"""What a deploy would run, command by command, with nothing run."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.cli.context import Context
from deployer.cli.selection import parse_releases
from deployer.cli.wiring import take_inputs, targets
from deployer.errors import EXIT_OK
from deployer.fleet.ids import ReleaseId
from deployer.plan.build import only as part_of
from deployer.plan.model import Plan
from deployer.targets.helm.target import HelmTarget
from deployer.targets.local.target import LocalTarget


def show(context: Context, plan: Plan, only: Sequence[str] | None) -> int:
    """Print each release's commands, in the order of the stages.

    :raises DeployerError: the plan does not fit the fleet.
    """
    chosen = parse_releases(list(only) if only else None)
    part = part_of(plan, chosen) if chosen else plan
    take_inputs(context, part.by_id)  # what a deploy refuses is no script to be run either
    wired = targets(context, {release.id.cluster for release in part.releases})
    if not part:
        print("# Nothing to upgrade.")
    for release in part.releases:
        print(f"# {release.id} ({release.stage}): {'; '.join(reason.text for reason in release.reasons)}")
        show_commands(wired[release.id.cluster], release.id)
        print()
    return EXIT_OK


def show_commands(target: LocalTarget | HelmTarget, release: ReleaseId, then: str = "") -> None:
    """Print what upgrades a release: a script that needs no deployer, or on this machine the processes.

    :param then: what the script does once the release is upgraded, and only then.

    :raises DeployerError: the fleet cannot be used.
    """
    if isinstance(target, HelmTarget):
        print(target.script(release, then), end="")
        return
    for step in target.steps(release):
        print(f"#   {step.title}")
        print(step.shell())
