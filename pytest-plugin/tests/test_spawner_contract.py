"""The contract for spawners, on those that come with JupyterHub."""

from components import PidSpawner
from jupyterhub_pytest_plugin import SpawnerContract


class TestSimpleLocalProcessSpawner(SpawnerContract):
    spawner_class = "simple"


class TestPidSpawner(SpawnerContract):
    """What has only a number after a restart of the hub; the rest of the suite has nothing to find here."""

    spawner_class = PidSpawner


ABOUT_PROCESSES = {
    "stop_waits",
    "poll_notices_death",
    "server_survives_a_restart_of_the_hub",
    "death_during_a_restart_is_noticed",
}
for name in dir(SpawnerContract):
    if name.startswith("test_") and name.removeprefix("test_") not in ABOUT_PROCESSES:
        setattr(TestPidSpawner, name, None)
