"""What a test session left behind: compared with the moment before its first hub."""

from __future__ import annotations

import gc
import os
import shlex
import sys
import threading
import time
from concurrent.futures import thread as futures
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from .hub_auth import close_forgotten
from .reaper import marked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LIBRARIES = ("_run_safe_shutdown_loop",)  # pycares keeps one thread per process, for good

_HUB_THREADS = "jupyterhub-"
_temporary: dict[str, None] = {}  # what hubs' threads made, in its order
_watching: list[bool] = []


def watch_temporary_files() -> None:
    """Take note, from now on, of what components make with :mod:`tempfile` in the threads of hubs.

    An audit hook stays until the process ends; what tests make for themselves is none of our business.
    """
    if not _watching:
        _watching.append(True)
        sys.addaudithook(_note)


def _note(event: str, arguments: tuple[object, ...]) -> None:
    made = event in {"tempfile.mkstemp", "tempfile.mkdtemp"}
    if made and threading.current_thread().name.startswith(_HUB_THREADS):
        _temporary[str(arguments[0])] = None


@dataclass(frozen=True)
class Snapshot:
    """Threads, listening ports, files that JupyterHub puts into a careless working directory, temporary files."""

    threads: frozenset[int]
    ports: frozenset[int]
    strays: frozenset[Path]
    temporary: frozenset[str]

    @classmethod
    def take(cls) -> Snapshot:
        threads = frozenset(thread.ident or 0 for thread in threading.enumerate())
        return cls(threads, frozenset(_listening()), frozenset(_strays(Path.cwd())), frozenset(_temporary))


def _listening() -> list[int]:
    process = psutil.Process()
    connections = getattr(process, "net_connections", None) or process.connections  # psutil < 6
    try:
        found = connections("tcp")
    except psutil.Error:  # some systems do not let a process look
        return []
    return [connection.laddr.port for connection in found if connection.status == psutil.CONN_LISTEN]


def _strays(folder: Path) -> Iterable[Path]:
    return (path for path in folder.glob("jupyterhub*") if path.suffix in {".sqlite", ".pid", ""} and path.is_file())


def find(before: Snapshot, mark: str, folders: Iterable[Path], grace: float, ignored: Sequence[str] = ()) -> list[str]:
    """One line for each thing left after these seconds of grace; empty if nothing is.

    Lines that one of the patterns in ``ignored`` matches are left out.
    """
    close_forgotten([thread for thread in threading.enumerate() if thread.ident not in before.threads])
    until = time.monotonic() + grace
    while (found := _wanted(_find(before, mark, folders), ignored)) and time.monotonic() < until:
        time.sleep(0.1)
        gc.collect()  # executors end their threads when they are collected
    return found


def _wanted(lines: list[str], ignored: Sequence[str]) -> list[str]:
    return [line for line in lines if not any(fnmatchcase(line, pattern) for pattern in ignored)]


def _idle(thread: threading.Thread) -> bool:
    """Whether this is a thread of an executor that has nothing to do: it ends with its executor, or the process."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - there is no other way to see another thread
    return frame is not None and frame.f_code is futures._worker.__code__  # noqa: SLF001 - as above


def _waits_for(thread: threading.Thread, pids: Iterable[int]) -> bool:
    """Whether this is the thread in which asyncio waits for one of these processes."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - as above
    named = thread.name.startswith("asyncio-waitpid-") or thread.name.startswith("waitpid-")
    return named and frame is not None and not set(pids).isdisjoint(_integers(frame.f_locals))


def _integers(values: Mapping[str, object]) -> set[int]:
    return {value for value in values.values() if isinstance(value, int)}


def _find(before: Snapshot, mark: str, folders: Iterable[Path]) -> list[str]:
    processes = marked(mark)
    threads = [
        thread
        for thread in threading.enumerate()
        if thread.ident not in before.threads and not any(name in thread.name for name in _LIBRARIES)
        if not _idle(thread)
    ]
    return [
        *(f"process {pid}: {_command(pid)}" for pid in processes),
        *(f"thread {thread.name!r}" for thread in threads if thread.is_alive() and not _waits_for(thread, processes)),
        *(f"listening socket on port {port}" for port in _listening() if port not in before.ports),
        *(f"folder {folder}" for folder in folders if folder.exists()),
        *(f"file {path}" for path in _strays(Path.cwd()) if path not in before.strays),
        *(f"temporary {'folder' if Path(path).is_dir() else 'file'} {path}" for path in _remaining(before)),
    ]


def _remaining(before: Snapshot) -> Iterable[str]:
    return (path for path in _temporary if path not in before.temporary and os.path.lexists(path))


def _command(pid: int) -> str:
    try:
        return shlex.join(psutil.Process(pid).cmdline())[:200]
    except psutil.Error:
        return "gone by now"


def environment_mark() -> str:
    """A value for the mark by which all that this process starts is found again."""
    return f"{os.getpid()}-{os.urandom(6).hex()}"
