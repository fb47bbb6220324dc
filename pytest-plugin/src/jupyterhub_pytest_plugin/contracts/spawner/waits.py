"""What waits in a hub's event loop, where all others wait with it: seen as it is called, not by how long it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from jupyterhub_pytest_plugin.hosting import Hub

_BUILTIN: dict[Any, str] = {time.sleep: "time.sleep()", os.system: "os.system()"}
# Each returns when the program has ended. Popen.wait() may be for one that has.
_PYTHON: dict[Any, str] = {
    subprocess.run.__code__: "subprocess.run()",
    subprocess.call.__code__: "subprocess.call()",
    subprocess.Popen.communicate.__code__: "Popen.communicate()",
}


@contextmanager
def waits_in(hub: Hub) -> Iterator[list[str]]:
    """What is called in this hub's thread meanwhile that lets nobody else run."""
    found: list[str] = []
    before = hub.call(sys.getprofile)
    hub.call(sys.setprofile, _noting(found))
    try:
        yield found
    finally:
        hub.call(sys.setprofile, before)


def _noting(found: list[str]) -> Callable[[FrameType, str, Any], None]:
    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and isinstance(argument, _BuiltinFunction) and argument in _BUILTIN:
            found.append(f"{_BUILTIN[argument]} in {_where(frame)}")
        elif event == "call" and frame.f_code in _PYTHON:
            found.append(f"{_PYTHON[frame.f_code]} in {_where(frame.f_back or frame)}")

    return note


_BuiltinFunction = type(time.sleep)  # other callables need not be hashable


def _where(frame: FrameType) -> str:
    return f"{frame.f_code.co_name}(), {frame.f_code.co_filename}:{frame.f_lineno}"
