"""Which releases a change touches, and why. Nothing is upgraded.

  deployer plan                  what is not deployed as the repository says
  deployer plan --since REV      the releases whose inputs differ from those at a git revision
  deployer plan FILE…            the releases that read these files
  deployer plan --all            every release of the fleet

A production hub brings its canaries along. Hubs that are gone from the fleet are listed and left alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from deployer.cli import selection
from deployer.cli.context import Context
from deployer.errors import EXIT_CHANGES, EXIT_OK, DeployerError, FleetError
from deployer.fleet.ids import ReleaseId
from deployer.plan import codec
from deployer.plan.model import Plan

FORMATS = ("table", "json", "markdown", "github")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="paths that changed, relative to the fleet")
    selection.add_options(parser)
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="table",
        help="default: table; markdown: a comment on a pull request; github: the outputs of a step of GitHub Actions",
    )
    parser.add_argument(
        "--save", metavar="FILE", type=Path, help="write the plan here too, for: deployer deploy --plan FILE"
    )
    parser.add_argument("--why", metavar="CLUSTER/HUB", help="with --since: all that makes this release differ")
    parser.add_argument(
        "--why-not", metavar="CLUSTER/HUB", help="with --since: what of this release was compared and found the same"
    )
    parser.add_argument(
        "--select",
        action="append",
        default=[],
        metavar="CLUSTER[/HUB]",
        help="what is named here, with canaries; commas or spaces may stand between several (may be repeated)",
    )
    parser.add_argument("--saved", metavar="FILE", type=Path, help="only show a plan that was saved")
    parser.add_argument("--exit-code", action="store_true", help="exit with 2 where there is something to upgrade")


def run(args: argparse.Namespace, context: Context) -> int:
    if args.saved is not None:
        from deployer.cli.deploy import read_plan

        _show(*_for(args.format, read_plan(args.saved), context), args.format, context)
        return EXIT_OK
    ways = (args.all, args.since is not None, args.outdated, args.state is not None)
    if args.files and any(ways):
        raise DeployerError("name files, or use one of --all, --since, --outdated and --state: not both")
    if args.why or args.why_not:
        return _explain(args, context)
    if names := [name for words in args.select for name in words.replace(",", " ").split()]:
        if args.files or any(ways):
            raise DeployerError("--select does not go together with other ways to choose")
        plan = selection.named_plan(context, names)
    else:
        args.outdated = args.outdated or not (args.files or any(ways) or args.files_from is not None or args.label)
        plan = selection.selected_plan(args, context, args.files, revision=bool(args.save) or args.format == "json")
    plan, left_out = _for(args.format, plan, context)
    if args.save:
        save(args.save, codec.dumps(_with_digests(plan, context)))
    _show(plan, left_out, args.format, context)
    return EXIT_CHANGES if args.exit_code and plan else EXIT_OK


def _for(form: str, plan: Plan, context: Context) -> tuple[Plan, list[ReleaseId]]:
    """What of the plan this form is about, and what is left out."""
    if form != "github":
        return plan, []
    from deployer.cli.job_needs import for_jobs

    return for_jobs(plan, context.fleet)


def _with_digests(plan: Plan, context: Context) -> Plan:
    """Where no commit says what was planned, each release says what it was made of."""
    if plan.revision:
        return plan
    return replace(plan, releases=tuple(replace(one, digest=_digest(one.id, context)) for one in plan.releases))


def _digest(release: ReleaseId, context: Context) -> str:
    """Empty where it cannot be told: a plan may be made of what can then not be deployed."""
    try:
        return context.inputs.inputs(context.fleet.release(release)).digest
    except FleetError:
        return ""


def _show(plan: Plan, left_out: list[ReleaseId], form: str, context: Context) -> None:
    """Print the plan; what it takes is imported only for those who ask for it (Rich takes 60 ms)."""
    if form == "json":
        sys.stdout.write(codec.dumps(plan))
    elif form == "markdown":
        from deployer.reports.markdown import plan_comment

        sys.stdout.write(plan_comment(plan))
    elif form == "github":
        _show_to_github(plan, left_out, context)
    else:
        from deployer.reports.terminal import show_plan

        show_plan(plan)


def _show_to_github(plan: Plan, left_out: list[ReleaseId], context: Context) -> None:
    """Append the outputs of this step, and the summary of its job, to the files that GitHub Actions names.

    :raises DeployerError: we are not in GitHub Actions, or a file cannot be written.
    """
    import secrets

    from deployer.cli.job_needs import outputs
    from deployer.reports import github
    from deployer.reports.markdown import plan_comment
    from deployer.reports.words import LEFT_OUT, plan_summary

    env = context.env
    if not env.get("GITHUB_OUTPUT"):
        raise DeployerError(
            "--format github: GITHUB_OUTPUT is not set, so this is no step of GitHub Actions",
            hint="Elsewhere use --format json or markdown, or set GITHUB_OUTPUT to a file's path.",
        )
    _append("GITHUB_OUTPUT", env, github.lines(outputs(plan, context), lambda: f"end-{secrets.token_hex(16)}"))
    if env.get("GITHUB_STEP_SUMMARY"):
        _append("GITHUB_STEP_SUMMARY", env, plan_comment(plan, left_out=left_out))
    print(plan_summary(plan))
    if left_out:
        print(f"{LEFT_OUT}: {', '.join(map(str, left_out))}")


def _append(name: str, env: Mapping[str, str], text: str) -> None:
    try:
        with Path(env[name]).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise DeployerError(f"{name}={env[name]}: {error.strerror}") from None


def _explain(args: argparse.Namespace, context: Context) -> int:
    if args.since is None:
        raise DeployerError("--why and --why-not compare with a revision", hint="Add --since REV.")
    wanted = selection.parse_release(args.why or args.why_not)
    comparison = selection.compare_since(context, args.since, wanted)
    if args.why_not:
        from deployer.changes.affected import why_not

        lines = why_not(comparison)
        if comparison.reasons:
            print(f"{wanted} is planned: --why says what differs from {args.since}.")
        print(f"{wanted}: {len(lines)} inputs are the same as at {args.since}:")
    else:
        lines = [reason.text for reason in comparison.reasons]
        print(f"{wanted}: " + (f"differs from {args.since} in:" if lines else f"nothing differs from {args.since}."))
    for line in lines:
        print(f"  {line}")
    return EXIT_OK


def save(path: Path, text: str) -> None:
    """Write a plan whole or not at all.

    :raises DeployerError: it cannot be written there.
    """
    part = path.parent / f".{path.name}.part"
    try:
        # A path that is no UTF-8 is written with an escape that JSON knows.
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise DeployerError(f"--save {path}: {error.strerror}") from None
