"""What the fixtures promise, with a real hub."""

import re
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from jupyterhub_pytest_plugin import (
    ConfigError,
    HubError,
    HubStartError,
    LoginError,
    NoAnswerError,
    SpawnError,
    WrongThreadError,
)
from jupyterhub_pytest_plugin.contracts.wire import WebSocket
from jupyterhub_pytest_plugin.pages import shown
from jupyterhub_pytest_plugin.users import HubUser


class TestHub:
    def test_answers(self, jupyterhub):
        assert httpx.get(f"{jupyterhub.url}hub/health", trust_env=False).status_code == 200

    def test_run_and_call(self, jupyterhub):
        routes = jupyterhub.run(jupyterhub.app.proxy.get_all_routes())
        assert routes["/"]["data"] == {"hub": True}
        assert jupyterhub.call(lambda: threading.current_thread().name) == f"jupyterhub-{jupyterhub.name}"

    def test_errors_come_back(self, jupyterhub):
        async def fails():
            raise KeyError("ada")

        with pytest.raises(KeyError, match="ada"):
            jupyterhub.run(fails())
        with pytest.raises(ZeroDivisionError):
            jupyterhub.call(lambda: 1 / 0)

    def test_run_wants_a_coroutine(self, jupyterhub):
        with pytest.raises(TypeError, match=r"run\(\) takes a coroutine"):
            jupyterhub.run(len)

    def test_call_wants_a_function(self, jupyterhub):
        with pytest.raises(TypeError, match=r"use hub\.run"):
            jupyterhub.call(jupyterhub.app.proxy.get_all_routes)

    def test_call_wants_no_coroutine(self, jupyterhub):
        with pytest.raises(TypeError, match=r"for a coroutine use hub\.run"):
            jupyterhub.call(jupyterhub.app.proxy.get_all_routes())
        with pytest.raises(TypeError, match=r"nobody awaits: use hub\.run"):
            jupyterhub.call(lambda: jupyterhub.app.proxy.get_route("/"))

    def test_future_of_another_loop_is_an_error_not_a_hang(self, jupyterhub):
        import asyncio

        with asyncio.Runner() as runner, pytest.raises(WrongThreadError, match="belongs to another event loop"):
            jupyterhub.run(runner.get_loop().create_future())

    def test_run_inside_the_hub_is_an_error_not_a_hang(self, jupyterhub):
        async def nested():
            jupyterhub.run(jupyterhub.app.proxy.get_all_routes())

        with pytest.raises(WrongThreadError, match="await it"):
            jupyterhub.run(nested())

    def test_database_belongs_to_the_hub(self, jupyterhub):
        with pytest.raises(WrongThreadError, match=r"hub\.call"):
            jupyterhub.app.users["nobody"]

    def test_too_slow_says_so(self, jupyterhub):
        import asyncio

        with pytest.raises(HubError, match="did not end within"):
            jupyterhub.run(asyncio.sleep(60), timeout=0.1)


