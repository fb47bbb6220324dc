"""Keep what was deployed last, release by release, in a ref of the repository: the next plan starts from it.

  deployer state --fetch origin
      bring the ref here from the remote; where there is none yet, begin one that says that nothing is deployed
  deployer state --plan plan.json --records DIR --rollout-id ID --push origin
      add what a rollout's legs deployed, and send the ref to the remote

What succeeded is recorded. What was withheld stays as it was. What failed, was cancelled or left no record is
forgotten: so the next `deployer plan --state REF` has it again, whatever the next change touches. Ends with 3 where
there is such a release.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from deployer.actions.gate import ended, merged
from deployer.actions.records import GOOD
from deployer.changes.deployed import Deployed, dumps
from deployer.cli.context import Context
from deployer.cli.deploy import read_plan
from deployer.cli.legs import append_summary, read_records
from deployer.cli.records import STATE_FILE, deployed_records
from deployer.errors import EXIT_OK, EXIT_ROLLOUT_FAILED, DeployerError
from deployer.git import Repository
from deployer.reports.pipeline import Row, message, page, tally

REF = "refs/deployer/state"
# A state is written by nobody in person.
_AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "deployer"), ("EMAIL", "deployer@localhost"))
}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ref", default=REF, metavar="REF", help=f"where the state is kept (default: {REF})")
    parser.add_argument("--fetch", metavar="REMOTE", help="first bring the ref here")
    parser.add_argument("--plan", type=Path, metavar="FILE", help="the plan of the rollout to record")
    parser.add_argument("--records", type=Path, metavar="DIR", help="what its legs wrote with `deploy --record`")
    parser.add_argument("--rollout-id", metavar="ID", help="its id: records of other rollouts do not count")
    parser.add_argument("--push", metavar="REMOTE", help="at the end send the ref there")
    parser.add_argument("--message", type=Path, metavar="FILE", help="write a message for a chat's webhook here")
    parser.add_argument("--url", default="", metavar="URL", help="what the message links to")


def run(args: argparse.Namespace, context: Context) -> int:
    _check(args)
    repository = Repository(context.root, {**context.env, **_AUTHOR})
    if args.fetch:
        _fetch(repository, args.fetch, args.ref)
    rows = _record(args, context, repository) if args.plan else []
    if args.push:
        repository.git("push", "--quiet", args.push, f"{args.ref}:{args.ref}")
    return EXIT_ROLLOUT_FAILED if _bad(rows) else EXIT_OK


def _check(args: argparse.Namespace) -> None:
    together = [args.plan, args.records, args.rollout_id]
    if any(together) and not all(together):
        raise DeployerError("--plan, --records and --rollout-id go together")
    if not (args.fetch or args.plan or args.push):
        raise DeployerError("nothing was asked for", hint="Use --fetch, --plan with --records, or --push.")
    if not args.ref.startswith("refs/"):
        raise DeployerError(f"--ref {args.ref}: not a full name", hint=f"Such as {REF}.")
    for word in filter(None, (args.fetch, args.push)):
        if word.startswith("-"):
            raise DeployerError(f"{word!r} is no remote")


def _record(args: argparse.Namespace, context: Context, repository: Repository) -> list[Row]:
    plan, known = read_plan(args.plan), read_records(args.records, args.rollout_id)
    outcomes = ended(plan, known)
    before = deployed_records(context, args.ref) if _exists(repository, args.ref) else {}
    now = {release: Deployed(entry.revision, entry.digest) for release, entry in known.items() if entry.good}
    write_state(repository, args.ref, dumps(merged(before, outcomes, now)), f"After {args.rollout_id}")
    rows = [Row(str(release), end.outcome, end.cause) for release, end in outcomes.items()]
    append_summary(context.env, page(f"Deployed: {tally(rows)}", rows))
    for row in rows:
        print(f"{row.release}: {row.outcome}" + (f": {row.why}" if row.why else ""))
    if args.message:
        _write_message(args.message, message(rows, _bad(rows), args.url))
    return rows


def _bad(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.outcome not in GOOD]


def _write_message(path: Path, text: str) -> None:
    # Chats read < and > as the ends of links and mentions: a cause may hold them.
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    try:
        path.write_text(json.dumps({"text": plain}), encoding="utf-8")
    except OSError as error:
        raise DeployerError(f"--message {path}: {error.strerror}") from None


def _fetch(repository: Repository, remote: str, ref: str) -> None:
    """Have the remote's state here; where it has none, an empty one.

    :raises CommandError: the remote cannot be asked.
    """
    if repository.git("ls-remote", remote, ref).stdout.strip():
        repository.git("fetch", "--quiet", "--no-tags", remote, f"+{ref}:{ref}")
    elif not _exists(repository, ref):
        print(f"deployer: {remote} has no {ref} yet: nothing counts as deployed", file=sys.stderr)
        write_state(repository, ref, dumps({}), "Nothing is deployed yet")


def _exists(repository: Repository, ref: str) -> bool:
    return repository.git("rev-parse", "--verify", "--quiet", ref, check=False).ok


def write_state(repository: Repository, ref: str, text: str, why: str) -> None:
    """Make a commit whose tree is the state alone, on top of what the ref held; no work tree is touched.

    :raises CommandError: git refuses, or another process moved the ref meanwhile.
    """
    blob = repository.git("hash-object", "-w", "--stdin", stdin=text.encode()).stdout.strip()
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\t{STATE_FILE}\n".encode()).stdout.strip()
    old = repository.git("rev-parse", "--verify", "--quiet", ref, check=False).stdout.strip()
    parent = ("-p", old) if old else ()
    commit = repository.git("commit-tree", tree, *parent, "-m", why).stdout.strip()
    repository.git("update-ref", ref, commit, old or "0" * len(commit))
