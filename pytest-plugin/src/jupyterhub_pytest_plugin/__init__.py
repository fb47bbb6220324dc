"""Reusable pytest fixtures and contract suites for authors of JupyterHub components.

The fixtures are there as soon as the package is installed. The contract suites are classes to derive from::

    from jupyterhub_pytest_plugin import ProxyContract

    class TestMyProxy(ProxyContract):
        proxy_class = MyProxy

Names are looked up when they are used: importing this package does not import JupyterHub, which takes seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import AsyncHubAPI, AsyncHubClient, HubAPI, HubClient, NoAnswerError
    from .contracts.authenticator import AuthenticatorContract
    from .contracts.proxy import ProxyContract
    from .contracts.service import ServiceContract
    from .contracts.spawner import SpawnerContract
    from .echo import EchoServer
    from .errors import ConfigError, HubError, HubStartError, LoginError, ServiceError, SpawnError, WrongThreadError
    from .fixtures import HubFactory
    from .hosting import Hub, InlineHub
    from .log import HubLog
    from .people import People
    from .ports import Port
    from .routes import RouteServer
    from .services import HubService
    from .still import StillHub
    from .users import HubUser

__version__ = "0.1.0"

_HOMES = {
    "AsyncHubAPI": "client",
    "AsyncHubClient": "client",
    "AuthenticatorContract": "contracts.authenticator",
    "ConfigError": "errors",
    "EchoServer": "echo",
    "Hub": "hosting",
    "HubAPI": "client",
    "HubClient": "client",
    "HubError": "errors",
    "HubFactory": "fixtures",
    "HubLog": "log",
    "HubService": "services",
    "HubStartError": "errors",
    "HubUser": "users",
    "InlineHub": "hosting",
    "LoginError": "errors",
    "NoAnswerError": "client",
    "People": "people",
    "Port": "ports",
    "ProxyContract": "contracts.proxy",
    "RouteServer": "routes",
    "ServiceContract": "contracts.service",
    "ServiceError": "errors",
    "SpawnError": "errors",
    "SpawnerContract": "contracts.spawner",
    "StillHub": "still",
    "WrongThreadError": "errors",
}

__all__ = [
    "AsyncHubAPI",
    "AsyncHubClient",
    "AuthenticatorContract",
    "ConfigError",
    "EchoServer",
    "Hub",
    "HubAPI",
    "HubClient",
    "HubError",
    "HubFactory",
    "HubLog",
    "HubService",
    "HubStartError",
    "HubUser",
    "InlineHub",
    "LoginError",
    "NoAnswerError",
    "People",
    "Port",
    "ProxyContract",
    "RouteServer",
    "ServiceContract",
    "ServiceError",
    "SpawnError",
    "SpawnerContract",
    "StillHub",
    "WrongThreadError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
