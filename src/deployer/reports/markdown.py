"""A plan as a comment on a pull request: alike releases grouped, then counted, and never too long to be posted.

Names of files and hubs come from whoever opened the pull request: all of them stand within ``<code>``, where GitHub
neither notifies nor links, with every character that Markdown or HTML gives a meaning written as a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from deployer.fleet.ids import ReleaseId
from deployer.fleet.masking import printable
from deployer.plan.model import Plan, PlannedRelease
from deployer.reports.words import LEFT_OUT, dropped, plan_summary

LIMIT = 65_536  # characters of a comment on GitHub
MARKER = "<!-- deployer plan -->"  # by which the comment is found again, to be replaced
RELEASES, REASONS, LENGTH = 12, 5, 300  # of each group: releases and reasons that are named; characters of a reason
_SPECIAL = re.compile(r"[^\w ,./=→←…+%-]|(?<=www)\.|_")


def plan_comment(plan: Plan, limit: int = LIMIT, left_out: Sequence[ReleaseId] = ()) -> str:
    """The comment; shorter than ``limit`` for any plan, if that is at least some thousands."""
    head = f"{MARKER}\n### {plan_summary(plan)}\n"
    gone = "".join(f"\nDropped: {reason}: {_listed(names)}\n" for reason, names in dropped(plan))
    gone += f"\nRetired, and left alone: {_listed(plan.retired)}\n" if plan.retired else ""
    gone += f"\n{LEFT_OUT}: {_listed(left_out)}\n" if left_out else ""
    groups = _groups(plan.releases)
    if not groups:
        return head + gone
    table = "\n| releases | stage | why |\n|---|---|---|\n"
    rows = _fitting([_row(group) for group in groups], limit - len(head + gone + table) - 200)
    left = groups[len(rows) :]
    more = f"\n… and {sum(map(len, left))} more releases, for {len(left)} other reasons.\n" if left else ""
    return head + table + "".join(rows) + more + gone


def _fitting(rows: Iterable[str], room: int) -> list[str]:
    found: list[str] = []
    for row in rows:
        room -= len(row)
        if room <= 0:
            break
        found.append(row)
    return found


def _groups(releases: Iterable[PlannedRelease]) -> list[list[PlannedRelease]]:
    """Releases of one stage with the same reasons, in the order of the first of each."""
    groups: dict[tuple[str, ...], list[PlannedRelease]] = {}
    for release in releases:
        key = (release.stage, *sorted({reason.text for reason in release.reasons}))
        groups.setdefault(key, []).append(release)
    return list(groups.values())


def _row(group: Sequence[PlannedRelease]) -> str:
    texts = sorted({reason.text for reason in group[0].reasons})
    why = [code(text) for text in texts[:REASONS]]
    why += [f"and {len(texts) - REASONS} more"] if len(texts) > REASONS else []
    return f"| {_listed([one.id for one in group])} | {group[0].stage} | {'<br>'.join(why)} |\n"


def _listed(names: Sequence[object]) -> str:
    shown = ", ".join(code(str(name)) for name in names[:RELEASES])
    return shown + (f" and {len(names) - RELEASES} more" if len(names) > RELEASES else "")


def code(text: str) -> str:
    """Any text, as itself and nothing else."""
    line = printable(" ".join(text.split()))
    line = f"{line[: LENGTH - 1]}…" if len(line) > LENGTH else line
    return f"<code>{_SPECIAL.sub(lambda found: f'&#{ord(found[0])};', line)}</code>"
