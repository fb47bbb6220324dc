"""The JSON Schema of cluster.yaml or deployer.yaml, for editors; and what READMEs of charts tell of values.schema.json.

deployer schema cluster    print the schema of cluster.yaml
deployer schema deployer   print the schema of deployer.yaml
deployer schema charts     print the options of the fleet's charts, as tables
deployer schema --write    write both into the fleet, where its files point to, and the tables into charts' READMEs
deployer schema --check    fail where those of the fleet are not what --write would write
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from posixpath import normpath

from deployer.cli.context import Context
from deployer.errors import EXIT_OK, DeployerError, FleetError, Place
from deployer.fleet import chart_options, json_schema
from deployer.fleet.repository import load_settings
from deployer.git import WorkTree

CHARTS = "charts"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", choices=("cluster", "deployer", CHARTS), help="what to print, write or check; default: all"
    )
    act = parser.add_mutually_exclusive_group()
    act.add_argument(
        "--write",
        action="store_true",
        help="write both schemas into the fleet, and tables of options into READMEs of its charts",
    )
    act.add_argument("--check", action="store_true", help="fail where something of that is missing or old")


def run(args: argparse.Namespace, context: Context) -> int:
    if args.write:
        _write(context, _files(args.name, context))
    elif args.check:
        _check(context, _files(args.name, context))
    elif args.name == CHARTS:
        print("\n".join(_tables(context)), end="")
    elif args.name:
        print(*_schemas(args.name, context).values(), end="")
    else:
        raise DeployerError("say which: cluster, deployer or charts", hint="Or --write to write all into the fleet.")
    return EXIT_OK


def _files(name: str | None, context: Context) -> dict[str, str]:
    """By path, what should stand there."""
    schemas = {} if name == CHARTS else _schemas(name, context)
    return schemas | (_readmes(context) if name in (None, CHARTS) else {})


def _schemas(name: str | None, context: Context) -> dict[str, str]:
    made = json_schema.schemas(_extra_keys(context))
    return {json_schema.path_of(one): json_schema.text(made[one]) for one in made if name in (None, one)}


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
    return chart_options.readmes(*_charts(context))


def _tables(context: Context) -> Iterator[str]:
    tree, folder = _charts(context)
    for path in chart_options.with_schema(tree, folder):
        yield f"## {path}\n\n{chart_options.chart_table(tree, path)}"


def _charts(context: Context) -> tuple[WorkTree, str]:
    tree = WorkTree(context.root)
    return tree, normpath(load_settings(tree)[0].charts)


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
