"""Stopping: soon (nothing new starts), or now (what runs is told to end); and the time limit of an act."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

GRACE = 10.0  # seconds that an act gets to end by its own time limit, before it is told to


class Stop:
    """Whether to stop. Safe to use from several threads."""

    def __init__(self) -> None:
        self.soon = threading.Event()
        self.now = threading.Event()
        self.times = 0
        self._acts: set[threading.Event] = set()
        self._lock = threading.Lock()

    def ask(self) -> int:
        """Ask to stop: the first time soon, then now. Say how often that was asked."""
        with self._lock:
            self.times += 1
            self.soon.set()
            if self.times > 1:
                self.now.set()
                for cancelled in self._acts:
                    cancelled.set()
            return self.times

    @contextlib.contextmanager
    def act(self, seconds: float) -> Iterator[threading.Event]:
        """An event for an act to look at: set when all stops now, or when the act outlives its time limit."""
        cancelled = threading.Event()
        alarm = threading.Timer(seconds + min(GRACE, seconds / 10), cancelled.set)
        alarm.daemon = True
        with self._lock:
            self._acts.add(cancelled)
            if self.now.is_set():
                cancelled.set()
        alarm.start()
        try:
            yield cancelled
        finally:
            alarm.cancel()
            with self._lock:
                self._acts.discard(cancelled)


@contextlib.contextmanager
def interrupted_by_signals(
    interrupt: Callable[[], None], signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)
) -> Iterator[None]:
    """While this holds, the signals call ``interrupt``. Only in the main thread's running event loop."""
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
