"""Who owns what, and whether a change stays within it: as text, JSON, and for a workflow of GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from deployer.changes.ownership import Judgement, Verdict
from deployer.fleet.masking import printable
from deployer.fleet.owners import everybody, is_team, maintainers_of, name_of, owned_hubs, patterns_of
from deployer.fleet.repository import Fleet
from deployer.reports.findings import annotation
from deployer.reports.markdown import code
from deployer.reports.words import count

SHOWN = 50  # rows of a summary


def summary(verdict: Verdict) -> str:
    """One line: what a maintainer wants to know first."""
    names = " and ".join(author.name for author in verdict.authors)
    if verdict.maintainers:
        return f"{names} may change everything: nothing was looked at."
    if not verdict.judgements:
        return "Within: nothing that is deployed differs."
    if not verdict.outside:
        return f"Within: {names} may change all of it ({count(len(verdict.judgements), 'change')})."
    return f"Outside: {names} may not change {len(verdict.outside)} of {count(len(verdict.judgements), 'change')}."


def as_text(verdict: Verdict) -> str:
    """Each change in a line with its place; below what is outside, why, and who may."""
    return "".join(f"{line}\n" for one in verdict.judgements for line in _lines(one))


def _lines(one: Judgement) -> Iterator[str]:
    what, *why = _told(one)
    yield f"{'outside' if one.why else 'within '}  {printable(str(one.place))}: {what}"
    yield from (f"         {line}" for line in why)


def _who(one: Judgement) -> str:
    return ", ".join(one.may) or "nobody that the fleet names"


def as_json(verdict: Verdict) -> str:
    data = {
        "within": not verdict.outside,
        "maintainers": verdict.maintainers,
        "authors": [{"name": one.name, "teams": sorted(one.teams)} for one in verdict.authors],
        "changes": [_row(one) for one in verdict.judgements],
    }
    return json.dumps(data, indent=2) + "\n"


def _row(one: Judgement) -> dict[str, object]:
    return {
        "within": not one.why,
        "file": one.place.path,
        "line": one.place.line or None,
        "release": str(one.release) if one.release else None,
        "key": one.key or None,
        "what": one.what,
        "why": one.why or None,
        "may": list(one.may),
    }


def as_github(verdict: Verdict) -> str:
    """An annotation beside each line that is outside."""
    return "".join(
        annotation("error", one.place, "Outside what its author may change", "\n".join(_told(one)))
        for one in verdict.outside
    )


def _told(one: Judgement) -> list[str]:
    """What, and where it is outside why."""
    what = f"{one.release}: {printable(one.what)}" if one.release else printable(one.what)
    return [what, f"{printable(one.why)}; who may: {_who(one)}"] if one.why else [what]


def as_markdown(verdict: Verdict) -> str:
    """For the summary of a step."""
    rows = verdict.judgements[:SHOWN]
    more = f"\n… and {len(verdict.judgements) - SHOWN} more.\n" if len(verdict.judgements) > SHOWN else ""
    table = "\n| | where | what | why |\n|---|---|---|---|\n" if rows else ""
    return f"### {summary(verdict)}\n{table}{''.join(map(_markdown_row, rows))}{more}"


def _markdown_row(one: Judgement) -> str:
    why = code(f"{one.why}; who may: {_who(one)}") if one.why else ""
    return f"| {'outside' if one.why else 'within'} | {code(str(one.place))} | {code(one.what)} | {why} |\n"


def listing(fleet: Fleet) -> dict[str, object]:
    """Who may change what, as data; names in lower case."""
    return {
        "maintainers": sorted(maintainers_of(fleet)),
        "hubs": [
            {
                "hub": str(release),
                "who": _known(entry.who),
                "keys": list(patterns_of(entry, fleet)),
                "files": list(entry.files),
            }
            for release, hub in owned_hubs(fleet).items()
            for entry in hub.owners
        ],
        "teams": list(filter(is_team, everybody(fleet))),
    }


def listing_as_text(fleet: Fleet) -> str:
    above = ", ".join(sorted(maintainers_of(fleet)))
    lines = [f"everything: {above or 'nobody is named (owners.maintainers of deployer.yaml)'}"]
    for release, hub in owned_hubs(fleet).items():
        for entry in hub.owners:
            lines.append(f"{release}: {', '.join(_known(entry.who)) or 'nobody'}")
            lines += [f"  {what}" for what in (*patterns_of(entry, fleet), *entry.files)]
    return "\n".join(lines) + "\n"


def _known(names: Iterable[str]) -> list[str]:
    return sorted({name for one in names if (name := name_of(one))})
