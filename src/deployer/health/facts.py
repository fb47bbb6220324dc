"""What a probe sees, before anybody says what it means: answers, and the phase of the morning they belong to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any

HUB_HEADER = "x-jupyterhub-version"  # hubs and users' servers send it; proxies and ingresses do not


class Phase(StrEnum):
    """How far the morning has come."""

    HUB = "reaching the hub"
    TURN = "waiting for another health check"
    USER = "making the user"
    SPAWN = "starting a server"
    REACH = "reaching the server"
    KERNEL = "starting a kernel"
    RUN = "running code"
    STOP = "stopping the server"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end. Header names are in lower case."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    tries: int = 1  # 2 and more: an earlier request may have been carried out, and its answer lost

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def from_hub(self) -> bool:
        """The hub or a user's server gave it, not a proxy on the way."""
        return HUB_HEADER in self.headers

    @property
    def date(self) -> datetime | None:
        """The hub's own clock, to whole seconds."""
        return http_date(self.headers.get("date", ""))

    def json(self) -> dict[str, Any]:
        """The body where it is a JSON object, else an empty one."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def message(self) -> str:
        """What the body says for people, from JSON, HTML or plain text."""
        said = self.json().get("message")
        return str(said) if said else _readable(self.text)

    def __str__(self) -> str:
        line = f"{self.method} {self.path}: {self.status} {_phrase(self.status)}".rstrip()
        return f"{line}: {self.message}" if self.message else line


def retry_after(answer: Answer, now: datetime) -> float:
    """Seconds that the answer asks us to wait, 0 where it does not."""
    asked = answer.headers.get("retry-after", "").strip()
    if asked.isdigit():
        return float(asked)
    at = http_date(asked)
    return max(0.0, (at - now).total_seconds()) if at else 0.0


def http_date(text: str) -> datetime | None:
    """The time of an HTTP header, in UTC; None where there is none to read."""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _readable(text: str) -> str:
    """Plain text as it is; of a page, its title: enough to see who sent it."""
    if "<" not in text:
        return text.strip()
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
    return title[1].strip() if title else ""
