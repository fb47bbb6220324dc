"""Who of a hub's community may change what, and whether a change stays within that.

  deployer owners                                who may change what, by `owners` of cluster.yaml
  deployer owners --since REV --author NAME      whether what HEAD changes since REV is NAME's to change
  deployer owners --write                        the lines of .github/CODEOWNERS that follow from it
  deployer owners --check                        fail where those are missing, old or edited

What counts are the effective values that differ, hub by hub, not names of files. Who owns what is read at REV. Only
commits are looked at, and nothing of them is run. Ends with 0 where all is within, with 2 where something is outside.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from deployer.changes.ownership import Author, Verdict, judge
from deployer.cli.context import Context
from deployer.cli.legs import append_summary
from deployer.cli.saying import say
from deployer.errors import EXIT_CHANGES, EXIT_OK, DeployerError, Place
from deployer.fleet import codeowners
from deployer.fleet.owners import is_team, name_of
from deployer.fleet.repository import load_fleet, load_what_can_be
from deployer.reports import owners as reports

_WRITE = "Run: deployer owners --write"


def options(parser: argparse.ArgumentParser) -> None:
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--since", metavar="REV", help="the revision that the change goes into; owners are read there")
    act.add_argument("--write", action="store_true", help="write the section of .github/CODEOWNERS")
    act.add_argument("--check", action="store_true", help="fail where that section is missing, old or edited")
    parser.add_argument("--head", metavar="REV", default="HEAD", help="the revision with the change (default: HEAD)")
    parser.add_argument(
        "--author",
        action="append",
        default=[],
        metavar="NAME",
        help="whose change it is: a user of GitHub's; of several, each must be allowed all of it (may be repeated)",
    )
    parser.add_argument(
        "--team", action="append", default=[], metavar="ORG/TEAM", help="a team of the one author's (may be repeated)"
    )
    parser.add_argument(
        "--teams-from", type=Path, metavar="FILE", help="teams of several: NAME ORG/TEAM on each line of FILE"
    )
    parser.add_argument(
        "--format", choices=("text", "json", "github"), default="text", help="github: annotations and a step's summary"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    if args.write or args.check:
        return _codeowners(context, write=args.write)
    if args.since is None:
        if args.author:
            raise DeployerError("--author goes with --since REV", hint="In a pull request REV is the base's commit.")
        listing = json.dumps(reports.listing(context.fleet), indent=2) + "\n"
        print(listing if args.format == "json" else reports.listing_as_text(context.fleet), end="")
        return EXIT_OK
    verdict = _judged(context, args.since, args.head, _authors(args))
    if args.head == "HEAD" and context.repository.changed("HEAD"):
        print("Uncommitted changes are not looked at.", file=sys.stderr)
    if verdict is None:
        print(f"Nobody owns anything at {args.since}, so there is nothing to keep to.", file=sys.stderr)
        return EXIT_OK
    _show(verdict, args.format, context)
    return EXIT_CHANGES if verdict.outside else EXIT_OK


def _authors(args: argparse.Namespace) -> list[Author]:
    """Who it is that changes something, in lower case: GitHub's names know no case."""
    if not args.author:
        raise DeployerError("whose change is it?", hint="Add --author NAME: who opened the pull request.")
    names = list(dict.fromkeys(_name(text, team=False) for text in args.author))
    if args.team and len(names) > 1:
        raise DeployerError("--team does not say whose team it is", hint="Of several authors: --teams-from FILE")
    teams = [(names[0], _name(text, team=True)) for text in args.team]
    if args.teams_from is not None:
        teams += _teams_from(args.teams_from)
    return [Author(name, frozenset(team for member, team in teams if member == name)) for name in names]


def _name(text: str, *, team: bool) -> str:
    name = name_of(text)
    if not name or is_team(name) is not team:
        what = "team, ORG/TEAM" if team else "user's name"
        raise DeployerError(f"{text!r} is no {what} on GitHub")
    return name


def _teams_from(path: Path) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    except OSError as error:
        raise DeployerError(f"--teams-from {path}: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if words and len(words) != 2:
            raise DeployerError("not of the form: NAME ORG/TEAM", Place(str(path), number))
        if words:
            found.append((_name(words[0], team=False), _name(words[1], team=True)))
    return found


def _judged(context: Context, since: str, head: str, authors: list[Author]) -> Verdict | None:
    """What becomes of the change; None where the fleet names neither owners nor maintainers yet."""
    repository = context.repository
    base, head_commit = repository.resolve(since), repository.resolve(head)
    if not repository.contains(head_commit, base):
        raise DeployerError(
            f"{head} does not contain {since}: nobody can say what the two make together",
            hint=f"Merge it first (git merge {since}); in a pull request, look at GitHub's merge commit.",
        )
    before = load_fleet(repository.at(base))
    if not codeowners.wanted(before):
        return None
    changed = repository.differing(base, head_commit)
    try:
        after, unread = load_what_can_be(repository.at(head_commit))
    except DeployerError as error:
        after, unread = before, [error]
    return judge(before, after, unread, changed, authors)


def _show(verdict: Verdict, form: str, context: Context) -> None:
    if form == "json":
        print(reports.as_json(verdict), end="")
        return
    if form == "github":
        print(reports.as_github(verdict), end="")
        append_summary(context.env, reports.as_markdown(verdict))
    else:
        say(reports.as_text(verdict))
    say(f"{reports.summary(verdict)}\n", sys.stdout if form == "github" else sys.stderr)


def _codeowners(context: Context, *, write: bool) -> int:
    place = Place(codeowners.FILE)
    file = context.root / codeowners.FILE
    text = _text(file)
    wanted = codeowners.as_it_should_be(text, context.fleet)
    if wanted == text:
        return EXIT_OK
    if not write:
        if line := codeowners.line_after(text):
            message = "this line stands after those that follow from `owners`, and wins over them"
            raise DeployerError(message, Place(codeowners.FILE, line), _WRITE)
        raise DeployerError("is not what `owners` in the fleet say", place, _WRITE)
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_text(wanted, encoding="utf-8", newline="")
    except OSError as error:
        raise DeployerError(f"cannot be written: {error.strerror}", place) from None
    print(f"wrote {codeowners.FILE}")
    return EXIT_OK


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise DeployerError(f"cannot be read: {error}", Place(codeowners.FILE)) from None