class TestClients:
    def test_login(self, hub_client):
        assert not hub_client.logged_in
        hub_client.login("ada", "any")
        assert hub_client.logged_in
        hub_client.logout()
        assert not hub_client.logged_in

    def test_spawn(self, hub_client):
        said = hub_client.login("bob").spawn().json()
        assert said["env"]["JUPYTERHUB_USER"] == "bob"
        assert said["path"] == "/user/bob/"

    def test_api_with_cookies(self, hub_client):
        hub_client.login("cyd")
        assert hub_client.api("GET", "user").json()["name"] == "cyd"
        assert hub_client.api("POST", "users/cyd/tokens").status_code == 201

    def test_api_scopes(self, hub_api, hub_user):
        assert hub_api(["read:users"]).get(f"users/{hub_user.name}").json()["name"] == hub_user.name
        assert hub_api(["read:hub"]).get(f"users/{hub_user.name}").status_code == 404
        assert hub_api([]).get("users").status_code == 403
        assert hub_api().get("users").status_code == 200

    def test_one_scope_may_be_a_string(self, hub_api):
        api = hub_api("list:users")
        assert (api.get("users").status_code, api.get("groups").status_code) == (200, 403)

    def test_user_and_admin(self, hub_user, hub_admin):
        assert hub_user.client.get("hub/admin").status_code == 403
        assert hub_admin.client.get("hub/admin").status_code == 200
        assert hub_user.api.get("user").json()["name"] == hub_user.name

    def test_user_spawns_and_stops(self, hub_user):
        assert hub_user.spawn().json()["env"]["JUPYTERHUB_USER"] == hub_user.name
        assert hub_user.model["servers"][""]["ready"]
        hub_user.stop()
        assert not hub_user.model["servers"]

    def test_group(self, hub_group, hub_user, hub_api):
        hub_group("crew", [hub_user.name], {"colour": "blue"})
        group = hub_api().get("groups/crew").json()
        assert (group["users"], group["properties"]) == ([hub_user.name], {"colour": "blue"})

    def test_service(self, hub_service, http_backend, hub_client):
        backend = http_backend("notes")
        service = hub_service("notes", url=backend.url, scopes=("list:users",))
        assert hub_client.get(f"{service.path}x").json()["server"] == "notes"
        assert service.api.get("user").json()["name"] == "notes"
        assert service.api.get("users").status_code == 200

    def test_log(self, hub_log, hub_client):
        hub_client.login("dee")
        assert "User logged in: dee" in hub_log.messages
        assert hub_log.errors == []


class TestOtherPorts:
    def test_of_the_same_host_are_no_hub(self, hub_client, http_backend):
        assert hub_client.get(http_backend("blue").url).json()["server"] == "blue"

    @pytest.mark.jupyterhub(JupyterHub={"subdomain_host": "http://hub.test"})  # its port is not the proxy's
    def test_default_port_is_the_hubs(self, hub_client):
        assert hub_client.get("hub/login").status_code == 200

    def test_in_the_tests_loop(self, jupyterhub_inline, http_backend, hub_run):
        backend = http_backend("blue")

        async def ask():
            async with jupyterhub_inline() as hub:
                return (await hub.client().get(backend.url)).json()

        assert hub_run(ask())["server"] == "blue"


@pytest.fixture(scope="module")
def state_hub(jupyterhub_factory):
    from jupyterhub.auth import DummyAuthenticator

    class KeepsToken(DummyAuthenticator):
        """As those of OAuth do: who has no token kept has to log in again."""

        async def refresh_user(self, user, handler=None):
            return bool(await user.get_auth_state())

    authenticator = {"enable_auth_state": True}
    return jupyterhub_factory({"JupyterHub": {"authenticator_class": KeepsToken}, "Authenticator": authenticator})


class TestAuthState:
    def test_user_is_logged_in_without(self, state_hub):
        assert state_hub.user_client("ada").logged_in

    def expire(self, hub, name):
        hub.call(lambda: setattr(hub.app.users[name], "_auth_refreshed", None))

    def test_spawn_without(self, state_hub):
        client = state_hub.user_client("ada")
        self.expire(state_hub, "ada")
        with pytest.raises(SpawnError, match=r"log in again.*auth_state=\{"):
            client.spawn()

    def test_spawn_that_refreshes_without(self, state_hub):
        authenticator = state_hub.app.authenticator
        state_hub.call(setattr, authenticator, "refresh_pre_spawn", True)
        try:
            with pytest.raises(SpawnError, match=r"log in again.*auth_state=\{"):
                state_hub.user_client("dee").spawn()
            state_hub.user_client("dee", auth_state={"token": "t"}).spawn()
        finally:
            state_hub.call(setattr, authenticator, "refresh_pre_spawn", False)

    def test_is_kept(self, state_hub):
        client = state_hub.user_client("bob", auth_state={"token": "t"})
        self.expire(state_hub, "bob")
        assert state_hub.auth_state("bob") == {"token": "t"}
        assert client.spawn().json()["env"]["JUPYTERHUB_USER"] == "bob"

    def test_of_a_user(self, state_hub):
        with HubUser(state_hub, "cyd") as user:
            user.set_auth_state({"token": "t"})
            assert user.auth_state == {"token": "t"}
            user.spawn()
            user.set_auth_state(None)
            assert user.auth_state is None

    def test_must_be_enabled(self, jupyterhub):
        with pytest.raises(HubError, match=r"keeps no auth_state.*enable_auth_state"):
            jupyterhub.user_client("ada", auth_state={"token": "t"})

    def test_of_nobody(self, jupyterhub):
        with pytest.raises(HubError, match="no user 'nobody'"):
            jupyterhub.auth_state("nobody")


