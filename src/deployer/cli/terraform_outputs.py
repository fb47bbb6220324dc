"""What verbs share that take what Terraform built from its outputs."""

from __future__ import annotations

import argparse
import sys

from deployer.cli.context import Context
from deployer.errors import DeployerError, Place
from deployer.scaffold.terraform import Outputs, parse


def add_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--from-terraform", metavar="FILE", help="take it from what `terraform output -json` wrote; - is standard input"
    )


def read(args: argparse.Namespace, context: Context) -> Outputs | None:
    """The outputs, where they were given.

    :raises DeployerError: the file cannot be read, or holds something else.
    """
    file: str | None = args.from_terraform
    if file is None:
        return None
    if file == "-":
        return parse(sys.stdin.read(), "standard input")
    try:
        return parse((context.cwd / file).read_text(encoding="utf-8"), file)
    except UnicodeDecodeError:
        raise DeployerError("not UTF-8", Place(file)) from None
    except OSError as error:
        raise DeployerError(f"cannot be read: {error.strerror}", Place(file)) from None
