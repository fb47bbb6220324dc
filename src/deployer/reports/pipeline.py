"""What became of a pipeline's releases, as a page for its summary and as one message for a chat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from deployer.reports.markdown import code
from deployer.reports.words import count

ROWS = 300  # that are listed: a step's summary holds 1 MiB
SHOWN = 20  # that are named in a message


class Row(NamedTuple):
    """A release, what became of it, and why."""

    release: str
    outcome: str
    why: str = ""


def page(title: str, rows: Sequence[Row]) -> str:
    """A table in Markdown; names and causes stand there as themselves and nothing else."""
    if not rows:
        return f"### {title}\n"
    lines = [f"| {code(row.release)} | {row.outcome} | {code(row.why) if row.why else ''} |" for row in rows[:ROWS]]
    more = [f"\n… and {len(rows) - ROWS} more."] if len(rows) > ROWS else []
    return "\n".join([f"### {title}", "", "| release | outcome | why |", "|---|---|---|", *lines, *more, ""])


def tally(rows: Sequence[Row]) -> str:
    """``2 succeeded, 1 failed``."""
    counts: Mapping[str, int] = Counter(row.outcome for row in rows)
    return ", ".join(f"{number} {outcome}" for outcome, number in counts.items()) or "nothing to upgrade"


def message(rows: Sequence[Row], bad: Sequence[Row], where: str) -> str:
    """A few lines for people: the counts, what went wrong, and where to read more."""
    listed = [f"- {row.release}: {row.outcome}" for row in bad[:SHOWN]]
    more = [f"- and {len(bad) - SHOWN} more"] if len(bad) > SHOWN else []
    return "\n".join([f"{count(len(rows), 'release')}: {tally(rows)}.", *listed, *more, *([where] if where else [])])
