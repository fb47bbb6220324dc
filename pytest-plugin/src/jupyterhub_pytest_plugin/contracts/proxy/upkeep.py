"""What check_routes() finds and mends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, ProxySuite

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.echo import EchoServer

    from .base import Router


class Upkeep(ProxySuite):
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
