"""What JupyterHub relies on in a spawner."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit

import httpx
import pytest

from jupyterhub_pytest_plugin.compat import spawner_of
from jupyterhub_pytest_plugin.reaper import carrying

from .collect import Contract, relies_on
from .proxy import ssl_hub
from .wire import WAIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from traitlets.config import Config

    from jupyterhub_pytest_plugin.config import Overrides, Place
    from jupyterhub_pytest_plugin.hosting import Hub

    Hubs = Callable[..., Hub]

GUIDE = "reference/spawners.html"
API = "reference/api/spawner.html"
URLS = "reference/urls.html"
LINGER = "120"  # seconds after which a server ends that nobody has let go
HOLD = 2.0  # seconds for which a server goes on after a signal, before it is let go
_NUMBERS = itertools.count(1)
ODD_NAMES = {
    "apostrophe": "o'neil",
    "unicode": "jörg",
    "at": "ada@example.org",
    "space": "a b",
    "long": "x" * 60,
    "punctuation": "ada.b-c_d",
    "percent": "50%25",
}


class ServerOf:
    """A user's server on one hub, driven through JupyterHub as its own pages do."""

    def __init__(self, hub: Hub, name: str = "ada", server: str = "") -> None:
        self.hub = hub
        self.name = name
        self.server = server
        self.client = hub.user_client(name)

    @property
    def path(self) -> str:
        return f"user/{quote(self.name, safe='@')}/" + (f"{quote(self.server)}/" if self.server else "")

    @property
    def user(self) -> Any:
        return self.hub.call(lambda: self.hub.app.users[self.name])

    @property
    def spawner(self) -> Any:
        return self.hub.call(lambda: spawner_of(self.hub.app.users[self.name], self.server))

    @property
    def model(self) -> dict[str, Any] | None:
        """What the REST API says about the server; None if there is none."""
        user = self.hub.api().get(f"users/{quote(self.name)}").raise_for_status().json()
        found: dict[str, Any] | None = user["servers"].get(self.server)
        return found

    def start(self, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """Start the server and return what it says about itself."""
        response = self.client.spawn(self.server, options=options)
        assert response.status_code == 200, response.text[:500]
        return self.ask(response)

    def ask(self, response: httpx.Response | None = None) -> dict[str, Any]:
        response = response or self.client.get(self.path)
        try:
            said: dict[str, Any] = response.json()
        except json.JSONDecodeError:
            msg = f"{response.url} is not the echo server: {response.status_code} {response.text[:300]}"
            raise AssertionError(msg) from None
        return said

    def request_start(self, options: dict[str, Any] | None = None) -> httpx.Response:
        """Ask for a start by the REST API, which does not wait for the server."""
        name = f"servers/{quote(self.server)}" if self.server else "server"
        return self.client.api("POST", f"users/{quote(self.name)}/{name}", json=options)

    def poll(self) -> int | None:
        status: int | None = self.hub.run(_await(self.spawner.poll))
        return status

    def stop(self, *, now: bool = False) -> None:
        """Stop the server through the spawner itself."""
        self.hub.run(_await(lambda: self.spawner.stop(now=now)))

    def end(self) -> None:
        """Stop it as a user does, waited for."""
        self.hub.run(self.user.stop(self.server))

    @staticmethod
    def reachable(url: str) -> bool:
        try:
            httpx.get(url, trust_env=False, timeout=WAIT)
        except httpx.HTTPError:
            return False
        return True

    @property
    def url(self) -> str:
        """Where the server itself listens, as the hub knows it."""
        return self.hub.call(lambda: str(self.spawner.server.url))

    @staticmethod
    def let_go(url: str) -> None:
        """Have a server end that takes its time."""
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"{url}?leave=1", trust_env=False, timeout=WAIT)


async def _await(function: Callable[[], Any]) -> Any:
    result = function()
    return await result if asyncio.iscoroutine(result) or asyncio.isfuture(result) else result


