"""The JSON Schema of cluster.yaml or deployer.yaml, for editors.

deployer schema cluster    print the schema of cluster.yaml
deployer schema deployer   print the schema of deployer.yaml
deployer schema --write    write both into the fleet, where its files point to
deployer schema --check    fail where those of the fleet are not what --write would write
"""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.errors import EXIT_OK, DeployerError, FleetError, Place
from deployer.fleet import json_schema
from deployer.fleet.repository import load_settings
from deployer.git import WorkTree


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", choices=("cluster", "deployer"), help="the file to print the schema of")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--write", action="store_true", help="write both schemas into the fleet")
    act.add_argument("--check", action="store_true", help="fail where those in the fleet are missing or old")


def run(args: argparse.Namespace, context: Context) -> int:
    made = {name: json_schema.text(schema) for name, schema in json_schema.schemas(_extra_keys(context)).items()}
    chosen = {args.name: made[args.name]} if args.name else made
    if args.write:
        _write(context, chosen)
    elif args.check:
        _check(context, chosen)
    elif args.name:
        print(made[args.name], end="")
    else:
        raise DeployerError("say which: cluster or deployer", hint="Or --write to write both into the fleet.")
    return EXIT_OK


def _extra_keys(context: Context) -> tuple[str, ...]:
    """Keys of the fleet's own; none where we stand in no fleet, for the schema is of use before there is one."""
    try:
        root = context.root
    except FleetError:
        if context.given is not None:
            raise
        return ()
    return load_settings(WorkTree(root))[0].extra_keys


def _write(context: Context, made: dict[str, str]) -> None:
    for name, text in made.items():
        file = context.root / json_schema.path_of(name)
        try:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DeployerError(f"cannot be written: {error.strerror}", Place(json_schema.path_of(name))) from None
        print(f"wrote {json_schema.path_of(name)}")


def _check(context: Context, made: dict[str, str]) -> None:
    for name, text in made.items():
        file = context.root / json_schema.path_of(name)
        try:
            same = file.read_bytes() == text.encode()
        except OSError:
            same = False
        if not same:
            what = "is not what this version of the deployer and deployer.yaml make" if file.exists() else "is missing"
            raise DeployerError(what, Place(json_schema.path_of(name)), "Run: deployer schema --write")