class TestTooSlow:
    def test_answer_of_the_hub(self, jupyterhub, hub_service, http_backend):
        service = hub_service("slow", url=http_backend().url)
        with jupyterhub.client() as client:
            client.timeout = 0.1
            with pytest.raises(
                NoAnswerError, match=rf"^GET {service.path}x was not answered within 0.1 s by {jupyterhub.name}$"
            ):
                client.get(f"{service.path}x?stream=2&wait=1")

    def test_api(self, jupyterhub_factory, http_backend):
        hub = jupyterhub_factory()
        hub.timeout = 0.1
        with pytest.raises(NoAnswerError, match=r"^POST /x was not answered"):
            hub.api_with("").post(f"{http_backend().url}/x?stream=2&wait=1")

    def test_in_the_tests_loop(self, jupyterhub_inline, http_backend, hub_run):
        backend = http_backend()

        async def ask():
            async with jupyterhub_inline() as hub:
                hub.timeout = 0.1
                await hub.client().get(f"{backend.url}/x?stream=2&wait=1")

        with pytest.raises(httpx.TimeoutException, match=r"^GET /x was not answered"):
            hub_run(ask())


class TestPages:
    def test_pages_and_error_pages_of_several_hubs(self, jupyterhub_factory):
        for hub in (jupyterhub_factory(), jupyterhub_factory()):
            client = hub.client()
            assert "Sign in" in client.get("hub/login").text
            missing = client.login("ada").get("hub/no/such/page")
            assert (missing.status_code, "Jupyter has lots of moons" in missing.text) == (404, True)

    def test_words_of_a_page_are_its_own(self, hub_client):
        words = shown(hub_client.get("hub/login"))
        assert "Username: Password:" in words
        assert [other for other in ("JavaScript", "HTTPS", "error", "Home") if other in words] == []

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (
                "<div class='modal fade'><div>The error</div></div><p class='login_error'>No &amp; never</p>",
                "No & never",
            ),
            ("<p>Before<br></p><p class='hidden x'>Beware of <b>HTTP</b></p><p>After</p>", "Before After"),
            ("<div class='error'><h1>500</h1><div>Why<p>so</div> late</div><p>Footer</p>", "500 Why so late"),
            ("<head><title>T</title></head><nav>Home<ul><li>x</ul></nav><noscript>JS</noscript>Words", "Words"),
            ('{"message": "1 < 2"}', '{"message": "1 < 2"}'),
            ("", ""),
        ],
    )
    def test_words(self, text, words):
        assert shown(httpx.Response(403, text=text)) == words


class TestRefusal:
    @pytest.fixture
    def hub(self, jupyterhub_factory):
        return jupyterhub_factory({"Authenticator": {"allowed_users": {"ada"}}})

    def test_refused_login_says_why(self, hub):
        with pytest.raises(LoginError, match=r"bob.*(403|200).*Invalid username or password"):
            hub.client().login("bob")

    def test_default_gives_way_to_a_rule(self, jupyterhub_factory):
        hub = jupyterhub_factory({"DummyAuthenticator": {"allowed_users": {"ada"}}})
        assert hub.client().login("ada").logged_in
        with pytest.raises(LoginError):
            hub.client().login("bob")


