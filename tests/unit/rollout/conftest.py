"""Folders in memory where the machine has such: thousands of journals are flushed to the disk here."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def new_folder():
    memory = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it
    root = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None, prefix="rollouts-"))
    yield lambda: Path(tempfile.mkdtemp(dir=root))
    shutil.rmtree(root)
