"""Daemons: known by pid and start time, ended with all they started, found when their pid file is lost."""

import os
import sys
import time

import psutil
import pytest

from deployer.errors import TargetError
from deployer.targets.local.daemon import ROTATE_AT, Daemon, Reading, same_process, start_mark
from deployer.targets.local.files import read_json, write_json

SLEEP = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
DEAF = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
)
PARENT = (
    sys.executable,
    "-c",
    "import os, time; os.fork(); print('up', flush=True); time.sleep(600)",
)
ENV = {"PATH": os.defpath}


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path / "it.pid.json", tmp_path / "logs" / "it.log")
    yield daemon
    daemon.stop(grace=0.2)


def wait(condition):
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def start(daemon, argv=SLEEP, **kwargs):
    process = daemon.start(argv, env=ENV, cwd=daemon.pid_file.parent, **kwargs)
    wait(lambda: "up" in Reading(daemon.log).text())
    return process


def test_started_known_and_stopped(daemon):
    process = start(daemon, tag="7")
    assert daemon.alive()
    assert daemon.tag == "7"
    assert os.getsid(process.pid) == process.pid  # the deployer's Ctrl-C does not reach it
    assert daemon.stop() is True
    assert not daemon.alive()
    assert not daemon.pid_file.exists()
    assert daemon.stop() is False


def test_one_that_died_is_not_alive_but_leaves_its_file(daemon):
    process = start(daemon)
    process.kill()
    wait(lambda: not daemon.alive())
    assert daemon.pid_file.exists()


def test_a_reused_pid_is_neither_taken_nor_killed(daemon, tmp_path):
    stranger = Daemon(tmp_path / "stranger.pid.json", tmp_path / "stranger.log")
    start(stranger)
    try:
        record = {**stranger.record(), "process_started": stranger.record()["process_started"] + "1"}
        write_json(daemon.pid_file, record)
        assert not daemon.alive()
        daemon.stop()
        assert stranger.alive()
    finally:
        stranger.stop()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "1"}', '{"pid": 1}'])
def test_a_spoilt_pid_file_speaks_of_nobody(daemon, text):
    daemon.pid_file.write_text(text)
    assert not daemon.alive()
    assert daemon.stop() is False


def test_a_deaf_one_is_killed(daemon):
    process = start(daemon, DEAF)
    started = start_mark(process.pid)
    daemon.stop(grace=0.2)
    assert same_process(process.pid, started) is None


def test_its_children_go_with_it(daemon):
    process = start(daemon, PARENT)
    children = process.children(recursive=True)
    assert children
    daemon.stop()
    wait(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))


def test_one_without_a_pid_file_is_found_and_replaced(daemon):
    """The deployer was killed between starting it and writing the file."""
    lost = start(daemon)
    started = start_mark(lost.pid)
    daemon.pid_file.unlink()
    assert not daemon.alive()
    start(daemon)
    assert same_process(lost.pid, started) is None
    assert daemon.alive()


def test_output_is_appended_and_read_from_a_point_on(daemon):
    start(daemon)
    daemon.stop()
    reading = Reading.from_now(daemon.log)
    assert reading.text() == ""
    start(daemon)
    wait(lambda: reading.text() == "up\n")
    assert daemon.log.read_text() == "up\nup\n"


def test_a_large_log_is_put_aside(daemon):
    daemon.log.parent.mkdir()
    with daemon.log.open("wb") as file:
        file.truncate(ROTATE_AT + 1)
    daemon.new_log()
    start(daemon)
    assert daemon.log.stat().st_size < 100
    assert daemon.log.with_name("it.log.1").exists()


def test_what_cannot_be_started_is_told(daemon):
    with pytest.raises(TargetError, match="/no/such/program: No such file"):
        daemon.start(["/no/such/program"], env=ENV, cwd=daemon.pid_file.parent)


def test_the_environment_is_what_was_given(daemon):
    process = start(daemon)
    inherited = process.environ().keys() - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
    assert inherited == {"PATH", "DEPLOYER_DAEMON"}
    assert read_json(daemon.pid_file)["argv0"] == sys.executable
