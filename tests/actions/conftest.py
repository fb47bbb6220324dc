"""Real tools: loudly skipped where they are missing, and a failure in CI."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tool():
    """Find a program in this environment or on PATH."""

    def find(name: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        found = shutil.which(name, path=path)
        if found is None:
            message = f"{name} is missing, so the workflows are NOT tested: pip install -r requirements-dev.txt"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return found

    return find
