"""Hubs for contract suites: one for each suite, and further ones where a test needs a hub of its own."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_pytest_plugin.fixtures import HubFactory
from jupyterhub_pytest_plugin.ports import Port
from jupyterhub_pytest_plugin.session import SESSION
from jupyterhub_pytest_plugin.users import HubUser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyterhub_pytest_plugin.hosting import Hub

    from .proxy.byhand import HandServer
    from .spawner.servers import ServerOf

_NUMBERS = itertools.count(1)


@contextmanager
def suite_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., Hub]]:
    suite = request.cls
    factory = HubFactory(request.config.stash[SESSION], request, [])

    def make(*overrides: Any, start: bool = True) -> Hub:
        hub = factory(*overrides, start=False)
        hub.timeout = suite.patience
        suite.configure(hub.config, hub.place)
        return hub.start() if start else hub

    try:
        yield make
    finally:
        factory.close()


@pytest.fixture(scope="class")
def contract_hub(request: pytest.FixtureRequest) -> Iterator[Hub]:
    """The hub that the tests of one suite share."""
    with suite_factory(request) as make:
        yield make(request.cls.hub_config)


@pytest.fixture
def contract_hubs(request: pytest.FixtureRequest) -> Iterator[Callable[..., Hub]]:
    """Make hubs for one test alone."""
    with suite_factory(request) as make:
        yield lambda *overrides, start=True: make(request.cls.hub_config, *overrides, start=start)


@pytest.fixture(scope="class")
def contract_subdomain_hub(request: pytest.FixtureRequest) -> Iterator[Hub]:
    """A hub that gives each user a sub-domain."""
    with suite_factory(request) as make:
        hub = make(request.cls.hub_config, start=False)
        port = hub.place.public.number
        hub.config.JupyterHub.bind_url = f"http://127.0.0.1:{port}/"
        hub.config.JupyterHub.subdomain_host = f"http://hub.test:{port}"
        yield hub.start()


@pytest.fixture(scope="class")
def contract_backends(request: pytest.FixtureRequest) -> Iterator[dict[str, HandServer]]:
    """The servers of two users, whose routes stay for a suite: some proxies take seconds to know a new one."""
    from .proxy.byhand import HandServer

    with ExitStack() as servers:
        known = {name: HandServer(name, request.cls.patience) for name in ("ada", "bob")}
        for server in known.values():
            servers.enter_context(server.start())
        yield known


@pytest.fixture
def contract_port() -> Iterator[Port]:
    """A port on which nobody listens unless the test says so; one that is merely free, others might take."""
    port = Port()
    yield port
    port.release()


@pytest.fixture
def contract_servers(request: pytest.FixtureRequest) -> Iterator[Callable[..., ServerOf]]:
    """Servers of users whom only this test has, on the suite's hub: ``contract_servers(0)``, ``contract_servers(1)``.

    Where a suite names its users, of whom there are no more, the hub is the test's own.
    """
    suite = request.instance
    hub = request.getfixturevalue("contract_hubs")() if suite.usernames else request.getfixturevalue("contract_hub")
    suffix = "" if suite.usernames else f"-{next(_NUMBERS)}"
    made: list[ServerOf] = []

    def server(number: int = 0) -> ServerOf:
        made.append(suite.server_of(hub, f"{suite.username(number)}{suffix}"))
        return made[-1]

    yield server
    for one in made:
        one.abandon()


@pytest.fixture
def contract_user(contract_hub: Hub) -> Iterator[ContractUser]:
    """A user of the suite's hub."""
    with ContractUser(contract_hub, f"user-{next(_NUMBERS)}") as user:
        yield user


class ContractUser(HubUser):
    """A user whose routes are looked at."""

    def running_spec(self) -> str:
        """Start the user's server; the routespec of it."""
        self.spawn()
        return str(self.spawner().proxy_spec)
