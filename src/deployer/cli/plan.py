"""Which releases a change touches, and why. Nothing is upgraded.

  deployer plan FILE…            the releases that read these files
  deployer plan --since REV      the releases that read what changed since a git revision
  deployer plan --all            every release of the fleet

A production hub brings its canaries along. Hubs that are gone from the fleet are listed and left alone.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from deployer.cli import selection
from deployer.cli.context import Context
from deployer.errors import EXIT_CHANGES, EXIT_OK, DeployerError
from deployer.plan import codec


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="paths that changed, relative to the fleet")
    selection.add_options(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    parser.add_argument(
        "--save", metavar="FILE", type=Path, help="write the plan here too, for: deployer deploy --plan FILE"
    )
    parser.add_argument("--exit-code", action="store_true", help="exit with 2 where there is something to upgrade")


def run(args: argparse.Namespace, context: Context) -> int:
    if args.files and (args.all or args.since is not None):
        raise DeployerError("name files, or use --all or --since: not both")
    if not (args.files or args.all or args.since is not None or args.files_from is not None or args.label):
        raise DeployerError(
            "nothing was asked for", hint="Name files that changed, or use --since REV, --files-from FILE or --all."
        )
    plan = selection.selected_plan(args, context, args.files)
    if args.save:
        save(args.save, codec.dumps(plan))
    if args.format == "json":
        sys.stdout.write(codec.dumps(plan))
    else:
        from deployer.reports import terminal  # Rich takes 60 ms: only for those who look at it

        terminal.show_plan(plan)
    return EXIT_CHANGES if args.exit_code and plan else EXIT_OK


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
