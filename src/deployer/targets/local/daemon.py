"""A process that outlives the deployer: started in a session of its own, known by pid *and* start time.

A pid alone is never trusted: it may be another process's by now. Each daemon carries a mark in its environment, so
that one which was started just before the deployer died, and has no pid file yet, is found all the same.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from deployer.errors import TargetError
from deployer.targets.local.files import POLL, private_folder, read_json, telling, write_json

MARK = "DEPLOYER_DAEMON"
ROTATE_AT = 10 * 2**20  # bytes; a log that has grown larger is put aside when its daemon starts
STARTTIME = 19  # the field of /proc/<pid>/stat, counted after the name
KILL_WAIT = 5.0  # seconds until a killed process must be gone


@dataclass(frozen=True, slots=True)
class Daemon:
    """Where one daemon's pid file and log are. Several of these, in several processes, may speak of the same daemon."""

    pid_file: Path
    log: Path

    def record(self) -> Mapping[str, object]:
        """What the pid file says, empty where there is none. ``tag`` is what :meth:`start` was told to remember."""
        return read_json(self.pid_file) or {}

    def process(self) -> psutil.Process | None:
        """The running daemon, by its pid file alone."""
        record = self.record()
        pid, started = record.get("pid"), record.get("process_started")
        if not isinstance(pid, int) or not isinstance(started, str):
            return None
        return same_process(pid, started)

    def alive(self) -> bool:
        return self.process() is not None

    @property
    def tag(self) -> str:
        """What the running daemon runs, "" where none runs."""
        record = self.record()
        return str(record.get("tag", "")) if self.alive() else ""

    def new_log(self) -> Reading:
        """What will be logged from now on. A log that has grown large is put aside: the daemon must not run."""
        with suppress(OSError):
            if self.log.stat().st_size > ROTATE_AT:
                self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        return Reading.from_now(self.log)

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, tag: str = "") -> psutil.Process:
        """Start the daemon; one that runs without a pid file is ended first.

        :raises TargetError: it cannot be started.
        """
        self.end_strays()
        pid = _spawn(argv, env={**env, MARK: str(self.pid_file)}, cwd=cwd, log=self.log)
        process = psutil.Process(pid)
        write_json(
            self.pid_file,
            {
                "pid": pid,
                "process_started": start_mark(pid),
                "argv0": argv[0],
                "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "tag": tag,
            },
        )
        return process

    def stop(self, *, grace: float = 10.0) -> bool:
        """Ask the daemon to end, then make it; True if there was one. The pid file goes with it."""
        process = self.process()
        found = [process] if process else []
        end(found, grace=grace)
        ended = bool(found) | self.end_strays(grace=grace)
        with suppress(OSError):
            self.pid_file.unlink(missing_ok=True)
        return ended

    def end_strays(self, *, grace: float = 10.0) -> bool:
        """End daemons of this name that no pid file speaks of."""
        known = self.process()
        strays = [
            process
            for process in marked(lambda env: env.get(MARK) == str(self.pid_file))
            if process != known and _leads_session(process)
        ]
        end(strays, grace=grace)
        return bool(strays)


def start_mark(pid: int) -> str:
    """When the process started, so that no other with its pid has the same; "" where there is none.

    On Linux in ticks since a certain boot: the time of day as psutil derives it moves when the clock is set.
    """
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}:{fields[STARTTIME]}"
    with suppress(psutil.Error):
        return f"{psutil.Process(pid).create_time():.6f}"
    return ""


def same_process(pid: int, started: str) -> psutil.Process | None:
    """The process with this pid, if it is the one with this :func:`start_mark` and has not ended."""
    reap(pid)
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if start_mark(pid) == started and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def reap(pid: int) -> None:
    """Let go of a child that has ended; of others there is nothing to let go."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def marked(wanted: Callable[[Mapping[str, str]], bool]) -> Iterator[psutil.Process]:
    """The user's own processes whose environment, as it was at their start, is wanted."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError, ValueError):
            if process.pid != os.getpid() and process.uids().real == os.getuid() and wanted(process.environ()):
                yield process


def end(processes: Iterable[psutil.Process], *, grace: float = 10.0) -> None:
    """Ask each process and its group to end; kill what is left after ``grace`` seconds.

    :raises TargetError: a process cannot be ended.
    """
    left = list(processes)
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, KILL_WAIT)):
        for process in left:
            _signal(process, number)
        left = _wait_gone(left, seconds)
        if not left:
            return
    raise TargetError(f"process {left[0].pid} cannot be ended", hint="Look at it with ps, then run again.")


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.Error, ProcessLookupError, PermissionError):
        if process.is_running():  # compares start times: a reused pid gets no signal
            if _leads_session(process):
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)


def _leads_session(process: psutil.Process) -> bool:
    try:
        return os.getsid(process.pid) == process.pid
    except OSError:
        return False


def _wait_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    until = time.monotonic() + seconds
    left = processes
    while left:
        left = [process for process in left if not _has_ended(process)]
        if time.monotonic() >= until:
            break
        time.sleep(POLL / 2 if left else 0)
    return left


def _has_ended(process: psutil.Process) -> bool:
    reap(process.pid)
    try:
        return not process.is_running() or (
            # While a thread of it is still going, so are its sockets: its ports are taken.
            process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        )
    except psutil.Error:
        return True


def _spawn(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> int:
    private_folder(log.parent)
    with telling(log):
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise TargetError(
            f"{argv[0]}: {error.strerror}", hint="Was the deployer installed with its extra 'local'?"
        ) from None
    finally:
        os.close(output)
    child.returncode = 0  # it is to outlive us: this object has nothing to wait for; see reap()
    return child.pid


@dataclass(frozen=True, slots=True)
class Reading:
    """A log from a point on: what one start of a daemon wrote."""

    log: Path
    offset: int = field(default=0)

    @classmethod
    def from_now(cls, log: Path) -> Reading:
        with suppress(OSError):
            return cls(log, log.stat().st_size)
        return cls(log)

    def text(self) -> str:
        with suppress(OSError), self.log.open("rb") as file:
            file.seek(self.offset)
            return file.read().decode(errors="replace")
        return ""
