"""What JupyterHub relies on in a proxy."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import pytest

from jupyterhub_pytest_plugin.echo import EchoServer
from jupyterhub_pytest_plugin.ports import Port

from .collect import Contract, relies_on
from .wire import WebSocket, eventually, refuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from traitlets.config import Config

    from jupyterhub_pytest_plugin.config import Overrides, Place
    from jupyterhub_pytest_plugin.hosting import Hub

PROXY = "reference/proxy.html"
API = "reference/api/proxy.html"
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

    def close(self) -> None:
        if self.hub.running:
            for spec in self._added:
                self.delete(spec)
        self.http.close()


class ProxyContract(Contract):
    """Derive from it, and name the proxy::

        class TestMyProxy(ProxyContract):
            proxy_class = MyProxy
            proxy_config = {"some_trait": 1}

    A proxy that needs a port or files of its own gets them in :meth:`configure`.
    """

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
    def kept_port(self) -> Iterator[Port]:
        """A port that nobody else gets when the server behind it has ended."""
        port = Port()
        yield port
        port.release()

    # Routes as JupyterHub sees them

    @relies_on(PROXY)
    def test_hub_route_is_there_after_start(self, router: Router) -> None:
        """A started proxy has the hub's own route."""
        hub = router.hub.app.hub
        route = router.routes()[hub.routespec]
        assert route["target"] == hub.host
        assert route["data"].get("hub") is True

    @relies_on(PROXY)
    def test_hub_is_served(self, router: Router) -> None:
        """Whatever no other route matches goes to the hub: its pages, the bare address, and what does not exist."""
        paths = ["/hub/login", "/", router.spec("nothing/here")]
        assert [router.served_by(path) for path in paths] == ["hub"] * len(paths)

    @relies_on(API)
    def test_added_route_is_listed(self, router: Router, blue: EchoServer) -> None:
        """An added route is in get_all_routes() under its routespec, with routespec, target and data."""
        spec = router.spec()
        router.add(spec, blue.url, {"user": "ada", "server_name": ""})
        route = router.routes()[spec]
        assert route["routespec"] == spec
        assert route["target"] == blue.url
        assert route["data"]["user"] == "ada"

    @relies_on(API)
    def test_get_route(self, router: Router, blue: EchoServer) -> None:
        """get_route() tells of one route what get_all_routes() tells of it."""
        spec = router.spec()
        router.add(spec, blue.url, {"service": "notes"})
        route = router.run(router.proxy.get_route(spec))
        assert (route["routespec"], route["target"]) == (spec, blue.url)
        assert route["data"]["service"] == "notes"

    @relies_on(API)
    def test_get_route_of_unknown_spec_is_none(self, router: Router) -> None:
        """get_route() of a route that does not exist is None, and no error."""
        assert router.run(router.proxy.get_route(router.spec())) is None

    @relies_on(PROXY)
    def test_data_round_trip(self, router: Router, blue: EchoServer) -> None:
        """The data of a route comes back as it was given: JupyterHub finds users and services by it."""
        data = {"user": "Jörg", "server_name": "", "nested": {"list": [1, 2.5, None, True]}, "text": "a 'b' \"c\" \\ ☃"}
        spec = router.spec()
        router.add(spec, blue.url, data)
        known = router.routes()[spec]["data"]
        assert {key: known.get(key) for key in data} == data

    @relies_on(API)
    def test_missing_slash_is_added(self, router: Router, blue: EchoServer) -> None:
        """A routespec without its last slash means the same as with it."""
        spec = router.spec("deep/er")
        router.add(spec, blue.url)
        assert f"{spec}/" in router.routes()
        assert spec not in router.routes()
        router.delete(spec)
        assert f"{spec}/" not in router.routes()

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=list(ODD_NAMES))
    @relies_on(PROXY)
    def test_odd_names_are_listed_as_given(self, router: Router, blue: EchoServer, name: str) -> None:
        """Routespecs are URL-escaped, and come back in the same spelling."""
        spec = router.spec(f"user/{name}/")
        router.add(spec, blue.url)
        assert spec in router.routes()
        router.delete(spec)
        assert spec not in router.routes()

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=list(ODD_NAMES))
    @relies_on(PROXY)
    def test_odd_names_are_served(self, router: Router, blue: EchoServer, name: str) -> None:
        """A request for the escaped path of a user finds the user's server."""
        spec = router.spec(f"user/{name}/")
        router.add(spec, blue.url)
        router.expect(f"{spec}tree", "blue")

    # Where requests go

    @relies_on(PROXY)
    def test_longest_prefix_wins(self, router: Router, blue: EchoServer, green: EchoServer) -> None:
        """Of several routes that match, the longest one serves, whichever was added first."""
        outer, late = router.spec(), router.spec()
        router.add(outer, blue.url)
        router.add(f"{outer}inner/", green.url)
        router.add(f"{late}inner/", green.url)
        router.add(late, blue.url)
        for spec in (outer, late):
            router.expect(f"{spec}inner/x", "green")
            router.expect(f"{spec}other/x", "blue")

    @relies_on(PROXY)
    def test_prefix_ends_with_a_segment(self, router: Router, blue: EchoServer) -> None:
        """The route of ``ada`` does not serve the address of ``adalbert``."""
        spec = router.spec("user/ada/")
        router.add(spec, blue.url)
        router.expect(f"{spec}x", "blue")
        assert router.served_by(spec.removesuffix("/") + "lbert/x") == "hub"

    @relies_on(PROXY)
    def test_replaced_target_serves(self, router: Router, blue: EchoServer, green: EchoServer) -> None:
        """Adding a route again moves it to the new target: a user's server has a new address at each start."""
        spec = router.spec()
        router.add(spec, blue.url, {"user": "ada"})
        router.expect(spec, "blue")
        router.add(spec, green.url, {"user": "ada"})
        assert router.routes()[spec]["target"] == green.url
        router.expect(spec, "green")

    @relies_on(API)
    def test_deleted_route_stops_serving(self, router: Router, blue: EchoServer) -> None:
        """After delete_route() the hub answers at that address again."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        router.delete(spec)
        assert spec not in router.routes()
        router.expect(spec, "hub")

    @relies_on(API)
    def test_deleting_twice_is_harmless(self, router: Router, blue: EchoServer) -> None:
        """delete_route() of a route that is gone is no error: clean-up may come twice."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.delete(spec)
        router.delete(spec)
        router.delete(router.spec())

    @relies_on(API)
    def test_delete_leaves_other_routes(self, router: Router, blue: EchoServer, green: EchoServer) -> None:
        """Deleting a user's route leaves those of the user's named servers, and the other way round."""
        spec = router.spec("user/ada/")
        router.add(spec, blue.url)
        router.add(f"{spec}lab/", green.url)
        router.delete(spec)
        router.expect(f"{spec}lab/x", "green")
        router.add(spec, blue.url)
        router.delete(f"{spec}lab/")
        router.expect(f"{spec}lab/x", "blue")

    @relies_on(PROXY)
    def test_foreign_routes_are_not_reported(self, router: Router, blue: EchoServer) -> None:
        """Routes that do not come from JupyterHub are not in get_all_routes(), so it never prunes them."""
        spec = router.spec("foreign/")
        self.add_foreign_route(router.hub, spec, blue.url)
        assert spec not in router.routes()
        router.expect(spec, "blue")
        router.check_routes()
        router.expect(spec, "blue")

    # check_routes

    @relies_on(API)
    def test_check_routes_restores_a_missing_route(self, router: Router, contract_user: Any) -> None:
        """check_routes() puts back the route of a running server."""
        spec = contract_user.running_spec()
        router.delete(spec)
        assert spec not in router.routes()
        router.check_routes()
        assert router.routes()[spec]["data"]["user"] == contract_user.name
        router.expect(f"{spec}x", "echo")

    @relies_on(API)
    def test_check_routes_prunes_stale_routes(self, router: Router, blue: EchoServer) -> None:
        """check_routes() deletes the route of a user who has no server."""
        spec = router.spec("user/nobody/")
        router.add(spec, blue.url, {"user": "nobody", "server_name": ""})
        router.check_routes()
        assert spec not in router.routes()
        router.expect(spec, "hub")

    @relies_on(API)
    def test_check_routes_corrects_a_target(self, router: Router, contract_user: Any, blue: EchoServer) -> None:
        """check_routes() mends a route that leads to another server than the user's."""
        spec = contract_user.running_spec()
        right = router.routes()[spec]
        router.run(router.proxy.add_route(spec, blue.url, {"user": contract_user.name, "server_name": ""}))
        router.check_routes()
        assert router.routes()[spec]["target"] == right["target"]
        router.expect(f"{spec}x", "echo")

    @relies_on(API)
    def test_check_routes_restores_the_hub(self, router: Router) -> None:
        """check_routes() puts back the hub's own route."""
        hub_spec = router.hub.app.hub.routespec
        router.delete(hub_spec)
        router.check_routes()
        assert hub_spec in router.routes()
        router.expect("/hub/login", "hub")

    # What goes through

    @relies_on(PROXY)
    def test_path_and_query_pass_unchanged(self, router: Router, blue: EchoServer) -> None:
        """The target sees the whole path, with the route's prefix, encoded as the browser sent it."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        seen = router.request(f"{spec}a%20b/c%2Fd/J%C3%B6rg?x=1%202&y=%26").json()
        assert seen["path"] == f"{spec}a%20b/c%2Fd/J%C3%B6rg"
        assert seen["query"] == "x=1%202&y=%26"

    @relies_on(PROXY)
    def test_methods_and_bodies_pass(self, router: Router, blue: EchoServer) -> None:
        """All that JupyterLab sends arrives: PUT, PATCH, DELETE, with bodies."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            seen = router.request(spec, method, content=b'{"a": 1}').json()
            assert (seen["method"], seen["body"]) == (method, '{"a": 1}')

    @relies_on(PROXY)
    def test_status_and_headers_pass(self, router: Router, blue: EchoServer) -> None:
        """The browser gets the server's status and headers, each of several cookies among them."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        query = "?status=418&header=Set-Cookie:a=1&header=Set-Cookie:b=2&header=X-Echo:yes"
        response = router.request(f"{spec}{query}")
        assert response.status_code == 418
        assert response.headers["X-Echo"] == "yes"
        assert [cookie.partition(";")[0] for cookie in response.headers.get_list("Set-Cookie")] == ["a=1", "b=2"]

    @relies_on(PROXY)
    def test_host_is_preserved(self, router: Router, blue: EchoServer) -> None:
        """Servers see the Host that the browser asked for: they check the origin of WebSockets against it."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        seen = router.request(spec, headers={"Host": "hub.example.org"}).json()
        assert seen["headers"]["host"] == "hub.example.org"

    @relies_on("explanation/websecurity.html")
    def test_forwarded_headers(self, router: Router, blue: EchoServer) -> None:
        """X-Forwarded-For and X-Forwarded-Proto tell who asked, and how."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        headers = router.request(spec).json()["headers"]
        assert "127.0.0.1" in headers.get("x-forwarded-for", "")
        assert headers.get("x-forwarded-proto") == "http"

    @relies_on(PROXY, needs="websockets")
    def test_websocket(self, router: Router, blue: EchoServer) -> None:
        """WebSockets are proxied, text and binary, small and large: kernels speak over them."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        with WebSocket(router.hub.connect_address, f"{spec}api/kernels/1/channels") as ws:
            assert (ws.status, ws.accepted) == (101, True)
            for data, text in ((b"hello", True), (b"\x00\xff", False), (b"x" * 300_000, False)):
                ws.send(data, text=text)
                assert ws.receive() == data

    @relies_on(PROXY, needs="websockets")
    def test_websocket_subprotocol(self, router: Router, blue: EchoServer) -> None:
        """The sub-protocol that the server accepts reaches the browser: JupyterLab asks for one."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        protocols = ("v1.kernel.websocket.jupyter.org",)
        with WebSocket(router.hub.connect_address, f"{spec}channels", protocols=protocols) as ws:
            assert ws.status == 101
            assert ws.headers.get("sec-websocket-protocol") == protocols[0]

    @relies_on(PROXY, needs="streaming")
    def test_streams_are_not_buffered(self, router: Router, blue: EchoServer) -> None:
        """What a server sends arrives at once: the progress of a spawn is such a stream."""
        spec = router.spec()
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        address, port = router.hub.connect_address
        arrived = []
        try:
            with router.http.stream("GET", f"http://{address}:{port}{spec}?stream=3&wait=1") as response:
                for text in filter(None, response.iter_raw()):
                    arrived.append(text)
                    blue.proceed()
        except httpx.ReadTimeout:
            pytest.fail("nothing arrived while the server waited for its first words to be read")
        assert b"".join(arrived) == b"012"

    @relies_on(PROXY)
    def test_large_upload(self, router: Router, blue: EchoServer) -> None:
        """Notebooks are large: a body of several megabytes arrives whole."""
        spec, size = router.spec(), 8_000_000
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        response = router.request(f"{spec}?size=1", "PUT", content=b"x" * size)
        assert response.status_code == 200
        assert len(blue.requests[-1].body) == size

    @relies_on(PROXY)
    def test_large_download(self, router: Router, blue: EchoServer) -> None:
        """An answer of several megabytes arrives whole."""
        spec, size = router.spec(), 8_000_000
        router.add(spec, blue.url)
        router.expect(spec, "blue")
        assert len(router.request(f"{spec}?size={size}").content) == size

    @relies_on(PROXY)
    def test_dead_server_is_an_error(self, router: Router, blue: EchoServer, kept_port: Port) -> None:
        """A server that does not answer gives an error of the proxy (5xx), and leaves all other routes alone."""
        dead, alive = router.spec(), router.spec()
        router.add(dead, kept_port.url())
        router.add(alive, blue.url)
        with EchoServer("mortal").start(port=kept_port.number):
            router.expect(dead, "mortal")
        assert router.request(dead).status_code >= 500
        router.expect(alive, "blue")

    # The proxy as a whole

    @relies_on(API)
    def test_concurrent_changes(self, router: Router, blue: EchoServer) -> None:
        """Many users start at once: routes added and deleted at the same time are all as told."""
        base = router.spec()
        specs = [f"{base}{number}/" for number in range(20)]

        async def all_at_once(act: Callable[[str], Any], some: list[str]) -> None:
            await asyncio.gather(*(act(spec) for spec in some))

        router.run(all_at_once(lambda spec: router.proxy.add_route(spec, blue.url, {"user": spec}), specs))
        assert set(specs) <= set(router.routes())
        router.run(all_at_once(router.proxy.delete_route, specs[::2]))
        known = router.routes()
        assert [spec in known for spec in specs] == [False, True] * 10
        router.run(all_at_once(router.proxy.delete_route, specs))

    @relies_on(API)
    def test_user_server_is_reached(self, router: Router, contract_user: Any) -> None:
        """A server that JupyterHub starts is reached through the proxy, and no more once it has stopped."""
        spec = contract_user.running_spec()
        router.expect(f"{spec}x", "echo")
        contract_user.stop()
        router.run(router.proxy.delete_user(contract_user.object))
        router.expect(f"{spec}x", "hub")

    @relies_on(API)
    def test_stop_and_start_again(self, contract_hubs: Callable[..., Hub]) -> None:
        """stop() ends the proxy, a second stop() is harmless, and after start() routes can be restored."""
        hub = contract_hubs()
        address, proxy = hub.connect_address, hub.app.proxy
        hub.run(_stopped(proxy))
        self.eventually(lambda: _assert(refuses(address)))
        hub.run(_stopped(proxy))
        hub.run(_maybe(proxy.start))
        hub.run(proxy.restore_routes())
        router = Router(hub, self.patience)
        router.expect("/hub/login", "hub")
        router.close()

    @relies_on(API)
    def test_second_start(self, contract_hubs: Callable[..., Hub]) -> None:
        """start() of a proxy that runs is harmless: it serves on, and one stop() ends it."""
        hub = contract_hubs()
        address, proxy = hub.connect_address, hub.app.proxy
        with _ended_at_last(proxy):
            hub.run(_maybe(proxy.start))
            hub.run(proxy.restore_routes())
            router = Router(hub, self.patience)
            router.expect("/hub/login", "hub")
            router.close()
            hub.run(_stopped(proxy))
            self.eventually(lambda: _assert(refuses(address)))
            hub.stop(proxy=False)

    @relies_on(API)
    def test_ends_with_the_hub(self, contract_hubs: Callable[..., Hub]) -> None:
        """A proxy that the hub started ends with it."""
        hub = contract_hubs()
        address = hub.connect_address
        hub.stop()
        self.eventually(lambda: _assert(refuses(address)))

    @relies_on("howto/separate-proxy.html", needs="external")
    def test_external_proxy_survives_a_restart(self, contract_hubs: Callable[..., Hub]) -> None:
        """With should_start=False, users keep working while the hub is away, and it takes up their routes again."""
        hub = contract_hubs()
        first = hub.app.proxy
        hub.user_client("ada").spawn()
        address, spec = hub.connect_address, "/user/ada/"
        before = hub.run(first.get_all_routes())[spec]
        hub.stop(servers=False, proxy=False)
        try:
            answer = httpx.get(f"http://{address[0]}:{address[1]}{spec}x", trust_env=False)
            assert answer.json()["server"] == "echo"
            hub.config[self.proxy_section()].should_start = False
            hub.start()
            assert hub.run(hub.app.proxy.get_all_routes())[spec]["target"] == before["target"]
            assert hub.client().get("hub/login").status_code == 200
        finally:
            hub.start()
            hub.run(_stopped(first))

    @relies_on("explanation/websecurity.html", needs="internal-ssl")
    def test_internal_ssl(self, contract_hubs: Callable[..., Hub]) -> None:
        """With JupyterHub.internal_ssl, hub and servers are reached over TLS with the certificates made for it."""
        hub = contract_hubs(_ssl_config(), start=False)
        ssl_hub(hub).start()
        assert hub.app.hub.url.startswith("https:")
        answer = hub.user_client("ada").spawn()
        assert answer.json()["env"]["JUPYTERHUB_USER"] == "ada"
        routes = hub.run(hub.app.proxy.get_all_routes())
        assert routes["/user/ada/"]["target"].startswith("https:")

    # Host-based routing

    @relies_on(PROXY)
    def test_host_is_refused_without_subdomains(self, router: Router, blue: EchoServer) -> None:
        """Without sub-domains, a route with a host is an error: it would serve nothing."""
        with pytest.raises(ValueError, match="host"):
            router.run(router.proxy.add_route("ada.hub.test/", blue.url, {}))

    @relies_on(PROXY, needs="subdomains")
    def test_host_route_is_listed(self, contract_subdomain_hub: Hub, blue: EchoServer) -> None:
        """With sub-domains, routes begin with the host; they are listed and deleted as given."""
        router = Router(contract_subdomain_hub, self.patience)
        spec = f"ada.hub.test{router.spec()}"
        router.add(spec, blue.url, {"user": "ada"})
        assert router.routes()[spec]["target"] == blue.url
        router.delete(spec)
        assert spec not in router.routes()
        router.close()

    @relies_on(PROXY, needs="subdomains")
    def test_host_route_serves_its_host(self, contract_subdomain_hub: Hub, blue: EchoServer, green: EchoServer) -> None:
        """The same path on two hosts leads to two servers."""
        router = Router(contract_subdomain_hub, self.patience)
        path = router.spec()
        router.add(f"ada.hub.test{path}", blue.url)
        router.add(f"bob.hub.test{path}", green.url)
        router.expect(path, "blue", host="ada.hub.test")
        router.expect(path, "green", host="bob.hub.test")
        router.expect("/hub/login", "hub", host="hub.test")
        router.close()

    @relies_on(PROXY, needs="subdomains")
    def test_path_is_refused_with_subdomains(self, contract_subdomain_hub: Hub, blue: EchoServer) -> None:
        """With sub-domains, a route without a host is an error."""
        proxy = contract_subdomain_hub.app.proxy
        with pytest.raises(ValueError, match="host"):
            contract_subdomain_hub.run(proxy.add_route("/user/ada/", blue.url, {}))


def _assert(value: bool) -> None:
    assert value


@contextmanager
def _ended_at_last(proxy: Any) -> Iterator[None]:
    """What a proxy forgets when it starts once more is not left to the machine."""
    from jupyterhub_pytest_plugin.app import proxy_processes

    first = proxy_processes(proxy)
    try:
        yield
    finally:
        for process in first:
            process.kill()
            process.wait(10)


async def _maybe(function: Callable[[], Any]) -> None:
    """JupyterHub lets start() and stop() be plain functions or coroutines."""
    result = function()
    if asyncio.iscoroutine(result) or asyncio.isfuture(result):
        await result


async def _stopped(proxy: Any) -> None:
    from jupyterhub_pytest_plugin.app import wait_for_proxy

    await _maybe(proxy.stop)
    await wait_for_proxy(proxy)


def _ssl_config() -> Overrides:
    return {"JupyterHub": {"internal_ssl": True}}


def ssl_hub(hub: Hub) -> Hub:
    """Encrypt the internal traffic of a hub that has not been started yet."""
    hub.config.JupyterHub.internal_certs_location = str(hub.folder / "internal-ssl")
    hub.config.JupyterHub.hub_bind_url = hub.place.hub.url("https")
    hub.config.ConfigurableHTTPProxy.api_url = hub.place.proxy_api.url("https")
    return hub
