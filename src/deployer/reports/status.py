"""What is deployed, as a table."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.ports import Observation, State
from deployer.reports.terminal import STYLES, console

COLOURS = {State.RUNNING: "green", State.FAILED: "bold red", State.STOPPED: "yellow", State.ABSENT: "dim"}


def show_status(found: Mapping[ReleaseId, tuple[Stage, Observation]]) -> None:
    """Print one row for each release."""
    out = console()
    if not found:
        out.print("No local cluster in this fleet.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("release", "state", "rev"):
        table.add_column(name, no_wrap=True)
    table.add_column("address", no_wrap=True, overflow="ignore")
    for release, (stage, seen) in found.items():
        named, state = Text(str(release), style=STYLES[stage]), Text(_state(seen), style=COLOURS[seen.state])
        table.add_row(named, state, str(seen.revision or ""), Text(_about(seen)))
    out.print(table)


def _state(seen: Observation) -> str:
    if seen.state is State.RUNNING and not seen.healthy:
        return "running, silent"
    return seen.state


def _about(seen: Observation) -> str:
    behind = "" if seen.wanted or seen.state is State.ABSENT else "not what the repository says: deploy it"
    address = seen.url if seen.state is State.RUNNING else ""
    return "\n".join(filter(None, [address, seen.detail, behind]))
