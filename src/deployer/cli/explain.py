"""Where a hub's values come from: every file and line that sets a key, in order; the last one wins.

deployer explain CLUSTER HUB KEY     one key, for example jupyterhub.singleuser.memory.limit
deployer explain CLUSTER HUB         every key, with the file that sets it last

Values that may be secret are masked; encrypted files are named, not read.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from deployer.cli.context import Context
from deployer.cli.names import release_and_rest
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.helm_yaml import Path
from deployer.fleet.masking import masked, shown
from deployer.fleet.provenance import NOTHING, Explanation, Provenance, Setter, dotted

WIDTH = 100  # characters of a value


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB")
    parser.add_argument("hub", metavar="HUB", nargs="?", help="the hub's name, or support")
    parser.add_argument("key", metavar="KEY", nargs="?", help="a key of its values, with dots; [0] is a list's entry")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, context: Context) -> int:
    fleet = context.fleet
    release, rest = release_and_rest([args.cluster, args.hub, args.key])
    if len(rest) > 1:
        raise DeployerError(f"{' '.join(rest)}: one key at a time", hint="deployer explain CLUSTER HUB KEY")
    provenance = Provenance(fleet, fleet.release(release))
    if not rest:
        found = provenance.everything()
        lines = [line for one in found for line in _briefly(one)]
    else:
        found = [provenance.explain(provenance.parse(rest[0]))]
        lines = _wholly(found[0])
    if args.format == "json":
        _print_json(str(release), found)
    else:
        print("\n".join(lines))
    for place in provenance.later_documents:
        print(f"{place}: a second document is not looked at: Helm 3 ignores it, Helm 4 merges it", file=sys.stderr)
    return EXIT_OK


def _briefly(found: Explanation) -> list[str]:
    winner = found.winner
    return [f"{_shown(found.key, found.value)}  ← {winner.place if winner else '?'}"]


def _wholly(found: Explanation) -> list[str]:
    lines = [_shown(found.key, found.value)]
    lines += [f"  {_line(found, setter)}" for setter in found.setters]
    if not found.setters:
        lines.append("  nothing in the fleet sets it")
    if found.outside:
        chart = f"{found.outside.name} {found.outside.version}".strip()
        lines.append(f"  chart {chart} may have a default for it, which counts where nothing here sets it")
    return lines


def _line(found: Explanation, setter: Setter) -> str:
    if setter.encrypted:
        return f"{setter.place}: may set it (encrypted)"
    notes = [*(["the chart's default"] if setter.default else []), *(["wins"] if setter is found.winner else [])]
    said = f"{setter.place}: {shown(setter.value, _names(found.key), WIDTH)}"
    return f"{said} ({', '.join(notes)})" if notes else said


def _shown(key: Path, value: Any) -> str:
    return f"{dotted(key)}: {'not set' if value is NOTHING else shown(value, _names(key), WIDTH)}"


def _names(key: Path) -> list[str]:
    return [str(part) for part in key]


def _print_json(release: str, found: list[Explanation]) -> None:
    import json

    keys = [
        {
            "key": dotted(one.key),
            "set": one.value is not NOTHING,
            "value": None if one.value is NOTHING else masked(one.value, _names(one.key)),
            "setters": [_setter_json(one, setter) for setter in one.setters],
        }
        for one in found
    ]
    json.dump({"keys": keys, "release": release}, sys.stdout, indent=2, sort_keys=True, ensure_ascii=False)
    print()


def _setter_json(found: Explanation, setter: Setter) -> dict[str, Any]:
    return {
        "file": setter.place.path,
        "line": setter.place.line or None,
        "encrypted": setter.encrypted,
        "default": setter.default,
        "wins": setter is found.winner,
        "value": None if setter.encrypted else masked(setter.value, _names(found.key)),
    }
