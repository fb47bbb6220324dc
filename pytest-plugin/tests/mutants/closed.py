"""Spawners that show, keep or take what is not theirs, or have everybody wait."""

import asyncio
import os
import re
import signal
import subprocess
import time

import psutil

from components import PidSpawner
from jupyterhub_pytest_plugin.contracts.wire import refuses
from mutants.spawners import SPAWNERS, Local, end
from mutants.table import LEFT

breaks = SPAWNERS.breaks


@breaks("test_environment_of_the_hub_stays_there")
class PassesAllOn(Local):
    def get_env(self):
        return {**os.environ, **super().get_env()}


@breaks("test_token_is_in_no_arguments", "test_token_is_not_logged")
class TellsTheTokenAloud(Local):
    """JupyterHub's own start() logs the command."""

    def get_args(self):
        return [*super().get_args(), f"--token={self.api_token}"]


@breaks("test_token_is_not_logged")
class LogsTheEnvironment(Local):
    async def start(self):
        self.log.info("Starting with %s", self.get_env())
        return await super().start()


@breaks("test_server_listens_where_it_is_told")
class ServesEveryNetwork(Local):
    async def start(self):
        self.ip = "0.0.0.0"  # noqa: S104
        _, port = await super().start()
        return "127.0.0.1", port


@breaks("test_stop_leaves_no_process")
class LeavesWhatItStartedBeside(Local):
    async def start(self):
        command = ["sleep", "600"]
        LEFT.callback(end, subprocess.Popen(command, env=self.get_env()))  # noqa: ASYNC220
        return await super().start()


@breaks("test_stop_leaves_no_process")
class LeavesZombies(PidSpawner):
    """Looks at what the system says of a process, which is its child, and waits for none."""

    async def start(self):
        address = await super().start()
        LEFT.callback(end, self.handle.pop("process"))
        del self.handle
        return address

    def is_it(self, process):
        return super().is_it(process) and process.status() != psutil.STATUS_ZOMBIE


@breaks("test_stubborn_server_is_ended")
class AsksOnly(Local):
    async def stop(self, now=False):
        if self.pid:
            LEFT.callback(end, self.proc)
            await self._signal(signal.SIGTERM)
            await asyncio.wait([asyncio.ensure_future(self.wait_for_death(20))], timeout=4)


@breaks("test_foreign_process_is_left_alone")
class KnowsNumbersOnly(PidSpawner):
    def is_it(self, process):
        return True


@breaks("test_hub_goes_on_meanwhile")
class SleepsInTheLoop(Local):
    async def poll(self):
        time.sleep(0.01)  # noqa: ASYNC251
        return await super().poll()


@breaks("test_hub_goes_on_meanwhile")
class RunsACommandInTheLoop(Local):
    async def stop(self, now=False):
        subprocess.run(["true"], check=True)  # noqa: ASYNC221
        await super().stop(now)


@breaks("test_hub_goes_on_meanwhile")
class WaitsForItsServerInTheLoop(Local):
    async def start(self):
        address = await super().start()
        while refuses(("127.0.0.1", self.port)) and self.proc.poll() is None:
            pass
        return address


class OnePerName(Local):
    """Whoever starts a server takes over what runs under its name, as with containers."""

    def slug(self):
        return f"{self.user.name}/{self.name}"

    async def start(self):
        servers = self.user.settings.setdefault("servers by name", {})
        if old := servers.pop(self.slug(), None):
            old.kill()
        address = await super().start()
        servers[self.slug()] = self.proc
        return address


@breaks("test_similar_user_names", "test_similar_server_names")
class DropsSigns(OnePerName):
    def slug(self):
        return re.sub(r"[^a-z0-9]+", "-", self.user.name) + "/" + self.name


@breaks("test_similar_server_names")
class JoinsNames(OnePerName):
    def slug(self):
        return "--".join(filter(None, [self.user.name, self.name]))
