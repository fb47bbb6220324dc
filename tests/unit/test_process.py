"""The door to subprocesses: what a command said, how it is ended, and what is never shown."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deployer.errors import CommandError
from deployer.process import REDACTED, companion, redact, run

ENV = {"PATH": os.environ["PATH"]}
PATIENCE = 20.0  # seconds until something that must happen is given up


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_what_a_command_said() -> None:
    result = run(
        python("import sys; print(sys.stdin.read() + 'out'); print('err', file=sys.stderr)"), env=ENV, stdin=b"in "
    )
    assert (result.ok, result.stdout, result.stderr, result.raw) == (True, "in out\n", "err\n", b"in out\n")


def test_the_environment_and_the_folder_are_what_is_given(tmp_path: Path) -> None:
    text = "import os; print(os.getcwd(), os.environ.get('A'), 'HOME' in os.environ)"
    assert run(python(text), env=ENV | {"A": "b"}, cwd=tmp_path).stdout == f"{tmp_path} b False\n"
    assert "A" not in os.environ


def test_bytes_that_are_no_text() -> None:
    result = run(python("import sys; sys.stdout.buffer.write(bytes([255, 0, 65]))"), env=ENV)
    assert result.raw == b"\xff\x00A"
    assert result.stdout == "\ufffd\x00A"


def test_a_failure_tells_the_end_of_what_was_said() -> None:
    text = "import sys\nfor n in range(20): print(n, file=sys.stderr)\nsys.exit(3)"
    with pytest.raises(CommandError) as caught:
        run(python(text), env=ENV)
    assert caught.value.message.endswith(": exit code 3")
    assert caught.value.hint.split() == [str(n) for n in range(8, 20)]
    assert run(python(text), env=ENV, check=False).returncode == 3


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(
        CommandError, match="no-such-command: No such file or directory\nIs 'no-such-command' installed"
    ):
        run(["no-such-command"], env=ENV)


def test_secrets_are_in_no_output_and_no_error() -> None:
    secret = "s3cret-token"
    text = f"import sys; print('{secret}'); print('{secret}-more', file=sys.stderr); sys.exit(1)"
    result = run(python(text), env=ENV, secrets=[secret, f"{secret}-more"], check=False)
    assert (result.stdout, result.stderr) == (f"{REDACTED}\n", f"{REDACTED}\n")
    with pytest.raises(CommandError) as caught:
        run(python(text), env=ENV, secrets=[secret])
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("abc", ["abc"], "abc"),  # too short to be told from other text
        ("abcd abcd", ["abcd"], f"{REDACTED} {REDACTED}"),
        ("abcdef", ["abcd", "abcdef"], REDACTED),  # the longest first
        ("abcd", [], "abcd"),
        ("abcd", [""], "abcd"),
    ],
)
def test_redact(text: str, secrets: list[str], shown: str) -> None:
    assert redact(text, secrets) == shown


SLEEPER = "import subprocess, sys, time; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); {then}"


@pytest.mark.parametrize("how", ["timed out", "cancelled"])
def test_a_command_that_is_ended_takes_its_children_along(tmp_path: Path, how: str) -> None:
    pid_file = tmp_path / "pid"
    text = f"open('{pid_file}', 'w').write(str(p.pid)); time.sleep(600)"
    cancelled = threading.Event()
    argv = python(SLEEPER.format(then=text))
    if how == "cancelled":
        watcher = threading.Thread(target=lambda: (wait_until(pid_file.exists), cancelled.set()))
        watcher.start()
        with pytest.raises(CommandError, match=": cancelled"):
            run(argv, env=ENV, cancelled=cancelled)
        watcher.join()
    else:
        with pytest.raises(CommandError, match=": timed out after 2 s"):
            run(argv, env=ENV, timeout=2)
    wait_until(lambda: not pid_file.exists() or _gone(int(pid_file.read_text() or 0)))


def _gone(pid: int) -> bool:
    try:
        return pid > 0 and psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_grandchild_that_left_and_holds_the_pipes_stops_nobody(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"setsid sleep 600 & echo $! > {pid_file}; echo said; wait"
    with pytest.raises(CommandError, match="timed out after 2 s\nsaid"):
        run(["sh", "-c", script], env=ENV, timeout=2)
    psutil.Process(int(pid_file.read_text())).kill()


def test_many_at_once_do_not_get_in_each_other_s_way() -> None:
    results: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: run(["echo", str(n)], env=ENV).stdout}))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: f"{n}\n" for n in range(8)}


def test_a_companion_ends_with_us_even_where_we_are_killed(tmp_path):
    code = (
        "import os, sys, time; from deployer.process import companion\n"
        "words = ['sh', '-c', 'echo began > began; read -r _; echo ended > ended']\n"
        "with companion(words, env=dict(os.environ)) as alive: time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) as parent:
        wait_until((tmp_path / "began").exists)
        parent.kill()
    wait_until((tmp_path / "ended").exists)


def test_a_companion_ends_at_the_end(tmp_path):
    with companion(["sh", "-c", "read -r _; exit 0"], env=dict(os.environ)) as alive:
        assert alive()
    assert not alive()
    with pytest.raises(CommandError, match="not-there"), companion(["not-there"], env={}):
        pass
