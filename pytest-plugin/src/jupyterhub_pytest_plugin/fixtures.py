"""The fixtures. All of them are plain functions, so they serve sync tests and async tests of any plugin and mode."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from .echo import EchoServer
from .session import SESSION, HubSession, scope

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from .client import HubAPI, HubClient
    from .config import Overrides, Place
    from .hosting import Hub, InlineHub
    from .log import HubLog
    from .routes import RouteServer
    from .services import HubService
    from .still import StillHub
    from .users import HubUser

_NAMES = itertools.count(1)


@contextmanager
def _factory(session: HubSession, request: pytest.FixtureRequest, layers: list[Overrides]) -> Iterator[HubFactory]:
    factory = HubFactory(session, request, layers)
    try:
        yield factory
    finally:
        factory.close()


class HubFactory:
    """Makes hubs, each with its own of everything: ``jupyterhub_factory({"JupyterHub": {"base_url": "/lab/"}})``."""

    def __init__(self, session: HubSession, request: pytest.FixtureRequest, layers: list[Overrides]) -> None:
        self._session = session
        self._hook = partial(request.config.hook.pytest_jupyterhub_config)
        self._layers = layers
        self._open = ExitStack()

    @property
    def made_with(self) -> Overrides | None:
        """The ``jupyterhub_config`` of the test that asked for it first.

        :meta private:
        """
        return self._layers[0] if self._layers else None

    def __call__(self, *overrides: Overrides, start: bool = True) -> Hub:
        """A hub with these overrides; ``start=False`` leaves it to the test to ``start()`` it."""
        place = self._session.place()
        try:
            config = self._session.config(place, self._configure, [*self._layers, *overrides])
            hub = self._session.hub(config, place, self._open)
        except BaseException:
            _abandon(place)
            raise
        hub.made_with = self.made_with
        self._open.callback(_finish, hub)
        return hub.start() if start else hub

    def _configure(self, config: Any) -> None:
        self._hook(config=config)

    def close(self) -> None:
        self._open.close()


def _finish(hub: Hub) -> None:
    try:
        hub.stop()
    finally:
        hub.close()


def _abandon(place: Place) -> None:
    import shutil

    place.release()
    shutil.rmtree(place.folder, ignore_errors=True)


@pytest.fixture(scope=scope)
def jupyterhub_config() -> Overrides:
    """Override this fixture to configure the hubs of a module, class or project.

    It returns traits by class: ``{"JupyterHub": {"authenticator_class": MyAuthenticator}}``.
    """
    return {}


@pytest.fixture(scope=scope)
def jupyterhub_factory(request: pytest.FixtureRequest, jupyterhub_config: Overrides) -> Iterator[HubFactory]:
    """Start as many hubs as a test needs; all are stopped with the fixture's scope."""
    with _factory(request.config.stash[SESSION], request, [jupyterhub_config]) as factory:
        yield factory


@pytest.fixture(scope=scope)
def jupyterhub(request: pytest.FixtureRequest, jupyterhub_config: Overrides) -> Iterator[Hub]:
    """A running hub, in a thread of its own."""
    marked = getattr(request, "param", None)
    layers = [jupyterhub_config, *(marked.layers if marked else [])]
    with _factory(request.config.stash[SESSION], request, layers) as factory:
        yield factory()


@pytest.fixture
def jupyterhub_inline(request: pytest.FixtureRequest, jupyterhub_config: Overrides) -> Callable[..., InlineHub]:
    """A hub in the test's own event loop: ``async with jupyterhub_inline() as hub: …``."""
    session = request.config.stash[SESSION]

    def make(*overrides: Overrides) -> InlineHub:
        place = session.place()
        layers = [jupyterhub_config, *_marker_layers(request), *overrides]
        config = session.config(place, lambda c: request.config.hook.pytest_jupyterhub_config(config=c), layers)
        return session.inline(config, place)

    return make


def _marker_layers(request: pytest.FixtureRequest) -> list[Overrides]:
    markers = reversed(list(request.node.iter_markers("jupyterhub")))
    return [layer for marker in markers for layer in [*marker.args, marker.kwargs] if layer]


@pytest.fixture
def hub_client(jupyterhub: Hub) -> Iterator[HubClient]:
    """A browser that nobody has logged in yet."""
    with jupyterhub.client() as client:
        yield client


@pytest.fixture
def hub_api(jupyterhub: Hub) -> Callable[..., HubAPI]:
    """The REST API: ``hub_api()`` with all rights, ``hub_api(scopes=["read:users"])`` with just these."""

    def api(scopes: str | list[str] | None = None) -> HubAPI:
        return jupyterhub.api(scopes)

    return api


@pytest.fixture
def hub_user(jupyterhub: Hub) -> Iterator[HubUser]:
    """A new user, with a browser that is logged in and a token; servers are stopped and the user deleted afterwards."""
    from .users import HubUser

    with HubUser(jupyterhub, f"user-{next(_NAMES)}") as user:
        yield user


@pytest.fixture
def hub_admin(jupyterhub: Hub) -> Iterator[HubUser]:
    """Like ``hub_user``, with admin rights."""
    from .users import HubUser

    with HubUser(jupyterhub, f"admin-{next(_NAMES)}", admin=True) as user:
        yield user


