"""The JSON Schema of cluster.yaml or deployer.yaml, for editors; and what READMEs of charts tell of values.schema.json.

deployer schema cluster    print the schema of cluster.yaml
deployer schema deployer   print the schema of deployer.yaml
deployer schema --write    write both into the fleet, where its files point to, and the tables of charts' READMEs
deployer schema --check    fail where those of the fleet are not what --write would write
"""

from __future__ import annotations

import argparse
from pathlib import Path
from posixpath import normpath

from deployer.cli.context import Context
from deployer.errors import EXIT_OK, DeployerError, FleetError, Place
from deployer.fleet import chart_options, json_schema
from deployer.fleet.repository import load_settings
from deployer.git import WorkTree


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", choices=("cluster", "deployer"), help="the file to print the schema of")
    act = parser.add_mutually_exclusive_group()
    act.add_argument(
        "--write",
        action="store_true",
        help="write both schemas into the fleet, and tables of options into READMEs of its charts",
    )
    act.add_argument("--check", action="store_true", help="fail where something of that is missing or old")


def run(args: argparse.Namespace, context: Context) -> int:
    made = {name: json_schema.text(schema) for name, schema in json_schema.schemas(_extra_keys(context)).items()}
    chosen = {json_schema.path_of(name): text for name, text in made.items() if args.name in (None, name)}
    if args.write:
        _write(context, chosen | ({} if args.name else _readmes(context)))
    elif args.check:
        _check(context, chosen | ({} if args.name else _readmes(context)))
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


def _readmes(context: Context) -> dict[str, str]:
    """READMEs of the fleet's charts, with the tables of their options as they should be."""
    tree = WorkTree(context.root)
    return chart_options.readmes(tree, normpath(load_settings(tree)[0].charts))


def _write(context: Context, made: dict[str, str]) -> None:
    for path, text in made.items():
        file = context.root / path
        try:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DeployerError(f"cannot be written: {error.strerror}", Place(path)) from None
        print(f"wrote {path}")


def _check(context: Context, made: dict[str, str]) -> None:
    for path, text in made.items():
        file = context.root / path
        try:
            same = file.read_bytes() == text.encode()
        except OSError:
            same = False
        if not same:
            raise DeployerError(_wrong(file), Place(path), "Run: deployer schema --write")


def _wrong(file: Path) -> str:
    if not file.exists():
        return "is missing"
    made_from = "the chart's values.schema.json" if file.name == chart_options.README else "deployer.yaml"
    return f"is not what this version of the deployer and {made_from} make"
