"""The contract for spawners, on those that come with JupyterHub."""

from jupyterhub_pytest_plugin import SpawnerContract


class TestSimpleLocalProcessSpawner(SpawnerContract):
    spawner_class = "simple"
