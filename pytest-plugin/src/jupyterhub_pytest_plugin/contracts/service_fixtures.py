"""The service of a suite, in each of the two ways in which a service can run."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_pytest_plugin.ports import Port
from jupyterhub_pytest_plugin.services import HubService

from .wire import refuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jupyterhub_pytest_plugin.hosting import Hub

    from .service import Served, ServiceContract

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="class", params=["managed", "external"])
def served(request: pytest.FixtureRequest, contract_hub: Hub) -> Iterator[Served]:
    """The service of a suite: once started by the hub, once beside it."""
    suite = request.cls
    if request.param in suite.lacks:
        pytest.skip(f"lacks {request.param}: {suite.lacks[request.param]}")
    with _serving(suite, contract_hub, managed=request.param == "managed") as served:
        yield served


@pytest.fixture
def served_below_a_path(request: pytest.FixtureRequest, contract_hubs: Callable[..., Hub]) -> Iterator[Served]:
    """The service on a hub that has a base path, started in a way that it does not lack."""
    hub = contract_hubs({"JupyterHub": {"base_url": "/base/path/"}})
    with _serving(request.cls, hub, managed="managed" not in request.cls.lacks) as served:
        yield served


@contextmanager
def _serving(suite: type[ServiceContract], hub: Hub, *, managed: bool) -> Iterator[Served]:
    from .service import Served

    command = suite.checked_command()
    port = Port()
    with ExitStack() as stack:
        stack.callback(port.release)
        spec: dict[str, Any] = {"url": port.url(), **suite.service_config}
        if managed:
            spec |= {"command": command, "environment": dict(suite.environment)}
        service = HubService(hub, f"notes-{next(_NUMBERS)}", scopes=suite.scopes, timeout=suite.patience, **spec)
        stack.enter_context(service)
        if not managed:
            stack.enter_context(_process(command, {**service.environment, **suite.environment}, port))
        yield Served(hub, service, managed=managed, page=suite.page)


def _process(command: list[str], environment: Mapping[str, str], port: Port) -> ExitStack:
    """A service that an operator runs: started, waited for, ended."""
    stack = ExitStack()
    process = stack.enter_context(subprocess.Popen(command, env={**os.environ, **environment}))
    stack.callback(process.terminate)
    for _ in range(600):
        if not refuses((port.host, port.number)):
            return stack
        if process.poll() is not None:
            break
        time.sleep(0.05)
    stack.close()
    msg = f"{command} did not listen on port {port.number} ($JUPYTERHUB_SERVICE_URL): exit status {process.returncode}"
    raise RuntimeError(msg)
