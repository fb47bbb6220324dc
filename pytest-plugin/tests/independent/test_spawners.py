"""Spawners of other projects, from PyPI."""

import shlex
import sys
from pathlib import Path

import pytest

from jupyterhub_pytest_plugin import SpawnerContract

BATCH = shlex.join([sys.executable, str(Path(__file__).with_name("batch.py"))])


# It hands all its own arguments to the spawner that it wraps: docs/findings.md.
@pytest.mark.filterwarnings("ignore:Passing unrecognized arguments:DeprecationWarning")
class TestWrapSpawner(SpawnerContract):
    known_failures = {
        "test_foreign_process_is_left_alone": "the LocalProcessSpawner in it knows a process by its number alone"
    }

    spawner_class = "wrapspawner.WrapSpawner"
    spawner_config = {"child_class": "jupyterhub.spawner.SimpleLocalProcessSpawner"}

    @classmethod
    def configure(cls, config, place):
        pytest.importorskip("wrapspawner")
        super().configure(config, place)


class TestBatchSpawner(SpawnerContract):
    """With stand-ins for the commands of a batch system."""

    known_failures = {
        "test_stop_of_what_never_ran": "it cancels a job without a number",
        "test_arguments": "arguments with spaces are split",
    }

    spawner_class = "local_batch.LocalBatchSpawner"
    spawner_config = {
        "exec_prefix": "",
        "batch_submit_cmd": f"{BATCH} submit",
        "batch_query_cmd": f"{BATCH} query {{job_id}}",
        "batch_cancel_cmd": f"{BATCH} cancel {{job_id}}",
        "batch_script": "exec {cmd}\n",
        "startup_poll_interval": 0.1,
        "state_pending_re": "^PENDING",
        "state_running_re": "^RUNNING",
        "state_exechost_re": r"\s+(\S+)$",
        "batchspawner_singleuser_cmd": f"{sys.executable} -m batchspawner.singleuser",
    }

    @classmethod
    def configure(cls, config, place):
        pytest.importorskip("batchspawner")
        super().configure(config, place)
        # It runs the command's file with Python, after it has told the hub a port.
        echo = place.folder / "echo.py"
        echo.write_text(Path(config.Spawner.cmd[-1]).read_text())
        echo.chmod(0o755)
        config.Spawner.cmd = [str(echo)]
