"""What is wrong where users cannot work: a closed list, and pure functions from what was seen to a word of it."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from deployer.health.facts import Answer, Phase
from deployer.process import redact

EVIDENCE = 300  # characters of an evidence line


class Diagnosis(StrEnum):
    """All that a health check can find. The words are for people; they do not change between versions."""

    HUB_DOWN = "hub does not answer"
    DNS = "name does not resolve"
    TLS = "TLS fails"
    NO_ROUTE = "proxy has no route"
    HUB_ERROR = "hub answers with an error"
    TOKEN_REFUSED = "token refused"  # noqa: S105 — a word for people
    SCOPE_MISSING = "scope missing"
    USER_REFUSED = "user refused"
    SPAWN_REFUSED = "spawn refused"
    SPAWN_FAILED = "spawn failed"
    SPAWN_TIMED_OUT = "spawn timed out (slow, not broken)"
    SERVER_UNREACHABLE = "server started but not reachable"
    KERNEL_DEAD = "kernel does not start"
    WRONG_RESULT = "code gives the wrong result"
    WEBSOCKET_REFUSED = "websocket refused"
    STOP_FAILED = "server does not stop"
    BUSY = "hub too busy"
    CHECK_RUNNING = "another health check is at work"
    CANCELLED = "cancelled"

    @property
    def meaning(self) -> str:
        """What it means for users, in one line."""
        return _ADVICE[self].meaning

    @property
    def next_step(self) -> str:
        """Where to look, in one line."""
        return _ADVICE[self].next_step

    @property
    def again(self) -> bool:
        """Another attempt may well end otherwise."""
        return _ADVICE[self].again


class Advice(NamedTuple):
    meaning: str
    next_step: str
    again: bool = True


_ADVICE: Mapping[Diagnosis, Advice] = {
    Diagnosis.HUB_DOWN: Advice(
        "Nothing, or only a proxy, answers at the hub's address.", "Read the hub's log: is it running, does it restart?"
    ),
    Diagnosis.DNS: Advice(
        "The hub's name leads nowhere.",
        "Does its DNS record lead to the address of the cluster's ingress? How to find that: docs, Kubernetes, names.",
        again=False,
    ),
    Diagnosis.TLS: Advice(
        "Browsers will refuse the hub's certificate.",
        "Look at the certificate: issued, valid, for this name?",
        again=False,
    ),
    Diagnosis.NO_ROUTE: Advice(
        "A proxy answers, and does not know this hub.", "Look at the ingress: does it route this hub's name and path?"
    ),
    Diagnosis.HUB_ERROR: Advice("The hub runs, and its pages or its API fail.", "Read the hub's log around this time."),
    Diagnosis.TOKEN_REFUSED: Advice(
        "The hub does not know the token of the health check; users may be fine.",
        "Does the hub load the health check's service with this token?",
        again=False,
    ),
    Diagnosis.SCOPE_MISSING: Advice(
        "The health check's service may not do its work; users may be fine.",
        "Give the service's role the scopes that the evidence names.",
        again=False,
    ),
    Diagnosis.USER_REFUSED: Advice(
        "The hub does not take the health check's user; its authenticator may refuse others too.",
        "Exempt the user by name in the authenticator's rules and hooks.",
    ),
    Diagnosis.SPAWN_REFUSED: Advice(
        "The hub refuses to start a server.", "Read the evidence and the hub's log: options, limits, spawn hooks."
    ),
    Diagnosis.SPAWN_FAILED: Advice(
        "Users' servers do not start.", "Read the hub's log: image, command, storage, spawn hooks."
    ),
    Diagnosis.SPAWN_TIMED_OUT: Advice(
        "A server was still starting when time was up; slow, and perhaps not broken.",
        "Look for a new node or a large image; raise the time-out, or check again.",
    ),
    Diagnosis.SERVER_UNREACHABLE: Advice(
        "A server runs, and users cannot open it.", "Look at the proxy's routes and at network policies."
    ),
    Diagnosis.KERNEL_DEAD: Advice(
        "Users can open their server, and no notebook runs.",
        "Start a kernel in that environment by hand; read its error.",
    ),
    Diagnosis.WRONG_RESULT: Advice(
        "A kernel runs, and does not compute.", "Run a cell by hand: start-up files of the kernel may print or fail."
    ),
    Diagnosis.WEBSOCKET_REFUSED: Advice(
        "Notebooks open, and cells never run.",
        "Do all proxies on the way let WebSockets and their subprotocol through?",
    ),
    Diagnosis.STOP_FAILED: Advice(
        "Servers start and cannot be stopped or removed.", "Stop it in the hub's admin page; read the hub's log."
    ),
    Diagnosis.BUSY: Advice(
        "The hub turns away new servers: too many at once.",
        "Check again later, or raise the hub's limits.",
        again=False,
    ),
    Diagnosis.CHECK_RUNNING: Advice(
        "Another health check of this hub did not end in time.", "Wait for it, then check again.", again=False
    ),
    Diagnosis.CANCELLED: Advice("Nothing is known: the check was broken off.", "Check again.", again=False),
}


class Finding(NamedTuple):
    """A diagnosis with the line that shows it."""

    diagnosis: Diagnosis
    evidence: str = ""


class Trouble(Exception):  # noqa: N818 — what it is
    """A finding that ends an attempt."""

    def __init__(self, diagnosis: Diagnosis, evidence: str = "") -> None:
        super().__init__(f"{diagnosis}: {evidence}")
        self.finding = Finding(diagnosis, evidence)


# What it means that a phase fails for no more special reason: by an answer, and by the end of our patience.
_BY_ANSWER: dict[Phase, Diagnosis] = {
    Phase.HUB: Diagnosis.HUB_ERROR,
    Phase.TURN: Diagnosis.HUB_ERROR,
    Phase.USER: Diagnosis.USER_REFUSED,
    Phase.SPAWN: Diagnosis.SPAWN_REFUSED,
    Phase.REACH: Diagnosis.SERVER_UNREACHABLE,
    Phase.KERNEL: Diagnosis.KERNEL_DEAD,
    Phase.RUN: Diagnosis.WEBSOCKET_REFUSED,
    Phase.STOP: Diagnosis.STOP_FAILED,
}
_BY_TIME: dict[Phase, Diagnosis] = _BY_ANSWER | {
    Phase.HUB: Diagnosis.HUB_DOWN,
    Phase.TURN: Diagnosis.CHECK_RUNNING,
    Phase.USER: Diagnosis.HUB_DOWN,
    Phase.SPAWN: Diagnosis.SPAWN_TIMED_OUT,
    Phase.RUN: Diagnosis.WRONG_RESULT,
}
_AT_THE_HUB = frozenset({Phase.HUB, Phase.TURN, Phase.USER, Phase.SPAWN, Phase.STOP})
_GATEWAY = frozenset({502, 503, 504})


def of_answer(phase: Phase, answer: Answer) -> Finding:
    """What an answer means that is not the one we hoped for."""
    return Finding(_of_status(phase, answer), str(answer))


def _of_status(phase: Phase, answer: Answer) -> Diagnosis:
    if answer.status == 429:
        return Diagnosis.BUSY
    if phase in _AT_THE_HUB and answer.status in _GATEWAY:
        return Diagnosis.HUB_DOWN
    if phase in _AT_THE_HUB and answer.status in {401, 403, 404, 421} and not answer.from_hub:
        return Diagnosis.NO_ROUTE
    if answer.status in {401, 403}:
        return _of_refusal(phase, answer.message.lower())
    if answer.status >= 500:
        return {Phase.USER: Diagnosis.HUB_ERROR, Phase.SPAWN: Diagnosis.SPAWN_FAILED}.get(phase, _BY_ANSWER[phase])
    return _BY_ANSWER[phase]


def _of_refusal(phase: Phase, message: str) -> Diagnosis:
    if "scope" in message:
        return Diagnosis.SCOPE_MISSING
    if "auth has expired" in message:
        return Diagnosis.USER_REFUSED
    if "credentials" in message or phase is Phase.HUB:
        return Diagnosis.TOKEN_REFUSED
    if phase is Phase.SPAWN:
        return Diagnosis.SPAWN_REFUSED
    return Diagnosis.SCOPE_MISSING


def of_error(phase: Phase, error: BaseException) -> Finding:
    """What it means that a connection could not be made or broke off."""
    return Finding(_of_chain(phase, error), f"{phase}: {_said(error)}")


def _of_chain(phase: Phase, error: BaseException) -> Diagnosis:
    for link in _chain(error):
        match link:
            case socket.gaierror():
                return Diagnosis.DNS
            case ssl.SSLError():
                return Diagnosis.TLS
            case InvalidStatus() if link.response.status_code in {401, 403}:
                return Diagnosis.SCOPE_MISSING
            case InvalidHandshake() | ConnectionClosed():
                return Diagnosis.WEBSOCKET_REFUSED
            case httpx.ReadTimeout() | httpx.ReadError() | httpx.RemoteProtocolError() | TimeoutError() if (
                phase not in _AT_THE_HUB
            ):
                return _BY_ANSWER[phase]
    return Diagnosis.HUB_DOWN


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, however the libraries wrapped it; groups (several addresses) flattened."""
    seen: list[BaseException] = []
    todo = [error]
    while todo:
        link = todo.pop(0)
        if link is None or link in seen:
            continue
        seen.append(link)
        yield link
        todo += link.exceptions if isinstance(link, BaseExceptionGroup) else ()
        todo += (link.__cause__, link.__context__)