@pytest.fixture(scope="module")
def full_hub(jupyterhub_factory):
    def refuse(spawner):
        raise RuntimeError("no room for " + spawner.user.name)

    return jupyterhub_factory({"Spawner": {"pre_spawn_hook": refuse}})


class TestFailedSpawn:
    def test_says_why(self, full_hub):
        with pytest.raises(SpawnError, match=r"of 'ada' did not start: status 500 .*no room for ada") as raised:
            full_hub.user_client("ada").spawn()
        assert raised.value.response.status_code == 500

    def test_page(self, full_hub):
        page = full_hub.user_client("bob").spawn(check=False)
        assert (page.status_code, "500" in page.text) == (500, True)

    def test_nobody_is_logged_in(self, full_hub):
        with pytest.raises(HubError, match=r"login\(\) first"):
            full_hub.client().spawn()


class TestMisspelt:
    @pytest.mark.parametrize(
        ("overrides", "message"),
        [
            ({"JupyterHub": {"allow_named_server": True}}, "allow_named_server: .*did you mean allow_named_servers?"),
            (
                {"Authenticator": {"alowed_users": {"ada"}}},
                "Authenticator has no such trait; did you mean allowed_users?",
            ),
            (
                {"DummyAutenticator": {"password": "x"}},
                "did you mean DummyAuthenticator?.*jupyterhub_unchecked_classes",
            ),
        ],
    )
    def test_config(self, jupyterhub_factory, overrides, message):
        with pytest.raises(ConfigError, match=message):
            jupyterhub_factory(overrides)

    @pytest.mark.parametrize(
        ("trait", "given", "message"),
        [
            (
                "authenticator_class",
                "dumy",
                "no authenticator is registered as 'dumy'; did you mean dummy? Registered are ",
            ),
            ("spawner_class", "simpel", "no spawner is registered as 'simpel'; did you mean simple?"),
            ("proxy_class", "xyz", "no proxy is registered as 'xyz'. Registered are configurable-http-proxy"),
            ("authenticator_class", "no.such.Class", "'no.such.Class' cannot be imported: No module named 'no'"),
            (
                "authenticator_class",
                "jupyterhub.auth.DumyAuthenticator",
                "jupyterhub.auth has no DumyAuthenticator; did you mean DummyAuthenticator?",
            ),
            (
                "authenticator_class",
                "jupyterhub.spawner.Spawner",
                "derived from Authenticator, or a registered name, not 'jupyterhub.spawner.Spawner'",
            ),
            ("spawner_class", dict, "wants a class derived from Spawner, or a registered name, not <class 'dict'>"),
            ("proxy_class", 3, "wants a class derived from Proxy, or a registered name, not 3"),
        ],
    )
    def test_component(self, jupyterhub_factory, still_hub, trait, given, message):
        with pytest.raises(ConfigError, match=rf"^JupyterHub\.{trait}: .*{re.escape(message)}"):
            jupyterhub_factory({"JupyterHub": {trait: given}})
        make = "make_" + trait.removesuffix("_class")
        with pytest.raises(ConfigError, match=rf"^{make}\(\): .*{re.escape(message)}"):
            getattr(still_hub, make)(given)

    def test_registered_names(self, make_spawner, make_authenticator, make_proxy):
        assert type(make_spawner("simple")).__name__ == "SimpleLocalProcessSpawner"
        assert make_authenticator("Dummy", admin_users={"ada"}).admin_users == {"ada"}
        assert type(make_proxy("configurable-http-proxy")).__name__ == "ConfigurableHTTPProxy"
        with pytest.raises(ConfigError, match=r"DummyAuthenticator has no trait 'admin_user'; did you mean"):
            make_authenticator("dummy", admin_user={"ada"})

    def test_trait_of_a_derived_class(self, jupyterhub_factory):
        hub = jupyterhub_factory({"Spawner": {"home_dir_template": "/nowhere/{username}"}})  # traitlets hands it down
        assert hub.running

    def test_made_alone(self, make_spawner, make_authenticator, make_proxy):
        from jupyterhub.auth import DummyAuthenticator
        from jupyterhub.spawner import SimpleLocalProcessSpawner

        from jupyterhub_pytest_plugin.proxy import InProcessProxy

        for make, cls, name in (
            (make_spawner, SimpleLocalProcessSpawner, "start_timeou"),
            (make_authenticator, DummyAuthenticator, "admin_user"),
            (make_proxy, InProcessProxy, "should_strat"),
        ):
            with pytest.raises(ConfigError, match=f"{cls.__name__} has no trait {name!r}; did you mean"):
                make(cls, **{name: 1})


