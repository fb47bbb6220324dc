"""Users' servers on one hub, as the suite for spawners drives them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import psutil
import pytest

from jupyterhub_pytest_plugin.compat import spawner_of
from jupyterhub_pytest_plugin.contracts.wire import WAIT
from jupyterhub_pytest_plugin.errors import SpawnError
from jupyterhub_pytest_plugin.reaper import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyterhub_pytest_plugin.hosting import Hub

    Form = Mapping[str, Any]


class ServerOf:
    """A user's server on one hub, driven through JupyterHub as its own pages do.

    ``form`` is what is filled in where the spawner asks for options.
    """

    def __init__(self, hub: Hub, name: str = "ada", server: str = "", form: Form | None = None) -> None:
        self.hub = hub
        self.name = name
        self.server = server
        self.form = form
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

    @property
    def ready(self) -> bool:
        """Whether the hub says that it runs."""
        model = self.model
        return model is not None and bool(model["ready"])

    @property
    def pending(self) -> bool:
        """Whether the hub still starts or stops it."""
        model = self.model
        return model is not None and bool(model["pending"])

    def start(self, form: Form | None = None) -> dict[str, Any]:
        """Start the server and return what it says about itself."""
        form = form or self.form
        try:
            response = self.client.spawn(self.server, options=None if form is None else dict(form))
        except SpawnError as error:
            if form is None and error.fields:
                fields = ", ".join(f"{field!r}: …" for field in error.fields)
                pytest.fail(f"the spawner asks for options: set `options = {{{fields}}}` in the suite", pytrace=False)
            raise
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
        """Ask for a start by the REST API, which does not wait for the server.

        ``options`` are those of the API: by default what the spawner makes of its form.
        """
        name = f"servers/{quote(self.server)}" if self.server else "server"
        if options is None and self.form is not None:
            options = self.parsed(self.form)
        return self.client.api("POST", f"users/{quote(self.name)}/{name}", json=options)

    def parsed(self, form: Form) -> dict[str, Any]:
        """What the spawner itself makes of a form."""
        sent = {key: value if isinstance(value, list) else [str(value)] for key, value in form.items()}
        found: dict[str, Any] = self.hub.run(awaited(lambda: self.spawner.run_options_from_form(sent)))
        return found

    def poll(self) -> int | None:
        status: int | None = self.hub.run(awaited(self.spawner.poll))
        return status

    def stop(self, *, now: bool = False) -> None:
        """Stop the server through the spawner itself."""
        self.hub.run(awaited(lambda: self.spawner.stop(now=now)))

    def end(self) -> None:
        """Stop it as a user does, waited for."""
        self.hub.run(self.user.stop(self.server))

    def abandon(self) -> None:
        """Stop it after its test, if it runs; a spawner that cannot has failed the test already."""
        if self.hub.running:
            with contextlib.suppress(Exception):
                self.hub.run(self._abandoned())

    async def _abandoned(self) -> None:
        user = self.hub.people.find(self.name)
        if user is not None and self.server in user.spawners and user.spawners[self.server].active:
            await user.stop(self.server)

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


async def awaited(function: Callable[[], Any]) -> Any:
    result = function()
    return await result if asyncio.iscoroutine(result) or asyncio.isfuture(result) else result


async def begun(function: Callable[[], Any], seconds: float) -> asyncio.Future[Any]:
    """Begin with this, and give it so many seconds; whatever comes of it is to be awaited by somebody."""
    future = asyncio.ensure_future(awaited(function))
    await asyncio.wait([future], timeout=seconds)
    return future


async def all_at_once(functions: Sequence[Callable[[], Any]]) -> list[Any]:
    return await asyncio.gather(*map(awaited, functions))


def recorded(start: Callable[[], Any], answers: list[Any]) -> Callable[[], Any]:
    """A start() of which one knows what it returned."""

    async def recording() -> Any:
        answers.append(await awaited(start))
        return answers[-1]

    return recording


def filled(state: dict[str, Any]) -> dict[str, Any]:
    """A state without its empty parts."""
    return {key: value for key, value in state.items() if value}


def never(value: bool, message: str = "") -> None:
    assert not value, message


def mark() -> dict[str, str]:
    """What finds a process again after its test, where a test replaces the environment."""
    return {MARK: os.environ.get(MARK, "")}


def none_runs(pids: list[int], whose: str) -> None:
    assert not pids, f"processes of {whose} still run: {pids}"


def is_server(pid: int, token: str) -> bool:
    """Whether this process of this machine has this token of a server in its environment."""
    try:
        return psutil.Process(pid).environ().get("JUPYTERHUB_API_TOKEN") == token
    except (psutil.Error, OSError):
        return False
