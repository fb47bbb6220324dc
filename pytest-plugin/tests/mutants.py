"""Components that break one promise each, and the contract tests that must notice, by name.

They are the proof of the suites: :mod:`test_mutants` runs every suite on every mutant, and wants exactly these tests to
fail and all others to pass.
"""

import asyncio
import signal
from urllib.parse import unquote

from jupyterhub.handlers.login import LoginHandler
from jupyterhub.spawner import SimpleLocalProcessSpawner

from components import CompleteAuthenticator, DoorHandler
from jupyterhub_pytest_plugin import proxy as inprocess
from jupyterhub_pytest_plugin.proxy import InProcessProxy

PROXIES = {}
AUTHENTICATORS = {}
SPAWNERS = {}
# Variants of broken_service.py.
SERVICES = {
    "AnyToken": ["test_token_without_access_is_refused"],
    "WideCookie": ["test_cookies_stay_with_the_service"],
    "Anonymous": [
        "test_page_needs_a_login",
        "test_page_knows_the_user",
        "test_users_are_told_apart",
        "test_user_without_access_is_refused",
        "test_token",
        "test_token_without_access_is_refused",
        "test_unknown_token_is_refused",
        "test_revoked_token_is_refused",
        "test_logout_of_the_hub_ends_the_session",
        "test_cookies_stay_with_the_service",
    ],
}


def breaks(table, *tests):
    """Put a mutant into its table, with the tests that must fail."""

    def register(mutant):
        table[mutant] = tests
        return mutant

    return register


def cases(test, parameters):
    return [f"{test}[{parameter}]" for parameter in parameters.split()]


# Proxies


@breaks(PROXIES, "test_data_round_trip")
class LosesNestedData(InProcessProxy):
    async def add_route(self, routespec, target, data):
        flat = {key: value for key, value in data.items() if not isinstance(value, dict)}
        await super().add_route(routespec, target, flat)


@breaks(PROXIES, "test_missing_slash_is_added")
class ListsSpecsWithoutSlash(InProcessProxy):
    def validate_routespec(self, routespec):
        valid = super().validate_routespec(routespec)
        return routespec if routespec.endswith("deep/er") else valid


@breaks(PROXIES, *cases("test_odd_names_are_listed_as_given", "space unicode plus percent quote"))
class ListsDecodedSpecs(InProcessProxy):
    async def get_all_routes(self):
        routes = await super().get_all_routes()
        return {unquote(spec): {**route, "routespec": unquote(spec)} for spec, route in routes.items()}


@breaks(PROXIES, *cases("test_odd_names_are_served", "space unicode plus percent quote"))
class ComparesEncodedWithDecoded(InProcessProxy):
    def find(self, host, path):
        found = super().find(host, path)
        specs = [spec for spec, route in self.routes.items() if route is found]
        return found if not specs or unquote(specs[0]) == specs[0] else self.routes.get("/")


@breaks(PROXIES, "test_longest_prefix_wins")
class LetsTheFirstPrefixWin(InProcessProxy):
    def find(self, host, path):
        address = (host if self.host_routing else "") + unquote(path).rstrip("/") + "/"
        found = [route for spec, route in self.routes.items() if spec != "/" and address.startswith(unquote(spec))]
        return found[0] if found else super().find(host, path)


@breaks(PROXIES, "test_prefix_ends_with_a_segment")
class MatchesInsideSegments(InProcessProxy):
    def find(self, host, path):
        found = super().find(host, path)
        inside = [spec for spec in self.routes if spec != "/" and path.startswith(spec.rstrip("/"))]
        return self.routes[inside[0]] if inside and found is self.routes.get("/") else found


@breaks(PROXIES, "test_replaced_target_serves")
class KeepsTheFirstTarget(InProcessProxy):
    async def add_route(self, routespec, target, data):
        known = self.routes.get(routespec)
        new = target if known is None or "contract" not in routespec else known.target
        await super().add_route(routespec, new, data)


@breaks(PROXIES, "test_second_start")
class RefusesSecondStart(InProcessProxy):
    async def start(self):
        if self._server is not None:
            raise RuntimeError("it runs")
        await super().start()


@breaks(PROXIES, "test_deleted_route_stops_serving")
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


@breaks(PROXIES, "test_deleting_twice_is_harmless")
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


@breaks(PROXIES, "test_get_route_of_unknown_spec_is_none")
class RaisesForUnknownRoutes(InProcessProxy):
    async def get_route(self, routespec):
        return (await self.get_all_routes())[routespec]


@breaks(PROXIES, "test_get_route")
class GetsRoutesWithoutSpec(InProcessProxy):
    async def get_route(self, routespec):
        route = await super().get_route(routespec)
        return route and {**route, "routespec": routespec.strip("/")}


