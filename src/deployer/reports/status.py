"""What is deployed, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC

from rich import box
from rich.table import Table
from rich.text import Text

from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.ports import Observation, State
from deployer.reports.terminal import STYLES, WIDE, Console, console

COLOURS = {State.RUNNING: "green", State.FAILED: "bold red", State.STOPPED: "yellow", State.ABSENT: "dim"}


Found = Mapping[ReleaseId, tuple[Stage, Observation]]


def show_status(found: Found, gone: Mapping[ReleaseId, str] | None = None) -> None:
    """Print one row for each release; ``gone`` are those that the fleet has no more, with the command to end them."""
    out = console()
    if not found:
        out.print("Nothing is deployed, and nothing is to be.")
        return
    _show(found, out)
    for line in remarks(found, gone or {}):
        out.print(Text(line), soft_wrap=True)  # a command that is cut in two cannot be pasted


def _show(found: Found, out: Console) -> None:
    """As one table where it has room; else what releases are made of stands below, or each release by itself."""
    whole = _table(found, charts=any(seen.chart for _, seen in found.values()))
    if _fits(whole, out):
        out.print_table(whole)
        return
    short = _table(found, charts=False)
    if not _fits(short, out):
        _show_blocks(found, out)
        return
    out.print_table(short)
    for release, (_, seen) in found.items():
        if about := _made_of(seen):
            out.print(f"{release}: {about}", soft_wrap=True)


def _fits(table: Table, out: Console) -> bool:
    return out.measure(table, options=out.options.update(width=10 * WIDE)).maximum <= out.width


def _show_blocks(found: Found, out: Console) -> None:
    for release, (_, seen) in found.items():
        state = f"{_state(seen)}, revision {seen.revision}" if seen.revision else _state(seen)
        lines = [state, seen.url if seen.state is State.RUNNING else "", _made_of(seen)]
        out.print(str(release), *(f"  {line}" for line in lines if line), sep="\n", soft_wrap=True)


def _made_of(seen: Observation) -> str:
    return f"{seen.chart}, since {_since(seen)}" if seen.chart else ""


def _since(seen: Observation) -> str:
    return f"{seen.deployed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if seen.deployed_at else ""


def _table(found: Found, *, charts: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("release", "state", "rev", *(("chart", "since") if charts else ())):
        table.add_column(name, no_wrap=True)
    table.add_column("address", no_wrap=True, overflow="ignore")
    for release, (stage, seen) in found.items():
        named, state = Text(str(release), style=STYLES[stage]), Text(_state(seen), style=COLOURS[seen.state])
        about = (seen.chart, _since(seen)) if charts else ()
        url = seen.url if seen.state is State.RUNNING else ""
        table.add_row(named, state, str(seen.revision or ""), *about, url)
    return table


def _state(seen: Observation) -> str:
    silent = ["silent"] if seen.state is State.RUNNING and not seen.healthy else []
    return ", ".join([seen.state, *silent, *(["pending"] if seen.pending else [])])


def remarks(found: Found, gone: Mapping[ReleaseId, str]) -> Iterator[str]:
    """What takes more room than a table has: what is wrong where, and what is to be deployed."""
    yield from (f"{release}: {seen.detail}" for release, (_, seen) in found.items() if seen.detail)
    there = {one: seen for one, (_, seen) in found.items() if seen.state is not State.ABSENT}
    for one in there:
        if one in gone:
            yield f"{one} is no longer in the fleet: {gone[one]}"
    behind = [str(one) for one, seen in there.items() if not seen.wanted and not seen.pending and one not in gone]
    if behind:
        yield f"Not what the repository says, so to be deployed: {', '.join(behind)}"
