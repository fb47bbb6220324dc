"""Servers of several users, and several of one, do not meet."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on
from jupyterhub_pytest_plugin.contracts.wire import WAIT

from .base import API, GUIDE, SpawnerSuite
from .servers import ServerOf

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.hosting import Hub

    from .base import Hubs, Servers

URLS = "reference/urls.html"
ODD_NAMES = {
    "apostrophe": "o'neil",
    "unicode": "jörg",
    "at": "ada@example.org",
    "space": "a b",
    "long": "x" * 60,
    "punctuation": "ada.b-c_d",
    "percent": "50%25",
}


class Apart(SpawnerSuite):
    """:meta private:"""

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=list(ODD_NAMES))
    @relies_on(URLS, needs="odd-names")
    def test_odd_user_names(self, contract_hub: Hub, name: str) -> None:
        """Any name that JupyterHub allows can have a server."""
        server = self.server_of(contract_hub, name)
        said = server.start()
        assert said["env"]["JUPYTERHUB_USER"] == name
        assert server.poll() is None
        server.end()
        assert server.poll() is not None

    @relies_on(GUIDE, needs="named-servers")
    def test_named_servers(self, contract_servers: Servers) -> None:
        """A user's servers are separate: own process, own address, own environment, ended one by one."""
        main = contract_servers()
        other = self.server_of(main.hub, main.name, "other")
        first, second = main.start(), other.start()
        assert first["instance"] != second["instance"]
        assert second["env"]["JUPYTERHUB_SERVER_NAME"] == "other"
        assert second["env"]["JUPYTERHUB_SERVICE_PREFIX"] == f"/user/{main.name}/other/"
        other.end()
        assert other.poll() is not None
        assert main.poll() is None

    @relies_on(GUIDE)
    def test_two_users_are_two(self, contract_servers: Servers) -> None:
        """Servers of two users run side by side, each with its own token."""
        ada, bob = contract_servers(0).start(), contract_servers(1).start()
        assert ada["instance"] != bob["instance"]
        assert ada["env"]["JUPYTERHUB_API_TOKEN"] != bob["env"]["JUPYTERHUB_API_TOKEN"]

    @relies_on(URLS, needs="odd-names")
    def test_similar_user_names(self, contract_hub: Hub) -> None:
        """Users whose names differ by a sign have servers of their own, at the same time: signs may not be dropped."""
        self.are_apart([self.server_of(contract_hub, f"sim{sign}ilar") for sign in ("", "-", "_", ".", "--")])

    @relies_on(URLS, needs="named-servers")
    def test_similar_server_names(self, contract_hub: Hub) -> None:
        """The server ``x`` of ``ada`` is another one than that of ``ada--x``, at the same time."""
        self.need("odd-names")
        named = self.server_of(contract_hub, "nick", "name")
        self.are_apart(
            [named, *(self.server_of(contract_hub, name) for name in ("nick--name", "nick_name", "nick.name"))]
        )

    def are_apart(self, servers: list[ServerOf]) -> None:
        """All of them run, each is the one that was started, and one's end is no other one's.

        :meta private:
        """
        try:
            started = [server.start()["instance"] for server in servers]
            running = [server.ask()["instance"] for server in servers]
            assert running == started, "a server was taken over by one that was started after it"
            servers[0].end()
            assert [server.ask()["instance"] for server in servers[1:]] == started[1:]
        finally:
            for server in servers:
                server.abandon()

    @relies_on(API)
    def test_concurrent_starts(self, contract_hubs: Hubs) -> None:
        """Several users start at the same time and all get their own server."""
        names = [self.username(number) for number in range(3)]
        gate = asyncio.Barrier(len(names))

        async def all_are_here(_spawner: Any) -> None:
            await asyncio.wait_for(gate.wait(), WAIT)

        hub = self.make(contract_hubs, pre_spawn_hook=all_are_here)
        servers = [self.server_of(hub, name) for name in names]
        with ThreadPoolExecutor(len(servers)) as pool:
            answers = list(pool.map(ServerOf.request_start, servers))
        assert {answer.status_code for answer in answers} <= {201, 202}
        said = [self.eventually(server.ask) for server in servers]
        assert [one["env"]["JUPYTERHUB_USER"] for one in said] == names
