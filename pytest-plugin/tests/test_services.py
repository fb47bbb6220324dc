"""Services of one test, and handlers of services without a process."""

import asyncio
import os
import socket
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from jupyterhub_pytest_plugin import ConfigError, HubService, ServiceError, WrongThreadError

WHOAMI = [sys.executable, str(Path(__file__).with_name("whoami.py"))]


def python(code, *arguments):
    return [sys.executable, "-c", code, *arguments]


SAYS_ITS_ENVIRONMENT = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())
HTTPServer(("127.0.0.1", urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port), Handler).serve_forever()
"""


class TestWhatIsRefused:
    """What would leave a test without a service is an error, with the next step."""

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            (["/no/such/program"], "no program '/no/such/program'"),
            (python("import no_such_module"), "exit status 1(.|\n)*No module named 'no_such_module'"),
            (python("raise SystemExit(3)"), "exit status 3"),
            (python("input('listening soon')"), "listening soon"),
        ],
        ids=["missing", "import", "exit", "words"],
    )
    def test_service_that_does_not_start(self, jupyterhub, hub_service, command, said):
        with pytest.raises(ServiceError, match=said):
            hub_service("broken", url=True, command=command)
        assert "broken" not in jupyterhub.app._service_map

    def test_service_that_never_listens(self, hub_service):
        with pytest.raises(ServiceError, match=r"did not answer at http://127\.0\.0\.1:.*let it listen there"):
            hub_service("mute", url=True, timeout=1, command=python("import time; time.sleep(600)"))

    def test_port_that_is_taken(self, hub_service):
        with socket.create_server(("127.0.0.1", 0)) as other:
            url = f"http://127.0.0.1:{other.getsockname()[1]}"
            with pytest.raises(ServiceError, match="is taken by another program"):
                hub_service("late", url=url, command=WHOAMI)

    def test_service_without_a_url_that_ends_at_once(self, hub_service):
        with pytest.raises(ServiceError, match="no program"):
            hub_service("short", command=["no-such-program-anywhere"])

    def test_service_that_ends_while_its_test_runs(self, jupyterhub, tmp_path):
        wait = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.02)\nsys.exit('tired')"

        def use(**options):
            with HubService(jupyterhub, command=python(wait, str(tmp_path / "end")), **options) as service:
                (tmp_path / "end").touch()
                service.process.wait(60)
            (tmp_path / "end").unlink()

        with pytest.raises(ServiceError, match=r"ended by itself, with exit status 1(.|\n)*tired"):
            use()
        use(check=False)

    def test_service_that_has_to_be_killed(self, jupyterhub):
        deaf = (
            "import signal, time\nfor one in (2, 15): signal.signal(one, signal.SIG_IGN)\nprint('deaf', flush=True)\n"
        )
        service = HubService(jupyterhub, timeout=1, command=python(deaf + "time.sleep(600)")).__enter__()
        while "deaf" not in service.output:
            assert service.process.poll() is None
            time.sleep(0.02)
        with pytest.raises(ServiceError, match="and was killed"):
            service.__exit__(None)

    @pytest.mark.parametrize(
        ("spec", "said"),
        [
            ({"command": "python -m notes"}, r"is a list, as in \['python', '-m', 'notes'\]"),
            ({"comand": ["python"]}, "no field 'comand'; did you mean command"),
            ({"scopes": ["list:user"]}, "no scope 'list:user'; did you mean list:users"),
        ],
        ids=["command", "field", "scope"],
    )
    def test_misspelt(self, hub_service, spec, said):
        with pytest.raises(ConfigError, match=said):
            hub_service(**spec)

    def test_second_of_the_same_name(self, hub_service):
        hub_service("twin")
        with pytest.raises(ConfigError, match="a service 'twin' already"):
            hub_service("twin")


class TestService:
    def test_managed(self, hub_service, hub_client):
        service = hub_service("whoami", url=True, command=WHOAMI)
        ada, eve = service.user(), service.user(access=False)
        assert service.open(ada.client).json()["name"] == ada.name
        with pytest.raises(ServiceError, match="allow"):
            service.open(eve.client)
        service.allow(eve)
        assert service.open(eve.client).json()["name"] == eve.name
        assert hub_client.get(service.path).url.path.endswith("/hub/login")

    def test_external_is_not_waited_for(self, hub_service):
        service = hub_service("elsewhere", url=True, scopes="list:users")
        assert service.api.get("users").status_code == 200
        with pytest.raises(ServiceError, match="does not listen"):
            service.wait(timeout=0)

    def test_external_in_the_loop_of_the_test(self, hub_service):
        async def test():
            service = hub_service("here", url=True)
            with pytest.raises(WrongThreadError, match="await what starts"):
                service.wait()

        asyncio.run(test())

    def test_scopes_as_one_string(self, hub_service):
        assert hub_service(scopes="list:users").api.get("users").status_code == 200

    def test_output(self, hub_service):
        service = hub_service("talks", url=True, command=python(f"print('hello', flush=True){SAYS_ITS_ENVIRONMENT}"))
        assert "hello" in service.output

    def test_roles_end_with_the_service(self, jupyterhub):
        from jupyterhub import orm

        with HubService(jupyterhub, name="My Notes", scopes=["list:users"]) as service:
            service.allow("ada")
            assert "My%20Notes" in service.path
        left = jupyterhub.call(lambda: [role.name for role in jupyterhub.app.db.query(orm.Role)])
        assert [name for name in left if name.startswith(("role-of", "users-of"))] == []

    def test_of_the_whole_module(self, jupyterhub):
        assert jupyterhub.service("for-all", scopes=["list:users"]).api.get("users").status_code == 200

    def test_survives_a_restart_of_the_hub(self, jupyterhub_factory):
        hub = jupyterhub_factory()
        service = hub.service("whoami", url=True, command=WHOAMI, scopes=["list:users"])
        ada = service.user()
        service.open(ada.client)
        hub.restart()
        assert service.open(hub.user_client(ada.name)).json()["name"] == ada.name
        assert service.api.get("users").status_code == 200

    @pytest.mark.parametrize("way", ["plain", "subdomain", "ssl"])
    def test_environment_is_that_of_a_managed_one(self, jupyterhub_factory, way):
        hub = jupyterhub_factory(start=False)
        port = hub.place.public.number
        hub.config.JupyterHub.bind_url = f"http://127.0.0.1:{port}/"
        hub.config.JupyterHub.subdomain_host = f"http://hub.test:{port}" if way == "subdomain" else ""
        hub.config.JupyterHub.internal_certs_location = str(hub.folder / "certs")
        hub.config.JupyterHub.internal_ssl = way == "ssl"
        hub.start()
        managed = hub.service("notes", url=True, command=python(SAYS_ITS_ENVIRONMENT))
        told = _of_the_hub(managed.open(hub.client()).json())
        expected = _of_the_hub(managed.environment)
        managed.__exit__(None)
        external = hub.service("notes", url=managed.url, api_token=managed.token)
        given = _of_the_hub(external.environment)
        assert given.keys() == told.keys() | {name for name in given if "PUBLIC" in name}
        certificates = {name for name in given if name.startswith("JUPYTERHUB_SSL")}
        assert bool(certificates) == (way == "ssl")
        assert {name: expected[name] for name in told if name not in certificates} == {
            name: value for name, value in told.items() if name not in certificates
        }
        assert all(Path(given[name]).is_file() for name in certificates)


def _of_the_hub(environment):
    mine = "JUPYTERHUB_PYTEST"
    found = {name: value for name, value in environment.items() if name.startswith("JUPYTERHUB_")}
    return {name: value for name, value in found.items() if not name.startswith(mine) and value != ""}


class TestWithoutAProcess:
    """A service's own code, in the test's process, against a real hub."""

    @pytest.fixture
    def notes(self, hub_service):
        return hub_service("notes", url=True, oauth_no_confirm=True)

    def test_hub_auth_of_a_service(self, notes):
        ada = notes.user()
        auth = notes.hub_auth(cache_max_age=1)
        model = auth.user_for_token(notes.token_for(ada))
        assert (model["name"], auth.cache_max_age, auth.base_url) == (ada.name, 1, "/services/notes/")
        assert auth.check_scopes(auth.access_scopes, model)
        narrow = auth.user_for_token(notes.token_for(ada, "read:users!user"))
        assert not auth.check_scopes(auth.access_scopes, narrow)

    def test_hub_auth_without_oauth(self, hub_service):
        from jupyterhub.services.auth import HubAuth

        service = hub_service(scopes="list:users")
        assert service.hub_auth(HubAuth).user_for_token(service.token)["name"] == service.name

    def test_oauth_by_hand(self, notes):
        ada, eve = notes.user(), notes.user(access=False)
        auth = notes.hub_auth()
        state = auth.generate_state(next_url="/services/notes/page")
        answer = parse_qs(urlsplit(notes.authorize(ada.client, f"{auth.login_url}&state={state}")).query)
        assert answer["state"] == [state]
        assert auth.user_for_token(auth.token_for_code(answer["code"][0]))["name"] == ada.name
        with pytest.raises(ServiceError, match="status 403"):
            notes.authorize(eve.client, auth.login_url)

    def test_consent(self, hub_service):
        service = hub_service("asks", url=True)
        assert "code=" in service.authorize(service.user().client, service.hub_auth().login_url)

    def test_handlers_in_the_loop_of_the_test(self, notes, monkeypatch):
        """A tornado application of JupyterHub's own style, served by the test."""
        monkeypatch.syspath_prepend(Path(__file__).parent)
        from tornado.web import Application

        from whoami import WhoAmI

        ada = notes.user()
        address = urlsplit(notes.url)

        async def test():
            server = Application([("/services/notes/", WhoAmI)], cookie_secret="x").listen(address.port, "127.0.0.1")
            headers = {"Authorization": f"Bearer {notes.token_for(ada)}"}
            async with httpx.AsyncClient(base_url=notes.url, headers=headers, trust_env=False) as client:
                response = await client.get("/services/notes/")
            server.stop()
            await server.close_all_connections()
            return response

        with notes.in_process() as auth:
            assert os.environ["JUPYTERHUB_API_TOKEN"] == notes.token
            assert asyncio.run(test()).json()["name"] == ada.name
            assert type(auth).initialized()
        assert not type(auth).initialized()
        assert "JUPYTERHUB_API_TOKEN" not in os.environ

    def test_framework_with_a_client_of_its_own(self, notes, monkeypatch):
        """A Flask application, which reads its environment when it is imported."""
        pytest.importorskip("flask")
        monkeypatch.syspath_prepend(Path(__file__).parent)
        ada = notes.user()
        with notes.in_process():
            import whoami_flask

            browser = whoami_flask.app.test_client()
            start = browser.get("/services/notes/")
            answer = notes.authorize(ada.client, start.headers["Location"])
            assert browser.get(answer).status_code == 302
            assert browser.get("/services/notes/").json["name"] == ada.name


