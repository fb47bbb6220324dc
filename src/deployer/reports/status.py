"""What is deployed, as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.ports import Observation, State
from deployer.reports.terminal import NARROW, STYLES, console

COLOURS = {State.RUNNING: "green", State.FAILED: "bold red", State.STOPPED: "yellow", State.ABSENT: "dim"}


def show_status(found: Mapping[ReleaseId, tuple[Stage, Observation]], gone: Collection[ReleaseId] = ()) -> None:
    """Print one row for each release; ``gone`` are those that the fleet has no more."""
    out = console()
    if not found:
        out.print("No local cluster in this fleet.")
        return
    if out.width < NARROW:
        for release, (_, seen) in found.items():
            out.print(str(release), f"  {_state(seen)}", sep="\n", soft_wrap=True)
            if seen.state is State.RUNNING and seen.url:
                out.print(f"  {seen.url}", soft_wrap=True)
    else:
        out.print_table(_table(found))
    for line in remarks(found, gone):
        out.print(line)


def _table(found: Mapping[ReleaseId, tuple[Stage, Observation]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("release", "state", "rev"):
        table.add_column(name, no_wrap=True)
    table.add_column("address", no_wrap=True, overflow="ignore")
    for release, (stage, seen) in found.items():
        named, state = Text(str(release), style=STYLES[stage]), Text(_state(seen), style=COLOURS[seen.state])
        table.add_row(named, state, str(seen.revision or ""), seen.url if seen.state is State.RUNNING else "")
    return table


def _state(seen: Observation) -> str:
    if seen.state is State.RUNNING and not seen.healthy:
        return "running, silent"
    return seen.state


def remarks(found: Mapping[ReleaseId, tuple[Stage, Observation]], gone: Collection[ReleaseId]) -> Iterator[str]:
    """What takes more room than a table has: what is wrong where, and what is to be deployed."""
    yield from (f"{release}: {seen.detail}" for release, (_, seen) in found.items() if seen.detail)
    there = {one: seen for one, (_, seen) in found.items() if seen.state is not State.ABSENT}
    for one in there:
        if one in gone:
            yield f"{one} is no longer in the fleet: deployer down {one.cluster} {one.name}"
    behind = [str(one) for one, seen in there.items() if not seen.wanted and one not in gone]
    if behind:
        yield f"Not what the repository says, so to be deployed: {', '.join(behind)}"