@pytest.fixture
def hub_group(jupyterhub: Hub) -> Callable[..., str]:
    """Make a group: ``hub_group("crew", members=["ada"], properties={…})``; returns its name."""

    def group(name: str = "", members: tuple[str, ...] = (), properties: Mapping[str, Any] | None = None) -> str:
        name = name or f"group-{next(_NAMES)}"
        return jupyterhub.call(jupyterhub.people.add_group, name, members, dict(properties or {}))

    return group


@pytest.fixture
def hub_service(jupyterhub: Hub) -> Iterator[Callable[..., HubService]]:
    """Register a service with the running hub, for this test: ``hub_service("notes", url=True, command=["notes"])``.

    Without ``command`` it is an external one, which is not waited for. See :class:`HubService`.
    """
    from .services import HubService

    with ExitStack() as made:

        def service(name: str = "", **spec: Any) -> HubService:
            return made.enter_context(HubService(jupyterhub, name, **spec))

        yield service


@pytest.fixture
def hub_log(jupyterhub: Hub) -> HubLog:
    """What the hub logged since the test began: ``records``, ``messages``, ``errors``, ``text``."""
    jupyterhub.log.clear()
    return jupyterhub.log


@pytest.fixture
def http_backend() -> Iterator[Callable[..., EchoServer]]:
    """Start HTTP and WebSocket servers that answer with what they were asked: ``http_backend("blue").url``.

    ``routes={"/user": {"name": "ada"}, "POST /token": function}`` answers these paths as told (:class:`RouteServer`);
    an error in such a function is the test's at its end.
    """
    from .routes import RouteServer

    with ExitStack() as servers:

        def backend(name: str = "backend", *, routes: Mapping[str, Any] | None = None, **kwargs: Any) -> EchoServer:
            if routes is None:
                return servers.enter_context(EchoServer(name, **kwargs).start())
            server = RouteServer(name, routes=routes, **kwargs)
            servers.callback(_raise_first, server)
            return servers.enter_context(server.start())

        yield backend


def _raise_first(server: RouteServer) -> None:
    for error in server.errors:
        error.add_note(f"(in a function of {server.name}, a http_backend with routes)")
        raise error


@pytest.fixture(scope="session")
def echo_server() -> list[str]:
    """The command of the stand-in for single-user servers, for ``Spawner.cmd``."""
    from .config import ECHO_COMMAND

    return list(ECHO_COMMAND)


@pytest.fixture(scope="session")
def hub_certs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A certificate authority with a signed pair for this machine, as internal SSL uses them."""
    from .certs import make_certs

    return make_certs(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def hub_tmp_cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, for components that write to where they are."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hub_run() -> Iterator[Callable[..., Any]]:
    """Run a coroutine in a sync test, in one loop for the whole test: ``hub_run(spawner.start())``."""
    from .client import running_loop
    from .errors import WrongThreadError

    # With a factory, the loop is no thread's current one: pytest-asyncio would find it there, and close it.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:

        def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
            if running_loop() is not None:
                coroutine.close()
                msg = "hub_run() is for sync tests, and this one runs in an event loop: await the coroutine instead"
                raise WrongThreadError(msg)
            return runner.run(coroutine)

        yield run


@pytest.fixture
def still_hub(request: pytest.FixtureRequest, jupyterhub_config: Overrides) -> Iterator[StillHub]:
    """JupyterHub's application, configured and with its database, but without a server or a proxy."""
    from .still import StillHub

    session = request.config.stash[SESSION]
    place = session.place()
    layers = [jupyterhub_config, *_marker_layers(request)]
    config = session.config(place, lambda c: request.config.hook.pytest_jupyterhub_config(config=c), layers)
    with StillHub(place, config, session.singletons) as hub:
        yield hub


@pytest.fixture
def hub_db(still_hub: StillHub) -> Session:
    """A database of JupyterHub's, with its tables and default roles."""
    db: Session = still_hub.app.db
    return db


def _in_a_loop(make: Callable[..., Any], run: Callable[..., Any]) -> Callable[..., Any]:
    """JupyterHub makes its components in its loop, and some use it there already: in a sync test it is hub_run's."""
    from .client import running_loop

    def made(*args: Any, **kwargs: Any) -> Any:
        async def making() -> Any:
            return make(*args, **kwargs)

        return make(*args, **kwargs) if running_loop() is not None else run(making())

    return made


@pytest.fixture
def make_spawner(hub_run: Callable[..., Any], still_hub: StillHub) -> Callable[..., Any]:
    """``make_spawner(MySpawner, cpu_limit=2)``: a spawner with a real user, no hub running."""
    return _in_a_loop(still_hub.make_spawner, hub_run)


@pytest.fixture
def make_authenticator(hub_run: Callable[..., Any], still_hub: StillHub) -> Callable[..., Any]:
    """``make_authenticator(MyAuthenticator, admin_users={"ada"})``."""
    return _in_a_loop(still_hub.make_authenticator, hub_run)


@pytest.fixture
def make_proxy(hub_run: Callable[..., Any], still_hub: StillHub) -> Callable[..., Any]:
    """``make_proxy(MyProxy)``: a proxy with its hub, not started."""
    return _in_a_loop(still_hub.make_proxy, hub_run)


@pytest.fixture
def auth_handler(still_hub: StillHub) -> Callable[..., Any]:
    """``auth_handler(query={…}, headers={…})``: a login handler, or one of ``handler_class=…``, for an authenticator's
    methods; ``cookies={…}``, ``secure_cookies={…}``.
    """
    return still_hub.make_handler
