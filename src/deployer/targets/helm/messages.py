"""What Helm says when it fails, as an error that names the chart's own file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from deployer.errors import Place, TargetError
from deployer.fleet.ids import ReleaseId

_FILE = r"(?P<path>[\w.-]+(?:/[\w.@+-]+)+\.(?:ya?ml|tpl|txt|json))"
_PLACES = (
    re.compile(rf"YAML parse error on {_FILE}: .*?line (?P<line>\d+): (?P<why>.+)", re.DOTALL),
    re.compile(
        rf"(?:template|execution error at|parse error at):? ?\(?{_FILE}:(?P<line>\d+)(?::\d+)?\)?:? ?(?P<why>.*)"
    ),
    re.compile(rf"error calling include: (?:template: )?{_FILE}:(?P<line>\d+)(?::\d+)?: (?P<why>.*)"),
)
_NOISE = re.compile(r"^(WARNING: |I\d{4} |W\d{4} |level=|time=|\s*$|Release \".*\" (does not exist|has been))")


def explained(
    release: ReleaseId, said: str, charts: Mapping[str, str], *, log: str = "", waited_for: str = ""
) -> TargetError:
    """The error for what Helm said.

    :param charts: the folder in the fleet of each chart, by the chart's name.
    :param waited_for: the pods that were not ready.
    """
    lines = [line for line in said.splitlines() if not _NOISE.match(line)]
    text = "\n".join(lines)
    hint = "\n".join([*lines[-8:], *([f"All that Helm said: {log}"] if log else [])])
    for pattern in _PLACES:
        found = _innermost(pattern, text)
        if found:
            why = " ".join(found["why"].split("\n")[0].split())
            place = Place(in_fleet(found["path"], charts), int(found["line"]))
            return TargetError(f"{release}: the chart's template is broken: {why or 'see below'}", place, hint, log=log)
    not_ready = f" (not ready: {waited_for})" if waited_for else ""
    return TargetError(f"{release}: {_first(lines)}{not_ready}", hint=hint, log=log)


def _first(lines: list[str]) -> str:
    """Helm's own error in one line; where that only counts errors, with the first of them."""
    at = next((number for number, line in enumerate(lines) if line.startswith("Error:")), len(lines) - 1)
    if not lines:
        return "helm failed and said nothing"
    return " ".join(filter(None, [lines[at].removeprefix("Error: "), *_announced(lines[at:])]))


def _announced(lines: list[str]) -> tuple[str, str]:
    """What stands below a line that ends in a colon: more such lines and the first other; or a list, with all of it."""
    below: list[str] = []
    items: list[str] = []
    for before, line in pairwise(lines):
        word = line.strip().removeprefix("* ")
        if word.startswith("- ") and (items or before.endswith(":")):
            items.append(word.removeprefix("- "))
        elif before.endswith(":"):
            below.append(word)
        else:
            break
    return " ".join(below), "; ".join(items)


def _innermost(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007 - the last one is what is wanted
        pass
    return found


def in_fleet(path: str, charts: Mapping[str, str]) -> str:
    """A file as Helm names it (``basehub/charts/sub/templates/x.yaml``), as a path of the fleet where it is one."""
    parts = path.split("/")
    for index in range(len(parts) - 1, -1, -1):
        is_chart = index == 0 or parts[index - 1] == "charts"
        if is_chart and parts[index] in charts:
            return "/".join([charts[parts[index]], *parts[index + 1 :]])
    return path
