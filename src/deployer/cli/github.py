"""In a workflow of GitHub Actions: ask GitHub for labels, and tell people what came of it.

  deployer github labels --pull-request N | --commit SHA
      print the labels of a pull request, or of the merged ones that brought a commit; one on each line
  deployer github teams --user NAME
      print NAME ORG/TEAM for each team that the fleet's `owners` name and that the user is in (--user may be repeated)
  deployer github comment --plan plan.json --commit SHA
      post the plan on each open pull request whose head is this commit, in place of the last such comment
  deployer github issue --title TEXT --body FILE [--well]
      have one open issue of this title with this text; or, with --well, close it

The repository, the API's address and the token come from GITHUB_REPOSITORY, GITHUB_API_URL and GITHUB_TOKEN.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from deployer.actions.api import GitHub
from deployer.cli.context import Context
from deployer.cli.deploy import read_plan
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.masking import printable
from deployer.fleet.owners import everybody, is_team
from deployer.reports.markdown import MARKER, plan_comment

END = 30_000  # characters of what was said: its end tells most


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", choices=tuple(_ACTS), metavar="ACT", help=", ".join(_ACTS))
    parser.add_argument("--user", action="append", default=[], metavar="NAME", help="teams: those of this user")
    parser.add_argument("--pull-request", type=int, metavar="N", help="labels: those of this pull request")
    parser.add_argument("--commit", metavar="SHA", help="the pull requests that brought it, or whose head it is")
    parser.add_argument("--plan", type=Path, metavar="FILE", help="comment: the plan")
    parser.add_argument("--title", metavar="TEXT", help="issue: by which it is found again")
    parser.add_argument("--body", type=Path, metavar="FILE", help="issue: what was said, shown as it is")
    parser.add_argument("--url", default="", metavar="URL", help="issue: where it was said")
    parser.add_argument("--well", action="store_true", help="issue: all is well; close it")


def run(args: argparse.Namespace, context: Context) -> int:
    with GitHub.of(context.env) as github:
        return _ACTS[args.act](args, github, context)


def _teams(args: argparse.Namespace, github: GitHub, context: Context) -> int:
    teams = [name for name in everybody(context.fleet) if is_team(name)]
    for user in dict.fromkeys(args.user):
        for team in teams:
            if github.is_in_team(user, team):
                print(user, team)
    return EXIT_OK


def _labels(args: argparse.Namespace, github: GitHub, _context: Context) -> int:
    if (args.pull_request is None) == (args.commit is None):
        raise DeployerError("labels: --pull-request N or --commit SHA, one of them")
    number = args.pull_request
    for label in github.labels_of_commit(args.commit) if number is None else github.labels(number):
        print(" ".join(label.split()))
    return EXIT_OK


def _comment(args: argparse.Namespace, github: GitHub, _context: Context) -> int:
    if args.plan is None or not args.commit:
        raise DeployerError("comment: --plan FILE and --commit SHA are needed")
    # The plan is read and written anew: whatever else is in the file does not reach the comment.
    numbers = github.comment(args.commit, MARKER, plan_comment(read_plan(args.plan)))
    said = ", ".join(f"#{number}" for number in numbers) or "no open pull request"
    print(f"{args.commit[:12]}: {said}")
    return EXIT_OK


def _issue(args: argparse.Namespace, github: GitHub, _context: Context) -> int:
    if not args.title or args.body is None:
        raise DeployerError("issue: --title TEXT and --body FILE are needed")
    if args.well:
        number = github.settle(args.title, f"Well again. {args.url}".strip())
        print("nothing to close" if number is None else f"closed #{number}")
    else:
        print(f"#{github.report(args.title, _shown(args.body, args.url))}")
    return EXIT_OK


def _shown(path: Path, url: str) -> str:
    """The end of what was said, as a block of code: nothing in it is a link, a mention or markup."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DeployerError(f"--body {path}: {error.strerror}") from None
    lines = [f"    {printable(line)}" for line in text[-END:].splitlines()]
    return "\n".join([*([url, ""] if url else []), *lines, ""])


_ACTS = {"labels": _labels, "teams": _teams, "comment": _comment, "issue": _issue}
