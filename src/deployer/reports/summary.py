"""How a rollout ended, for people: each release's outcome and address, what went wrong, and what to run next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from deployer.reports.board import SIGNS, sign
from deployer.reports.progress import cause, clock
from deployer.reports.terminal import Console
from deployer.rollout.results import ReleaseResult, RolloutResult
from deployer.rollout.states import Outcome


def show_result(result: RolloutResult, out: Console) -> None:
    """Print what became of each release, where hubs are, each failure's cause and log, and the next command."""
    if result.releases:
        out.print()
        out.print_table(result_table(result))
        out.print()
    if any(release.ended.url for release in _hubs(result)):
        out.print_table(addresses(result))
        out.print()
    for line in notices(result.releases):
        out.print(Text(f"Note: {line}", style="dim"))
    for release in result.releases:
        if release.outcome is Outcome.FAILED:
            _show_failure(release, out)
    for line in hints(result.releases):
        out.print(Text(line), soft_wrap=True)
    out.print(totals(result))
    for line in next_steps(result):
        out.print(Text(line), soft_wrap=True)  # a command that is cut in two cannot be pasted


def result_table(result: RolloutResult) -> Table:
    """Each release with its outcome, how long it took, and why where nothing was done to it.

    Why one failed takes more room than a table has: see :func:`_show_failure`.
    """
    held = {
        release.release: cause(release.ended)
        for release in result.releases
        if release.outcome in {Outcome.WITHHELD, Outcome.CANCELLED}
    }
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("", "release", "outcome"):
        table.add_column(name, no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    if held:
        table.add_column("why", overflow="fold")
    for release in result.releases:
        ended = release.ended
        seconds = clock(ended.seconds) if ended.seconds and not release.kept else ""
        outcome = Text(ended.outcome, style=SIGNS[ended.outcome][1])
        table.add_row(
            sign(ended.outcome),
            str(release.release),
            outcome,
            seconds,
            *([held.get(release.release, "")] if held else []),
        )
    return table


def addresses(result: RolloutResult) -> Table:
    """Where the hubs are: by name, for browsers, and plain, for programs whose resolver does not know such names."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("hub", no_wrap=True)
    table.add_column("address", no_wrap=True, overflow="ignore")
    for release in _hubs(result):
        for index, url in enumerate(dict.fromkeys(filter(None, [release.ended.url, release.ended.plain_url]))):
            table.add_row("" if index else str(release.release), f"or {url}" if index else url)
    return table


def _hubs(result: RolloutResult) -> list[ReleaseResult]:
    return [release for release in result.releases if release.release.hub and release.outcome.good]


def _show_failure(release: ReleaseResult, out: Console) -> None:
    ended = release.ended
    out.print(Text(f"{release.release} failed: {ended.cause}", style="red"), soft_wrap=True)
    for label, text in (("evidence", ended.evidence), ("log", ended.log), ("report of a bug", ended.bug)):
        if text and text not in ended.cause:
            out.print(f"  {label}: {_near(text)}", soft_wrap=True)


def hints(releases: Sequence[ReleaseResult]) -> list[str]:
    """What to do about what failed, each hint said once: whose it is, and its lines below.

    What the cause says already, or the log that is named beside it, is left out.
    """
    found: dict[str, list[str]] = {}
    for release in releases:
        if release.outcome is Outcome.FAILED and (hint := _new_in(release.ended.hint, release)):
            found.setdefault(hint, []).append(str(release.release))
    alone = sum(release.outcome is Outcome.FAILED for release in releases) == 1  # then it stands right above
    whose = {hint: [] if alone else [f"{', '.join(names)}:"] for hint, names in found.items()}
    return [line for hint, heads in whose.items() for line in (*heads, *_indented(hint))]


def _new_in(hint: str, release: ReleaseResult) -> str:
    known = " ".join(release.ended.cause.split())
    lines = [line for line in hint.splitlines() if not _is_known(line, known, release.ended.log)]
    return "\n".join(lines).strip("\n")


def _is_known(line: str, cause: str, log: str) -> bool:
    said = " ".join(line.split()).removeprefix("Error: ").removeprefix("* ")
    return bool(said) and (said in cause or bool(log and log in said))


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def _near(path: str) -> str:
    """A path as it is typed from where we stand, where it lies below."""
    here = f"{Path.cwd()}/"
    return path.removeprefix(here)


def notices(releases: Iterable[ReleaseResult]) -> list[str]:
    """Notices, those that several releases share said once."""
    found: dict[str, list[str]] = {}
    for release in releases:
        for notice in release.ended.notices:
            found.setdefault(notice, []).append(str(release.release))
    return [f"{', '.join(names)}: {notice}" for notice, names in found.items()]


def totals(result: RolloutResult) -> str:
    """``6 succeeded, 1 failed, 2 withheld in 1:23.``"""
    parts = [f"{number} {outcome}" for outcome, number in result.counts.items() if number]
    return f"{', '.join(parts) or 'nothing to do'} in {clock(result.seconds)}."


def next_steps(result: RolloutResult) -> list[str]:
    """What to run next, where there is something."""
    failed = [release.release for release in result.releases if release.outcome is Outcome.FAILED]
    if failed:
        first = failed[0]
        if holder := _holder(result.by_id[first]):
            return [f"Next: wait for rollout {holder}, or where it is gone: deployer unlock {first}"]
        behind = any(
            one.outcome is Outcome.WITHHELD and one.release.cluster == first.cluster for one in result.releases
        )
        again = "" if behind else f" {first.hub or '--support'}"  # what was withheld is to go ahead, too
        mend = f"mend it, then: deployer deploy {first.cluster}{again}"
        log = _log(result.by_id[first])
        return [f"Next: {log}", f"      {mend}"] if log else [f"Next: {mend}"]
    if any(release.outcome is Outcome.CANCELLED for release in result.releases):
        return [f"Next: deployer deploy --resume {result.rollout}"]
    return []


def _holder(release: ReleaseResult) -> str:
    """The rollout that holds the release's lock, where the release failed for that; else ""."""
    found = _LOCKED.match(release.ended.cause.removeprefix(f"{release.release} "))
    return found[1] if found else ""


_LOCKED = re.compile(r"is locked by rollout (\S+)")


def _log(release: ReleaseResult) -> str:
    """The command that shows what tells more, "" where nothing does: it never came to an upgrade."""
    if not release.ended.log:
        return ""
    of = " --of failed" if release.release.hub and release.ended.log.endswith(FAILED_LOG) else ""
    if _HELM_LOG.search(release.ended.log):
        of = " --of helm"
    return f"deployer logs {release.release.cluster} {release.release.name}{of}"


_HELM_LOG = re.compile(r"/helm/[^/]+/[^/]+/\d{8}T[\d.]+-[a-z]+\.log$")  # what helm said, on this machine
FAILED_LOG = "-failed.log"  # what a local hub's failed start wrote: the last good revision goes on in its own log
