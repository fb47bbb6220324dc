"""What is worth another try: an API server that was busy or away for a moment, and nothing else."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from deployer.errors import DeployerError

T = TypeVar("T")
FIRST, LONGEST, TRIES = 1.0, 16.0, 6  # seconds of the first and the longest pause; tries in all

_TRANSIENT = re.compile(
    r"""
      TLS\ handshake\ timeout
    | connect(?:ion)?:?\ (?:refused|reset|timed\ out)
    | i/o\ timeout
    | ":\ (?:unexpected\ )?EOF  # of an address; of a template it is an error
    | http2:\ (?:client\ connection\ lost|server\ sent\ GOAWAY)
    | no\ route\ to\ host
    | etcdserver:
    | server\ is\ currently\ unable\ to\ handle\ the\ request
    | \(ServiceUnavailable\) | \(TooManyRequests\) | \(ServerTimeout\)
    | [Tt]oo\ many\ requests
    | rate\ ?limit(?:er|ing)?\ (?!Wait)
    | apiserver\ (?:not\ ready|is\ shutting\ down)
    | leader\ changed
    | Client\.Timeout\ exceeded\ while\ awaiting\ headers
    """,
    re.VERBOSE | re.MULTILINE,
)
# The client's own limit on its rate; but Helm says it too when a wait for pods has outlived its time-out.
_THROTTLED = re.compile(r"client rate limiter Wait returned an error")


def is_transient(said: str, *, timed_out: bool = False) -> bool:
    """Whether what a command said speaks of the API server's state of the moment.

    :param timed_out: the command had used up its time; then throttling is no reason, but what it ended with.
    """
    return bool(_TRANSIENT.search(said)) or (bool(_THROTTLED.search(said)) and not timed_out)


def pauses() -> Iterator[float]:
    """Seconds between tries: doubling, each a little different, so that many who failed together do not return so."""
    pause = FIRST
    for _ in range(TRIES - 1):
        yield pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
        pause = min(pause * 2, LONGEST)


def retried(
    act: Callable[[], T],
    transient: Callable[[DeployerError], bool],
    *,
    cancelled: threading.Event | None = None,
    deadline: float | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> T:
    """The result of ``act``, tried again while what it raises is transient.

    :param deadline: of :func:`time.monotonic`; no pause reaches beyond it.
    :raises DeployerError: the last failure.
    """
    for pause in pauses():
        try:
            return act()
        except DeployerError as error:
            late = deadline is not None and time.monotonic() + pause > deadline
            if late or not transient(error) or (cancelled and cancelled.is_set()):
                raise
            say(f"the API server did not answer as it should; trying again in {pause:.0f} s")
        (cancelled or threading.Event()).wait(pause)
    return act()
