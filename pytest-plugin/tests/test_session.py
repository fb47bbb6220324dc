"""What happens around the tests: options, ini file, hooks, reports, and what is left behind."""

import importlib.util
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest

from jupyterhub_pytest_plugin import reaper
from jupyterhub_pytest_plugin.config import chp_command
from jupyterhub_pytest_plugin.errors import HubError
from jupyterhub_pytest_plugin.reaper import FOLDERS, NOTHING_LEFT


def has(module):
    return importlib.util.find_spec(module) is not None


def has_chp():
    try:
        return bool(chp_command())
    except HubError:
        return False


@pytest.fixture(scope="module", autouse=True)
def everything_imported(jupyterhub_factory):
    """An inner session forgets the modules that it imported; those that JupyterHub needs must not be imported twice."""
    import jupyterhub_pytest_plugin.contracts.proxy
    import jupyterhub_pytest_plugin.contracts.spawner
    import jupyterhub_pytest_plugin.still  # noqa: F401

    hub = jupyterhub_factory({"JupyterHub": {"internal_ssl": True}}, start=False)
    hub.config.JupyterHub.hub_bind_url = hub.place.hub.url("https")
    hub.config.JupyterHub.internal_certs_location = str(hub.folder / "ssl")
    hub.start().client().login("ada").spawn()
    hub.stop()


SPAWN = """
    def test_spawn(hub_user, jupyterhub):
        said = hub_user.spawn().json()
        assert said["env"]["JUPYTERHUB_USER"] == hub_user.name
        print("URL", hub_user.client.get(f"user/{hub_user.name}/").url)
        print("TARGET", jupyterhub.call(lambda: jupyterhub.app.users[hub_user.name].spawner.server.url))
        print("PROXY", type(jupyterhub.app.proxy).__name__)
"""


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("--jupyterhub-ssl", "TARGET https://"),
        ("--jupyterhub-subdomain", "URL http://user-.*hub.test:"),
        pytest.param(
            "--jupyterhub-proxy=chp",
            "PROXY ConfigurableHTTPProxy",
            marks=pytest.mark.skipif(not has_chp(), reason="configurable-http-proxy is not installed"),
        ),
        pytest.param(
            "--jupyterhub-proxy=traefik",
            "PROXY TraefikFileProviderProxy",
            marks=pytest.mark.skipif(not has("jupyterhub_traefik_proxy"), reason="traefik's proxy is not installed"),
        ),
    ],
)
def test_options(pytester, option, shown):
    pytester.makepyfile(SPAWN)
    result = pytester.runpytest_inprocess("-s", "-p", "no:cacheprovider", option)
    result.assert_outcomes(passed=1)
    assert re.search(shown, result.stdout.str())


