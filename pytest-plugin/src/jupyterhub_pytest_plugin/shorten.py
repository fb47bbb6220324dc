"""Errors that say all themselves are shown where the test met them, not thirty frames further on."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import HubError

if TYPE_CHECKING:
    from types import TracebackType

_OWN = Path(__file__).parent
_SUITES = _OWN / "contracts"
_INSTALLED = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))


def shorten(error: BaseException) -> None:
    """Cut from the traceback of a :class:`HubError` what comes after the last line of a test or of its author's."""
    if not isinstance(error, HubError):
        return
    last, entry = None, error.__traceback__
    while entry is not None:
        if _is_of_the_test(entry):
            last = entry
        entry = entry.tb_next
    if last is not None:
        last.tb_next = None


def _is_of_the_test(entry: TracebackType) -> bool:
    file = Path(entry.tb_frame.f_code.co_filename)
    if file.is_relative_to(_OWN):
        return file.is_relative_to(_SUITES)
    return file.is_absolute() and not any(file.is_relative_to(folder) for folder in _INSTALLED)