class TestFactory:
    def test_several_hubs(self, jupyterhub_factory):
        one, two = jupyterhub_factory(), jupyterhub_factory({"JupyterHub": {"base_url": "/two/"}})
        assert urlsplit(one.url).port != urlsplit(two.url).port
        assert one.folder != two.folder
        assert one.app.cookie_secret != two.app.cookie_secret
        assert two.client().login("ada").get("hub/home").url.path == "/two/hub/home"
        assert one.client().get("hub/home").url.path == "/hub/login"

    def test_restart_keeps_logins_and_servers(self, jupyterhub_factory):
        hub = jupyterhub_factory()
        client = hub.client().login("ada")
        pid = client.spawn().json()["pid"]
        hub.restart()
        assert client.logged_in
        assert client.get("user/ada/").json()["pid"] == pid
        hub.restart(servers=True)
        assert client.get("user/ada/").url.path != "/user/ada/"

    def test_stop_removes_everything(self, jupyterhub_factory):
        hub = jupyterhub_factory()
        hub.stop()
        with pytest.raises(HubError, match=r"start\(\) it first"):
            _ = hub.url
        hub.start()
        assert hub.client().get("hub/login").status_code == 200

    def test_failed_start_says_why(self, jupyterhub_factory):
        with pytest.raises(HubStartError, match="/no/such/folder does not exist"):
            jupyterhub_factory({"JupyterHub": {"db_url": "sqlite:////no/such/folder/hub.sqlite"}})

    def test_missing_program_says_why(self, jupyterhub_factory):
        overrides = {
            "JupyterHub": {"proxy_class": "configurable-http-proxy"},
            "ConfigurableHTTPProxy": {"command": ["/no/such/program"]},
        }
        with pytest.raises(HubStartError, match="Failed to find proxy"):
            jupyterhub_factory(overrides)

    def test_config_is_by_class(self, jupyterhub_factory):
        with pytest.raises(HubError, match="given by class"):
            jupyterhub_factory({"allow_named_servers": True})


@pytest.mark.jupyterhub(JupyterHub={"allow_named_servers": True})
class TestMarker:
    def test_configures_the_hub(self, jupyterhub):
        assert jupyterhub.app.allow_named_servers is True

    @pytest.mark.jupyterhub(JupyterHub={"base_url": "/deep/"})
    def test_markers_add_up(self, jupyterhub):
        assert jupyterhub.app.allow_named_servers is True
        assert jupyterhub.app.base_url == "/deep/"

    def test_named_server(self, hub_user):
        assert hub_user.spawn("other").json()["env"]["JUPYTERHUB_SERVER_NAME"] == "other"


