"""Host-based routing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import PROXY, ProxySuite, Router

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.echo import EchoServer
    from jupyterhub_pytest_plugin.hosting import Hub


class Hosts(ProxySuite):
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
