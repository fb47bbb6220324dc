"""Proxies whose routes, or whose life, are not what JupyterHub takes them for."""

import asyncio
from urllib.parse import unquote

from jupyterhub.proxy import ConfigurableHTTPProxy

from jupyterhub_pytest_plugin.proxy import InProcessProxy
from mutants.table import LEFT, Table, cases

PROXIES = Table()
EXTERNAL_PROXIES = Table()  # processes of their own
breaks = PROXIES.breaks


@breaks("test_data_round_trip")
class LosesNestedData(InProcessProxy):
    async def add_route(self, routespec, target, data):
        flat = {key: value for key, value in data.items() if not isinstance(value, dict)}
        await super().add_route(routespec, target, flat)


@breaks("test_data_round_trip", "test_hub_route_is_there_after_start")
class KeepsWhatItKnows(InProcessProxy):
    async def add_route(self, routespec, target, data):
        known = {key: data[key] for key in ("user", "server_name", "service") if key in data}
        await super().add_route(routespec, target, known)


@breaks("test_added_route_is_listed", "test_get_route")
class ListsTargetsAndData(InProcessProxy):
    async def get_all_routes(self):
        routes = await super().get_all_routes()
        return {spec: {"target": route["target"], "data": route["data"]} for spec, route in routes.items()}


@breaks("test_missing_slash_is_added")
class ListsSpecsWithoutSlash(InProcessProxy):
    def validate_routespec(self, routespec):
        valid = super().validate_routespec(routespec)
        return routespec if routespec.endswith("deep/er") else valid


@breaks(*cases("test_odd_names_are_listed_as_given", "space unicode plus percent quote"))
class ListsDecodedSpecs(InProcessProxy):
    async def get_all_routes(self):
        routes = await super().get_all_routes()
        return {unquote(spec): {**route, "routespec": unquote(spec)} for spec, route in routes.items()}


@breaks(*cases("test_odd_names_are_listed_as_given", "at tilde"))
class EscapesTooMuch(InProcessProxy):
    async def get_all_routes(self):
        routes = await super().get_all_routes()
        return {spec.replace("@", "%40").replace("~", "%7E"): route for spec, route in routes.items()}


@breaks(*cases("test_odd_names_are_listed_as_given", "at dots"), "test_host_route_is_listed")
class NestsKeysAtDots(InProcessProxy):
    """As a store whose keys are paths with dots."""

    async def get_all_routes(self):
        routes = await super().get_all_routes()
        return {spec.partition(".")[0]: route for spec, route in routes.items()}


@breaks(*cases("test_odd_names_are_served", "space unicode plus percent quote"))
class ComparesEncodedWithDecoded(InProcessProxy):
    def find(self, host, path):
        found = super().find(host, path)
        specs = [spec for spec, route in self.routes.items() if route is found]
        return found if not specs or unquote(specs[0]) == specs[0] else self.routes.get("/")


@breaks("test_longest_prefix_wins")
class LetsTheFirstPrefixWin(InProcessProxy):
    def find(self, host, path):
        address = (host if self.host_routing else "") + unquote(path).rstrip("/") + "/"
        found = [route for spec, route in self.routes.items() if spec != "/" and address.startswith(unquote(spec))]
        return found[0] if found else super().find(host, path)


@breaks("test_prefix_ends_with_a_segment")
class MatchesInsideSegments(InProcessProxy):
    def find(self, host, path):
        found = super().find(host, path)
        inside = [spec for spec in self.routes if spec != "/" and path.startswith(spec.rstrip("/"))]
        return self.routes[inside[0]] if inside and found is self.routes.get("/") else found


@breaks("test_replaced_target_serves")
class KeepsTheFirstTarget(InProcessProxy):
    async def add_route(self, routespec, target, data):
        known = self.routes.get(routespec)
        new = target if known is None or "contract" not in routespec else known.target
        await super().add_route(routespec, new, data)


@breaks("test_second_start")
class RefusesSecondStart(InProcessProxy):
    async def start(self):
        if self._server is not None:
            raise RuntimeError("it runs")
        await super().start()


