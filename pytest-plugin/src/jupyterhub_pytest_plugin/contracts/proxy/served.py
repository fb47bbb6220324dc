"""Where requests go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_pytest_plugin.contracts.collect import relies_on

from .base import API, PROXY, ProxySuite

if TYPE_CHECKING:
    from jupyterhub_pytest_plugin.echo import EchoServer

    from .base import Router


class Served(ProxySuite):
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
