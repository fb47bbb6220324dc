"""JupyterHub's application, made to live in a test process beside others of its kind.

Only importing this module imports JupyterHub (some seconds); everything else in the plugin waits with that.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import subprocess
import threading
from collections import Counter
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import imports  # noqa: F401 - the first that imports JupyterHub, and faster

# isort: split
from jupyterhub import crypto
from jupyterhub.app import JupyterHub
from jupyterhub.auth import Authenticator
from jupyterhub.spawner import Spawner
from jupyterhub.utils import exponential_backoff
from sqlalchemy import event
from tornado.httpclient import AsyncHTTPClient
from traitlets import default

from .errors import WrongThreadError
from .shared import SHARED_SQL, TEMPLATES, Installed, checked, connect, copy_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traitlets.config import Config

try:  # JupyterHub 6 has an HTTP client of its own, JupyterHub 5 uses tornado's
    from jupyterhub.httpclient import JupyterHubHTTPClient
except ImportError:
    JupyterHubHTTPClient = None


# Starting a hub configures classes that all hubs of a process share; one at a time does.
STARTING = threading.Lock()
# How many hubs run in a loop: two in one loop have one HTTP client.
_HUBS: Counter[asyncio.AbstractEventLoop] = Counter()
_FIRST_WAIT = 0.02


class HubApp(JupyterHub):
    """Reads no files and no command line, handles no signals, ends no event loop, and keeps to its own thread."""

    authenticator_class = Installed.like(JupyterHub.authenticator_class)
    proxy_class = Installed.like(JupyterHub.proxy_class)
    spawner_class = Installed.like(JupyterHub.spawner_class)

    def __init__(self, *, logger: logging.Logger, serves: bool = True, **kwargs: Any) -> None:
        self._test_logger = logger
        self._serves = serves
        self._owner = threading.get_ident()
        super().__init__(**kwargs)
        logger.setLevel(self.log_level)

    @default("log")
    def _log_default(self) -> logging.Logger:
        return self._test_logger

    @default("log_level")
    def _log_level_of_tests(self) -> int:
        return logging.INFO

    @default("classes")
    def _classes_without_installed_ones(self) -> list[type]:
        """JupyterHub imports all that is installed, for the help of its command line: see ``load_installed``."""
        return [Spawner, Authenticator, crypto.CryptKeeper]

    @default("jinja_environment_options")
    def _shared_templates(self) -> dict[str, Any]:
        return {"bytecode_cache": TEMPLATES}

    def _configure_logging(self) -> None:
        """Traitlets would install handlers for the whole process: ours are the test's."""

    def init_logging(self) -> None:
        """JupyterHub would redirect tornado's loggers, which are the whole process's."""

    def init_signal(self) -> None:
        """Signals belong to pytest."""

    def parse_command_line(self, *_: Any) -> None:
        """There is none; making a parser of all that could be on it takes long."""

    def load_config_file(self, *_: Any, **__: Any) -> None:
        """A ``jupyterhub_config.py`` that happens to lie in the working directory is none of ours."""

    def _stop_event_loop(self) -> None:
        """The loop belongs to whoever hosts us."""

    def init_db(self) -> None:
        """A file gets the first hub's tables, and its compiled SQL where the configuration says nothing of engines."""
        settings: dict[str, Any] = self.db_kwargs
        path = Path(self.db_url.removeprefix("sqlite:///"))
        is_file = str(path) not in {self.db_url, ":memory:"} and "creator" not in settings
        if is_file:
            settings.update({} if settings else {"plugins": [SHARED_SQL]}, creator=partial(connect, str(path)))
        with checked(path) if is_file and copy_tables(path) else nullcontext():
            super().init_db()
        event.listen(self.db.get_bind(), "before_cursor_execute", self._check_thread)

    def _check_thread(self, *_: Any) -> None:
        if threading.get_ident() == self._owner:
            return
        __tracebackhide__ = True
        msg = (
            f"the database of {self.log.name} was used from the thread {threading.current_thread().name!r}, but belongs"
            " to the hub's own: use `hub.call(lambda: …)` for functions and `hub.run(coroutine)` for coroutines"
        )
        raise WrongThreadError(msg)

    async def initialize(self, *_: Any) -> None:
        while not STARTING.acquire(blocking=False):  # noqa: ASYNC110 - the lock is held across threads
            await asyncio.sleep(0.005)
        try:
            previous = _shared_client_settings()
            await super().initialize([])
            if self._serves:
                _claim_client()
            _release_instance()
            _restore_client_settings(previous)
        finally:
            STARTING.release()

    async def cleanup(self) -> None:
        """End servers, services and the proxy; of what all hubs share, only what is ours."""
        try:
            await super().cleanup()
        finally:
            await _leave_client()

    def server_processes(self) -> list[subprocess.Popen[bytes]]:
        """Processes that spawners started here and still hold."""
        return [found for user in self.users.values() for one in user.spawners.values() for found in _processes(one)]

    async def end(self) -> None:
        """Everything that JupyterHub's own ``stop`` does before it stops the event loop, waited for."""
        if self.http_server:
            self.http_server.stop()
        periodics = getattr(self, "_periodic_callbacks", {})  # JupyterHub 4 keeps none of them
        for periodic in [*periodics.values(), getattr(self, "metrics_collector", None)]:
            if periodic is not None:
                periodic.stop()
        checker = getattr(getattr(self, "proxy", None), "_check_running_callback", None)
        if checker is not None:  # a proxy that is left running must not be watched any more
            checker.stop()
        for user in self.users.values():
            for spawner in user.spawners.values():
                spawner.stop_polling()
        try:
            await self.cleanup()
            if self.cleanup_proxy and self.proxy.should_start:
                await wait_for_proxy(self.proxy)
        finally:
            if self.http_server:
                await self.http_server.close_all_connections()
            self.close_db()

    def close_db(self) -> None:
        engine = self.db.get_bind()
        self.db.close()
        engine.dispose()


