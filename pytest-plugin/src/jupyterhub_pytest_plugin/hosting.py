"""Hubs as objects: one in a thread of its own, one in the test's event loop."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import ssl
import threading
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from .client import TIMEOUT, AsyncHubAPI, AsyncHubClient, HubAPI, HubClient, running_loop
from .errors import ConfigError, HubError, HubStartError, WrongThreadError
from .guard import guard
from .log import HubLog
from .people import People
from .reaper import children_of, ended, kill

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Awaitable, Callable
    from contextlib import ExitStack
    from typing import Self

    import httpx
    from traitlets.config import Config

    from .app import HubApp, Singletons
    from .config import Overrides, Place
    from .services import HubService

T = TypeVar("T")
RUN_TIMEOUT = 180.0


class BaseHub:
    """One hub: its place, its configuration, and the application while it runs.

    It has a ``name``; a ``folder`` of its own for files, removed at its end; a ``log`` (:class:`HubLog`); the traitlets
    ``config``, which can be changed before a start; a ``timeout``, the seconds that clients made from then on wait for
    an answer (120); and, while it runs, ``people`` (:class:`People`).
    """

    inline = False
    made_with: Overrides | None = None
    #: seconds that its clients wait for an answer
    timeout = TIMEOUT

    def __init__(self, place: Place, config: Config, singletons: Singletons) -> None:
        self.place = place
        self.config = config
        self.name = place.name
        self.folder = place.folder
        self.log = HubLog(place.name)
        self.loop: asyncio.AbstractEventLoop | None = None
        self._app: HubApp | None = None
        self._singletons = singletons
        self._last_words = ""
        self._orphans: list[subprocess.Popen[bytes]] = []
        self._left: set[int] = set()  # servers whose Popen nobody can find: a spawner may keep it anywhere

    @property
    def app(self) -> HubApp:
        """JupyterHub's application. What it holds belongs to the hub's thread: see ``run`` and ``call``."""
        if self._app is None:
            msg = f"{self.name} is not running: start() it first"
            raise HubError(msg)
        return self._app

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._app is not None

    @property
    def url(self) -> str:
        """The public URL, with the base path and a slash at its end."""
        app = self.app
        host = app.subdomain_host or app.bind_url
        parts = urlsplit(host)
        return f"{parts.scheme}://{parts.netloc}{app.base_url}"

    @property
    def connect_address(self) -> tuple[str, int]:
        """Host and port at which the proxy listens: names of sub-domains need not resolve."""
        parts = urlsplit(self.app.proxy.public_url)
        return "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80)

    def client_context(self) -> ssl.SSLContext | None:
        """For a client of one's own, where the hub's public URL is ``https``; else None."""
        if not self.app.ssl_cert:
            return None
        context = ssl.create_default_context(cafile=self.app.ssl_cert)
        context.check_hostname = False
        return context

    async def _start(self) -> None:
        from .app import HubApp
        from .checks import allow_by_default, check_config, components_explained

        allow_by_default(self.config)
        with components_explained(self.config):
            app = HubApp(config=self.config, logger=self.log.logger)
        self._singletons.enter(app, self.config)
        self.loop = asyncio.get_running_loop()
        self.reap()  # a zombie would look alive to a spawner that asks for its process by number
        try:
            check_config(self.config, self.place.unchecked)
            await app.initialize()
            self._app = app
            self.people = People(app)
            if not self.inline:
                guard(app.authenticator, self)
                guard(app.proxy, self)
            await app.start()
            self._reaping = asyncio.ensure_future(self._reap())
        except BaseException:
            self._last_words = self.log.tail()
            await self._give_up(app)
            raise

    async def _give_up(self, app: HubApp) -> None:
        """Leave nothing of a hub that did not start."""
        self._app = None
        self._singletons.leave(app)
        if getattr(app, "proxy", None) is not None and getattr(app, "users", None) is not None:
            try:
                await app.end()
            except Exception as error:  # noqa: BLE001 - what failed to start may fail to stop in any way
                self.log.logger.info("could not clean up after the failed start: %r", error)

    async def _end(self, *, servers: bool, proxy: bool) -> None:
        from .app import proxy_processes

        app, self._app = self.app, None
        app.cleanup_servers, app.cleanup_proxy = servers, proxy
        if not servers:
            self._orphans += app.server_processes()
            self._left |= children_of(str(app.hub.api_url))
        if not proxy:
            self._orphans += proxy_processes(app.proxy)
        try:
            await app.end()
        finally:
            self._singletons.leave(app)
            self._reaping.cancel()
            await _cancel_rest()

    async def _reap(self) -> None:
        """What outlives its hub is still our child: without this, a dead server would look alive to the next hub."""
        while True:
            self.reap()
            await asyncio.sleep(0.05)

    def reap(self) -> set[int]:
        """Take note of what died since its hub let go of it; the processes of it that still run.

        :meta private:
        """
        self._orphans = [process for process in self._orphans if process.poll() is None]
        held = {process.pid for process in self._orphans}
        self._left = {pid for pid in self._left - held if not ended(pid)}
        return held | self._left

    def close(self) -> None:
        """Give back the hub's ports, remove its folder, and end what it was told to leave running and never took up.

        :meta private:
        """
        self.log.close()
        self.place.release()
        for process in self._orphans:
            process.kill()  # nothing happens where it ended before
            process.wait(5)
        self._orphans.clear()
        kill(list(self.reap()))
        self._left.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.url if self.running else 'not running'}>"


async def _cancel_rest() -> None:
    """End what a hub left running in its loop; only for a loop that serves nobody else."""
    if threading.current_thread().name.startswith("jupyterhub-"):
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


class Hub(BaseHub):
    """A hub in a thread and event loop of its own: sync and async tests of any loop can use it alike."""

    def __init__(self, place: Place, config: Config, singletons: Singletons, resources: ExitStack) -> None:
        super().__init__(place, config, singletons)
        self._resources = resources  # closed with the fixture that made us: clients, backends
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Start, or start again with the same files, ports and secrets; returns when the hub answers."""
        if self.running:
            return self
        ready = threading.Event()
        self._thread = threading.Thread(target=self._host, args=[ready], name=f"jupyterhub-{self.name}", daemon=True)
        self._thread.start()
        ready.wait(RUN_TIMEOUT)
        started = False
        try:
            self.wait(self._start())
            started = True
        except ConfigError:
            raise
        except Exception as error:
            msg = f"{self.name} did not start: {error!r}. The end of its log:\n{self._last_words}"
            raise HubStartError(msg) from error
        finally:
            if not started:
                self._end_thread()
        return self

    def _host(self, ready: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        self.loop = loop
        asyncio.set_event_loop(loop)
        loop.call_soon(ready.set)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            asyncio.set_event_loop(None)
            loop.close()

    def stop(self, *, servers: bool = True, proxy: bool = True) -> None:
        """Stop the hub, as a signal would; ``servers=False`` and ``proxy=False`` leave these until ``close()``."""
        if self.running:
            try:
                self.wait(self._end(servers=servers, proxy=proxy))
            finally:
                self._end_thread()

    def restart(self, *, servers: bool = False, proxy: bool = True) -> Self:
        """Stop and start again with the same database; users' servers stay up unless ``servers=True``.

        ``proxy=False`` leaves the proxy running too, which needs one that is a process of its own.
        """
        self.stop(servers=servers, proxy=proxy)
        return self.start()

    def _end_thread(self) -> None:
        if self.loop is not None and self._thread is not None:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(30)

    def run(self, coroutine: Awaitable[T], timeout: float | None = None) -> T:
        """Run a coroutine in the hub's event loop and return its result.

        It may take these seconds; without any, 180, or three times as long as a client waits if that is less.

        >>> routes = hub.run(hub.app.proxy.get_all_routes())

        For sync tests: an async one would stand still meanwhile, and uses :meth:`run_async`.
        """
        __tracebackhide__ = True
        if running_loop() not in {None, self.loop}:
            _close(coroutine)
            msg = f"run() would block this test's event loop: `await hub.run_async(…)` does not ({self.name})"
            raise WrongThreadError(msg)
        return self.wait(coroutine, min(RUN_TIMEOUT, 3 * self.timeout) if timeout is None else timeout)

    def wait(self, coroutine: Awaitable[T], timeout: float = RUN_TIMEOUT) -> T:
        """:meth:`run` that blocks an async test too: for what takes moments and needs nothing of the test's loop.

        :meta private:
        """
        __tracebackhide__ = True
        loop = self._foreign_loop(coroutine)
        future = asyncio.run_coroutine_threadsafe(_awaited(coroutine), loop)
        try:
            return future.result(timeout)
        except TimeoutError as error:
            if future.done():
                raise
            future.cancel()
            msg = f"{coroutine!r} did not end within {timeout} s in {self.name}. The end of its log:\n{self.log.tail()}"
            raise HubError(msg) from error

    async def run_async(self, coroutine: Awaitable[T]) -> T:
        """:meth:`run` for async tests, without blocking the test's loop meanwhile."""
        loop = self._foreign_loop(coroutine)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(coroutine), loop))

    def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function in the hub's thread: for whatever touches the database or JupyterHub's objects.

        >>> hub.call(lambda: hub.app.users["ada"].admin)
        """
        __tracebackhide__ = True
        if inspect.iscoroutinefunction(function) or not callable(function):
            _close(function)
            name = getattr(function, "__name__", "coroutine")
            msg = f"call() takes a function, not {function!r}: for a coroutine use hub.run({name}(…))"
            raise TypeError(msg)

        if running_loop() is self.loop:
            return function(*args, **kwargs)

        async def called() -> T:
            result = function(*args, **kwargs)
            if inspect.iscoroutine(result):
                result.close()
                msg = f"what was called gave a coroutine, {result!r}, which nobody awaits: use hub.run(…) for it"
                raise TypeError(msg)
            return result

        return self.wait(called())

    def _foreign_loop(self, work: Any) -> asyncio.AbstractEventLoop:
        __tracebackhide__ = True
        error: Exception
        if not inspect.isawaitable(work):
            error = TypeError(f"run() takes a coroutine, as in hub.run(spawner.poll()), not {work!r}: see call()")
        elif self.loop is None or self.loop.is_closed():
            error = HubError(f"{self.name} is not running: start() it first")
        elif running_loop() is self.loop:
            error = WrongThreadError(f"this runs in the thread of {self.name}: await it instead of run() or call()")
        elif asyncio.isfuture(work) and work.get_loop() is not self.loop:
            error = WrongThreadError(f"{work!r} belongs to another event loop than {self.name}: await it there")
        else:
            return self.loop
        _close(work)
        raise error

    def client(self) -> HubClient:
        """A new browser: no cookies, not logged in."""
        client = HubClient(self)
        self._resources.callback(client.close)
        return client

    def api(self, scopes: str | list[str] | None = None) -> HubAPI:
        """The REST API with a token of just these scopes; without any, with all that an admin has."""
        return self.api_with(self.call(self.people.token, scopes))

    def api_with(self, token: str) -> HubAPI:
        """The REST API with this token; with an empty one, without."""
        api = HubAPI(self, token)
        self._resources.callback(api.close)
        return api

    def service(self, name: str = "", **spec: Any) -> HubService:
        """A service, as ``hub_service`` makes it, until the hub's fixture ends."""
        from .services import HubService

        return self._resources.enter_context(HubService(self, name, **spec))

    def auth_state(self, username: str) -> dict[str, Any] | None:
        """What the authenticator keeps of this user, decrypted."""
        return self.wait(self.people.auth_state(username))

    def user_client(self, username: str, *, auth_state: dict[str, Any] | None = None) -> HubClient:
        """A browser in which this user (made, if need be) is logged in, whatever the authenticator.

        ``auth_state`` is what a login would have kept, for an authenticator with ``enable_auth_state``.
        """
        client = self.client()
        self.call(self.people.add, username)
        if auth_state is not None:
            self.wait(self.people.set_auth_state(username, auth_state))
        _give_cookies(client, self.call(self.people.login_cookies, username), self.url)
        client.username = username
        client.get("hub/home")
        return client