@breaks(PROXIES, "test_foreign_routes_are_not_reported")
class ReportsForeignRoutes(InProcessProxy):
    async def get_all_routes(self):
        routes = await super().get_all_routes()
        return routes | {
            spec: {"routespec": spec, "target": route.target, "data": {}} for spec, route in self.foreign.items()
        }


@breaks(PROXIES, "test_check_routes_restores_a_missing_route")
class DoesNotRestoreRoutes(InProcessProxy):
    async def check_routes(self, user_dict, service_dict, routes=None):
        before = set(self.routes)
        await super().check_routes(user_dict, service_dict, routes)
        for spec in set(self.routes) - before - {"/"}:
            await self.delete_route(spec)


@breaks(PROXIES, "test_check_routes_prunes_stale_routes")
class KeepsStaleRoutes(InProcessProxy):
    async def check_routes(self, user_dict, service_dict, routes=None):
        stale = {spec: route for spec, route in self.routes.items() if route.data.get("user") == "nobody"}
        await super().check_routes(user_dict, service_dict, routes)
        self.routes.update(stale)


@breaks(PROXIES, "test_check_routes_corrects_a_target")
class KeepsWrongTargets(InProcessProxy):
    async def check_routes(self, user_dict, service_dict, routes=None):
        before = {spec: route for spec, route in self.routes.items() if "user" in route.data}
        await super().check_routes(user_dict, service_dict, routes)
        self.routes.update({spec: before[spec] for spec in self.routes if spec in before})


@breaks(PROXIES, "test_check_routes_restores_the_hub")
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


class RewritesHeads(InProcessProxy):
    """Changes each request on its way to a server (not to the hub)."""

    def rewrite(self, head):
        return head

    async def _forward(self, head, reader, writer):
        route = self.find(head.host, head.path)
        if route is not None and route.target != self.hub.host and "contract" in head.path:
            head = self.rewrite(head)
        await super()._forward(head, reader, writer)

    @staticmethod
    def without(head, *names):
        return head._replace(headers=[pair for pair in head.headers if pair[0].lower() not in names])


@breaks(PROXIES, "test_path_and_query_pass_unchanged")
class DecodesPaths(RewritesHeads):
    def rewrite(self, head):
        return head._replace(target=head.target.replace("%2F", "/"))


@breaks(PROXIES, "test_methods_and_bodies_pass")
class DropsPatch(RewritesHeads):
    def rewrite(self, head):
        return head._replace(method="POST") if head.method == "PATCH" else head


@breaks(PROXIES, "test_host_is_preserved")
class ReplacesTheHost(RewritesHeads):
    def rewrite(self, head):
        plain = self.without(head, "host")
        return plain._replace(headers=[*plain.headers, ("Host", "localhost")])


@breaks(PROXIES, "test_websocket", "test_websocket_subprotocol")
class DropsUpgrades(RewritesHeads):
    def rewrite(self, head):
        return self.without(head, "upgrade")


@breaks(PROXIES, "test_websocket_subprotocol")
class DropsSubprotocols(RewritesHeads):
    def rewrite(self, head):
        return self.without(head, "sec-websocket-protocol")


class RewritesAnswers(InProcessProxy):
    """Collects each answer of a server (not of the hub), and changes it."""

    limit = None

    async def _forward(self, head, reader, writer):
        route = self.find(head.host, head.path)
        if route is None or route.target == self.hub.host or head.get("upgrade"):
            await super()._forward(head, reader, writer)
            return
        collected = Collector(writer)
        await super()._forward(head, reader, collected)
        writer.write(self.answer(bytes(collected.data)))
        await writer.drain()

    def answer(self, data):
        return data


class Collector:
    def __init__(self, writer):
        self.data = bytearray()
        self.get_extra_info = writer.get_extra_info

    def write(self, data):
        self.data += data

    def can_write_eof(self):
        return False

    async def drain(self):
        pass


@breaks(PROXIES, "test_streams_are_not_buffered")
class BuffersStreams(RewritesAnswers):
    pass


@breaks(PROXIES, "test_large_download", "test_streams_are_not_buffered")
class CutsLongAnswers(RewritesAnswers):
    def answer(self, data):
        return data[:4_000_000]


@breaks(PROXIES, "test_status_and_headers_pass", "test_streams_are_not_buffered")
class MergesCookies(RewritesAnswers):
    def answer(self, data):
        return data.replace(b"\r\nSet-Cookie: b=2", b"")


