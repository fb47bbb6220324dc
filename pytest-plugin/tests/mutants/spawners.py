"""Spawners that start, watch or end a server wrongly."""

import asyncio
import signal
import subprocess

from jupyterhub.spawner import SimpleLocalProcessSpawner

from jupyterhub_pytest_plugin.contracts.wire import refuses
from mutants.table import LEFT, Table

SPAWNERS = Table()
breaks = SPAWNERS.breaks


def end(process):
    if process:
        process.kill()
        process.wait()


class Local(SimpleLocalProcessSpawner):
    """The base of all broken ones."""


@breaks("test_poll_before_the_first_start")
class RunsBeforeItStarts(Local):
    started = set()  # homes, of which no two hubs have the same

    async def start(self):
        self.started.add(self.home_dir)
        return await super().start()

    async def poll(self):
        return await super().poll() if self.home_dir in self.started else None

    async def stop(self, now=False):
        if self.pid:  # a signal for process 0 is one for all of us
            await super().stop(now)


@breaks("test_stop_twice")
class RefusesSecondStop(Local):
    stopped = False

    async def stop(self, now=False):
        if self.stopped:
            raise RuntimeError("it is stopped")
        self.stopped = self.pid != 0
        await super().stop(now)


async def end_somehow(spawner):
    """Waits for less than the suite lets a server go on."""
    if spawner.pid:
        LEFT.callback(end, spawner.proc)  # collected before its process has ended, it is a warning in some other test
        await spawner._signal(signal.SIGTERM)
        await asyncio.wait([asyncio.ensure_future(spawner.wait_for_death(10))], timeout=1)


@breaks("test_stop_waits")
class GivesUpWaiting(Local):
    """A server that has something to save takes longer; waiting not at all is the same fault, seen now and then."""

    async def stop(self, now=False):
        await end_somehow(self)


@breaks("test_stop_waits")
class ForgetsWhatItStops(Local):
    async def stop(self, now=False):
        await end_somehow(self)
        self.clear_state()
        self.proc = None


@breaks("test_stop_now")
class IgnoresNow(Local):
    async def stop(self, now=False):
        if not now:
            await super().stop()


@breaks("test_stop_of_what_never_ran")
class StopsOnlyWhatRan(Local):
    async def stop(self, now=False):
        if not self.orm_spawner.started and not self.pid:
            raise RuntimeError("there is no server")
        await super().stop(now)


@breaks("test_hooks_are_called")
class SkipsTheStopHook(Local):
    def run_post_stop_hook(self):
        """Nothing."""


@breaks("test_state_round_trip", "test_server_survives_a_restart_of_the_hub")
class LosesState(Local):
    def get_state(self):
        return {}


@breaks("test_state_is_cleared")
class KeepsState(Local):
    def get_state(self):
        self.user._kept = super().get_state() or self.user.__dict__.get("_kept", {})
        return self.user._kept


@breaks("test_progress")
class ProgressWithoutWords(Local):
    async def progress(self):
        yield {"progress": 10}


@breaks("test_start_answers_with_a_reachable_address")
class WritesItsAddressItself(Local):
    """As spawners did before JupyterHub 0.7."""

    async def start(self):
        self.server.proto = "https" if self.internal_ssl else "http"
        self.server.ip, self.server.port = await super().start()


@breaks("test_poll_while_it_runs")
class AnswersOneAtATime(Local):
    last, asking = 1, False

    async def poll(self):
        if not self.asking:
            self.asking = True
            await asyncio.sleep(0)
            self.last, self.asking = await super().poll(), False
        return self.last


@breaks("test_poll_notices_death")
class PollsItsMemory(Local):
    running = False

    async def start(self):
        self.running = True
        return await super().start()

    async def poll(self):
        return None if self.running else await super().poll()

    async def stop(self, now=False):
        self.running = False
        await super().stop(now)


@breaks("test_death_during_a_restart_is_noticed")
class BelievesItsState(Local):
    hub_config = {"JupyterHub": {"init_spawners_timeout": 1}}  # the hub looks for the server before it serves
    running = False

    def load_state(self, state):
        super().load_state(state)
        self.running = "pid" in state

    async def poll(self):
        return None if self.running else await super().poll()

    async def stop(self, now=False):
        self.running = False
        await super().stop(now)


def names(spawner, kind):
    """What the spawners of one hub have noted of names: the spawner of a next start is another object."""
    return spawner.user.settings.setdefault(kind, set())


@breaks("test_start_again")
class StartsOnce(Local):
    async def start(self):
        if self._log_name in names(self, "ended"):
            raise RuntimeError(f"{self._log_name} was here before")
        return await super().start()

    async def stop(self, now=False):
        names(self, "ended").add(self._log_name)
        await super().stop(now)


@breaks("test_failed_start_leaves_nothing")
class KeepsTheNameOfTheDead(Local):
    """A name is taken until stop(), which JupyterHub does not call for what has ended by itself."""

    async def start(self):
        if self._log_name in names(self, "taken"):
            raise RuntimeError(f"there is a {self._log_name} already")
        names(self, "taken").add(self._log_name)
        return await super().start()

    async def stop(self, now=False):
        names(self, "taken").discard(self._log_name)
        await super().stop(now)


@breaks("test_slow_start_is_ended")
class ForgetsWhatDoesNotAnswer(Local):
    async def stop(self, now=False):
        if self.proc and refuses(("127.0.0.1", self.port)):
            LEFT.callback(end, self.proc)
            self.clear_state()
            self.proc = None
        else:
            await super().stop(now)


@breaks("test_failed_start_leaves_nothing")
class LeavesItsHelper(Local):
    """What it starts beside the server ends in stop(), which is not called for a server that ended by itself."""

    helper = None

    async def start(self):
        self.helper = self.helper or subprocess.Popen(["sleep", "600"], env=self.get_env())  # noqa: ASYNC220
        LEFT.callback(end, self.helper)
        return await super().start()

    async def stop(self, now=False):
        await super().stop(now)
        if self.helper:
            end(self.helper)


@breaks("test_slow_start_is_ended")
class ForgetsWhatItWaitsFor(Local):
    """It knows the server only when that has answered: a start that is cancelled leaves it."""

    async def start(self):
        address = await super().start()
        process, self.proc, self.pid = self.proc, None, 0
        LEFT.callback(end, process)
        while refuses(("127.0.0.1", self.port)) and process.poll() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        self.proc, self.pid = process, process.pid
        return address


@breaks("test_hub_ends_its_servers")
class StopsOneAtATime(Local):
    stopping = []

    async def start(self):
        address = await super().start()
        LEFT.callback(end, self.proc)
        return address

    async def stop(self, now=False):
        if self.stopping:
            return
        self.stopping.append(self)
        await super().stop(now)
        self.stopping.remove(self)


@breaks("test_concurrent_starts")
class SharesWhoseItIs(Local):
    async def start(self):
        type(self).whose = self.user.name
        for _ in range(100):  # whoever starts at the same time comes that far
            await asyncio.sleep(0)
        return await super().start()

    def get_env(self):
        return {**super().get_env(), "JUPYTERHUB_USER": self.whose}


@breaks("test_delete_user_ends_the_server")
class DeletesWhatIsNotThere(Local):
    def delete_forever(self):
        raise FileNotFoundError(f"there is no volume of {self.user.name}")