def _said(error: BaseException) -> str:
    """The most telling words of an error: the system's own where there are any."""
    for link in _chain(error):
        if isinstance(link, (socket.gaierror, ssl.SSLError)) and link.strerror:
            return str(link.strerror)
        if isinstance(link, OSError) and link.errno:
            return os.strerror(link.errno)
    return str(error) or type(error).__name__


def of_event(event: Mapping[str, Any]) -> Finding | None:
    """What a progress event says about the spawn; None where it has not failed."""
    if not event.get("failed"):
        return None
    message = str(event.get("message") or "Spawn failed")
    slow = re.search(r"time(d )?-?out|(within|in|after) [\d.]+ ?s(econds)?\b", message, re.IGNORECASE)
    # A hub's own time-out has no words of its own before JupyterHub 6: "Spawn failed: " and nothing.
    slow = slow or re.fullmatch(r"Spawn failed:\s*(Timeout)?", message)
    return Finding(Diagnosis.SPAWN_TIMED_OUT if slow else Diagnosis.SPAWN_FAILED, message)


def of_time(phase: Phase, seconds: float, last: Finding | None = None) -> Finding:
    """What it means that time ran out in this phase; ``last`` is the trouble that we were trying to get over."""
    if last and phase is not Phase.SPAWN:
        return last
    return Finding(_BY_TIME[phase], f"still {phase} after {seconds:.0f} s" + (f" ({last.evidence})" if last else ""))


def evidence(text: str, secrets: Iterable[str]) -> str:
    """``text`` as one short line without secrets."""
    line = " ".join(redact(text, secrets).split())
    return line if len(line) <= EVIDENCE else line[: EVIDENCE - 1] + "…"
