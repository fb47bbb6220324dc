"""For a terminal: rendered differences, alike ones once. Colour never carries meaning alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from deployer.fleet.ids import ReleaseId
from deployer.render.compare import Alike, Delta
from deployer.reports.terminal import console
from deployer.reports.words import count

_STYLES = {"+": "green", "-": "red", "@": "cyan"}
NAMED = 12  # releases that a sentence names before it counts


def show_diff(
    groups: Sequence[Alike], unrendered: Mapping[ReleaseId, str], gone: Iterable[ReleaseId], *, live: bool = False
) -> None:
    """Print the groups in the order given, then what is gone, and what could not be rendered, with the reason.

    :param live: it was compared with what is deployed.
    """
    out = console()
    for group in groups:
        show_deltas(title(group), group.deltas)
    if names := named(gone):
        out.print(Text(f"Gone from the fleet, and left alone: {names}", style="dim"), soft_wrap=True)
    for line in reasons(unrendered):
        out.print(Text(f"Not {'compared' if live else 'rendered'}: {line}", style="yellow"), soft_wrap=True)
    out.print(summary(groups, len(unrendered), live=live), soft_wrap=True)


def show_deltas(heading: str, deltas: Iterable[Delta]) -> None:
    """Print what differs, object by object, under a heading."""
    console().print(Text(f"{heading}\n", style="bold"), soft_wrap=True)
    for delta in deltas:
        _show(delta)


def title(group: Alike) -> str:
    """``reef/ocean``, or ``the same on 94 releases: …``."""
    if len(group.releases) == 1:
        return str(group.releases[0])
    whose = " (shown: those of the first)"
    what = "hubs" if all(release.hub for release in group.releases) else "releases"
    return f"the same on {len(group.releases)} {what}: {named(group.releases)}{whose}"


def _show(delta: Delta) -> None:
    out = console()
    out.print(Text(f"  {delta.object}: {delta.what}", style="bold"), soft_wrap=True)
    for line in delta.lines:
        out.print(Text(f"    {line}", style=_STYLES.get(line[:1], "")), soft_wrap=True)
    out.print()


def reasons(unrendered: Mapping[ReleaseId, str]) -> list[str]:
    """One line for each reason, with the releases that it holds for."""
    by_reason: dict[str, list[ReleaseId]] = {}
    for release in sorted(unrendered):
        by_reason.setdefault(unrendered[release], []).append(release)
    return [f"{named(releases)}: {reason}" for reason, releases in sorted(by_reason.items(), key=lambda one: one[1])]


def named(releases: Iterable[ReleaseId]) -> str:
    """Their names, as many as one reads, and how many more there are."""
    names = [str(release) for release in releases]
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def summary(groups: Sequence[Alike], unrendered: int, *, live: bool = False) -> str:
    """One line: how many differ, in how many ways."""
    differing = sum(len(group.releases) for group in groups)
    rest = f"; {count(unrendered, 'release')} could not be {'compared' if live else 'rendered'}" if unrendered else ""
    if not differing:
        what = "between what is deployed and what the repository says" if live else "in what is rendered"
        return f"No {'other ' if unrendered else ''}difference {what}{rest}."
    verb = "differs" if differing == 1 else "differ"
    whom = " from what is deployed" if live else ""
    return f"{count(differing, 'release')} {verb}{whom}, in {count(len(groups), 'way')}{rest}."
