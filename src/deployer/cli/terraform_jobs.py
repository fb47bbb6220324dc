"""Say which clusters' Terraform a change touches, for the jobs of a pipeline that plan and apply it.

deployer terraform-jobs --since REV      the folders of terraform/clusters that differ, or whose module does
deployer terraform-jobs --all            all of them
deployer terraform-jobs --only CLUSTER   one
deployer terraform-jobs --digest FILE    a hash of what a plan would change, of tofu show -json (-: standard input)

In GitHub Actions they are the output terraform-jobs; whom a job becomes stands in the folder's ci.json.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys

from deployer.actions.terraform_jobs import CLUSTERS, Job, digest, jobs
from deployer.cli.context import Context
from deployer.cli.legs import append
from deployer.errors import EXIT_OK, DeployerError, Place
from deployer.reports import github


def options(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--since", metavar="REV", help="what differs from this revision")
    which.add_argument("--all", action="store_true", help="all clusters' folders")
    which.add_argument("--only", metavar="CLUSTER", help="this one")
    which.add_argument(
        "--digest", metavar="FILE", help="a hash of what this plan would change, to see whether another does the same"
    )
    parser.add_argument("--format", choices=("auto", "json"), default="auto", help="auto: for people, and for GitHub")


def run(args: argparse.Namespace, context: Context) -> int:
    if args.digest is not None:
        print(digest(_plan(args.digest, context)))
        return EXIT_OK
    paths = context.repository.changed(args.since) if args.since is not None else None
    found = jobs(context.tree, paths)
    if args.only is not None:
        found = _only(found, args.only)
    entries = json.dumps([job.entry() for job in found])
    if args.format == "json":
        print(entries)
        return EXIT_OK
    if name := context.env.get("GITHUB_OUTPUT"):
        append(name, github.lines({"terraform-jobs": entries}, lambda: f"end-{secrets.token_hex(16)}"))
    for job in found:
        print(job.name)
    return EXIT_OK


def _plan(file: str, context: Context) -> str:
    try:
        return sys.stdin.read() if file == "-" else (context.cwd / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DeployerError("cannot be read", Place(file)) from None


def _only(found: list[Job], name: str) -> list[Job]:
    one = [job for job in found if job.name == name]
    if not one:
        known = ", ".join(job.name for job in found) or "none"
        raise DeployerError(f"no folder {CLUSTERS}/{name}", hint=f"There are: {known}")
    return one