def test_scope_and_hook(pytester):
    pytester.makeconftest("def pytest_jupyterhub_config(config): config.JupyterHub.allow_named_servers = True")
    pytester.makeini("[pytest]\njupyterhub_scope = function\n")
    pytester.makepyfile(
        """
        seen = []

        def test_one(jupyterhub):
            assert jupyterhub.app.allow_named_servers
            seen.append(jupyterhub)

        def test_two(jupyterhub):
            assert jupyterhub not in seen
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


OVERRIDE = """
    import pytest

    class TestOwn:
        @pytest.fixture(scope="{scope}")
        def jupyterhub_config(self):
            return {{"JupyterHub": {{"allow_named_servers": True}}}}

        def test_hub(self, {fixture}):
            assert {hub}.app.allow_named_servers

    def test_others(jupyterhub, jupyterhub_factory):
        pass
"""


@pytest.mark.parametrize(
    ("fixture", "hub"), [("jupyterhub", "jupyterhub"), ("jupyterhub_factory", "jupyterhub_factory()")]
)
def test_override_that_a_shared_hub_was_not_made_with_is_an_error(pytester, fixture, hub):
    pytester.makepyfile(OVERRIDE.format(scope="module", fixture=fixture, hub=hub))
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [f"*`{fixture}` is shared by a module*", "Either mark the class*@pytest.mark.jupyterhub(*", "*= class"]
    )


def test_scope_of_an_override_that_is_too_narrow_is_explained(pytester):
    pytester.makepyfile(OVERRIDE.format(scope="class", fixture="jupyterhub", hub="jupyterhub"))
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*needs the scope of the hub that it configures, 'module'*", "*= class"])


def test_override_of_a_class_counts_where_hubs_are_of_classes(pytester):
    pytester.makeini("[pytest]\njupyterhub_scope = class\n")
    pytester.makepyfile(OVERRIDE.format(scope="class", fixture="jupyterhub", hub="jupyterhub"))
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_errors_of_ours_are_shown_where_the_test_met_them(pytester):
    pytester.makepyfile(
        """
        import asyncio

        def test_thread(jupyterhub):
            asyncio.run(jupyterhub.run_async(jupyterhub.app.users["ada"].get_auth_state()))

        def test_name(jupyterhub_factory):
            jupyterhub_factory({"JupyterHub": {"spawner_class": "simpel"}})

        def test_login(hub_client):
            hub_client.spawn()
        """
    )
    result = pytester.runpytest_inprocess("--tb=short", "--show-capture=no")
    result.assert_outcomes(failed=3)
    said = result.stdout.str()
    shown = re.findall(r"^([\w/.-]+\.py):\d+: in ", said, re.MULTILINE)
    assert {Path(file).name for file in shown} == {"test_errors_of_ours_are_shown_where_the_test_met_them.py"}, said
    assert len(shown) == 3
    result.stdout.fnmatch_lines(["E *WrongThreadError: *hub.call*", "E *ConfigError: *did you mean simple*"])


def test_error_in_a_route_is_the_tests(pytester):
    pytester.makepyfile(
        """
        import httpx

        def test_provider(http_backend):
            backend = http_backend("provider", routes={"/token": lambda request: request.form["code"]})
            assert httpx.get(f"{backend.url}/token", trust_env=False).status_code == 500
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*KeyError: 'code'*"])


def test_wrong_scope_is_named(pytester):
    pytester.makeini("[pytest]\njupyterhub_scope = planet\n")
    result = pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*jupyterhub_scope = 'planet'*must be one of function, class*"])


def test_unchecked_classes(pytester):
    pytester.makeini("[pytest]\njupyterhub_unchecked_classes = LoadedLater\n")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.jupyterhub(LoadedLater={"colour": "blue"})
        def test_starts(jupyterhub):
            assert jupyterhub.config.LoadedLater.colour == "blue"
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_real_server_that_is_missing_is_named(pytester, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyter_server", None)
    result = pytester.runpytest_inprocess("--jupyterhub-singleuser=real")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*needs jupyter_server, which is missing: `pip install jupyter-server`*"])


WARNS = """
    import warnings

    import pytest

    def warn(module):
        warnings.warn_explicit("old", DeprecationWarning, "file.py", 1, module=module)

    def test_of_hubs(jupyterhub):
        warn("jupyter_events.schema")
        with pytest.raises(DeprecationWarning):
            warn("mine.module")
"""


def test_warnings_of_hubs_are_no_errors_on_the_command_line(pytester):
    pytester.makepyfile(WARNS)
    pytester.runpytest_inprocess("-W", "error", "-p", "no:asyncio").assert_outcomes(passed=1)


def test_left_behind_is_named_and_ended(pytester):
    pytester.makepyfile(
        """
        import subprocess, threading

        def test_forgetful(jupyterhub):
            subprocess.Popen(["sleep", "600"])
            threading.may_end = threading.Event()
            threading.Thread(target=threading.may_end.wait, args=[60], name="forgotten").start()
        """
    )
    result = pytester.runpytest_inprocess("-W", "ignore", "-o", "jupyterhub_leaks_grace=1")
    threading.may_end.set()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*left behind by hubs under test*", "process *: sleep 600", "thread 'forgotten'"])
    pid = int(re.search(r"process (\d+)", result.stdout.str()).group(1))
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_idle_executors_and_what_is_ignored_may_stay(pytester):
    pytester.makepyfile(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor

        def test_with_an_executor_of_a_class(jupyterhub):
            threading.kept = ThreadPoolExecutor(1)
            threading.kept.submit(int).result()
            threading.may_end = threading.Event()
            threading.Thread(target=threading.may_end.wait, args=[60], name="known-1").start()
        """
    )
    pytester.makeini("[pytest]\njupyterhub_leaks_ignore =\n    thread 'known-*'\n    thread 'other-*'\n")
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-o", "jupyterhub_leaks_grace=5")
    threading.may_end.set()
    threading.kept.shutdown()
    assert "left behind" not in result.stdout.str()
    assert result.ret == pytest.ExitCode.OK


def test_busy_executor_is_left_behind(pytester):
    pytester.makepyfile(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor

        def test_that_does_not_wait(jupyterhub):
            threading.may_end = threading.Event()
            threading.kept = ThreadPoolExecutor(1, thread_name_prefix="busy")
            threading.kept.submit(threading.may_end.wait, 60)
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-o", "jupyterhub_leaks_grace=1")
    threading.may_end.set()
    threading.kept.shutdown()
    result.stdout.fnmatch_lines(["*left behind by hubs under test*", "thread 'busy_0'"])


def test_asyncio_waits_for_what_is_named_already(pytester):
    """Where Python has no other way to watch children, asyncio has a thread for each."""
    pytester.makepyfile(
        """
        import os, subprocess, threading

        def _do_waitpid(expected_pid):
            os.waitpid(expected_pid, 0)

        def test_forgetful(jupyterhub):
            process = subprocess.Popen(["sleep", "600"])
            thread = threading.Thread(target=_do_waitpid, args=[process.pid], name="asyncio-waitpid-7", daemon=True)
            thread.start()
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-W", "ignore", "-o", "jupyterhub_leaks_grace=1")
    result.stdout.fnmatch_lines(["*left behind by hubs under test*", "process *: sleep 600"])
    assert "asyncio-waitpid" not in result.stdout.str()


def test_temporary_files_of_components_are_named(pytester):
    pytester.makepyfile(
        """
        import tempfile
        from pathlib import Path

        def test_component(jupyterhub):
            tempfile.kept = [tempfile.mkstemp(prefix="kept-")[1], jupyterhub.call(tempfile.mkstemp, prefix="token-")[1]]
            tempfile.kept.append(jupyterhub.call(tempfile.mkdtemp, prefix="state-"))
            Path(jupyterhub.call(tempfile.mkstemp, prefix="removed-")[1]).unlink()
        """
    )
    result = pytester.runpytest_inprocess("-W", "ignore", "-o", "jupyterhub_leaks_grace=0")
    own, file, folder = tempfile.__dict__.pop("kept")
    for made in (own, file):
        os.unlink(made)  # noqa: PTH108 - a name, as tempfile gives it
    os.rmdir(folder)  # noqa: PTH106
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"temporary file {file}", f"temporary folder {folder}"])
    result.stdout.no_fnmatch_line(f"*{own}")
    result.stdout.no_fnmatch_line("*removed-*")


def test_each_kind_of_leak_is_named(pytester):
    pytester.makeini("[pytest]\njupyterhub_scope = function\njupyterhub_leaks_grace = 1\n")
    pytester.makepyfile(
        """
        import socket

        folders = []

        def test_socket_and_file(jupyterhub):
            socket.kept = socket.create_server(("127.0.0.1", 0))
            open("jupyterhub_cookie_secret", "w").close()
            folders.append(jupyterhub.folder)

        def test_folder():
            folders[0].mkdir()
        """
    )
    result = pytester.runpytest_inprocess("-W", "ignore")
    socket.kept.close()
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["listening socket on port *", "folder *jupyterhub-pytest-*", "file *jupyterhub_cookie_secret"]
    )
    assert not Path(re.search(r"^folder (.*)$", result.stdout.str(), re.MULTILINE).group(1)).exists()