@breaks(PROXIES, "test_dead_server_is_an_error")
class HidesDeadServers(InProcessProxy):
    async def _forward(self, head, reader, writer):
        real, inprocess._NO_SERVER = inprocess._NO_SERVER, (200, "OK", "all is well")
        try:
            await super()._forward(head, reader, writer)
        finally:
            inprocess._NO_SERVER = real


@breaks(PROXIES, "test_concurrent_changes")
class LosesConcurrentChanges(InProcessProxy):
    async def add_route(self, routespec, target, data):
        if "user" in data and data["user"] == routespec:
            known = dict(self.routes)
            await asyncio.sleep(0)
            self.routes = known
        await super().add_route(routespec, target, data)


@breaks(PROXIES, "test_host_is_refused_without_subdomains", "test_path_is_refused_with_subdomains")
class AcceptsAnySpec(InProcessProxy):
    def validate_routespec(self, routespec):
        return routespec if routespec.endswith("/") else routespec + "/"


@breaks(PROXIES, "test_host_route_serves_its_host")
class IgnoresHosts(InProcessProxy):
    def find(self, host, path):
        found = super().find(host, path)
        if not self.host_routing:
            return found
        specs = [spec for spec in self.routes if "/" in spec and path.startswith("/" + spec.partition("/")[2])]
        specs = [spec for spec in specs if spec.partition("/")[2]]
        return self.routes[specs[0]] if specs else found


@breaks(PROXIES, "test_stop_and_start_again")
class FailsToStopTwice(InProcessProxy):
    async def stop(self):
        self._server.close()
        await super().stop()


@breaks(PROXIES, "test_internal_ssl")
class SpeaksPlainToServers(InProcessProxy):
    def _client_context(self, scheme):
        return None


# Authenticators


