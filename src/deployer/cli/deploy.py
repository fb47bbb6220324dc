"""Upgrade releases: support first, then staging hubs as canaries, then production hubs.

  deployer deploy CLUSTER [HUB…]     a cluster, or some of its hubs with their canaries
  deployer deploy --since REV        what a change touches
  deployer deploy --outdated         what is not deployed as the repository says
  deployer deploy --all              the whole fleet
  deployer deploy --plan plan.json   what `deployer plan --save plan.json` wrote
  deployer deploy --resume           go on with a rollout that was cut

A failure on one cluster never touches another. Ctrl-C once: what runs is finished and nothing starts; twice: stop.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deployer.cli import rendering, selection
from deployer.cli.context import Context
from deployer.cli.names import split_names
from deployer.errors import EXIT_OK, DeployerError
from deployer.plan import codec
from deployer.plan.build import build_plan, named
from deployer.plan.build import only as part_of
from deployer.plan.model import Plan


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="deploy this cluster, or the hubs named after it")
    parser.add_argument("hubs", nargs="*", metavar="HUB", help="only these hubs; a production hub brings its canaries")
    parser.add_argument("--support", action="store_true", help="the cluster's support release")
    selection.add_options(parser)
    _plan_options(parser.add_argument_group("a plan made before, and rollouts that are shared or were cut"))
    _way_options(parser.add_argument_group("how"))
    _limit_options(parser.add_argument_group("limits (defaults: deployer.yaml)"))


def _plan_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--plan", type=Path, metavar="FILE", help="carry out this plan, and nothing else")
    group.add_argument(
        "--only", nargs="+", default=None, metavar="CLUSTER/HUB", help="only these of the plan; never adds a canary"
    )
    group.add_argument(
        "--rollout-id", metavar="ID", help="take part in this rollout; processes that share it share its locks"
    )
    group.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="ID",
        help="go on with this rollout (default: the last one that was cut)",
    )
    group.add_argument(
        "--retry-failed", action="store_true", help="with --resume or --rollout-id: try what had failed once more"
    )
    group.add_argument("--leg", default="", metavar="NAME", help="write a journal of our own into the rollout's folder")
    group.add_argument("--record", type=Path, metavar="FILE", help="leave what became of it here, for a pipeline")
    group.add_argument(
        "--attempt", type=_above_zero, default=1, metavar="N", help="with --record: how often the pipeline was run"
    )


def _way_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--dry-run", action="store_true", help="print the plan and each command; run nothing")
    group.add_argument("--yes", action="store_true", help="do not ask")
    group.add_argument("--force", action="store_true", help="upgrade what has not changed, too")
    group.add_argument("--fail-fast", action="store_true", help="after a failure start nothing more, on any cluster")
    group.add_argument(
        "--no-canary", action="store_true", help="production does not wait for its canaries; needs --reason"
    )
    group.add_argument("--reason", default="", metavar="TEXT", help="why: written to the journal")
    group.add_argument(
        "--format", choices=("auto", "board", "lines", "json"), default="auto", help="auto: a live board on a terminal"
    )


def _limit_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--max-parallel", type=_above_zero, metavar="N", help="upgrades at a time")
    group.add_argument("--per-cluster", type=_above_zero, metavar="N", help="of these, on one cluster")
    group.add_argument("--timeout", type=_above_zero, metavar="SECONDS", help="for one upgrade with its health check")
    group.add_argument("--lock-timeout", type=float, metavar="SECONDS", help="wait so long for another rollout")


def _above_zero(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def run(args: argparse.Namespace, context: Context) -> int:
    args.cluster, args.hubs = split_names(args.cluster, args.hubs)
    _check(args)
    if args.resume is not None:
        from deployer.cli.rollout import resume

        return resume(context, args)
    plan = _plan(args, context)
    if args.plan is not None and not args.force:
        _check_unchanged(plan, args.only, context)
    if args.dry_run:
        from deployer.cli.dry_run import show

        return show(context, plan, args.only)
    if not plan:
        print("Nothing to upgrade.")
        return EXIT_OK
    from deployer.cli.rollout import start

    return start(context, plan, args)


def _check(args: argparse.Namespace) -> None:
    ways = {
        "CLUSTER": args.cluster is not None,
        "--all": args.all,
        "--since": args.since is not None,
        "--files-from": args.files_from is not None,
        "--outdated": args.outdated,
        "--state": args.state is not None,
        "--plan": args.plan is not None,
        "--resume": args.resume is not None,
    }
    given = [way for way, used in ways.items() if used]
    if len(given) != 1:
        raise DeployerError(
            f"{' and '.join(given)} do not go together" if given else "nothing was asked for",
            hint=f"Use one of {', '.join(ways)}.",
        )
    if args.no_canary and not args.reason:
        raise DeployerError("--no-canary needs --reason TEXT: it is written to the journal")
    if args.only and args.plan is None:
        raise DeployerError("--only goes with --plan", hint="By hand, name the hubs: deployer deploy CLUSTER HUB…")
    if (args.label or args.labels_from) and given[0] in ("CLUSTER", "--plan", "--resume"):
        raise DeployerError(
            f"--label and --labels-from do not go together with {given[0]}",
            hint="A label is part of how a plan is made from a change: use --since, --files-from, --outdated or --all.",
        )
    rendering.check(args)
    if args.support and args.cluster is None:
        raise DeployerError("--support goes with a CLUSTER")


def _plan(args: argparse.Namespace, context: Context) -> Plan:
    if args.plan is not None:
        return read_plan(args.plan)
    if args.cluster is None:
        return selection.selected_plan(args, context)
    wanted = named(context.fleet, args.cluster, args.hubs, support=args.support)
    return build_plan(context.fleet, wanted, revision=context.revision, canaries=not args.no_canary)


def _check_unchanged(plan: Plan, only: list[str] | None, context: Context) -> None:
    """A plan that was reviewed is carried out with what was reviewed.

    :raises DeployerError: its releases are made of something else now.
    """
    from deployer.cli.wiring import check_unchanged

    chosen = selection.parse_releases(only)
    check_unchanged(context, part_of(plan, chosen) if chosen else plan)


def read_plan(path: Path) -> Plan:
    """A plan that was saved, or one from standard input ('-').

    :raises DeployerError: it cannot be read, or is none.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeployerError(f"--plan {path}: {getattr(error, 'strerror', None) or error}") from None
    return codec.loads(text, str(path))