@pytest.mark.parametrize(
    ("proxy", "left"),
    [
        ("inprocess", "servers=False"),
        pytest.param(
            "chp",
            "servers=False, proxy=False",
            marks=pytest.mark.skipif(not has_chp(), reason="configurable-http-proxy is not installed"),
        ),
    ],
)
def test_what_was_left_running_ends_with_its_hub(pytester, proxy, left):
    pytester.makepyfile(
        f"""
        def test_hub_does_not_come_back(jupyterhub_factory):
            hub = jupyterhub_factory()
            hub.user_client("ada").spawn()
            hub.stop({left})
        """
    )
    result = pytester.runpytest_inprocess(f"--jupyterhub-proxy={proxy}")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK


def test_nothing_is_left_of_a_failed_test(pytester):
    pytester.makepyfile(
        """
        def test_fails(hub_user):
            hub_user.spawn()
            assert False

        def test_fails_to_start(jupyterhub_factory):
            jupyterhub_factory({"JupyterHub": {"authenticator_class": "no.such.Class"}})
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=2)
    assert "left behind" not in result.stdout.str()


@pytest.mark.parametrize(("said", "remains"), [(b"", False), (NOTHING_LEFT, True)])
def test_reaper_cleans_up_unless_it_is_told_that_nothing_is_left(tmp_path, said, remains):
    """The end of its input alone means that the session was killed."""
    folder = tmp_path / f"{FOLDERS}some-mark-of-a-hub"
    folder.mkdir()
    command = [sys.executable, "-I", "-S", reaper.__file__, "some-mark", *filter(None, sys.path)]
    subprocess.run(command, input=said, check=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert folder.exists() is remains


def test_children_die_with_a_killed_session(pytester):
    pytester.makepyfile(
        """
        import os, signal

        def test_dies(hub_user, jupyterhub):
            with open("facts", "w") as file:
                print(hub_user.spawn().json()["pid"], jupyterhub.folder, file=file)
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider")
    pid, folder = (pytester.path / "facts").read_text().split()
    until = time.monotonic() + 120
    while time.monotonic() < until and (psutil.pid_exists(int(pid)) or pytester.path.joinpath(folder).exists()):
        time.sleep(0.1)
    assert not psutil.pid_exists(int(pid))
    assert not pytester.path.joinpath(folder).exists()


@pytest.mark.skipif(not has("xdist"), reason="pytest-xdist is not installed")
def test_xdist(pytester):
    pytester.makepyfile(
        test_a="""
        import subprocess

        def test_forgetful(hub_user):
            hub_user.spawn()
            subprocess.Popen(["sleep", "601"])
        """,
        test_b="""
        def test_tidy(hub_user):
            hub_user.spawn()
        """,
    )
    result = pytester.runpytest_subprocess("-n", "1", "-W", "ignore", "-o", "jupyterhub_leaks_grace=1")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*left behind by hubs under test*", "gw*: process *: sleep 601"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


ASYNC = """
    import asyncio
    import pytest

    {mark}

    async def test_threaded(jupyterhub, hub_client):
        assert hub_client.login("ada").logged_in
        assert "/" in await jupyterhub.run_async(jupyterhub.app.proxy.get_all_routes())

    async def test_inline(jupyterhub_inline):
        async with jupyterhub_inline() as hub:
            client = await hub.client().login("ada")
            assert (await client.get("hub/home")).status_code == 200

    async def test_alone(make_spawner, echo_server):
        from jupyterhub.spawner import SimpleLocalProcessSpawner

        spawner = make_spawner(SimpleLocalProcessSpawner, cmd=echo_server)
        await spawner.start()
        assert await spawner.poll() is None
        await spawner.stop()

    def test_sync(jupyterhub):
        assert jupyterhub.run(jupyterhub.app.proxy.get_all_routes())
"""


@pytest.mark.skipif(not has("pytest_asyncio"), reason="pytest-asyncio is not installed")
@pytest.mark.parametrize(
    ("mode", "mark"),
    [
        ("strict", "pytestmark = pytest.mark.asyncio"),
        ("strict", "pytestmark = pytest.mark.asyncio(loop_scope='module')"),
        ("auto", ""),
    ],
    ids=["strict", "strict-module-loop", "auto"],
)
@pytest.mark.filterwarnings("ignore")
def test_asyncio_modes(pytester, mode, mark):
    pytester.makepyfile(ASYNC.format(mark=mark))
    options = ["-o", f"asyncio_mode={mode}", "-o", "asyncio_default_fixture_loop_scope=function"]
    # A sync test under an asyncio mark is a warning of pytest-asyncio's.
    pytester.runpytest_inprocess("-W", "ignore", *options).assert_outcomes(passed=4)


CONTRACT = """
    from jupyterhub_pytest_plugin import ProxyContract
    from jupyterhub_pytest_plugin.proxy import InProcessProxy

    class Loses(InProcessProxy):
        async def add_route(self, routespec, target, data):
            await super().add_route(routespec, target, {{k: v for k, v in data.items() if k != "nested"}})

    class TestProxy(ProxyContract):
        proxy_class = Loses
        lacks = {lacks}
"""


def test_contract_reports(pytester):
    pytester.makepyfile(CONTRACT.format(lacks={"websockets": "plain HTTP only"}))
    result = pytester.runpytest_inprocess("-rs", "-k", "subprotocol or says_who or round_trip", "--tb=short")
    result.assert_outcomes(failed=1, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*JupyterHub relies on this*",
            "The data of a route comes back as it was given*",
            "https://jupyterhub.readthedocs.io/*",
            "SKIPPED*lacks websockets: plain HTTP only",
        ]
    )


