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
    record: tuple[str, ...] = ()  # words at its end that change nothing, by which what was done is known again

    def argv(self) -> tuple[str, ...]:
        return (*self.command, *self.record)

    def shell(self) -> str:
        """The line that is run, whole."""
        return self._line(self.argv())

    def shown(self) -> str:
        """The line that a stranger would type: without the record."""
        return self._line(self.command)

    def _line(self, words: tuple[str, ...]) -> str:
        return " ".join([*(f"{key}={quote(value)}" for key, value in self.environment.items()), join(words)])
