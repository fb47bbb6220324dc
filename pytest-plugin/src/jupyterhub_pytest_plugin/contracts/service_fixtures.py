"""The service of a suite, in each of the two ways in which a service can run."""

from __future__ import annotations

import itertools
import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from jupyterhub_pytest_plugin.services import HubService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_pytest_plugin.hosting import Hub

    from .served import Process, Served
    from .service import ServiceContract

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="class", params=["managed", "external"])
def served(request: pytest.FixtureRequest, contract_hub: Hub) -> Iterator[Served]:
    """The service of a suite: once started by the hub, once beside it."""
    suite = request.cls
    if request.param in suite.lacks:
        pytest.skip(f"lacks {request.param}: {suite.lacks[request.param]}")
    contract_hub.start()  # a service that did not come up again took the hub with it
    with _serving(suite, contract_hub, managed=request.param == "managed") as served:
        yield served


@pytest.fixture(scope="class")
def served_below_a_path(request: pytest.FixtureRequest) -> Iterator[Served]:
    """The service on another hub, which has a base path, started in a way that it does not lack."""
    from .fixtures import suite_factory

    suite = request.cls
    with suite_factory(request) as make:
        hub = make(suite.hub_config, {"JupyterHub": {"base_url": "/base/path/"}})
        with _serving(suite, hub, managed=suite.has("managed")) as served:
            yield served


@contextmanager
def _serving(suite: type[ServiceContract], hub: Hub, *, managed: bool) -> Iterator[Served]:
    from .served import Served

    command = suite.checked_command()
    spec: dict[str, Any] = {"scopes": suite.scopes, "timeout": suite.patience, **suite.service_config}
    if suite.has("page"):
        spec.setdefault("url", True)
    if managed:
        spec |= {"command": command, "environment": dict(suite.environment)}
    with ExitStack() as stack:
        service = stack.enter_context(HubService(hub, f"notes-{next(_NUMBERS)}", **spec))
        service.check_end = False  # how it ends is a test
        process = None if managed else _process(suite, service, command)
        if process is not None:
            stack.callback(process.stop, 3)
            process.start()
        yield Served(hub, service, suite.page, process)


def _process(suite: type[ServiceContract], service: HubService, command: list[str]) -> Process:
    from .served import Process

    address = urlsplit(service.url)
    return Process(
        name=service.name,
        command=command,
        environment={**os.environ, **service.environment, **suite.environment},
        address=(str(address.hostname), address.port or 80) if service.url else None,
        log_file=service.hub.folder / f"external-{service.name}.log",
        patience=suite.patience,
    )
