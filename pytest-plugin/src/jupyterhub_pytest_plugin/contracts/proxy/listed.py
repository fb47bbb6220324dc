"""Routes as JupyterHub sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, ODD_NAMES, PROXY, ProxySuite

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.echo import EchoServer

    from .base import Router


class Listed(ProxySuite):
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
