"""Ends what a test process started, as soon as that process is gone: run as ``python -I -S reaper.py MARK PATH…``.

The test process holds the other end of our standard input. When it dies, however that happens, we read the end of the
file, end every process whose environment carries the mark, and remove the folders of its hubs. Each test session starts
one of us: so imports wait until then, and find packages on the paths that we are given. A session that ends as it
should tells us that there is nothing left to do.
"""

from __future__ import annotations

import os
import sys

MARK = "JUPYTERHUB_PYTEST_PROCESS"
FOLDERS = "jupyterhub-pytest-"
NOTHING_LEFT = b"nothing left"


def marked(mark: str) -> list[int]:
    """Processes that carry this mark, other than the one that asks."""
    return carrying(MARK, mark)


def carrying(name: str, value: str) -> list[int]:
    """Processes that have this in their environment, other than the one that asks."""
    import psutil

    found = []
    for process in psutil.process_iter(["pid", "environ", "status"]):
        environ = process.info["environ"] or {}
        if environ.get(name) == value and process.pid != os.getpid() and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def kill(pids: list[int]) -> None:
    import psutil

    processes = []
    for pid in pids:
        try:
            processes.append(psutil.Process(pid))
            processes[-1].kill()
        except psutil.Error:  # gone in the meantime
            continue
    psutil.wait_procs(processes, timeout=5)


def children_of(api_url: str) -> set[int]:
    """Our own children that are users' servers of the hub with this API."""
    import psutil

    found = set()
    for child in psutil.Process().children():
        try:
            environ = child.environ()
        except psutil.Error:  # gone in the meantime, or not ours to look at
            continue
        if environ.get("JUPYTERHUB_USER") and environ.get("JUPYTERHUB_API_URL") == api_url:
            found.add(child.pid)
    return found


def ended(pid: int) -> bool:
    """Whether this child of ours has ended; if so, it is no zombie any more."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # somebody else waited for it
        return True


def main() -> None:
    mark = sys.argv[1]
    os.environ.pop(MARK, None)
    while said := os.read(0, len(NOTHING_LEFT)):
        if said == NOTHING_LEFT:
            return
    import shutil
    import tempfile
    from pathlib import Path

    sys.path += sys.argv[2:]
    for _ in range(3):  # a child may have started another one while we looked
        kill(marked(mark))
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}{mark}-*"):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