class TestStill:
    def test_spawner(self, make_spawner, hub_run, echo_server):
        from jupyterhub.spawner import SimpleLocalProcessSpawner

        spawner = make_spawner(SimpleLocalProcessSpawner, cmd=echo_server, args=["--colour=blue"])
        _ip, port = hub_run(spawner.start())
        assert hub_run(spawner.poll()) is None
        assert port
        assert spawner.get_env()["JUPYTERHUB_USER"] == "ada"
        hub_run(spawner.stop())
        assert hub_run(spawner.poll()) is not None

    def test_authenticator(self, make_authenticator, auth_handler, hub_run):
        from jupyterhub.auth import DummyAuthenticator

        authenticator = make_authenticator(DummyAuthenticator, admin_users={"ada"}, allowed_users={"ada"})
        model = hub_run(authenticator.get_authenticated_user(auth_handler(), {"username": "ADA", "password": ""}))
        assert (model["name"], model["admin"]) == ("ada", True)

    def test_handler(self, auth_handler):
        handler = auth_handler(query={"next": "/hub/token"}, body={"username": "ada"}, headers={"X-Remote": "yes"})
        assert handler.get_argument("next") == "/hub/token"
        assert handler.get_body_argument("username") == "ada"
        assert handler.request.headers["X-Remote"] == "yes"
        assert handler.current_user is None

    def test_handler_of_ones_own(self, make_authenticator, auth_handler, hub_run):
        from jupyterhub.auth import DummyAuthenticator
        from jupyterhub.handlers import BaseHandler

        class CallbackHandler(BaseHandler):
            def get(self):
                state = self.get_secure_cookie("state").decode()
                self.redirect(f"{self.authenticator.login_service}/{state}?{self.get_cookie('plain')}")

        authenticator = make_authenticator(DummyAuthenticator, login_service="there")
        cookies = {"cookies": {"plain": "a=b; c"}, "secure_cookies": {"state": "s p"}}
        handler = auth_handler("GET", "oauth_callback", handler_class=CallbackHandler, **cookies)
        assert handler.authenticator is authenticator
        assert handler.request.path.endswith("/hub/oauth_callback")

        async def run():
            handler.get()

        hub_run(run())
        answer = handler.request.connection
        assert (answer.status, answer.headers["Location"]) == (302, "there/s p?a=b; c")

    def test_forged_cookie_is_none(self, auth_handler):
        assert auth_handler(cookies={"state": "forged"}).get_secure_cookie("state") is None

    @pytest.mark.parametrize(
        ("args", "kwargs", "message"),
        [
            ((HubUser,), {}, r"is an HTTP method such as 'GET', not <class .*HubUser'>: is that the handler_class\?"),
            (("BREW",), {}, "not 'BREW'"),
            ((), {"handler_class": HubUser}, "derived from tornado's RequestHandler, not <class .*HubUser"),
        ],
    )
    def test_no_handler(self, auth_handler, args, kwargs, message):
        with pytest.raises(TypeError, match=message):
            auth_handler(*args, **kwargs)

    def test_proxy(self, make_proxy, hub_run):
        from jupyterhub_pytest_plugin.proxy import InProcessProxy

        proxy = make_proxy(InProcessProxy)
        hub_run(proxy.start())
        hub_run(proxy.add_route("/x/", "http://127.0.0.1:1", {}))
        assert list(hub_run(proxy.get_all_routes())) == ["/x/"]
        hub_run(proxy.stop())

    def test_db(self, hub_db):
        from jupyterhub import orm

        assert {role.name for role in hub_db.query(orm.Role)} >= {"user", "admin", "server"}


