"""A whole peer's suite, with the fixtures that it has and with ours: the time of the processor, as a ratio in one run.

    python benchmarks/peer.py [--rounds 3]

The peer is jupyterhub-nativeauthenticator, whose release on PyPI carries its tests: 25 functions, with a `conftest.py`
on top of `jupyterhub.tests`. Only that file is replaced. Needs pytest-asyncio and what the peer needs; pip fetches its
source.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from statistics import median

PEER = "jupyterhub-nativeauthenticator==1.3.0"
TESTS = "nativeauthenticator/tests"
OURS = """
import pytest


@pytest.fixture
def tmpcwd(hub_tmp_cwd):
    return hub_tmp_cwd


@pytest.fixture
def app(still_hub):
    return still_hub.app
"""
LIMIT = 1.0
# Two of its tests fail with its own fixtures too, where Python's dbm writes another file than they look for.
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-k", "not from_firstuse_d"]


def fetch(folder: Path) -> Path:
    """The peer's source, unpacked."""
    options = ["--quiet", "--no-deps", "--no-binary=:all:", "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, PEER], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    archive.unlink()
    (source,) = folder.iterdir()
    return source


def seconds(source: Path) -> float:
    """Of the processor, for one run of the whole suite, all of whose tests must pass."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([*PYTEST, TESTS], cwd=source, env=env, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode:
        sys.exit(f"the suite failed:\n{run.stdout[-3000:]}{run.stderr[-1000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(source: Path, rounds: int) -> dict[str, float]:
    """Medians; runs alternate, so that a machine that is busy now and then is busy for both."""
    conftest = source / TESTS / "conftest.py"
    texts = {"its fixtures": conftest.read_text(), "ours": OURS}
    times: dict[str, list[float]] = {name: [] for name in texts}
    for turn in range(rounds + 1):
        for name, text in texts.items():
            conftest.write_text(text)
            taken = seconds(source)
            if turn:  # the first one compiles what is imported
                times[name].append(taken)
    return {name: median(some) for name, some in times.items()}


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        figures = compare(fetch(Path(folder)), rounds)
    theirs = figures["its fixtures"]
    for name, figure in figures.items():
        print(f"{name:14} {figure:6.2f} s   {figure / theirs:5.2f}")
    return figures["ours"] / theirs > LIMIT


if __name__ == "__main__":
    sys.exit(main())
