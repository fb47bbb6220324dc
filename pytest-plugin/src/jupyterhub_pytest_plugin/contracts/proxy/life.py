"""The proxy as a whole: start, stop, and many things at once."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx

from jupyterhub_pytest_plugin.contracts.collect import relies_on
from jupyterhub_pytest_plugin.contracts.wire import refuses

from .base import API, ProxySuite, Router

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyterhub_pytest_plugin.config import Overrides
    from jupyterhub_pytest_plugin.echo import EchoServer
    from jupyterhub_pytest_plugin.hosting import Hub


class Life(ProxySuite):
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
        address = hub.connect_address
        with _apart(hub) as proxy:
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
        address = hub.connect_address
        with _apart(hub) as proxy:
            hub.run(_maybe(proxy.start))
            hub.run(proxy.restore_routes())
            router = Router(hub, self.patience)
            router.expect("/hub/login", "hub")
            router.close()
            hub.run(_stopped(proxy))
            self.eventually(lambda: _assert(refuses(address)))

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


def _assert(value: bool) -> None:
    assert value


@contextmanager
def _apart(hub: Hub) -> Iterator[Any]:
    """The hub's proxy, ended by the test: a stop() that fails is told once, and what a start() forgets is ended too."""
    from jupyterhub_pytest_plugin.app import proxy_processes

    proxy = hub.app.proxy
    first = proxy_processes(proxy)
    try:
        yield proxy
    finally:
        with suppress(Exception):
            hub.run(_stopped(proxy))
        hub.stop(proxy=False)
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
