"""Components that break one promise each, and the contract tests that must notice, by name.

They are the proof of the suites: :mod:`test_mutants` runs every suite on every mutant, and wants exactly these tests to
fail, all others to pass.
"""

from urllib.parse import quote, unquote

from jupyterhub_pytest_plugin.proxy import InProcessProxy

PROXIES = {}
AUTHENTICATORS = {}
SPAWNERS = {}


def breaks(table, *tests):
    """Put a mutant into its table, with the tests that must fail."""

    def register(mutant):
        table[mutant] = tests
        return mutant

    return register


# Proxies


@breaks(PROXIES, "test_data_round_trip")
class ForgetsNestedData(InProcessProxy):
    async def add_route(self, routespec, target, data):
        flat = {key: value for key, value in data.items() if not isinstance(value, dict)}
        await super().add_route(routespec, target, flat)


@breaks(PROXIES, "test_missing_slash_is_added")
class KeepsMissingSlash(InProcessProxy):
    def validate_routespec(self, routespec):
        valid = super().validate_routespec(routespec)
        return valid if routespec.endswith("/") or routespec == "/" else routespec


@breaks(PROXIES, "test_odd_names_are_listed_as_given")
class UnquotesRoutespecs(InProcessProxy):
    async def get_all_routes(self):
        routes = await super().get_all_routes()
        return {unquote(spec): {**route, "routespec": unquote(spec)} for spec, route in routes.items()}


@breaks(PROXIES, "test_odd_names_are_served")
class ComparesEncodedText(InProcessProxy):
    """Finds a route only if the browser encodes as Python's quote() does: not for ``@`` and ``~``."""

    def find(self, host, path):
        return super().find(host, quote(quote(unquote(path), safe="/"), safe="/%"))


@breaks(PROXIES, "test_longest_prefix_wins", "test_delete_leaves_other_routes")
class FirstPrefixWins(InProcessProxy):
    def find(self, host, path):
        address = unquote(path).rstrip("/") + "/"
        wanted = host + address if self.host_routing else address
        found = [route for spec, route in self.routes.items() if spec != "/" and wanted.startswith(unquote(spec))]
        return found[0] if found else super().find(host, path)


@breaks(PROXIES, "test_prefix_ends_with_a_segment")
class MatchesInsideSegments(InProcessProxy):
    def find(self, host, path):
        found = super().find(host, path)
        if found is not self.routes.get("/"):
            return found
        address = host + unquote(path) if self.host_routing else unquote(path)
        inside = [spec for spec in self.routes if spec != "/" and address.startswith(unquote(spec).rstrip("/"))]
        return self.routes[max(inside, key=len)] if inside else found


@breaks(
    PROXIES,
    "test_replaced_target_serves",
    "test_check_routes_corrects_a_target",
    "test_delete_leaves_other_routes",
)
class KeepsFirstTarget(InProcessProxy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = {}

    async def add_route(self, routespec, target, data):
        target = self.first.setdefault(routespec, target) if routespec != "/" else target
        await super().add_route(routespec, target, data)


KeepsFirstTarget = PROXIES and KeepsFirstTarget
PROXIES[KeepsFirstTarget] = ("test_replaced_target_serves",)


@breaks(PROXIES, "test_deleted_route_stops_serving", "test_check_routes_prunes_stale_routes")
class ServesDeletedRoutes(InProcessProxy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.ghosts = {}

    async def delete_route(self, routespec):
        if routespec in self.routes and "/user/ada/" not in routespec:
            self.ghosts[routespec] = self.routes[routespec]
        await super().delete_route(routespec)

    def find(self, host, path):
        found = super().find(host, path)
        ghosts = [spec for spec in self.ghosts if path.startswith(spec)]
        return self.ghosts[ghosts[0]] if ghosts and found is self.routes.get("/") else found


@breaks(PROXIES, "test_deleting_twice_is_harmless")
class RefusesSecondDelete(InProcessProxy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.deleted = set()

    async def delete_route(self, routespec):
        spec = self.validate_routespec(routespec)
        if spec not in self.routes and spec in self.deleted and not getattr(self, "_lenient", False):
            raise KeyError(spec)
        self.deleted.add(spec)
        await super().delete_route(routespec)