class SpawnerContract(Contract):
    """Derive from it, and name the spawner::

        class TestMySpawner(SpawnerContract):
            spawner_class = MySpawner
            spawner_config = {"some_trait": 1}

    Whatever ``Spawner.cmd`` says, a spawner starts the echo server with it, which tells how it was started. A spawner
    that cannot reach this machine's loopback address, or starts something else, has to be configured for it.
    """

    #: The class, or the name under which it is registered with JupyterHub.
    spawner_class: ClassVar[Any] = None
    #: Traits of the spawner.
    spawner_config: ClassVar[Mapping[str, Any]] = {}
    #: Anything else of the hub's configuration, by class.
    hub_config: ClassVar[Overrides] = {}
    #: A command that ends at once, or None if the spawner does not run commands.
    failing_command: ClassVar[list[str] | None] = ["false"]

    @classmethod
    def configure(cls, config: Config, place: Place) -> None:
        """Configure a hub before it starts; ``place`` offers ``folder`` for files."""
        if cls.spawner_class is None:
            msg = f"{cls.__module__}.{cls.__qualname__}: set spawner_class to the spawner to be tested"
            raise pytest.UsageError(msg)
        config.JupyterHub.spawner_class = cls.spawner_class
        config.JupyterHub.allow_named_servers = True
        section = config[cls.spawner_section()]
        for name, value in cls.spawner_config.items():
            section.setdefault(name, value)

    @classmethod
    def spawner_section(cls) -> str:
        """The name under which traits of the spawner are configured."""
        from jupyterhub.app import JupyterHub

        return str(JupyterHub.spawner_class.validate(None, cls.spawner_class).__name__)

    def make(self, hubs: Hubs, **traits: Any) -> Hub:
        """A hub of its own for a test, with these traits of the spawner."""
        return hubs({self.spawner_section(): traits})

    # Start, poll, stop

    @relies_on(GUIDE)
    def test_poll_before_the_first_start(self, contract_hubs: Hubs) -> None:
        """poll() of a server that never ran gives an exit status, not None."""
        assert ServerOf(contract_hubs()).poll() is not None

    @relies_on(GUIDE)
    def test_start_answers_with_a_reachable_address(self, contract_hubs: Hubs) -> None:
        """start() returns where the hub and the proxy reach the server: a URL, or host and port."""
        answers: list[Any] = []

        def hook(spawner: Any) -> None:
            spawner.start = _recorded(spawner.start, answers)

        server = ServerOf(self.make(contract_hubs, pre_spawn_hook=hook))
        server.start()
        url = server.url
        assert server.reachable(f"{url}api")
        (address,) = answers
        assert address, f"start() returned {address!r}: the hub had to find {url} in the database"
        given = urlsplit(address).port if isinstance(address, str) else int(address[1])
        assert given == urlsplit(url).port

    @relies_on(GUIDE)
    def test_poll_while_it_runs(self, contract_hubs: Hubs) -> None:
        """poll() of a running server is None, also where several ask at a time, as the hub's pages and timers do."""
        server = ServerOf(contract_hubs())
        server.start()
        assert server.hub.run(_all_at_once([server.spawner.poll] * 3)) == [None] * 3

    @relies_on(GUIDE)
    def test_stop_waits(self, contract_hubs: Hubs) -> None:
        """When stop() returns the server is gone, and poll() gives an exit status: also if it takes its time to end."""
        hub = self.make(contract_hubs, environment={**_mark(), "ECHO_SERVER_LINGER": LINGER})
        server = ServerOf(hub)
        server.start()
        url, stop = server.url, server.spawner.stop

        def check() -> None:
            slow = "stop() returned, and {}: a server with work to save goes on for a while after a signal"
            assert server.poll() is not None, slow.format("poll() says that the server runs")
            assert not server.reachable(url), slow.format(f"{url} still answers")

        stopping = hub.run(_begun(stop, HOLD))
        try:
            if stopping.done():  # while the server, unless it was killed, still waits to be let go
                check()
        finally:
            server.let_go(url)
        hub.run(stopping)
        check()

    @relies_on(GUIDE)
    def test_stop_twice(self, contract_hubs: Hubs) -> None:
        """A second stop() is no error: the server may have ended by itself."""
        server = ServerOf(contract_hubs())
        server.start()
        server.stop()
        server.stop()
        assert server.poll() is not None

    @relies_on(GUIDE)
    def test_stop_now(self, contract_hubs: Hubs) -> None:
        """stop(now=True), which JupyterHub uses when it shuts down, ends the server too."""
        hub = contract_hubs()
        server = ServerOf(hub)
        server.start()
        url = server.url
        server.stop(now=True)
        self.eventually(lambda: _not(server.reachable(url)))
        self.eventually(lambda: _not(server.poll() is None))

    @relies_on(GUIDE)
    def test_stop_of_what_never_ran(self, contract_hubs: Hubs) -> None:
        """stop() before any start is no error."""
        ServerOf(contract_hubs()).stop()

    @relies_on(GUIDE)
    def test_start_again(self, contract_hubs: Hubs) -> None:
        """After a stop the server can be started again, and is a new one."""
        server = ServerOf(contract_hubs())
        first = server.start()
        server.end()
        assert server.model is None or not server.model["ready"]
        assert server.start()["pid"] != first["pid"]

    @relies_on(GUIDE, needs="death")
    def test_poll_notices_death(self, contract_hubs: Hubs) -> None:
        """poll() of a server that died by itself gives an exit status, and the hub forgets the server."""
        server = ServerOf(contract_hubs())
        self.kill(server.start()["pid"])
        self.eventually(lambda: _not(server.poll() is None))
        server.hub.run(_await(server.spawner.poll_and_notify))
        self.eventually(lambda: _not(server.model is not None and server.model["ready"]))

    def kill(self, pid: int) -> None:
        """End the process of a server, behind the spawner's back."""
        import os
        import signal

        os.kill(pid, signal.SIGKILL)

    # What the server is told

    @relies_on(GUIDE)
    def test_environment_of_the_hub(self, contract_hubs: Hubs) -> None:
        """The server gets what it needs to find the hub and to know whose it is."""
        hub = contract_hubs()
        env = ServerOf(hub).start()["env"]
        assert env["JUPYTERHUB_USER"] == "ada"
        assert env["JUPYTERHUB_SERVICE_PREFIX"] == "/user/ada/"
        assert env["JUPYTERHUB_BASE_URL"] == "/"
        assert env["JUPYTERHUB_CLIENT_ID"] == "jupyterhub-user-ada"
        assert env["JUPYTERHUB_API_URL"].endswith("/hub/api")
        assert "access:servers" in env["JUPYTERHUB_OAUTH_ACCESS_SCOPES"]

    @relies_on(API)
    def test_configured_environment(self, contract_hubs: Hubs) -> None:
        """Spawner.environment reaches the server, and a callable in it is called with the spawner."""
        hub = contract_hubs(
            {self.spawner_section(): {"environment": {**_mark(), "COLOUR": "blue", "WHOSE": _name_of_user}}}
        )
        env = ServerOf(hub).start()["env"]
        assert (env["COLOUR"], env["WHOSE"]) == ("blue", "ada")

    @relies_on(GUIDE)
    def test_token_works(self, contract_hubs: Hubs) -> None:
        """The token in the server's environment is its user's: with it the server reports its activity."""
        hub = contract_hubs()
        env = ServerOf(hub).start()["env"]
        api = hub.api_with(env["JUPYTERHUB_API_TOKEN"])
        assert api.get("user").json()["name"] == "ada"
        stamp = {"servers": {"": {"last_activity": "2026-01-01T00:00:00Z"}}}
        assert api.post("users/ada/activity", json=stamp).status_code == 200

    @relies_on(GUIDE)
    def test_token_ends_with_the_server(self, contract_hubs: Hubs) -> None:
        """After a stop the server's token opens nothing."""
        hub = contract_hubs()
        server = ServerOf(hub)
        token = server.start()["env"]["JUPYTERHUB_API_TOKEN"]
        server.end()
        assert hub.api_with(token).get("user").status_code == 403

    @relies_on(API)
    def test_arguments(self, contract_hubs: Hubs) -> None:
        """Spawner.args reach the command."""
        hub = contract_hubs({self.spawner_section(): {"args": ["--colour=blue", "--with space=yes"]}})
        argv = ServerOf(hub).start()["argv"]
        assert [argument for argument in argv if "=blue" in argument or "space" in argument] == [
            "--colour=blue",
            "--with space=yes",
        ]

    @relies_on(API)
    def test_default_url(self, contract_hubs: Hubs) -> None:
        """Spawner.default_url is where the server sends its user first."""
        hub = contract_hubs({self.spawner_section(): {"default_url": "/lab/tree"}})
        env = ServerOf(hub).start()["env"]
        assert env["JUPYTERHUB_DEFAULT_URL"] == "/lab/tree"

    @relies_on(GUIDE)
    def test_options_form(self, contract_hubs: Hubs) -> None:
        """The options form is shown, and what was chosen is in user_options while the server starts."""
        seen = {}

        def hook(spawner: Any) -> None:
            seen.update(spawner.user_options)

        form = '<input name="size" value="small">'
        traits = {
            "options_form": form,
            "options_from_form": lambda data: {"size": data["size"][0]},
            "pre_spawn_hook": hook,
        }
        hub = self.make(contract_hubs, **traits)
        server = ServerOf(hub)
        assert form in server.client.get("hub/spawn").text
        server.start({"size": "large"})
        assert seen == {"size": "large"}

    @relies_on(GUIDE)
    def test_options_by_api(self, contract_hubs: Hubs) -> None:
        """Options given by the REST API arrive unchanged."""
        seen = {}
        hub = self.make(contract_hubs, pre_spawn_hook=lambda spawner: seen.update(spawner.user_options))
        server = ServerOf(hub)
        assert server.request_start({"size": 3, "tags": ["a"]}).status_code in {201, 202}
        self.eventually(server.ask)
        assert seen == {"size": 3, "tags": ["a"]}

    @relies_on(API)
    def test_hooks_are_called(self, contract_hubs: Hubs) -> None:
        """pre_spawn_hook runs before the server starts, post_stop_hook after it has stopped."""
        seen = []
        hub = self.make(
            contract_hubs,
            pre_spawn_hook=lambda spawner: seen.append(("start", spawner.user.name)),
            post_stop_hook=lambda spawner: seen.append(("stop", spawner.user.name)),
        )
        server = ServerOf(hub)
        server.start()
        server.end()
        assert seen == [("start", "ada"), ("stop", "ada")]

    # State

    @relies_on(GUIDE)
    def test_state_round_trip(self, contract_hubs: Hubs) -> None:
        """get_state() is JSON, and a spawner that loads it knows the same server."""
        hub = contract_hubs()
        server = ServerOf(hub)
        server.start()
        state = hub.call(server.spawner.get_state)
        assert json.loads(json.dumps(state)) == state

        def again() -> Any:
            spawner = hub.app.users["ada"]._new_spawner("")  # noqa: SLF001 - as JupyterHub makes one at its start
            spawner.load_state(state)
            return spawner

        fresh = hub.call(again)
        assert hub.run(_await(fresh.poll)) is None

    @relies_on(GUIDE)
    def test_state_is_cleared(self, contract_hubs: Hubs) -> None:
        """After a stop no state of the old server remains, so that nothing attaches to it."""
        hub = contract_hubs()
        server = ServerOf(hub)
        fresh = _filled(hub.call(server.spawner.get_state))
        server.start()
        server.end()

        def state() -> Any:
            server.spawner.clear_state()
            return server.spawner.get_state()

        assert _filled(hub.call(state)) == fresh

    @relies_on(GUIDE)
    def test_server_survives_a_restart_of_the_hub(self, contract_hubs: Hubs) -> None:
        """A hub that restarts finds running servers again, serves them, and can stop them."""
        hub = contract_hubs()
        first = ServerOf(hub).start()
        hub.restart(servers=False)
        server = ServerOf(hub)
        assert server.poll() is None
        assert server.ask()["pid"] == first["pid"]
        server.end()
        assert server.poll() is not None

    @relies_on(GUIDE, needs="death")
    def test_death_during_a_restart_is_noticed(self, contract_hubs: Hubs) -> None:
        """A server that died while the hub was away is not running for the new hub."""
        hub = contract_hubs()
        first = ServerOf(hub).start()
        url = first["env"]["JUPYTERHUB_SERVICE_URL"]
        hub.stop(servers=False)
        self.kill(first["pid"])
        self.eventually(lambda: _not(ServerOf.reachable(url), f"kill() did not end the server: {url} still answers"))
        self.eventually(lambda: _not(first["pid"] in hub.reap(), f"kill() did not end the process {first['pid']}"))
        hub.start()
        server = ServerOf(hub)
        dead = f"the server (process {first['pid']}) died while the hub was away"
        self.eventually(lambda: _not(server.poll() is None, f"{dead}, and poll() is None, as if it ran"))
        running = server.model is not None and server.model["ready"]
        assert not running, f"{dead}, and poll() of the spawner that loaded its state did not say so at the hub's start"

    # Failures

    @relies_on(GUIDE)
    def test_failed_start_leaves_nothing(self, contract_hubs: Hubs) -> None:
        """A command that ends at once is a failed start: the hub says so, and a next start is possible."""
        if self.failing_command is None:
            pytest.skip("lacks failing_command: the spawner runs no commands")
        failing = {"cmd": self.failing_command, "http_timeout": 2, "start_timeout": 5}
        configured: list[dict[str, Any]] = []

        def hook(spawner: Any) -> None:
            configured.append({name: getattr(spawner, name) for name in failing})
            traits = failing if len(configured) == 1 else configured[0]
            for name, value in traits.items():
                setattr(spawner, name, value)

        server = ServerOf(self.make(contract_hubs, pre_spawn_hook=hook))
        server.request_start()
        self.eventually(lambda: _not(self.pending(server)))
        assert server.model is None or not server.model["ready"]
        assert server.poll() is not None
        server.request_start()
        assert self.eventually(server.ask)["env"]["JUPYTERHUB_USER"] == "ada"

    @relies_on(API)
    def test_slow_start_is_ended(self, contract_hubs: Hubs) -> None:
        """A server that does not answer within http_timeout is ended, and no process of it remains."""
        name, value = "ECHO_SERVER_DELAY", str(600 + next(_NUMBERS))  # seconds, and the process's mark
        hub = self.make(contract_hubs, http_timeout=1, environment={**_mark(), name: value})
        server = ServerOf(hub)
        server.request_start()
        self.eventually(lambda: _not(self.pending(server)))
        assert server.model is None or not server.model["ready"]
        assert server.poll() is not None
        self.eventually(lambda: _none_runs(carrying(name, value)))

    def pending(self, server: ServerOf) -> bool:
        return server.model is not None and bool(server.model["pending"])

    # Names and places

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=list(ODD_NAMES))
    @relies_on(URLS)
    def test_odd_user_names(self, contract_hubs: Hubs, name: str) -> None:
        """Any name that JupyterHub allows can have a server."""
        server = ServerOf(contract_hubs(), name)
        said = server.start()
        assert said["env"]["JUPYTERHUB_USER"] == name
        assert server.poll() is None
        server.end()
        assert server.poll() is not None

    @relies_on(GUIDE, needs="named-servers")
    def test_named_servers(self, contract_hubs: Hubs) -> None:
        """A user's servers are separate: own process, own address, own environment, ended one by one."""
        hub = contract_hubs()
        main, other = ServerOf(hub), ServerOf(hub, server="other")
        first, second = main.start(), other.start()
        assert first["pid"] != second["pid"]
        assert second["env"]["JUPYTERHUB_SERVER_NAME"] == "other"
        assert second["env"]["JUPYTERHUB_SERVICE_PREFIX"] == "/user/ada/other/"
        other.end()
        assert other.poll() is not None
        assert main.poll() is None

    @relies_on(GUIDE)
    def test_two_users_are_two(self, contract_hubs: Hubs) -> None:
        """Servers of two users run side by side, each with its own token."""
        hub = contract_hubs()
        ada, bob = ServerOf(hub, "ada").start(), ServerOf(hub, "bob").start()
        assert ada["pid"] != bob["pid"]
        assert ada["env"]["JUPYTERHUB_API_TOKEN"] != bob["env"]["JUPYTERHUB_API_TOKEN"]

    @relies_on(API)
    def test_concurrent_starts(self, contract_hubs: Hubs) -> None:
        """Several users start at the same time and all get their own server."""
        names = ("ada", "bob", "cyd")
        gate = asyncio.Barrier(len(names))

        async def all_are_here(_spawner: Any) -> None:
            await asyncio.wait_for(gate.wait(), WAIT)

        hub = self.make(contract_hubs, pre_spawn_hook=all_are_here)
        servers = [ServerOf(hub, name) for name in names]
        with ThreadPoolExecutor(len(servers)) as pool:
            answers = list(pool.map(ServerOf.request_start, servers))
        assert {answer.status_code for answer in answers} <= {201, 202}
        said = [self.eventually(server.ask) for server in servers]
        assert [one["env"]["JUPYTERHUB_USER"] for one in said] == list(names)

    @relies_on(API)
    def test_progress(self, contract_hubs: Hubs) -> None:
        """progress() gives events with a message, and the stream of the page ends with ``ready``."""
        hub = contract_hubs()
        server = ServerOf(hub)
        server.start()
        events = [json.loads(line[5:]) for line in self.progress_lines(server)]
        assert events[-1]["ready"] is True
        assert all("progress" in event for event in events)
        own = hub.run(_collect(server.spawner.progress))
        assert all(event.get("message") or event.get("html_message") for event in own)

    def progress_lines(self, server: ServerOf) -> list[str]:
        response = server.client.api("GET", f"users/{server.name}/server/progress")
        return [line for line in response.text.splitlines() if line.startswith("data:")]

    @relies_on(API)
    def test_delete_user_ends_the_server(self, contract_hubs: Hubs) -> None:
        """Deleting a user ends the server, and delete_forever() is no error."""
        hub = contract_hubs()
        url = ServerOf(hub).start()["env"]["JUPYTERHUB_SERVICE_URL"]
        before = len(hub.log.errors)
        assert hub.api().delete("users/ada").status_code == 204
        assert not ServerOf.reachable(url)
        assert hub.log.errors[before:] == []

    @relies_on(GUIDE)
    def test_hub_ends_its_servers(self, contract_hubs: Hubs) -> None:
        """With cleanup_servers, no server outlives the hub, which stops all of them at once."""
        hub = contract_hubs()
        servers = [ServerOf(hub, name) for name in ("ada", "bob")]
        for server in servers:
            server.start()
        urls = [server.url for server in servers]
        hub.stop()
        for url in urls:
            self.eventually(lambda url=url: _not(ServerOf.reachable(url), f"{url} answers"))  # type: ignore[misc]

    @relies_on("explanation/websecurity.html", needs="internal-ssl")
    def test_internal_ssl(self, contract_hubs: Hubs) -> None:
        """With internal_ssl, the certificates made for the server reach it, and it answers over TLS."""
        hub = contract_hubs({"JupyterHub": {"internal_ssl": True}}, start=False)
        ssl_hub(hub).start()
        server = ServerOf(hub)
        env = server.start()["env"]
        assert {"JUPYTERHUB_SSL_KEYFILE", "JUPYTERHUB_SSL_CERTFILE", "JUPYTERHUB_SSL_CLIENT_CA"} <= set(env)
        assert hub.call(lambda: server.spawner.server.url).startswith("https:")