@breaks(AUTHENTICATORS, "test_wrong_credentials_are_refused", "test_rejection_after_login_of_another")
class AcceptsAnyPassword(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        return await super().authenticate(handler, {**data, "password": "right password"})


@breaks(AUTHENTICATORS, "test_rejection_after_login_of_another")
class RemembersWhoWasRight(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        self.right = getattr(self, "right", {})
        result = await super().authenticate(handler, data)
        return self.right.setdefault(data["username"], result) or result if result else self.right.get(data["username"])


@breaks(AUTHENTICATORS, "test_result_is_complete")
class ReturnsOnlyTheName(CompleteAuthenticator):
    async def get_authenticated_user(self, handler, data):
        result = await super().get_authenticated_user(handler, data)
        return {"name": result["name"]} if handler is None else result


@breaks(AUTHENTICATORS, "test_name_is_normalised")
class KeepsCase(CompleteAuthenticator):
    def normalize_username(self, username):
        return self.username_map.get(username, username)


@breaks(AUTHENTICATORS, "test_username_map")
class IgnoresTheMap(CompleteAuthenticator):
    def normalize_username(self, username):
        return username.lower()


@breaks(AUTHENTICATORS, "test_username_pattern", "test_invalid_names")
class AcceptsAnyName(CompleteAuthenticator):
    def validate_username(self, username):
        return True


@breaks(
    AUTHENTICATORS,
    "test_nobody_is_allowed_by_default",
    "test_allowed_users",
    "test_allow_existing_users",
    "test_deleted_user_is_not_allowed_any_more",
)
class AllowsEverybody(CompleteAuthenticator):
    def check_allowed(self, username, authentication=None):
        return True


@breaks(AUTHENTICATORS, "test_nobody_is_allowed_by_default")
class AllowsEverybodyByDefault(CompleteAuthenticator):
    """As authenticators did before JupyterHub 5."""

    def check_allowed(self, username, authentication=None):
        rules = self.allowed_users or self.allow_existing_users
        return True if not rules else super().check_allowed(username, authentication)


@breaks(AUTHENTICATORS, "test_blocked_users", "test_block_wins_over_allow")
class IgnoresBlocks(CompleteAuthenticator):
    def check_blocked_users(self, username, authentication=None):
        return True


@breaks(AUTHENTICATORS, "test_block_wins_over_allow")
class LetsAllowWin(CompleteAuthenticator):
    def check_blocked_users(self, username, authentication=None):
        return username in self.allowed_users or super().check_blocked_users(username, authentication)


@breaks(AUTHENTICATORS, "test_allow_existing_users")
class DoesNotAddUsers(CompleteAuthenticator):
    def add_user(self, user):
        """Forgets to call its base class."""


@breaks(AUTHENTICATORS, "test_deleted_user_is_not_allowed_any_more")
class DoesNotDeleteUsers(CompleteAuthenticator):
    def delete_user(self, user):
        """Forgets to call its base class."""


@breaks(AUTHENTICATORS, "test_admin_users_become_admins", "test_admin_of_the_database_stays_one")
class KnowsNoAdmins(CompleteAuthenticator):
    def is_admin(self, handler, authentication):
        return False


@breaks(AUTHENTICATORS, "test_admin_of_the_database_stays_one")
class RevokesAdmins(CompleteAuthenticator):
    def is_admin(self, handler, authentication):
        return authentication["name"] in self.admin_users


@breaks(AUTHENTICATORS, "test_auth_state_is_kept_encrypted")
class GivesNoState(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        return model and {**model, "auth_state": None}


@breaks(AUTHENTICATORS, "test_refresh_user", "test_refresh_before_spawn")
class ExpiresAtOnce(CompleteAuthenticator):
    async def refresh_user(self, user, handler=None):
        return False


@breaks(AUTHENTICATORS, "test_refresh_user")
class RefreshesToNothing(CompleteAuthenticator):
    async def refresh_user(self, user, handler=None):
        return True if handler else None


@breaks(AUTHENTICATORS, "test_managed_groups")
class ForgetsGroups(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        return model and {key: value for key, value in model.items() if key != "groups"}


@breaks(AUTHENTICATORS, "test_managed_roles")
class ForgetsRoles(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        return model and {key: value for key, value in model.items() if key != "roles"}


@breaks(AUTHENTICATORS, "test_post_auth_hook")
class SkipsTheHook(CompleteAuthenticator):
    async def run_post_auth_hook(self, handler, auth_model):
        return auth_model


@breaks(AUTHENTICATORS, "test_spawn_hooks", "test_refresh_before_spawn")
class StopsSpawns(CompleteAuthenticator):
    def pre_spawn_start(self, user, spawner):
        raise RuntimeError("the session could not be opened")


@breaks(AUTHENTICATORS, "test_login_url_is_served")
class LeadsNowhere(CompleteAuthenticator):
    def login_url(self, base_url):
        return super().login_url(base_url) if self.auto_login else base_url + "nowhere"


@breaks(AUTHENTICATORS, "test_logout_url_is_served")
class LogsOutNowhere(CompleteAuthenticator):
    def logout_url(self, base_url):
        return base_url + "nowhere"


@breaks(AUTHENTICATORS, "test_auto_login")
class DoesNotAutoLogin(CompleteAuthenticator):
    def get_handlers(self, app):
        class Page(LoginHandler):
            async def get(self):
                if self.authenticator.auto_login:
                    self.finish("press the button")
                else:
                    await super().get()

        return [(r"/login", Page), (r"/door", DoorHandler)]


def with_login(name, **methods):
    """An authenticator whose login page has these methods."""
    handler = type(f"{name}Handler", (LoginHandler,), methods)

    def get_handlers(self, app):
        return [(r"/login", handler), (r"/door", DoorHandler)]

    return type(name, (CompleteAuthenticator,), {"get_handlers": get_handlers, "__module__": __name__})


def _skip_xsrf(self):
    """Many a handler that someone else posts to has this."""


def _trust_next(self, next_url):
    return next_url


async def _echo_name(self):
    user = await self.login_user({key: self.get_argument(key) for key in ("username", "password")})
    if user:
        self.redirect(self.get_next_url(user))
    else:
        self.set_status(403)
        self.finish(f"no entry for {self.get_argument('username')}")


breaks(AUTHENTICATORS, "test_login_without_xsrf_is_refused")(with_login("SkipsXsrf", check_xsrf_cookie=_skip_xsrf))
breaks(AUTHENTICATORS, "test_login_does_not_lead_abroad")(with_login("TrustsNext", _validate_next_url=_trust_next))
breaks(AUTHENTICATORS, "test_failed_login_escapes_the_name")(with_login("EchoesNames", post=_echo_name))


@breaks(AUTHENTICATORS, "test_password_is_not_logged")
class LogsPasswords(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        self.log.info("somebody tries %s", data)
        return await super().authenticate(handler, data)


@breaks(AUTHENTICATORS, "test_add_user_is_idempotent")
class AddsUsersOnce(CompleteAuthenticator):
    def add_user(self, user):
        super().add_user(user)
        self.added = getattr(self, "added", set())
        if user.name in self.added:
            raise ValueError(f"{user.name} exists")
        self.added.add(user.name)

    def delete_user(self, user):
        super().delete_user(user)
        self.added.discard(user.name)


@breaks(AUTHENTICATORS, "test_admin_adds_and_deletes_a_user")
class NeverForgetsUsers(CompleteAuthenticator):
    def delete_user(self, user):
        super().delete_user(user)
        self.gone = {*getattr(self, "gone", ()), user.name}

    def add_user(self, user):
        if user.name in getattr(self, "gone", ()):
            raise ValueError(f"{user.name} was here before")
        super().add_user(user)


# Spawners


class Local(SimpleLocalProcessSpawner):
    """The base of all broken ones."""


@breaks(SPAWNERS, "test_poll_before_the_first_start")
class RunsBeforeItStarts(Local):
    async def poll(self):
        return None if not self.pid and not self.orm_spawner.started else await super().poll()


@breaks(SPAWNERS, "test_stop_twice")
class RefusesSecondStop(Local):
    stopped = False

    async def stop(self, now=False):
        if self.stopped:
            raise RuntimeError("it is stopped")
        self.stopped = self.pid != 0
        await super().stop(now)


ENDING = []  # a Popen that is collected before its process has ended is a warning in whichever test runs then


async def end_somehow(spawner):
    if spawner.pid:
        ENDING.append(spawner.proc)
        await spawner._signal(signal.SIGTERM)
        await asyncio.wait([asyncio.ensure_future(spawner.wait_for_death(10))], timeout=0.5)


@breaks(SPAWNERS, "test_stop_waits")
class GivesUpWaiting(Local):
    """A server that has something to save takes longer; waiting not at all is the same fault, seen now and then."""

    async def stop(self, now=False):
        await end_somehow(self)


@breaks(SPAWNERS, "test_stop_waits")
class ForgetsWhatItStops(Local):
    async def stop(self, now=False):
        await end_somehow(self)
        self.clear_state()
        self.proc = None


@breaks(SPAWNERS, "test_stop_now")
class IgnoresNow(Local):
    async def stop(self, now=False):
        if not now:
            await super().stop()


@breaks(SPAWNERS, "test_stop_of_what_never_ran")
class StopsOnlyWhatRan(Local):
    async def stop(self, now=False):
        if not self.orm_spawner.started and not self.pid:
            raise RuntimeError("there is no server")
        await super().stop(now)


@breaks(SPAWNERS, "test_environment_of_the_hub")
class HidesTheClient(Local):
    def get_env(self):
        return {key: value for key, value in super().get_env().items() if key != "JUPYTERHUB_CLIENT_ID"}


@breaks(SPAWNERS, "test_configured_environment")
class IgnoresCallables(Local):
    def get_env(self):
        env = super().get_env()
        return {key: value for key, value in env.items() if not callable(self.environment.get(key))}


@breaks(SPAWNERS, "test_token_works", "test_two_users_are_two")
class InventsTokens(Local):
    def get_env(self):
        return {**super().get_env(), "JUPYTERHUB_API_TOKEN": "0123456789abcdef" * 2}


@breaks(SPAWNERS, "test_arguments")
class SplitsArguments(Local):
    def get_args(self):
        return " ".join(super().get_args()).split()


@breaks(SPAWNERS, "test_default_url")
class ForgetsTheDefaultUrl(Local):
    def get_env(self):
        return {key: value for key, value in super().get_env().items() if key != "JUPYTERHUB_DEFAULT_URL"}


@breaks(SPAWNERS, "test_options_form")
class IgnoresTheForm(Local):
    def _options_from_form(self, form_data):
        return {}

    async def run_options_from_form(self, form_data):
        return {}


@breaks(SPAWNERS, "test_hooks_are_called")
class SkipsTheStopHook(Local):
    def run_post_stop_hook(self):
        """Nothing."""


@breaks(SPAWNERS, "test_state_round_trip", "test_server_survives_a_restart_of_the_hub")
class LosesState(Local):
    def get_state(self):
        return {}


@breaks(SPAWNERS, "test_state_is_cleared")
class KeepsState(Local):
    def get_state(self):
        self.user._kept = super().get_state() or self.user.__dict__.get("_kept", {})
        return self.user._kept


@breaks(SPAWNERS, "test_odd_user_names[unicode]")
class BreaksOnOddNames(Local):
    async def start(self):
        self.user.name.encode("ascii")
        return await super().start()


@breaks(SPAWNERS, "test_named_servers")
class ForgetsTheServerName(Local):
    def get_env(self):
        return {**super().get_env(), "JUPYTERHUB_SERVER_NAME": ""}


@breaks(SPAWNERS, "test_progress")
class ProgressWithoutWords(Local):
    async def progress(self):
        yield {"progress": 10}


@breaks(SPAWNERS, "test_internal_ssl")
class ForgetsCertificates(Local):
    def get_env(self):
        return {key: value for key, value in super().get_env().items() if not key.startswith("JUPYTERHUB_SSL_")}
