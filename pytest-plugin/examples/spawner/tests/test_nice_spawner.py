import os

import pytest
from nice_spawner import NiceSpawner

from jupyterhub_pytest_plugin import SpawnerContract


class TestContract(SpawnerContract):
    """All that JupyterHub relies on."""

    spawner_class = NiceSpawner


@pytest.fixture(scope="module")
def jupyterhub_config():
    return {"JupyterHub": {"spawner_class": NiceSpawner}, "NiceSpawner": {"niceness": 7}}


def test_niceness(hub_user):
    said = hub_user.spawn().json()  # the echo server tells its process, arguments and environment
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, said["pid"]) == min(ours + 7, 19)


def test_without_a_hub(make_spawner, hub_run, echo_server):
    spawner = make_spawner(NiceSpawner, cmd=echo_server, niceness=3)
    hub_run(spawner.start())
    assert hub_run(spawner.poll()) is None
    hub_run(spawner.stop())
    assert hub_run(spawner.poll()) is not None
