"""What a hub said, for assertions; pytest shows it too, under "Captured log" of a failed test."""

from __future__ import annotations

import logging
import threading


class HubLog(logging.Handler):
    """What one hub said: ``records``, of its own logger and, from its thread, of tornado's."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.logger = logging.getLogger(f"jupyterhub.{name}")
        self.records: list[logging.LogRecord] = []
        self._thread_name = f"jupyterhub-{name}"
        self.logger.addHandler(self)
        logging.getLogger("tornado").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name == self.logger.name or threading.current_thread().name == self._thread_name
        if ours:
            self.records.append(record)

    @property
    def messages(self) -> list[str]:
        """All messages, without level or traceback."""
        return [record.getMessage() for record in self.records]

    @property
    def text(self) -> str:
        """One line per record, with level, and the traceback where there is one."""
        return "\n".join(f"{record.levelname} {self.format(record)}" for record in self.records)

    @property
    def errors(self) -> list[str]:
        """Messages at ERROR and above."""
        return [record.getMessage() for record in self.records if record.levelno >= logging.ERROR]

    def clear(self) -> None:
        """Forget what was said so far."""
        self.records.clear()

    def tail(self, lines: int = 40) -> str:
        """The last lines of ``text``."""
        return "\n".join(self.text.splitlines()[-lines:])

    def close(self) -> None:
        self.logger.removeHandler(self)
        logging.getLogger("tornado").removeHandler(self)
        super().close()
