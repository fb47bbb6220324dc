"""Whole suites of peers, with the fixtures that they have and with ours: the time of the processor, as a ratio.

    python benchmarks/peer.py [--rounds 3] [--only culler]

Peers are projects whose release on PyPI carries its tests. Only files of fixtures are replaced, by those in `peers/`;
with its own fixtures, a peer's suite runs without our plugin. Needs pytest-asyncio and what the peers need; pip fetches
their sources. The culler's own fixtures start a hub on port 8000, with configurable-http-proxy and jupyter-server.
Linux only, where the time of processes that a suite leaves behind can be counted too.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

HERE = Path(__file__).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-o", "addopts="]
LIMIT = 1.0
PATIENCE = 30  # seconds for what a suite left behind


class Peer(NamedTuple):
    """A project, where its tests are, what replaces their conftest.py, and what has to be mended so that they run."""

    project: str
    tests: str
    ours: str
    options: tuple[str, ...] = ()
    mended: tuple[tuple[str, str, str], ...] = ()


PEERS = {
    "native": Peer(
        "jupyterhub-nativeauthenticator==1.3.0",
        "nativeauthenticator/tests",
        "nativeauthenticator.py",
        # Two fail with its own fixtures too, where Python's dbm writes another file than they look for.
        ("-k", "not from_firstuse_d"),
    ),
    "culler": Peer(
        "jupyterhub-idle-culler==2.0.0",
        "tests",
        "idle_culler.py",
        ("-o", "asyncio_mode=auto"),
        (
            # Since pytest-asyncio 1, there is no current event loop after a test.
            ("conftest.py", "asyncio.get_event_loop().run_until_complete(", "asyncio.run("),
            # Without it, users' servers refuse to start as root; nor need others see this hub.
            (
                "jupyterhub_config.py",
                'c.JupyterHub.spawner_class = "simple"',
                (
                    'c.JupyterHub.spawner_class = "simple"\n'
                    'c.Spawner.args = ["--allow-root"]\n'
                    'c.JupyterHub.bind_url = "http://127.0.0.1:8000"'
                ),
            ),
        ),
    ),
}


def fetch(peer: Peer, folder: Path) -> Path:
    """The peer's source, unpacked and mended."""
    options = ["--quiet", "--no-deps", "--no-binary=:all:", "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, peer.project], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    archive.unlink()
    (source,) = folder.iterdir()
    for name, before, after in peer.mended:
        file = source / peer.tests / name
        text = file.read_text()
        assert before in text, f"{file} does not say {before!r} any more"
        file.write_text(text.replace(before, after))
    return source


def adopt_orphans() -> None:
    """Make processes that a suite leaves behind ours, so that their time is counted when they end."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def bury_orphans() -> None:
    """Wait for what a suite left behind, and end what does not end by itself."""
    _, alive = psutil.wait_procs(psutil.Process().children(recursive=True), timeout=PATIENCE)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=PATIENCE)


def run(source: Path, peer: Peer, options: tuple[str, ...]) -> tuple[float, float]:
    """Seconds of the processor and of the clock, for one run of the whole suite, all of whose tests must pass."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    env = {**kept, "PATH": path, "PYTHONPATH": str(source)}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [*PYTEST, *options, *peer.options, peer.tests]
    done = subprocess.run(command, cwd=source, env=env, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    bury_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"the suite failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, taken


def compare(peer: Peer, rounds: int, source: Path) -> dict[str, tuple[float, float]]:
    """Medians; runs alternate, so that a machine that is busy now and then is busy for both."""
    conftest = source / peer.tests / "conftest.py"
    kinds = {
        "its fixtures": (conftest.read_text(), ("-p", "no:jupyterhub")),
        "ours": ((HERE / "peers" / peer.ours).read_text(), ()),
    }
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for turn in range(rounds + 1):
        for name, (text, options) in kinds.items():
            conftest.write_text(text)
            figure = run(source, peer, options)
            if turn:  # the first one compiles what is imported
                figures[name].append(figure)
    return {
        name: (median(cpu for cpu, _ in some), median(clock for _, clock in some)) for name, some in figures.items()
    }


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=PEERS)
    args = parser.parse_args()
    adopt_orphans()
    slower = False
    for name in [args.only] if args.only else PEERS:
        with tempfile.TemporaryDirectory() as folder:
            figures = compare(PEERS[name], args.rounds, fetch(PEERS[name], Path(folder)))
        cpu, clock = figures["its fixtures"]
        print(PEERS[name].project)
        for kind, (mine, seen) in figures.items():
            print(f"  {kind:14} {mine:6.2f} s {mine / cpu:5.2f}   by the clock {seen:6.2f} s {seen / clock:5.2f}")
        sys.stdout.flush()
        slower |= figures["ours"][0] / cpu > LIMIT
    return slower


if __name__ == "__main__":
    sys.exit(main())
