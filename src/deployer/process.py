"""The only door to subprocesses: the environment is an argument, output is a value, secrets are redacted.

Each child leads a process group of its own, so that a time-out or a cancellation ends all that it started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import join

from deployer.errors import CommandError

REDACTED = "[redacted]"
GRACE = 5.0  # seconds between asking a child to end and ending it


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended. ``stdout`` and ``stderr`` are already redacted."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    raw: bytes = b""

    @property
    def ok(self) -> bool:
        return self.returncode == 0


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every secret of four characters or more replaced; the longest first, for one may hold another."""
    for secret in sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
    cancelled: threading.Event | None = None,
    secrets: Iterable[str] = (),
    check: bool = True,
    grace: float | None = None,
    keep_open: Iterable[int] = (),
) -> Result:
    """Run ``argv`` to its end and return what it said.

    :param timeout: seconds; then the child's process group is asked, and after a grace made, to end.
    :param cancelled: the same as soon as this event is set.
    :param grace: seconds between asking and making, by default :data:`GRACE`.
    :param keep_open: files that the child holds too: a lock on one of them lasts as long as the last holder.
    :raises CommandError: not found, not executable, timed out, cancelled, or (with ``check``) a non-zero exit.
    """
    words = tuple(os.fspath(word) for word in argv)
    secrets = tuple(secrets)
    try:
        child = subprocess.Popen(
            words,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    except OSError as error:
        raise CommandError(f"{words[0]}: {error.strerror}", hint=f"Is {words[0]!r} installed and on PATH?") from None
    out, err, ended = _communicate(child, stdin, timeout, cancelled, GRACE if grace is None else grace)
    result = Result(
        words,
        child.returncode,
        redact(out.decode(errors="replace"), secrets),
        redact(err.decode(errors="replace"), secrets),
        out,
    )
    if ended or (check and not result.ok):
        why = ended or f"exit code {result.returncode}"
        last = (result.stderr.strip() or result.stdout.strip()).splitlines()[-12:]
        raise CommandError(f"{redact(join(words), secrets)}: {why}", hint="\n".join(last))
    return result


@contextmanager
def companion(argv: Sequence[str | os.PathLike[str]], *, env: Mapping[str, str]) -> Iterator[Callable[[], bool]]:
    """Run ``argv`` beside us as long as this holds; what is yielded tells whether it lives.

    Its standard input says nothing, and ends when we do, however that comes about: by then it has to end itself.

    :raises CommandError: not found or not executable.
    """
    words = tuple(os.fspath(word) for word in argv)
    quiet = subprocess.DEVNULL
    try:
        child = subprocess.Popen(
            words, env=dict(env), stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
        )
    except OSError as error:
        raise CommandError(f"{words[0]}: {error.strerror}", hint=f"Is {words[0]!r} installed and on PATH?") from None
    try:
        yield lambda: child.poll() is None
    finally:
        _end(child)


def attached(argv: Sequence[str | os.PathLike[str]], *, env: Mapping[str, str]) -> int:
    """Run ``argv`` at our own terminal until it ends; its exit code. An interrupt is the child's to answer.

    :raises CommandError: not found or not executable.
    """
    words = tuple(os.fspath(word) for word in argv)
    child: subprocess.Popen[bytes] | None = None
    try:
        with _signals_later():  # one that comes while the child starts must find it
            child = subprocess.Popen(words, env=dict(env))
        return _outlast(child)
    except OSError as error:
        raise CommandError(f"{words[0]}: {error.strerror}", hint=f"Is {words[0]!r} installed and on PATH?") from None
    except BaseException:
        if child:
            _end_attached(child)
        raise


def _outlast(child: subprocess.Popen[bytes]) -> int:
    """Wait for a child that answers interrupts itself; its exit code as a shell gives it."""
    while True:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            continue
        return code if code >= 0 else 128 - code


def _end_attached(child: subprocess.Popen[bytes]) -> None:
    """End a child of our own process group; an interactive shell does not listen to the first of these."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        child.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=1.0)
            return


@contextmanager
def _signals_later() -> Iterator[None]:
    """While this holds, being told to end waits; then it comes."""
    came: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGHUP) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, lambda which, _frame: came.append(which)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for again in came:
        signal.raise_signal(again)


def _communicate(
    child: subprocess.Popen[bytes],
    stdin: bytes | None,
    timeout: float | None,
    cancelled: threading.Event | None,
    grace: float,
) -> tuple[bytes, bytes, str]:
    """Wait for the child in slices short enough to notice a cancellation; say why it was ended, if it was."""
    waited, pause = 0.0, 0.2 if cancelled else timeout
    while True:
        try:
            out, err = child.communicate(stdin, timeout=pause)
        except subprocess.TimeoutExpired:
            stdin = None
            waited += pause or 0
            if cancelled and cancelled.is_set():
                return *_end(child, grace), "cancelled"
            if timeout is not None and waited >= timeout:
                return *_end(child, grace), f"timed out after {timeout:g} s"
        except BaseException:
            _end(child)
            raise
        else:
            return out, err, ""


def _end(child: subprocess.Popen[bytes], grace: float = GRACE) -> tuple[bytes, bytes]:
    """Ask the child's group to end, then make it; what it said until then."""
    said = b"", b""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        try:
            return child.communicate(timeout=grace if number == signal.SIGTERM else GRACE)
        except subprocess.TimeoutExpired as late:
            said = late.stdout or b"", late.stderr or b""
            if child.poll() is not None:
                break
    # Something that left the group holds the pipes open: we let go of them, and of it.
    for pipe in filter(None, (child.stdin, child.stdout, child.stderr)):
        pipe.close()
    child.wait()
    return said
