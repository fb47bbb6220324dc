"""Make a new cluster, a new hub, or the Terraform of a cluster: asks at a terminal for what it needs, or takes options.

deployer new cluster NAME --provider PROVIDER …
deployer new hub CLUSTER NAME --kind KIND --login LOGIN …
deployer new terraform NAME --provider PROVIDER …

The fleet is looked at as `deployer validate` does before anything is written, and is written whole or not at all. Of
files that are there already no line changes but those that are added.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from deployer.cli.context import Context

WHAT = {"cluster": "new_cluster", "hub": "new_hub", "terraform": "new_terraform"}


def options(parser: argparse.ArgumentParser) -> None:
    which = parser.add_subparsers(dest="what", metavar="|".join(WHAT), required=True)
    for name, module_name in WHAT.items():
        module = import_module(f"deployer.cli.{module_name}")
        made = which.add_parser(
            name,
            help=(module.__doc__ or "").splitlines()[0],
            description=module.__doc__,
            formatter_class=parser.formatter_class,
            allow_abbrev=False,
        )
        module.options(made)
        made.set_defaults(act=module.run)


def run(args: argparse.Namespace, context: Context) -> int:
    return int(args.act(args, context))
