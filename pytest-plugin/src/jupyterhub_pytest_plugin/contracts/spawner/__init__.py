"""What JupyterHub relies on in a spawner."""

from __future__ import annotations

from .apart import Apart
from .closed import Closed
from .kept import Kept
from .life import Life
from .told import Told


class SpawnerContract(Life, Told, Kept, Apart, Closed):
    """Derive from it, and name the spawner::

        class TestMySpawner(SpawnerContract):
            spawner_class = MySpawner
            spawner_config = {"some_trait": 1}

    Whatever ``Spawner.cmd`` says, a spawner starts the echo server with it, which tells how it was started. A spawner
    that cannot reach this machine's loopback address, or starts something else, has to be configured for it.
    """
