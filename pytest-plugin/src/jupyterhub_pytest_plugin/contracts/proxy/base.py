"""What the author of a proxy says, and how the tests look at it."""

from __future__ import annotations

import itertools
import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import pytest

from jupyterhub_pytest_plugin.contracts.collect import Contract
from jupyterhub_pytest_plugin.contracts.wire import Connection, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from traitlets.config import Config

    from jupyterhub_pytest_plugin.config import Overrides, Place
    from jupyterhub_pytest_plugin.echo import EchoServer
    from jupyterhub_pytest_plugin.hosting import Hub

    from .byhand import HandServer

PROXY = "reference/proxy.html"
API = "reference/api/proxy.html"
SECURITY = "explanation/websecurity.html"
HTTP = "https://www.rfc-editor.org/rfc/rfc9110#section-"
HTTP1 = "https://www.rfc-editor.org/rfc/rfc9112#section-"
WEBSOCKET = "https://www.rfc-editor.org/rfc/rfc6455#section-"
_NUMBERS = itertools.count(1)
# As JupyterHub writes them into a route: user names with everything that it lets through.
ODD_NAMES = {
    "space": "a%20space",
    "unicode": "J%C3%B6rg",
    "at": "ada@example.org",
    "tilde": "~ada",
    "plus": "ada%2Bx",
    "dots": "ada.b.c",
    "percent": "50%25",
    "quote": "o%27neil",
}


class Router:
    """Drives one hub's proxy, and looks at it from outside."""

    def __init__(self, hub: Hub, patience: float) -> None:
        self.hub = hub
        self.patience = patience
        self.http = httpx.Client(trust_env=False, timeout=patience)
        self._added: list[str] = []

    def spec(self, rest: str = "") -> str:
        """A path that no other test uses."""
        return f"/contract-{next(_NUMBERS)}/{rest}"

    def run(self, coroutine: Any) -> Any:
        return self.hub.run(coroutine)

    @property
    def proxy(self) -> Any:
        return self.hub.app.proxy

    def add(self, spec: str, target: str, data: Mapping[str, Any] | None = None) -> None:
        self._added.append(spec)
        self.run(self.proxy.add_route(spec, target, dict(data or {})))

    def delete(self, spec: str) -> None:
        self.run(self.proxy.delete_route(spec))

    def routes(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.run(self.proxy.get_all_routes())
        return found

    def check_routes(self) -> None:
        app = self.hub.app
        self.run(app.proxy.check_routes(app.users, app._service_map))

    def request(self, path: str, method: str = "GET", host: str = "", **kwargs: Any) -> httpx.Response:
        address, port = self.hub.connect_address
        headers = {**kwargs.pop("headers", {}), **({"Host": f"{host}:{port}"} if host else {})}
        return self.http.request(method, f"http://{address}:{port}{path}", headers=headers, **kwargs)

    def served_by(self, path: str, host: str = "") -> str:
        """The name of the backend that answers; a page of the hub counts as ``hub``."""
        response = self.request(path, host=host)
        try:
            return str(response.json()["server"])
        except (json.JSONDecodeError, KeyError, TypeError):
            return "hub" if "X-JupyterHub-Version" in response.headers else f"status {response.status_code}"

    def expect(self, path: str, server: str, host: str = "") -> None:
        def check() -> None:
            assert self.served_by(path, host) == server

        eventually(check, self.patience)

    def route(self, server: EchoServer) -> str:
        """The route to a server that stays for the suite; it is made where it is not there (any more)."""
        spec = f"/contract-standing/{server.name}/"
        if self.served_by(spec) != server.name:
            self.run(self.proxy.add_route(spec, server.url, {}))
            self.expect(spec, server.name)
        return spec

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection to the proxy, which says what the test says."""
        sock = socket.create_connection(self.hub.connect_address, timeout=self.patience)
        with Connection(sock, self.patience) as connection:
            yield connection

    @property
    def host(self) -> str:
        """The header with which a browser says where it wants to go."""
        address, port = self.hub.connect_address
        return f"Host: {address}:{port}"

    def close(self) -> None:
        if self.hub.running:
            for spec in self._added:
                self.delete(spec)
        self.http.close()


class ProxySuite(Contract):
    """What the suite needs to know."""

    #: The class, or the name under which it is registered with JupyterHub.
    proxy_class: ClassVar[Any] = None
    #: Traits of the proxy.
    proxy_config: ClassVar[Mapping[str, Any]] = {}
    #: Anything else of the hub's configuration, by class.
    hub_config: ClassVar[Overrides] = {}

    @classmethod
    def configure(cls, config: Config, place: Place) -> None:
        """Configure a hub before it starts; ``place`` offers ``folder``, ``proxy_api`` (a port) and ``proxy_token``."""
        if cls.proxy_class is None:
            msg = f"{cls.__module__}.{cls.__qualname__}: set proxy_class to the proxy to be tested"
            raise pytest.UsageError(msg)
        config.JupyterHub.proxy_class = cls.proxy_class
        config[cls.proxy_section()].update(dict(cls.proxy_config))

    @classmethod
    def proxy_section(cls) -> str:
        """The name under which traits of the proxy are configured."""
        from jupyterhub.app import JupyterHub

        resolved = JupyterHub.proxy_class.validate(None, cls.proxy_class)
        return str(resolved.__name__)

    def add_foreign_route(self, hub: Hub, spec: str, target: str) -> None:
        """Give the proxy a route behind JupyterHub's back, as an operator would."""
        pytest.skip("lacks add_foreign_route: the suite does not say how an operator adds a route")

    def api_request(self, hub: Hub) -> httpx.Request:
        """A request to the proxy's own REST API as JupyterHub sends it, with the token in a header.

        That of a ``ConfigurableHTTPProxy``, or of what derives from it, is known.
        """
        from jupyterhub.proxy import ConfigurableHTTPProxy

        proxy = hub.app.proxy
        if not isinstance(proxy, ConfigurableHTTPProxy):
            pytest.skip("lacks api_request: the suite does not say how JupyterHub asks the proxy's REST API")
        url, token = f"{proxy.api_url}/api/routes/contract-api", {"Authorization": f"token {proxy.auth_token}"}
        return httpx.Request("POST", url, json={"target": hub.app.hub.host}, headers=token)

    @pytest.fixture
    def router(self, contract_hub: Hub) -> Iterator[Router]:
        router = Router(contract_hub, self.patience)
        yield router
        router.close()

    @pytest.fixture
    def blue(self, http_backend: Callable[..., EchoServer]) -> EchoServer:
        return http_backend("blue")

    @pytest.fixture
    def green(self, http_backend: Callable[..., EchoServer]) -> EchoServer:
        return http_backend("green")

    @pytest.fixture
    def ada(self, contract_backends: dict[str, HandServer]) -> HandServer:
        return self._standing(contract_backends["ada"])

    @pytest.fixture
    def bob(self, contract_backends: dict[str, HandServer]) -> HandServer:
        return self._standing(contract_backends["bob"])

    def _standing(self, server: HandServer) -> HandServer:
        server.patience = self.patience
        server.forget()
        return server
