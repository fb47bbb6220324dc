"""A server shows nothing to those who are not meant to see it, and leaves nothing behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on
from jupyterhub_pytest_plugin.errors import SpawnError
from jupyterhub_pytest_plugin.reaper import carrying

from .base import API, GUIDE, SpawnerSuite
from .servers import mark, never, none_runs
from .waits import waits_in

if TYPE_CHECKING:
    from .base import Hubs, Servers

SECURITY = "explanation/websecurity.html"
SECRETS = ("CONFIGPROXY_AUTH_TOKEN", "JUPYTERHUB_CRYPT_KEY", "PASSWORD_OF_A_DATABASE")
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - where a server must not listen
TOKEN = "JUPYTERHUB_API_TOKEN"
NOT_HERE = "no process of this machine has the server's token in its environment"


class Closed(SpawnerSuite):
    """:meta private:"""

    @relies_on(API)
    def test_environment_of_the_hub_stays_there(
        self, contract_servers: Servers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of the hub's environment a server gets what env_keep names: not the keys to the proxy and the database."""
        canaries = {name: os.urandom(32).hex() for name in SECRETS}
        server = contract_servers()
        for name, value in canaries.items():
            monkeypatch.setenv(name, value)
        env = server.start()["env"]
        leaked = [name for name, value in canaries.items() if value in env.values()]
        assert not leaked, f"the server has {', '.join(leaked)} of the hub's environment"

    @relies_on(SECURITY)
    def test_token_is_in_no_arguments(self, contract_servers: Servers) -> None:
        """The server's token is in its environment, not in arguments: these are for every user of a machine to see."""
        said = contract_servers().start()
        token = said["env"][TOKEN]
        assert not [argument for argument in said["argv"] if token in argument]
        shown = [process for process in psutil.process_iter(["cmdline"]) if token in str(process.info["cmdline"])]
        assert not shown, f"arguments of {shown} have the server's token"

    @relies_on(SECURITY)
    def test_token_is_not_logged(self, contract_servers: Servers) -> None:
        """The hub's log, which others read and collect, has no token of a server."""
        server = contract_servers()
        token = server.start()["env"][TOKEN]
        server.end()
        assert [line for line in server.hub.log.text.splitlines() if token in line] == []

    @relies_on(API, needs="processes")
    def test_server_listens_where_it_is_told(self, contract_servers: Servers) -> None:
        """A server listens at Spawner.ip: on all networks only where somebody has said so."""
        server = contract_servers()
        ip = server.hub.call(lambda: server.spawner.ip)
        if ip in {"", *EVERYWHERE}:
            pytest.skip(f"Spawner.ip is {ip!r}: it is meant to listen everywhere")
        pids = carrying(TOKEN, server.start()["env"][TOKEN])
        assert pids, NOT_HERE
        listens = {address for pid in pids for address in _listens(pid)}
        assert listens, f"processes {pids} have the server's token, and none of them listens"
        assert not listens & EVERYWHERE, f"Spawner.ip is {ip!r}, and the server listens on all networks"

    @relies_on(API, needs="processes")
    def test_stop_leaves_no_process(self, contract_servers: Servers) -> None:
        """After stop() no process of the server is left: none beside it, and no zombie that nobody waits for."""
        server = contract_servers()
        token = server.start()["env"][TOKEN]
        processes = [psutil.Process(pid) for pid in carrying(TOKEN, token)]
        assert processes, NOT_HERE
        server.end()
        self.eventually(lambda: none_runs(carrying(TOKEN, token), "a server that was stopped"))
        self.eventually(lambda: never(*_zombies(processes)))

    @relies_on(API)
    def test_stubborn_server_is_ended(self, contract_hubs: Hubs) -> None:
        """stop() ends a server that does not end when it is asked to: with SIGKILL, or what is alike."""
        traits = {"environment": {**mark(), "ECHO_SERVER_LINGER": "600"}}
        patient = {"interrupt_timeout": 1, "term_timeout": 1}  # what it is of JupyterHub's own makes haste
        server = self.server_on(contract_hubs({"LocalProcessSpawner": patient}, {self.spawner_section(): traits}))
        server.start()
        url = server.url
        server.stop()
        self.eventually(lambda: never(server.reachable(url), f"stop() returned, and {url} answers"))
        assert server.poll() is not None

    @relies_on(GUIDE)
    def test_hub_goes_on_meanwhile(self, contract_hubs: Hubs) -> None:
        """start(), poll() and stop() are coroutines: nothing in them waits in the hub's event loop, for all others.

        The server asks the hub before it serves, as jupyterhub-singleuser does.
        """
        seconds = min(int(self.patience), 30)
        asks = {**mark(), "ECHO_SERVER_ASKS_FIRST": str(seconds)}
        server = self.server_on(self.make(contract_hubs, environment=asks, http_timeout=seconds))
        with waits_in(server.hub) as waits:
            try:
                server.start()
            except SpawnError as error:
                waited = f"; waited in it: {'; '.join(waits)}" if waits else ""
                msg = f"the server asked the hub, which did not answer while start() ran{waited}: {error}"
                raise AssertionError(msg) from error
            server.poll()
            server.end()
        assert not waits, "the hub's event loop stood still: " + "; ".join(waits)


def _listens(pid: int) -> list[str]:
    process = psutil.Process(pid)
    connections = getattr(process, "net_connections", None) or process.connections  # psutil < 6
    return [one.laddr.ip for one in connections("tcp") if one.status == psutil.CONN_LISTEN]


def _zombies(processes: list[psutil.Process]) -> tuple[bool, str]:
    found = [process.pid for process in processes if _is_ours_and_dead(process)]
    return bool(found), f"stop() returned, and nobody has waited for the ended process {found}: it is a zombie"


def _is_ours_and_dead(process: Any) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE and process.ppid() == os.getpid())
    except psutil.Error:  # gone
        return False
