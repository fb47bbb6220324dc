"""A rollout on a terminal: a live board of what runs and for how long, what waits for what, and what ended how."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deployer.reports.lines import interrupted_text
from deployer.reports.progress import DOING, Progress, Row, clock
from deployer.rollout.events import Event, Interrupted, NoCanary, ReleaseEnded, RolloutStarted
from deployer.rollout.states import Outcome

# A sign and a word: colour never carries meaning alone.
SIGNS: dict[Outcome, tuple[str, str]] = {
    Outcome.SUCCEEDED: ("✓", "green"),
    Outcome.UNCHANGED: ("=", "green"),
    Outcome.FAILED: ("✗", "bold red"),
    Outcome.WITHHELD: ("-", "yellow"),
    Outcome.CANCELLED: ("-", "yellow"),
}


def sign(outcome: Outcome) -> Text:
    """How an outcome is marked, in one character."""
    mark, style = SIGNS[outcome]
    return Text(mark, style=style)


class Board:
    """Use it as a context: the board is drawn four times a second until the rollout is over, and stays."""

    def __init__(self, console: Console, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.console = console
        self.now = now
        self.progress = Progress()
        self.live = Live(self, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self.live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.__exit__(kind, error, trace)

    def handle(self, event: Event) -> None:
        self.progress.take(event)
        if isinstance(event, RolloutStarted):
            self.console.print(Text(f"Rollout {event.rollout}", style="dim"))
        elif isinstance(event, Interrupted):
            self.console.print(interrupted_text(event.times))
        elif isinstance(event, NoCanary):
            self.console.print(f"Production goes ahead without its canaries: {event.reason}")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.table(options.max_height or console.height)

    def table(self, height: int) -> Table:
        """The rows that fit: what runs first, then what just ended, then what waits."""
        rows = list(self.progress.rows.values())
        shown = self._fitting(rows, max(height - 3, 3))
        # Widths are fixed, so that only the last column gives way: what a release does, cut at the terminal's edge.
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(width=1)
        grid.add_column(no_wrap=True, width=min(40, max((len(str(row.release)) for row in shown), default=12)))
        grid.add_column(justify="right", width=5)
        grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for row in shown:
            grid.add_row(*self._cells(row))
        grid.add_row("", Text(self._totals(rows, len(shown)), style="dim"))
        return grid

    @staticmethod
    def _fitting(rows: list[Row], room: int) -> list[Row]:
        if len(rows) <= room:
            return rows
        urgent = sorted(
            rows, key=lambda row: (row.outcome is not Outcome.FAILED, row.act is None, row.ended is not None)
        )
        chosen = {row.release for row in urgent[:room]}
        return [row for row in rows if row.release in chosen]

    def _cells(self, row: Row) -> tuple[Text, Text, Text, Text]:
        if row.outcome is not None:
            seconds = clock(row.ended.seconds) if row.ended and row.ended.seconds else ""
            text = _ended(row.ended) if row.ended else f"{row.outcome}, in an earlier run"
            return sign(row.outcome), Text(str(row.release)), Text(seconds), Text(text, style=SIGNS[row.outcome][1])
        if row.began is not None:
            since = clock((self.now() - row.began).total_seconds())
            doing = _doing(row)
            return Text("…", style="cyan"), Text(str(row.release), style="bold"), Text(since), Text(doing, style="cyan")
        waits = ", ".join(need.name for need in self.progress.waits_for(row))
        doing = f"waits for {waits}" if waits else "waits for its turn"
        return Text(" "), Text(str(row.release), style="dim"), Text(""), Text(doing, style="dim")

    def _totals(self, rows: list[Row], shown: int) -> str:
        ended = sum(row.outcome is not None for row in rows)
        hidden = f", {len(rows) - shown} not shown" if shown < len(rows) else ""
        return f"{ended} of {len(rows)} done{hidden}"


def _doing(row: Row) -> str:
    """What a release does. Of a command that is at work only which it is: all begin alike, and logs have them whole."""
    act = DOING[row.act] if row.act else "starting"
    return f"{act}: {row.said.split()[1]} is at work" if row.said.startswith("$ ") else row.said or act


def _ended(event: ReleaseEnded) -> str:
    """The outcome with what matters next: the address where it is good, the cause where it is not."""
    about = event.url if event.outcome.good else event.cause
    return f"{event.outcome}  {about}" if about else str(event.outcome)