class TestPieces:
    def test_backend(self, http_backend):
        backend = http_backend("blue")
        said = httpx.post(f"{backend.url}/a?x=1", content=b"hello", trust_env=False).json()
        assert (said["server"], said["method"], said["path"], said["query"], said["body"]) == (
            "blue",
            "POST",
            "/a",
            "x=1",
            "hello",
        )
        assert backend.requests[0].target == "/a?x=1"
        with WebSocket(("127.0.0.1", backend.port), "/ws") as ws:
            ws.send(b"hello", text=True)
            assert ws.receive() == b"hello"

    def test_routes(self, http_backend):
        def token(request):
            if request.form.get("code") != "good one":
                return 400, {"error": "invalid_grant"}
            return {"access_token": f"of {request.params['client']}", "sent": request.headers["x-sent"]}

        backend = http_backend(
            "provider",
            routes={
                "POST /token": token,
                "/user": {"name": "ada"},
                "/busy": 503,
                "/away": (302, "", {"Location": "/user"}),
                "/page": "<p>Words</p>",
                "/json": lambda request: request.json(),
            },
        )
        with httpx.Client(base_url=backend.url, trust_env=False, follow_redirects=True) as client:
            good = client.post("/token?client=a%20b", data={"code": "good one"}, headers={"X-Sent": "yes"})
            assert good.json() == {"access_token": "of a b", "sent": "yes"}
            assert client.post("/token", data={"code": "bad"}).status_code == 400
            assert client.get("/token").json()["server"] == "provider"  # an echo, for the route is another method's
            assert client.get("/away").json() == {"name": "ada"}
            assert (client.get("/busy").status_code, client.get("/busy").content) == (503, b"")
            assert client.get("/page").headers["content-type"].startswith("text/html")
            assert client.post("/json", json={"a": [1]}).json() == {"a": [1]}
            assert client.get("/else?status=418").status_code == 418
        assert [request.path for request in backend.requests][:2] == ["/token", "/token"]

    @pytest.mark.parametrize(
        ("routes", "error"), [({"token": 200}, "must be a path such as"), ({"/x": object()}, "not JSON serializable")]
    )
    def test_routes_that_cannot_be(self, http_backend, routes, error):
        with pytest.raises((TypeError, ValueError), match=error):
            http_backend(routes=routes)

    def test_certs(self, hub_certs, http_backend):
        backend = http_backend("safe", context=hub_certs.server_context())
        with httpx.Client(verify=hub_certs.client_context(), trust_env=False) as client:
            assert client.get(backend.url).json()["server"] == "safe"
        with pytest.raises(httpx.TransportError):
            httpx.get(backend.url, trust_env=False)

    def test_tmp_cwd(self, hub_tmp_cwd):
        from pathlib import Path

        assert Path.cwd() == hub_tmp_cwd
        assert not list(hub_tmp_cwd.iterdir())

    def test_importing_the_package_does_not_import_jupyterhub(self):
        import subprocess
        import sys

        code = "import jupyterhub_pytest_plugin.plugin, sys; sys.exit('jupyterhub' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_names_are_listed(self):
        import jupyterhub_pytest_plugin

        assert set(jupyterhub_pytest_plugin.__all__) <= set(dir(jupyterhub_pytest_plugin))
        assert set(jupyterhub_pytest_plugin._HOMES) == set(jupyterhub_pytest_plugin.__all__)

    def test_unknown_name(self):
        import jupyterhub_pytest_plugin

        with pytest.raises(AttributeError, match="Nothing"):
            _ = jupyterhub_pytest_plugin.Nothing


@pytest.mark.jupyterhub_real_singleuser
def test_real_singleuser(hub_client):
    pytest.importorskip("jupyter_server")
    assert hub_client.login("ada").spawn().status_code == 200
    hub_client.get("user/ada/files/none")  # through the hub's OAuth, and back
    headers = {"Sec-Fetch-Mode": "cors", "X-XSRFToken": hub_client.xsrf("user/ada/")}
    assert hub_client.get("user/ada/api/status", headers=headers).status_code == 200


def test_each_fixture_has_a_line_in_the_docs():
    from pathlib import Path

    from jupyterhub_pytest_plugin import fixtures

    page = (Path(__file__).parents[1] / "docs" / "fixtures.md").read_text()
    marks = ("FixtureFunctionDefinition", "function")
    names = [name for name, found in vars(fixtures).items() if type(found).__name__ in marks and name[0] != "_"]
    made = [name for name in names if name not in {"contextmanager", "scope", "dataclass"}]
    assert "http_backend" in made
    assert [name for name in made if f"`{name}`" not in page] == []
