"""Values of the chart, seen in real hubs that were configured from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from hub_process import PASSWORD, HubProcess, wait_until

pytestmark = pytest.mark.local

SNIPPETS = {
    "02-second": "order.append('second')\nc.JupyterHub.template_vars['order'] = ','.join(order)",
    "01-first": "order = ['first', get_config('custom.place'), os.environ['TIDE']]",
    "03-cluster": "from kubespawner import KubeSpawner\nc.JupyterHub.spawner_class = KubeSpawner",
    "04-pods": "c.KubeSpawner.volumes.append({'name': 'scratch'})",
    "05-helpers": "import z2jh\nz2jh.set_config_if_not_none(c.JupyterHub, 'cookie_max_age_days', 'custom.days')\n"
    "assert z2jh.get_name('hub') == 'hub' and z2jh.get_name_env('hub', '_SERVICE_PORT').isdigit()\n"
    "assert z2jh.get_secret_value('hub.services.reader.apiToken')",
}
RICH: dict[str, Any] = {
    "custom": {"place": "reef", "days": 3},
    "debug": {"enabled": True},
    "cull": {"every": 30, "timeout": 7200},
    "hub": {
        "baseUrl": "/lagoon/",
        "allowNamedServers": True,
        "namedServerLimitPerUser": 1,
        "config": {
            "JupyterHub": {"authenticator_class": "cilogon"},
            "Authenticator": {"admin_users": ["ada"], "blocked_users": ["mallory@reef.org"]},
            "CILogonOAuthenticator": {
                "allowed_idps": {
                    "https://accounts.google.com/o/oauth2/auth": {
                        "username_derivation": {"username_claim": "email"},
                        "allowed_domains": ["reef.org"],
                    }
                }
            },
        },
        "extraConfig": SNIPPETS,
        "extraEnv": {"TIDE": "high", "KEY": {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}},
        "services": {
            "reader": {"apiToken": "reader-token"},
            "writer": {"command": ["python3", "-m", "http.server", "--bind", "127.0.0.1", "0"]},
        },
        "loadRoles": {
            "reader": {"scopes": ["list:users", "read:users:activity"], "services": ["reader", "dask-gateway"]},
        },
    },
    "singleuser": {
        "defaultUrl": "/lab",
        "extraEnv": {"BUCKET": "s3://reef/$(JUPYTERHUB_USER)", "PLAIN": {"value": 7}, "ME": "{username}"},
        "extraFiles": {
            "note": {"mountPath": "/home/jovyan/notes/a.json", "data": {"a": 1}},
            "elsewhere": {"mountPath": "/etc/motd", "stringData": "no"},
        },
        "memory": {"limit": "2G"},
        "profileList": [
            {"display_name": "Small one", "kubespawner_override": {"image": "a:1", "environment": {"SIZE": "small"}}},
            {
                "display_name": "Large one",
                "slug": "large",
                "kubespawner_override": {"mem_limit": "4G", "environment": {"SIZE": "large"}},
                "profile_options": {
                    "tool": {
                        "choices": {
                            "lab": {"default": True, "kubespawner_override": {"default_url": "/lab"}},
                            "tree": {"kubespawner_override": {"default_url": "/tree"}},
                        }
                    }
                },
            },
        ],
    },
}


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    hub = HubProcess(tmp_path_factory.mktemp("rich"), RICH, base_url="/lagoon/")
    try:
        yield hub.start()
    finally:
        hub.end()


def environment_of(pid: int) -> dict[str, str]:
    return psutil.Process(pid).environ()


def server_process(hub: HubProcess, user: str, server: str = "") -> psutil.Process:
    """The single-user server of a user, found by what the hub gave it."""
    for process in psutil.process_iter():
        try:
            env = process.environ()
        except psutil.Error:
            continue
        here = env.get("HOME", "").startswith(str(hub.folder)) and "jupyterhub.singleuser" in process.cmdline()
        if here and env.get("JUPYTERHUB_USER") == user and env.get("JUPYTERHUB_SERVER_NAME") == server:
            return process
    raise AssertionError(f"{user} has no server {server!r}")


def test_a_service_has_just_the_scopes_of_its_role(rich: HubProcess) -> None:
    assert rich.api("GET", "users", token="reader-token").status_code == 200
    assert rich.api("POST", "users/nobody", token="reader-token").status_code == 403


def test_a_command_of_a_service_and_the_culler_run(rich: HubProcess) -> None:
    children = psutil.Process(rich.children["hub"].pid).children()
    commands = [" ".join(child.cmdline()) for child in children]
    assert any("http.server" in command for command in commands)
    culler = next(command for command in commands if "jupyterhub_idle_culler" in command)
    assert f":{rich.ports['hub']}/lagoon/hub/api" in culler
    assert "--timeout=7200" in culler


def test_snippets_run_in_order_of_their_names_and_those_of_kubernetes_not_at_all(rich: HubProcess) -> None:
    report = rich.report
    assert report["skipped"] == {"03-cluster": "kubespawner"}
    assert report["not_applied"]["hub.loadRoles.reader: dask-gateway"] == "there is no such service"
    assert "hub.extraEnv.KEY" in report["not_applied"]
    assert 'extraConfig["03-cluster"] is not run' in "\n".join(report["notices"])


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        ("ada", None, 200),  # admins may always enter
        ("eve@reef.org", None, 200),  # the domain rule of her provider admits her
        ("eve@else.org", None, 403),
        ("eve", None, 403),  # the provider gives whole addresses as names
        ("mallory@reef.org", None, 403),  # blocked
        ("ada", "wrong", 403),
        ("ada", "", 403),
    ],
)
def test_the_local_log_in_keeps_the_rules(rich: HubProcess, name: str, password: str | None, status: int) -> None:
    found, _ = rich.log_in(name) if password is None else rich.log_in(name, password)
    assert found == status


def test_a_server_of_a_profile_sees_its_environment_and_its_files(rich: HubProcess) -> None:
    url = rich.spawn("eve@reef.org", options={"profile": "large", "tool": "tree"})
    env = server_process(rich, "eve@reef.org").environ()
    assert {key: env[key] for key in ("SIZE", "BUCKET", "PLAIN", "ME", "MEM_LIMIT", "JUPYTERHUB_DEFAULT_URL")} == {
        "SIZE": "large",
        "BUCKET": "s3://reef/eve@reef.org",
        "PLAIN": "7",
        "ME": "eve@reef.org",
        "MEM_LIMIT": str(4 * 2**30),
        "JUPYTERHUB_DEFAULT_URL": "/tree",
    }
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert (Path(env["HOME"]) / "notes" / "a.json").read_text() == '{"a": 1}'
    headers = {"Authorization": "token health-token"}
    assert httpx.get(f"{url}api/status", headers=headers, trust_env=False).status_code == 200
    assert (rich.folder / "logs" / "users" / "eve@reef.org.log").stat().st_size > 0
    assert "singleuser.extraFiles.elsewhere" in rich.report["not_applied"]


def test_a_person_chooses_a_profile_in_the_form(rich: HubProcess) -> None:
    with rich.browser() as http:
        rich.fill_in(http, "hub/login", {"username": "ada", "password": PASSWORD}, then="hub/home")
        page = http.get(f"{rich.url}hub/spawn").text
        assert "Small one" in page
        assert "profile-option-large--tool" in page
        rich.fill_in(http, "hub/spawn", {"profile": "large", "profile-option-large--tool": "tree"})
    wait_until(lambda: rich.server("ada").get("ready"), lambda: rich.log)
    env = server_process(rich, "ada").environ()
    assert (env["SIZE"], env["JUPYTERHUB_DEFAULT_URL"]) == ("large", "/tree")


def test_people_are_told_of_the_local_log_in(rich: HubProcess) -> None:
    with rich.browser() as http:
        assert "A local log-in in place of CILogonOAuthenticator" in http.get(f"{rich.url}hub/login").text


def test_the_first_profile_is_the_default_and_leaves_no_trace_of_the_one_before(rich: HubProcess) -> None:
    rich.spawn("bob", options={"profile": "large"})
    assert rich.api("DELETE", "users/bob/server").status_code in (202, 204)
    wait_until(lambda: not rich.server("bob").get("pending") and not rich.server("bob").get("ready"))
    rich.spawn("bob", options={"profile": ""})
    env = server_process(rich, "bob").environ()
    assert (env["SIZE"], env["MEM_LIMIT"]) == ("small", str(2 * 2**30))


def test_a_profile_that_is_not_on_the_list_is_refused(rich: HubProcess) -> None:
    rich.api("POST", "users/cleo")
    rich.api("POST", "users/cleo/server", {"profile": "huge"})
    wait_until(lambda: not rich.server("cleo").get("pending"))
    assert not rich.server("cleo").get("ready")
    assert "no profile 'huge'; there are: small-one, large" in rich.log


def test_named_servers_up_to_the_limit(rich: HubProcess) -> None:
    rich.spawn("dora", "one")
    assert server_process(rich, "dora", "one")
    assert rich.api("POST", "users/dora/servers/two").status_code == 400


BROKEN = [
    (
        {"extraConfig": {"a": "pass", "b": "x = 1\n\nmissing_name + 1"}},
        "hub.extraConfig[\"b\"] line 3: NameError: name 'missing_name' is not defined",
    ),
    ({"extraConfig": {"b": "def broken(:"}}, 'hub.extraConfig["b"] line 1: SyntaxError: invalid syntax'),
    (
        {"config": {"JupyterHub": {"concurent_spawn_limit": 3}}},
        (
            "hub.config.JupyterHub.concurent_spawn_limit: JupyterHub has no trait 'concurent_spawn_limit'; "
            "did you mean 'concurrent_spawn_limit'?"
        ),
    ),
]


@pytest.mark.parametrize(("hub", "line"), BROKEN)
def test_a_hub_that_cannot_be_configured_says_why_in_one_line(tmp_path: Path, hub: Any, line: str) -> None:
    world = HubProcess(tmp_path, {"hub": hub})
    assert world.start_hub().wait(60) == 1
    world.children.clear()
    errors = [found for found in world.log.splitlines() if found.startswith("jupyterhub_config error: ")]
    assert errors == [f"jupyterhub_config error: {line}"]
    assert "Traceback" not in world.log


def test_a_restarted_hub_finds_its_servers_again(tmp_path: Path) -> None:
    world = HubProcess(tmp_path, {"hub": {"config": {"DummyAuthenticator": {"password": "x"}}}})
    try:
        world.start()
        world.spawn("ada")
        before = server_process(world, "ada")
        world.stop("hub")
        assert before.is_running()
        world.start_hub()
        wait_until(world.answers)
        assert world.server("ada")["ready"]
        assert server_process(world, "ada") == before
        assert world.api("DELETE", "users/ada/server").status_code in (202, 204)
        wait_until(lambda: not before.is_running() or before.status() == psutil.STATUS_ZOMBIE)
    finally:
        world.end()