def test_thread_of_a_hub_auth_is_no_leak(pytester):
    pytester.makepyfile("""
        from jupyterhub.services.auth import HubAuth
        auth = HubAuth(api_token="x")  # as many a service has it, once for its whole module

        def test_hub_auth(hub_service):
            service = hub_service("notes", scopes=["read:users"])
            auth.api_token, auth.api_url = service.token, service.environment["JUPYTERHUB_API_URL"]
            assert auth.user_for_token(service.token)["name"] == "notes"
    """)
    result = pytester.runpytest_subprocess("-q", "-o", "jupyterhub_leaks_grace=2")
    result.assert_outcomes(passed=1)
    assert result.ret == 0


def test_what_a_service_leaves_running_is_named(pytester):
    pytester.makepyfile("""
        import subprocess, sys, time

        CHILD = "import time; time.sleep(600)  # a forgotten child"
        PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {CHILD!r}]); time.sleep(600)"

        def test_service(hub_service):
            service = hub_service(command=[sys.executable, "-c", PARENT])
            import psutil
            while not psutil.Process(service.process.pid).children():
                assert service.process.poll() is None
                time.sleep(0.02)
    """)
    result = pytester.runpytest_subprocess("-q", "-o", "jupyterhub_leaks_grace=0")
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["process *a forgotten child*"])


def test_report_has_what_services_said(pytester):
    pytester.makepyfile("""
        import sys, time

        def test_service(hub_service):
            code = "print('I am here', flush=True); input()"
            service = hub_service(command=[sys.executable, "-c", code], check=False)
            while "I am here" not in service.output:
                time.sleep(0.02)
            assert False
    """)
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Output of service*", "I am here"])
