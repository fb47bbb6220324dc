"""A rollout from the command line: asks, carries out, shows, and says how it ended."""

from __future__ import annotations

import argparse
import secrets
import sys
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from deployer.cli.context import Context
from deployer.cli.legs import write_record
from deployer.cli.selection import parse_releases
from deployer.cli.wiring import check_secrets, checkers, levels, local_target, take_inputs, target, targets
from deployer.errors import EXIT_INTERRUPTED, DeployerError
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import SUPPORT, ReleaseId
from deployer.plan.build import only as part_of
from deployer.plan.model import Plan
from deployer.plan.ports import State
from deployer.reports.board import Board
from deployer.reports.lines import JsonLines, PlainLines
from deployer.reports.summary import show_result
from deployer.reports.terminal import console, show_plan
from deployer.rollout.events import Reporter
from deployer.rollout.journal import Journal, history, new_id
from deployer.rollout.options import Options
from deployer.rollout.origin import Origin
from deployer.rollout.prepare import resume_options
from deployer.rollout.results import RolloutResult
from deployer.rollout.runner import Rollout, carry_out_plan


def start(context: Context, plan: Plan, args: argparse.Namespace) -> int:
    """Carry out a plan; the exit code says how it ended.

    :raises DeployerError: nothing was started.
    """
    chosen = _options(context, args)
    _check_plan(context, part_of(plan, chosen.only) if chosen.only else plan, decrypts=args.record is None)
    if not args.yes and not _agreed(plan):
        return EXIT_INTERRUPTED
    if args.hubs:
        _tell_of_support(context, plan)
    rollout = args.rollout_id or new_id(datetime.now(UTC), secrets.randbits(24))
    return _carry_out(context, plan, Journal.start(context.state, rollout, plan, leg=args.leg), chosen, args)


def _tell_of_support(context: Context, plan: Plan) -> None:
    """Who deploys hubs by name may not think of what they stand on."""
    for cluster in sorted({release.id.cluster for release in plan.releases}):
        support = ReleaseId(cluster, SUPPORT)
        if support not in context.fleet.releases or support in plan.by_id:
            continue
        try:
            absent = target(context, cluster).observe(support).state is State.ABSENT
        except DeployerError:
            continue  # what is wrong with the cluster, the rollout tells
        if absent:
            print(
                f"{support} was never deployed: without it hubs may have no address and no certificate. "
                f"To deploy it: deployer deploy {cluster} --support",
                file=sys.stderr,
            )


def resume(context: Context, args: argparse.Namespace) -> int:
    """Go on with a rollout that was cut.

    :raises DeployerError: there is none, or it is complete, or still being carried out.
    """
    journal = Journal.find(context.state, args.resume or _last(context), leg=args.leg)
    plan = journal.plan()
    chosen = resume_options(journal.record(), plan, retry_failed=args.retry_failed)
    _check_plan(context, part_of(plan, chosen.only) if chosen.only else plan, decrypts=args.record is None)
    return _carry_out(context, plan, journal, chosen, args)


def _last(context: Context) -> str:
    """The last rollout that was cut or interrupted; where there is none the last, which is then told about."""
    rollouts = history(context.state)
    if not rollouts:
        raise DeployerError("there is no rollout to resume", hint="Start one: deployer deploy --all")
    return next((one.id for one in rollouts if one.record and one.record.unfinished), rollouts[0].id)


def _options(context: Context, args: argparse.Namespace) -> Options:
    limits = context.fleet.settings.limits
    return Options(
        max_parallel=args.max_parallel or limits.parallel,
        per_cluster=args.per_cluster or limits.parallel_per_cluster,
        timeout=float(args.timeout or limits.timeout),
        lock_timeout=limits.lock_timeout if args.lock_timeout is None else args.lock_timeout,
        fail_fast=args.fail_fast,
        force=args.force,
        only=parse_releases(args.only),
        no_canary=args.reason if args.no_canary else "",
        retry_failed=args.retry_failed,
        attempts=1,  # the health check has attempts of its own
    )


def _check_plan(context: Context, plan: Plan, *, decrypts: bool) -> None:
    """Everything that would fail for all is found before anything starts.

    :param decrypts: not for a leg of a pipeline, whose record tells of each release why it failed.
    """
    for release in plan.releases:
        context.fleet.release(release.id)
    take_inputs(context, plan.by_id)
    if decrypts:
        check_secrets(context, plan.by_id)


def _agreed(plan: Plan) -> bool:
    """Whether whoever sits at the terminal wants this; where nobody does, it was meant."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    show_plan(plan)
    return input("Upgrade them? [y/N] ").strip().lower() in {"y", "yes"}


def _carry_out(context: Context, plan: Plan, journal: Journal, chosen: Options, args: argparse.Namespace) -> int:
    face = args.format
    with ExitStack() as stack:
        reporter = stack.enter_context(_reporter(face))
        rollout = Rollout(
            plan,
            targets=targets(context, {release.id.cluster for release in plan.releases}),
            checkers=checkers(context),
            levels=levels(context.fleet),
            journal=journal,
            reporter=reporter,
            options=chosen,
            origin=Origin.here(sys.argv),
        )
        result = carry_out_plan(rollout)
    if args.record:
        write_record(args.record, context, result, args.attempt)
    if face != "json":
        show_result(result, console())
        _show_password(context, result)
    return result.exit_code


def _reporter(face: str) -> Board | nullcontext[Reporter]:
    if face == "json":
        return nullcontext(JsonLines(sys.stdout))
    if face == "board" or (face == "auto" and sys.stdout.isatty()):
        return Board(console())
    return nullcontext(PlainLines(sys.stdout))


def _show_password(context: Context, result: RolloutResult) -> None:
    """Where a local log-in stands in for one from outside: the password, for whoever sits at a terminal."""
    replaced = {one.release.cluster for one in result.releases if any("local log-in" in n for n in one.ended.notices)}
    replaced -= {name for name, cluster in context.fleet.clusters.items() if cluster.provider is not Provider.LOCAL}
    for cluster in sorted(replaced):
        target = local_target(context, cluster)
        where = f"is local_password in {_from(context.cwd, target.folder.secrets)}"
        password = target.password() if sys.stdout.isatty() else where
        print(f"Local log-in on {cluster}: any name that the hub lets in; the password {password}")


def _from(folder: Path, path: Path) -> Path:
    """The path as one would type it in this folder."""
    return path.relative_to(folder) if path.is_relative_to(folder) else path
