"""Lines for people: as they are for a file or a program, and broken at blanks where a terminal is narrower."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TextIO

_INNER = 4  # columns that what goes on stands deeper


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a text that ends with a newline, or is empty."""
    out = stream or sys.stdout
    print(wrapped(text, shutil.get_terminal_size().columns) if out.isatty() else text, end="", file=out)


def wrapped(text: str, width: int) -> str:
    """No word is broken, for it may be a path that somebody copies."""
    return "".join(f"{_line(line, width)}\n" for line in text.splitlines())


def _line(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    own = " " * (len(line) - len(line.lstrip()))
    kept = textwrap.TextWrapper(
        width,
        initial_indent=own,
        subsequent_indent=own + " " * _INNER,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
    return kept.fill(line.lstrip())