class InlineHub(BaseHub):
    """A hub in the event loop of the test itself: everything of it can be awaited there."""

    inline = True

    def __init__(self, place: Place, config: Config, singletons: Singletons) -> None:
        super().__init__(place, config, singletons)
        self._clients: list[httpx.AsyncClient] = []

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException as error:
            self.close()
            if isinstance(error, SystemExit):
                msg = f"{self.name} did not start. The end of its log:\n{self._last_words}"
                raise HubStartError(msg) from error
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._check_loop()
        try:
            for client in self._clients:
                await client.aclose()
            await self._end(servers=True, proxy=True)
        finally:
            self.close()

    def _check_loop(self) -> None:
        if asyncio.get_running_loop() is not self.loop:
            msg = f"{self.name} was started in another event loop: start and end it in the same one"
            raise WrongThreadError(msg)

    def client(self) -> AsyncHubClient:
        """A new browser: no cookies, not logged in."""
        client = AsyncHubClient(self)
        self._clients.append(client)
        return client

    def api(self, scopes: str | list[str] | None = None) -> AsyncHubAPI:
        """The REST API with a token of just these scopes; without any, with all that an admin has."""
        api = AsyncHubAPI(self, self.people.token(scopes))
        self._clients.append(api)
        return api

    def user_client(self, username: str) -> AsyncHubClient:
        """A browser in which this user (made, if need be) is logged in, whatever the authenticator."""
        client = self.client()
        self.people.add(username)
        _give_cookies(client, self.people.login_cookies(username), self.url)
        client.username = username
        return client


def _give_cookies(client: httpx.Client | httpx.AsyncClient, cookies: list[tuple[str, str, str]], url: str) -> None:
    host = urlsplit(url).hostname or ""
    for name, value, path in cookies:
        client.cookies.set(name, value, domain=host, path=path)


def _close(work: Any) -> None:
    """A coroutine that nobody will await need not be warned of."""
    if inspect.iscoroutine(work):
        work.close()


async def _awaited(work: Awaitable[T]) -> T:
    try:
        return await work
    except SystemExit as error:  # JupyterHub's way to give up must not end the thread without a word
        msg = "JupyterHub gave up" + (f": {error.code}" if error.code and not isinstance(error.code, int) else "")
        raise HubStartError(msg) from error
