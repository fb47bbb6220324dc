"""For a terminal: plans as tables. Colour never carries meaning alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console as RichConsole
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deployer.changes.reasons import Reason
from deployer.fleet.ids import Stage
from deployer.fleet.masking import printable
from deployer.fleet.repository import CLUSTERS
from deployer.plan.model import Plan, PlannedRelease
from deployer.reports.words import dropped, plan_summary

STYLES = {Stage.SUPPORT: "magenta", Stage.STAGING: "yellow", Stage.PRODUCTION: "green"}

WIDE = 200  # columns where nobody looks: a program that reads lines wants them whole

NARROW = 60  # columns below which a table of plans has no room for reasons


class Console(RichConsole):
    """Rich's console, which leaves a reader that has gone to the one place that knows what to do of it."""

    def on_broken_pipe(self) -> None:
        """Rich would exit with 1 here.

        :raises BrokenPipeError: always.
        """
        raise BrokenPipeError

    def print_table(self, table: Table) -> None:
        """A table; where a file or a program takes it, without the blanks that fill its last column."""
        if self.is_terminal:
            self.print(table)
            return
        with self.capture() as taken:
            self.print(table)
        for line in taken.get().splitlines():
            self.print(line.rstrip(), soft_wrap=True)


def console() -> Console:
    """A console that honours NO_COLOR and the terminal's width; paths and names are never taken for markup."""
    made = Console(highlight=False, markup=False, emoji=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = WIDE
    return made


def show_plan(plan: Plan) -> None:
    """Print a plan: cluster by cluster, in the order in which it would be carried out."""
    out = console()
    if plan.releases and out.width < NARROW:
        out.print(plan_blocks(plan))
    elif plan.releases:
        out.print_table(plan_table(plan))
    for reason, names in dropped(plan):
        out.print(Text(f"Dropped: {reason}: {', '.join(map(str, names))}", style="dim"))
    if plan.retired:
        gone = ", ".join(map(str, plan.retired))
        out.print(Text(f"Retired, and left alone: {gone}", style="dim"))
    out.print(plan_summary(plan))


def show_rows(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print plain rows below their headers; what is too long is folded within its column."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold", ratio=1)
    for row in rows:
        table.add_row(*row)
    console().print_table(table)


def plan_table(plan: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("release", no_wrap=True, overflow="fold")
    table.add_column("stage", no_wrap=True)
    table.add_column("why", overflow="fold")
    for release in plan.releases:
        table.add_row(str(release.id), Text(release.stage, style=STYLES[release.stage]), why(release))
    return table


def plan_blocks(plan: Plan) -> Group:
    """Each release with its reasons below it, for narrow terminals."""
    blocks: list[RenderableType] = []
    for release in plan.releases:
        name = Text.assemble(f"{release.id} (", (release.stage, STYLES[release.stage]), ")", overflow="fold")
        blocks += [name, Padding(Text(why(release), overflow="fold"), (0, 0, 0, 2))]
    return Group(*blocks)


def why(release: PlannedRelease) -> str:
    """The reasons, one on a line; files of the release's own cluster by their path within its folder."""
    own = f"{CLUSTERS}/{release.id.cluster}/"
    return "\n".join(printable(_short(reason).replace(own, "")) for reason in release.reasons)


def _short(reason: Reason) -> str:
    """A reason with three of its files."""
    if len(reason.files) <= 3:
        return reason.text
    return f"{reason.text.split(' ← ', 1)[0]} ← {', '.join(reason.files[:3])} and {len(reason.files) - 3} more"