def load_installed() -> None:
    """Import each authenticator, spawner and proxy that is installed; one that cannot be imported is none."""
    for trait in (HubApp.authenticator_class, HubApp.spawner_class, HubApp.proxy_class):
        for entry_point in trait.load_entry_points().values():
            with suppress(Exception):
                entry_point.load()


def _processes(spawner: Spawner) -> list[subprocess.Popen[bytes]]:
    """Processes that a spawner holds, or one that it wraps."""
    held = list(spawner._trait_values.values())
    wrapped = [value for value in held if isinstance(value, Spawner)]
    mine = [value for value in held if isinstance(value, subprocess.Popen)]
    return mine + [process for inner in wrapped for process in _processes(inner)]


def proxy_processes(proxy: Any) -> list[subprocess.Popen[bytes]]:
    """Processes that a proxy started and still holds."""
    held = [getattr(proxy, name, None) for name in ("proxy_process", "traefik_process")]
    return [process for process in held if isinstance(process, subprocess.Popen)]


async def wait_for_proxy(proxy: Any) -> None:
    """Some proxies tell their process to end, and do not wait for it."""
    for process in proxy_processes(proxy):
        await asyncio.to_thread(process.wait, 10)


def _set_instance(client: Any) -> None:
    JupyterHubHTTPClient.clear_instance()
    if client is not None:
        JupyterHubHTTPClient._instance = client


def _shared_client_settings() -> Any:
    return AsyncHTTPClient.configured_class(), dict(getattr(AsyncHTTPClient, "_Configurable__impl_kwargs", None) or {})


def _restore_client_settings(previous: Any) -> None:
    implementation, settings = previous
    AsyncHTTPClient.configure(implementation, **settings)


def _claim_client() -> None:
    """Make this loop's HTTP client now, while the shared settings are this hub's."""
    if JupyterHubHTTPClient:
        loop = asyncio.get_running_loop()
        if loop not in JupyterHubHTTPClient._loop_instances:
            mine = JupyterHubHTTPClient.instance()
            _ = mine._session  # made when it is asked for, with the settings of that moment
            JupyterHubHTTPClient._loop_instances[loop] = mine
    AsyncHTTPClient()
    _HUBS[asyncio.get_running_loop()] += 1


async def _leave_client() -> None:
    """The last hub of a loop closes its client."""
    loop = asyncio.get_running_loop()
    _HUBS[loop] -= 1
    if _HUBS[loop] > 0:
        return
    del _HUBS[loop]
    AsyncHTTPClient().close()
    if JupyterHubHTTPClient:
        await JupyterHubHTTPClient.loop_instance().close()


def _release_instance() -> None:
    """Put a client of no loop in the place of this hub's own: no hub may hand its settings to others."""
    if JupyterHubHTTPClient:

        class Neutral(JupyterHubHTTPClient):
            async def close(self) -> None:
                """Some hub ends; the others go on."""

        neutral = Neutral()
        neutral._loop = None
        _set_instance(neutral)


def _asked_soon() -> Iterator[Any]:
    """Defaults of JupyterHub's waiting that ask again after 20 ms, not 200: our servers are up in less than that.

    As it waits longer each time, slow ones are asked three times more.
    """
    for parameter in inspect.signature(exponential_backoff).parameters.values():
        if parameter.default is not parameter.empty:
            yield _FIRST_WAIT if parameter.name == "start_wait" else parameter.default


class Singletons:
    """What JupyterHub keeps once per process: saved before the first hub, restored after the last.

    There are no public names for most of it: ``instance()`` would make what is only looked for.
    """

    def __init__(self) -> None:
        self.keeper = crypto.CryptKeeper._instance
        self.client = JupyterHubHTTPClient._instance if JupyterHubHTTPClient else None
        self._waits = exponential_backoff.__defaults__
        exponential_backoff.__defaults__ = tuple(_asked_soon())

    def enter(self, app: JupyterHub, config: Config) -> None:
        """The first hub becomes the process's; each hub's encryption keys are added to the known ones."""
        if not JupyterHub.initialized():
            for cls in type(app)._walk_mro():
                cls._instance = app
        keys = list(config.CryptKeeper.get("keys", []))
        keeper = crypto.CryptKeeper.instance(config=config)
        if keys:
            known = [key for key in keeper.keys if key not in map(crypto._validate_key, keys)]
            keeper.keys = [*keys, *known]

    def leave(self, app: JupyterHub) -> None:
        if JupyterHub._instance is app:
            type(app).clear_instance()

    def restore(self) -> None:
        exponential_backoff.__defaults__ = self._waits
        keeper = crypto.CryptKeeper._instance
        if keeper is not None and keeper is not self.keeper:
            if "executor" in keeper._trait_values:
                keeper.executor.shutdown()
            crypto.CryptKeeper.clear_instance()
            crypto.CryptKeeper._instance = self.keeper
        if JupyterHubHTTPClient:
            _set_instance(self.client)
