"""Why a release is in the plan: a rule and the chain from the file to the release."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """Every way into the plan."""

    ASKED = "asked"  # named on the command line, or --all
    VALUES = "values"
    CHART = "chart"
    CLUSTER = "cluster"
    OVERRIDE = "override"
    FLEET = "fleet"  # a file that the fleet says touches everything
    LABEL = "label"
    CANARY = "canary"
    NEW = "new"
    NOT_DEPLOYED = "not-deployed"  # what was deployed last is something else


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """One reason. ``files`` are paths relative to the fleet, sorted; ``text`` is for people."""

    rule: Rule
    text: str
    files: tuple[str, ...] = ()