def _filled(state: dict[str, Any]) -> dict[str, Any]:
    """A state without its empty parts."""
    return {key: value for key, value in state.items() if value}


def _name_of_user(spawner: Any) -> str:
    return str(spawner.user.name)


def _not(value: bool, message: str = "") -> None:
    assert not value, message


def _mark() -> dict[str, str]:
    """What finds a process again after its test, where a test replaces the environment."""
    import os

    from jupyterhub_pytest_plugin.reaper import MARK

    return {MARK: os.environ.get(MARK, "")}


def _none_runs(pids: list[int]) -> None:
    assert not pids, f"processes of a server that was given up still run: {pids}"


def _recorded(start: Callable[[], Any], answers: list[Any]) -> Callable[[], Any]:
    """A start() of which one knows what it returned."""

    async def recorded() -> Any:
        answers.append(await _await(start))
        return answers[-1]

    return recorded


async def _begun(function: Callable[[], Any], seconds: float) -> asyncio.Future[Any]:
    """Begin with this, and give it so many seconds; whatever comes of it is to be awaited by somebody."""
    begun = asyncio.ensure_future(_await(function))
    await asyncio.wait([begun], timeout=seconds)
    return begun


async def _all_at_once(functions: Sequence[Callable[[], Any]]) -> list[Any]:
    return await asyncio.gather(*map(_await, functions))


async def _collect(progress: Callable[[], Any]) -> list[Any]:
    return [event async for event in progress()]
