"""What an upgrade runs, as data: each step is a command that a stranger would type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import join, quote


@dataclass(frozen=True, slots=True)
class Step:
    """One command. ``environment`` holds only what differs from the caller's; no secret is ever in it."""

    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def argv(self) -> tuple[str, ...]:
        return self.command

    def shell(self) -> str:
        """The line that a stranger would type."""
        return " ".join([*(f"{key}={quote(value)}" for key, value in self.environment.items()), join(self.command)])