def test_failure_says_how_to_name_what_is_lacking(pytester):
    pytester.makepyfile(
        """
        from jupyterhub_pytest_plugin.contracts.collect import Contract, relies_on

        class TestBird(Contract):
            @relies_on("birds.html", needs="flying")
            def test_flies(self):
                assert False
        """
    )
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(['*lacks = {"flying": "why"}'])


def test_contract_shows_why_a_login_was_refused(pytester):
    pytester.makepyfile(
        """
        from jupyterhub_pytest_plugin import AuthenticatorContract

        class TestStrict(AuthenticatorContract):
            authenticator_class = "dummy"
            authenticator_config = {"allowed_users": {"bob"}}
        """
    )
    result = pytester.runpytest_inprocess("-k", "test_login_survives", "--tb=short")
    result.assert_outcomes(failed=1)
    said = "login of 'ada': POST /hub/login was answered with status 403: Invalid username or password; *"
    result.stdout.fnmatch_lines([f"E *'ada' must come in as 'ada': {said}", "*Logins that were refused*", said])


def test_contract_does_not_wait_longer_than_it_has_patience(pytester):
    pytester.makepyfile(
        """
        import asyncio
        from jupyterhub.auth import DummyAuthenticator
        from jupyterhub_pytest_plugin import AuthenticatorContract

        class Hangs(DummyAuthenticator):
            async def authenticate(self, handler, data):
                await asyncio.Event().wait()

        class TestHanging(AuthenticatorContract):
            authenticator_class = Hangs
            patience = 3
        """
    )
    result = pytester.runpytest_inprocess("-k", "test_login_survives", "--tb=short")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *NoAnswerError: * was not answered within 3 s by hub-*"])