@breaks("test_deleted_route_stops_serving")
class ServesDeletedRoutes(InProcessProxy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.ghosts = {}

    async def delete_route(self, routespec):
        if routespec in self.routes and "user" not in routespec:
            self.ghosts[routespec] = self.routes[routespec]
        await super().delete_route(routespec)

    def find(self, host, path):
        found = super().find(host, path)
        return self.ghosts.get(path, found) if found is self.routes.get("/") else found


@breaks("test_delete_leaves_other_routes")
class DeletesWhatIsBelow(InProcessProxy):
    async def delete_route(self, routespec):
        for spec in [spec for spec in self.routes if spec.startswith(self.validate_routespec(routespec))]:
            await super().delete_route(spec)


@breaks("test_user_server_is_reached")
class DeletesNamedServersOnly(InProcessProxy):
    async def delete_user(self, user, server_name=""):
        await self.delete_route(f"{user.proxy_spec}{server_name}/")


@breaks("test_deleting_twice_is_harmless")
class RefusesToDeleteUnknownRoutes(InProcessProxy):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.ever = set()

    async def add_route(self, routespec, target, data):
        self.ever.add(self.validate_routespec(routespec))
        await super().add_route(routespec, target, data)

    async def delete_route(self, routespec):
        if self.validate_routespec(routespec) not in self.ever:
            raise KeyError(routespec)
        await super().delete_route(routespec)


@breaks("test_get_route_of_unknown_spec_is_none")
class RaisesForUnknownRoutes(InProcessProxy):
    async def get_route(self, routespec):
        return (await self.get_all_routes())[routespec]


@breaks("test_get_route")
class GetsRoutesWithoutSpec(InProcessProxy):
    async def get_route(self, routespec):
        route = await super().get_route(routespec)
        return route and {**route, "routespec": routespec.strip("/")}


@breaks("test_foreign_routes_are_not_reported")
class ReportsForeignRoutes(InProcessProxy):
    async def get_all_routes(self):
        routes = await super().get_all_routes()
        return routes | {
            spec: {"routespec": spec, "target": route.target, "data": {}} for spec, route in self.foreign.items()
        }


@breaks("test_check_routes_restores_a_missing_route")
class DoesNotRestoreRoutes(InProcessProxy):
    async def check_routes(self, user_dict, service_dict, routes=None):
        before = set(self.routes)
        await super().check_routes(user_dict, service_dict, routes)
        for spec in set(self.routes) - before - {"/"}:
            await self.delete_route(spec)


@breaks("test_check_routes_prunes_stale_routes")
class KeepsStaleRoutes(InProcessProxy):
    async def check_routes(self, user_dict, service_dict, routes=None):
        stale = {spec: route for spec, route in self.routes.items() if route.data.get("user") == "nobody"}
        await super().check_routes(user_dict, service_dict, routes)
        self.routes.update(stale)


@breaks("test_check_routes_corrects_a_target")
class KeepsWrongTargets(InProcessProxy):
    async def check_routes(self, user_dict, service_dict, routes=None):
        before = {spec: route for spec, route in self.routes.items() if "user" in route.data}
        await super().check_routes(user_dict, service_dict, routes)
        self.routes.update({spec: before[spec] for spec in self.routes if spec in before})


@breaks("test_check_routes_restores_the_hub")
class ForgetsTheHub(InProcessProxy):
    """Only for a moment: the other tests share its hub."""

    hide = False

    async def check_routes(self, user_dict, service_dict, routes=None):
        missing = "/" not in self.routes and getattr(self, "checked", False)
        await super().check_routes(user_dict, service_dict, routes)
        self.hide, self.checked = missing, True

    async def get_all_routes(self):
        routes = await super().get_all_routes()
        if self.hide:
            routes.pop("/")
            self.hide = False
        return routes


@breaks("test_concurrent_changes")
class LosesConcurrentChanges(InProcessProxy):
    async def add_route(self, routespec, target, data):
        if "user" in data and data["user"] == routespec:
            known = dict(self.routes)
            await asyncio.sleep(0)
            self.routes = known
        await super().add_route(routespec, target, data)


@breaks("test_host_is_refused_without_subdomains", "test_path_is_refused_with_subdomains")
class AcceptsAnySpec(InProcessProxy):
    def validate_routespec(self, routespec):
        return routespec if routespec.endswith("/") else routespec + "/"


@breaks("test_host_route_serves_its_host")
class IgnoresHosts(InProcessProxy):
    def find(self, host, path):
        found = super().find(host, path)
        if not self.host_routing:
            return found
        specs = [spec for spec in self.routes if "/" in spec and path.startswith("/" + spec.partition("/")[2])]
        specs = [spec for spec in specs if spec.partition("/")[2]]
        return self.routes[specs[0]] if specs else found


@breaks("test_stop_and_start_again")
class FailsToStopTwice(InProcessProxy):
    failed = False  # it fails once: the end of its hub shall not fail too

    async def stop(self):
        if self._server is None and not self.failed:
            self.failed = True
            raise RuntimeError("it is stopped")
        await super().stop()


@breaks("test_host_route_is_listed")
class ListsHostsAsPaths(InProcessProxy):
    async def get_all_routes(self):
        routes = await super().get_all_routes()
        return {f"/{spec.removeprefix('/')}": route for spec, route in routes.items()}


@breaks("test_ends_with_the_hub", "test_stop_and_start_again", "test_second_start")
class KeepsItsPort(InProcessProxy):
    """As where a process that it started has inherited the socket."""

    async def stop(self):
        for sock in self._server.sockets if self._server else ():
            LEFT.callback(sock.dup().close)
        await super().stop()


@EXTERNAL_PROXIES.breaks("test_external_proxy_survives_a_restart", "test_second_start")
class EndsWithItsTask(ConfigurableHTTPProxy):
    """A task watches the process, and ends it when the hub's tasks are cancelled; the second start is its base's."""

    async def start(self):
        await super().start()
        self.watching = asyncio.ensure_future(self.watch(self.proxy_process))

    async def watch(self, process):
        try:
            await asyncio.Event().wait()
        finally:
            process.kill()
            process.wait()
