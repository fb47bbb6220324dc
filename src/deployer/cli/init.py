"""Make a new fleet: a folder with clusters, hubs and charts, ready to deploy on this machine.

deployer init DIR              one local cluster with a staging hub and a first one
deployer init DIR --example    two local clusters with three hubs each, as real ones differ
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path

from deployer.cli import workflow
from deployer.cli.context import Context
from deployer.errors import EXIT_OK
from deployer.replicate.recipients import options as sops_options
from deployer.scaffold.create import commit, new_fleet


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="a folder that is new or empty")
    parser.add_argument("--example", action="store_true", help="two clusters of three hubs each")
    parser.add_argument(
        "--recipient",
        action="append",
        default=[],
        metavar="KEY",
        help="what its secrets are encrypted with: an age public key, or a key of a cloud's key service",
    )
    parser.add_argument("--no-git", action="store_true", help="do not make it a git repository")


def run(args: argparse.Namespace, context: Context) -> int:
    new_fleet(context.cwd / args.folder, example=args.example, keys=_keys(args.recipient))
    workflow.write(context.cwd / args.folder)
    committed = not args.no_git and commit(context.cwd / args.folder, context.env)
    if not args.no_git and shutil.which("git", path=context.env.get("PATH")) is None:
        print("git is not installed: the fleet is no repository, and `plan --since` will not work.", file=sys.stderr)
    print(f"A new fleet is in {args.folder}{', with a first commit' if committed else ''}. Next:")
    print(f"  cd {shlex.quote(str(args.folder))}")
    print("  deployer new hub          # one of your own")
    print("  deployer plan --all       # what would be deployed")
    print("  deployer deploy --all     # real JupyterHubs, on this machine")
    return EXIT_OK


# What .sops.yaml calls what sops has options for.
_KINDS = {"--gcp-kms": "gcp_kms", "--azure-kv": "azure_keyvault"}


def _keys(recipients: list[str]) -> dict[str, str]:
    """
    :raises DeployerError: one is no key.
    """
    words = sops_options(recipients)
    return {_KINDS.get(option, option.strip("-")): given for option, given in zip(words[::2], words[1::2], strict=True)}
