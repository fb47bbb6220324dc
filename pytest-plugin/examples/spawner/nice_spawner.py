"""A spawner: local processes that leave the processor to others."""

from jupyterhub.spawner import SimpleLocalProcessSpawner
from traitlets import Integer


class NiceSpawner(SimpleLocalProcessSpawner):
    niceness = Integer(5, help="As in nice(1).").tag(config=True)

    async def start(self):
        command = list(self.cmd)
        self.cmd = ["nice", "-n", str(self.niceness), *command]
        try:
            return await super().start()
        finally:
            self.cmd = command
