"""What is kept of a server: its state over restarts, and nothing of a start that failed."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub.spawner import LocalProcessSpawner

from jupyterhub_pytest_plugin.contracts.collect import relies_on
from jupyterhub_pytest_plugin.reaper import carrying

from .base import API, GUIDE, NUMBERS, SpawnerSuite
from .servers import awaited, filled, mark, never, none_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_pytest_plugin.ports import Port

    from .base import Hubs, Servers


class Kept(SpawnerSuite):
    """:meta private:"""

    @relies_on(GUIDE)
    def test_state_round_trip(self, contract_servers: Servers) -> None:
        """get_state() is JSON, and a spawner that loads it knows the same server."""
        server = contract_servers()
        hub = server.hub
        server.start()
        state = hub.call(server.spawner.get_state)
        assert json.loads(json.dumps(state)) == state

        def again() -> Any:
            spawner = server.user._new_spawner("")  # noqa: SLF001 - as JupyterHub makes one at its start
            spawner.load_state(state)
            return spawner

        fresh = hub.call(again)
        assert hub.run(awaited(fresh.poll)) is None

    @relies_on(GUIDE)
    def test_state_is_cleared(self, contract_servers: Servers) -> None:
        """After a stop no state of the old server remains, so that nothing attaches to it."""
        server = contract_servers()
        hub = server.hub
        fresh = filled(hub.call(server.spawner.get_state))
        server.start()
        server.end()

        def state() -> Any:
            server.spawner.clear_state()
            return server.spawner.get_state()

        assert filled(hub.call(state)) == fresh

    @relies_on(GUIDE)
    def test_server_survives_a_restart_of_the_hub(self, contract_hubs: Hubs) -> None:
        """A hub that restarts finds running servers again, serves them, and can stop them."""
        hub = contract_hubs()
        first = self.server_on(hub).start()
        hub.restart(servers=False)
        server = self.server_on(hub)
        assert server.poll() is None
        assert server.ask()["instance"] == first["instance"]
        server.end()
        assert server.poll() is not None

    @relies_on(GUIDE, needs="death")
    def test_death_during_a_restart_is_noticed(self, contract_hubs: Hubs) -> None:
        """A server that died while the hub was away is not running for the new hub."""
        hub = contract_hubs()
        server = self.server_on(hub)
        pid, url, spawner = server.start()["pid"], server.url, server.spawner
        hub.stop(servers=False)
        self.end_behind_its_back(pid, spawner, hub, url)
        self.eventually(lambda: never(pid in hub.reap(), f"kill() did not end the process {pid}"))
        hub.start()
        server = self.server_on(hub)
        dead = f"the server (process {pid}) died while the hub was away"
        self.eventually(lambda: never(server.poll() is None, f"{dead}, and poll() is None, as if it ran"))
        said = f"{dead}, and poll() of the spawner that loaded its state did not say so at the hub's start"
        assert not server.ready, said

    @relies_on(GUIDE, needs="processes")
    def test_foreign_process_is_left_alone(self, contract_servers: Servers) -> None:
        """While the hub was away a server's process id may have become another process's: that is not the server."""
        server = contract_servers()
        hub, pid = server.hub, server.start()["pid"]
        state = hub.call(server.spawner.get_state)
        server.end()
        if pid not in _numbers(state):
            pytest.skip("its state has no process id")
        if _signals_numbers(server.spawner):
            pytest.skip("JupyterHub's LocalProcessSpawner knows a process by its number alone")
        with _stranger() as stranger:

            def again() -> Any:
                """As JupyterHub makes one at its start: with the state in the database."""
                row = server.spawner.orm_spawner
                kept, row.state = row.state, _replaced(state, pid, stranger.pid)
                try:
                    return server.user._new_spawner("")  # noqa: SLF001 - as above
                finally:
                    row.state = kept

            fresh = hub.call(again)
            status = hub.run(awaited(fresh.poll))
            hub.run(awaited(fresh.stop))
            assert stranger.poll() is None, "stop() ended another process, which has the number of an old server"
        assert status is not None, "poll() takes another process for the server, by its number"

    @relies_on(GUIDE)
    def test_failed_start_leaves_nothing(self, contract_hubs: Hubs, contract_port: Port) -> None:
        """A command that ends at once is a failed start: the hub says so, nothing of it runs, and a next start works.

        What runs is looked for on this machine, whatever the spawner says.
        """
        if self.failing_command is None:
            pytest.skip("lacks failing_command: the spawner runs no commands")
        limits = {"http_timeout": 2, "start_timeout": 5}
        failing = {"cmd": self.failing_command, "port": contract_port.number, **limits}
        name, value = "OF_A_FAILED_START", f"number-{next(NUMBERS)}"
        configured: list[dict[str, Any]] = []

        def hook(spawner: Any) -> None:
            configured.append({name: getattr(spawner, name) for name in failing})
            traits = failing if len(configured) == 1 else configured[0]
            for trait, given in traits.items():
                setattr(spawner, trait, given)

        server = self.server_on(self.make(contract_hubs, pre_spawn_hook=hook, environment={**mark(), name: value}))
        server.request_start()
        self.eventually(lambda: never(server.pending))
        assert not server.ready
        assert server.poll() is not None
        self.eventually(lambda: none_runs(carrying(name, value), "a start that failed"))
        server.request_start()
        assert self.eventually(server.ask)["env"]["JUPYTERHUB_USER"] == server.name

    @relies_on(API)
    def test_slow_start_is_ended(self, contract_hubs: Hubs, contract_port: Port) -> None:
        """A server that does not answer in time is ended, and no process of it remains.

        Some spawners wait for the server in start(), which is cancelled after start_timeout; of others the hub waits
        for an answer, for http_timeout.
        """
        name, value = "ECHO_SERVER_DELAY", str(600 + next(NUMBERS))  # seconds, and the process's mark
        slow = {"environment": {**mark(), name: value}, "port": contract_port.number}
        hub = self.make(contract_hubs, http_timeout=1, start_timeout=2, **slow)
        server = self.server_on(hub)
        server.request_start()
        self.eventually(lambda: never(server.pending))
        assert not server.ready
        assert server.poll() is not None
        self.eventually(lambda: none_runs(carrying(name, value), "a server that was given up"))


def _numbers(state: Any) -> set[int]:
    if isinstance(state, dict):
        return {number for value in state.values() for number in _numbers(value)}
    return {state} if isinstance(state, int) else set()


def _replaced(state: Any, old: int, new: int) -> Any:
    if isinstance(state, dict):
        return {key: _replaced(value, old, new) for key, value in state.items()}
    return new if state == old and isinstance(state, int) else state


def _signals_numbers(spawner: Any) -> bool:
    """Whether it signals processes as JupyterHub's own does: that is not its author's to mend."""
    return isinstance(spawner, LocalProcessSpawner) and type(spawner)._signal is LocalProcessSpawner._signal  # noqa: SLF001


@contextmanager
def _stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, that is nobody's server."""
    command = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
