"""A rollout where there is no terminal: plain lines as releases begin and end, or JSON lines for programs."""

from __future__ import annotations

import json
from typing import TextIO

from deployer.reports.progress import DOING, Progress, Row, cause, clock
from deployer.rollout.events import Act, ActBegun, Event, Interrupted, NoCanary, ReleaseEnded, RolloutStarted, Said
from deployer.rollout.wire import to_json


class PlainLines:
    """One line when a release begins an act, one for each command that changes something, one when it ends."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.progress = Progress()
        self.width = 0

    def handle(self, event: Event) -> None:
        row = self.progress.take(event)
        for line in self._lines(event, row):
            print(line, file=self.out)
        self.out.flush()

    def _lines(self, event: Event, row: Row | None) -> list[str]:
        if isinstance(event, RolloutStarted):
            self.width = max((len(str(release)) for release in self.progress.rows), default=0)
            return [f"Rollout {event.rollout}"]
        if isinstance(event, NoCanary):
            return [f"       production goes ahead without its canaries: {event.reason}"]
        if isinstance(event, Interrupted):
            return [interrupted_text(event.times)]
        if row and isinstance(event, ActBegun) and event.act is not Act.CONFIRM and event.act is not Act.LOCK:
            return [self._line(event, row, f"{DOING[event.act]} …")]
        return [self._line(event, row, text)] if row and (text := self._text(event)) else []

    @staticmethod
    def _text(event: Event) -> str:
        if isinstance(event, Said) and event.text.startswith("$ "):
            return event.text  # a command, as it is run
        return ended_text(event) if isinstance(event, ReleaseEnded) else ""  # notices stand in the summary

    def _line(self, event: Event, row: Row, text: str) -> str:
        seconds = (event.at - self.progress.began).total_seconds() if self.progress.began else 0.0
        return f"[{clock(seconds):>5}]  {row.release!s:<{self.width}}  {text}"


def ended_text(event: ReleaseEnded) -> str:
    """``succeeded in 12.3 s  http://…`` or ``failed: why``."""
    text = str(event.outcome)
    if event.cause:
        return f"{text}: {cause(event)}"
    return " ".join(filter(None, [f"{text} in {event.seconds:.1f} s" if event.seconds else text, event.url]))


def interrupted_text(times: int) -> str:
    if times == 1:
        return "Interrupted: what runs is finished, nothing new starts. Once more stops what runs."
    return "Interrupted again: stopping what runs."


class JsonLines:
    """Each event as one line of JSON; ``event`` names its type."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def handle(self, event: Event) -> None:
        self.out.write(json.dumps(to_json(event), ensure_ascii=False) + "\n")
        self.out.flush()
