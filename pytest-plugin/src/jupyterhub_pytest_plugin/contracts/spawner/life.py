"""How a server starts, is asked for, and ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, GUIDE, SpawnerSuite
from .servers import ServerOf, all_at_once, awaited, begun, mark, never, recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base import Hubs, Servers

LINGER = "120"  # seconds after which a server ends that nobody has let go
HOLD = 2.0  # seconds for which a server goes on after a signal, before it is let go


class Life(SpawnerSuite):
    """:meta private:"""

    @relies_on(GUIDE)
    def test_poll_before_the_first_start(self, contract_servers: Servers) -> None:
        """poll() of a server that never ran gives an exit status, not None."""
        assert contract_servers().poll() is not None

    @relies_on(GUIDE)
    def test_start_answers_with_a_reachable_address(self, contract_hubs: Hubs) -> None:
        """start() returns where the hub and the proxy reach the server: a URL, or host and port."""
        answers: list[Any] = []

        def hook(spawner: Any) -> None:
            spawner.start = recorded(spawner.start, answers)

        server = self.server_on(self.make(contract_hubs, pre_spawn_hook=hook))
        try:
            server.start()
        finally:
            for answer in answers:
                fit = isinstance(answer, (str, type(None))) or (isinstance(answer, tuple) and len(answer) == 2)
                assert fit, f"start() returned {answer!r}: it has to be a URL, or a tuple of host and port"
        url = server.url
        assert server.reachable(f"{url}api")
        (address,) = answers
        assert address, f"start() returned {address!r}: the hub had to find {url} in the database"
        given = urlsplit(address).port if isinstance(address, str) else int(address[1])
        assert given == urlsplit(url).port

    @relies_on(GUIDE)
    def test_poll_while_it_runs(self, contract_servers: Servers) -> None:
        """poll() of a running server is None, also where several ask at a time, as the hub's pages and timers do."""
        server = contract_servers()
        server.start()
        assert server.hub.run(all_at_once([server.spawner.poll] * 3)) == [None] * 3

    @relies_on(GUIDE)
    def test_stop_waits(self, contract_hubs: Hubs) -> None:
        """When stop() returns the server is gone, and poll() gives an exit status: also if it takes its time to end."""
        hub = self.make(contract_hubs, environment={**mark(), "ECHO_SERVER_LINGER": LINGER})
        server = self.server_on(hub)
        server.start()
        url, stop = server.url, server.spawner.stop

        def check() -> None:
            slow = "stop() returned, and {}: a server with work to save goes on for a while after a signal"
            assert server.poll() is not None, slow.format("poll() says that the server runs")
            assert not server.reachable(url), slow.format(f"{url} still answers")

        stopping = hub.run(begun(stop, HOLD))
        try:
            if stopping.done():  # while the server, unless it was killed, still waits to be let go
                check()
        finally:
            server.let_go(url)
        hub.run(stopping)
        check()

    @relies_on(GUIDE)
    def test_stop_twice(self, contract_servers: Servers) -> None:
        """A second stop() is no error: the server may have ended by itself."""
        server = contract_servers()
        server.start()
        server.stop()
        server.stop()
        assert server.poll() is not None

    @relies_on(GUIDE)
    def test_stop_now(self, contract_servers: Servers) -> None:
        """stop(now=True), which JupyterHub uses when it shuts down, ends the server too."""
        server = contract_servers()
        server.start()
        url = server.url
        server.stop(now=True)
        self.eventually(lambda: never(server.reachable(url)))
        self.eventually(lambda: never(server.poll() is None))

    @relies_on(GUIDE)
    def test_stop_of_what_never_ran(self, contract_servers: Servers) -> None:
        """stop() before any start is no error."""
        contract_servers().stop()

    @relies_on(GUIDE)
    def test_start_again(self, contract_servers: Servers) -> None:
        """After a stop the server can be started again, and is a new one."""
        server = contract_servers()
        first = server.start()
        server.end()
        assert not server.ready
        assert server.start()["instance"] != first["instance"]

    @relies_on(GUIDE, needs="death")
    def test_poll_notices_death(self, contract_servers: Servers) -> None:
        """poll() of a server that died by itself gives an exit status, and the hub forgets the server."""
        server = contract_servers()
        pid = server.start()["pid"]
        self.end_behind_its_back(pid, server.spawner, server.hub, server.url)
        self.eventually(lambda: never(server.poll() is None))
        server.hub.run(awaited(server.spawner.poll_and_notify))
        self.eventually(lambda: never(server.ready))

    @relies_on(API)
    def test_hooks_are_called(self, contract_hubs: Hubs) -> None:
        """pre_spawn_hook runs before the server starts, post_stop_hook after it has stopped."""
        seen = []
        hub = self.make(
            contract_hubs,
            pre_spawn_hook=lambda spawner: seen.append(("start", spawner.user.name)),
            post_stop_hook=lambda spawner: seen.append(("stop", spawner.user.name)),
        )
        server = self.server_on(hub)
        server.start()
        server.end()
        assert seen == [("start", server.name), ("stop", server.name)]

    @relies_on(API)
    def test_progress(self, contract_servers: Servers) -> None:
        """progress() gives events with a message, and the stream of the page ends with ``ready``."""
        server = contract_servers()
        server.start()
        events = [json.loads(line[5:]) for line in self.progress_lines(server)]
        assert events[-1]["ready"] is True
        assert all("progress" in event for event in events)
        own = server.hub.run(_collect(server.spawner.progress))
        assert all(event.get("message") or event.get("html_message") for event in own)

    def progress_lines(self, server: ServerOf) -> list[str]:
        response = server.client.api("GET", f"users/{server.name}/server/progress")
        return [line for line in response.text.splitlines() if line.startswith("data:")]

    @relies_on(API)
    def test_delete_user_ends_the_server(self, contract_hubs: Hubs) -> None:
        """Deleting a user ends the server, and delete_forever() is no error."""
        hub = contract_hubs()
        server = self.server_on(hub)
        server.start()
        url, before = server.url, len(hub.log.errors)
        assert hub.api().delete(f"users/{server.name}").status_code == 204
        assert not server.reachable(url)
        assert hub.log.errors[before:] == []

    @relies_on(GUIDE)
    def test_hub_ends_its_servers(self, contract_hubs: Hubs) -> None:
        """With cleanup_servers, no server outlives the hub, which stops all of them at once."""
        hub = contract_hubs()
        servers = [self.server_on(hub, number) for number in range(2)]
        for server in servers:
            server.start()
        urls = [server.url for server in servers]
        hub.stop()
        for url in urls:
            self.eventually(lambda url=url: never(ServerOf.reachable(url), f"{url} answers"))  # type: ignore[misc]


async def _collect(progress: Callable[[], Any]) -> list[Any]:
    return [event async for event in progress()]