def test_coroutine_is_waited_for_no_longer_than_there_is_patience(pytester):
    pytester.makepyfile(
        """
        import asyncio
        from jupyterhub_pytest_plugin import AuthenticatorContract

        class TestHanging(AuthenticatorContract):
            authenticator_class = "dummy"
            patience = 0.5

            def test_mine(self, contract_hub):
                contract_hub.run(asyncio.Event().wait())
        """
    )
    result = pytester.runpytest_inprocess("-k", "test_mine", "--tb=short")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *HubError: *did not end within 1.5 s in hub-*"])


def test_contract_has_little_patience_with_known_failures(pytester):
    """They would wait a minute for what does not come; with the usual patience, those here would pass, which fails."""
    pytester.makepyfile(
        """
        import pytest
        from jupyterhub_pytest_plugin import SpawnerContract

        class TestPatience(SpawnerContract):
            known_failures = {"test_known": "issue 1", "test_table[2]": "issue 2"}

            def test_known(self):
                assert self.patience > 50

            @pytest.mark.parametrize("number", [1, 2])
            def test_table(self, number):
                assert self.patience > 50
        """
    )
    result = pytester.runpytest_inprocess("-k", "test_known or test_table")
    result.assert_outcomes(xfailed=2, passed=1)


def test_contract_names_what_it_does_not_know(pytester):
    pytester.makepyfile(CONTRACT.format(lacks={"websocket": "plain HTTP only"}))
    result = pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*TestProxy.lacks: 'websocket' is not known; did you mean 'websockets'?"])


def test_contract_wants_a_component(pytester):
    pytester.makepyfile(
        """
        from jupyterhub_pytest_plugin import SpawnerContract

        class TestNothing(SpawnerContract):
            pass
        """
    )
    result = pytester.runpytest_inprocess("-k", "test_stop_twice")
    result.stdout.fnmatch_lines(["*TestNothing: set spawner_class to the spawner to be tested*"])


def test_warning_of_ones_own_component_may_pass(pytester):
    """As the README says it."""
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (lines,) = re.findall(r"```ini\n(filterwarnings =.*?)```", readme, re.DOTALL)
    pytester.makeini(f"[pytest]\n{lines}")
    pytester.makepyfile(
        """
        import warnings

        import pytest

        def test_component():
            warnings.warn_explicit("old", DeprecationWarning, "file.py", 1, module="oauthenticator.oauth2")
            with pytest.raises(DeprecationWarning):
                warnings.warn_explicit("old", DeprecationWarning, "file.py", 1, module="mine")
        """
    )
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)
