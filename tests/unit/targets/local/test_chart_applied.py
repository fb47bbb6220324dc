"""Each key that the table calls applied or translated is really read: setting it changes what the hub runs with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hub_values import configured

from deployer.targets.local.report import HubConfigError
from deployer.targets.local.snippets import SnippetError
from deployer.targets.local.treatments import Treatment, table


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


FILE = {"mountPath": "/home/jovyan/a.json", "stringData": "a"}
READS = "c.JupyterHub.template_vars['read'] = str(get_config('custom'))"

# For each key: values with it, and where these need company, values without it.
EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "custom": ({"custom": {"a": 1}, "hub": {"extraConfig": {"x": READS}}}, {"hub": {"extraConfig": {"x": READS}}}),
    "debug.enabled": (nested("debug.enabled", True), {}),
    "hub.concurrentSpawnLimit": (nested("hub.concurrentSpawnLimit", 3), {}),
    "hub.activeServerLimit": (nested("hub.activeServerLimit", 3), {}),
    "hub.allowNamedServers": (nested("hub.allowNamedServers", True), {}),
    "hub.namedServerLimitPerUser": (nested("hub.namedServerLimitPerUser", 3), {}),
    "hub.authenticatePrometheus": (nested("hub.authenticatePrometheus", False), {}),
    "hub.redirectToServer": (nested("hub.redirectToServer", False), {}),
    "hub.shutdownOnLogout": (nested("hub.shutdownOnLogout", True), {}),
    "hub.templateVars": (nested("hub.templateVars", {"a": 1}), {}),
    "hub.templatePaths": (nested("hub.templatePaths", ["/a"]), {}),
    "hub.baseUrl": (nested("hub.baseUrl", "/x/"), {}),
    "hub.consecutiveFailureLimit": (nested("hub.consecutiveFailureLimit", 0), {}),
    "hub.config": (nested("hub.config.JupyterHub", {"cookie_max_age_days": 1}), {}),
    "hub.extraConfig": (nested("hub.extraConfig", {"a": "c.JupyterHub.cookie_max_age_days = 1"}), {}),
    "hub.extraEnv": (nested("hub.extraEnv", {"A": "1"}), {}),
    "hub.services": (nested("hub.services", {"a": {}}), {}),
    "hub.loadRoles": (nested("hub.loadRoles", {"a": {"scopes": []}}), {}),
    "singleuser.defaultUrl": (nested("singleuser.defaultUrl", "/tree"), {}),
    "singleuser.startTimeout": (nested("singleuser.startTimeout", 1), {}),
    "singleuser.cmd": (nested("singleuser.cmd", ["jupyterhub-singleuser", "--debug"]), {}),
    "singleuser.extraEnv": (nested("singleuser.extraEnv", {"A": "1"}), {}),
    "singleuser.memory.limit": (nested("singleuser.memory.limit", "1G"), {}),
    "singleuser.memory.guarantee": (nested("singleuser.memory.guarantee", "2G"), {}),
    "singleuser.cpu.limit": (nested("singleuser.cpu.limit", 1), {}),
    "singleuser.cpu.guarantee": (nested("singleuser.cpu.guarantee", 0.1), {}),
    "singleuser.profileList": (nested("singleuser.profileList", [{"display_name": "A"}]), {}),
    "singleuser.storage.type": (nested("singleuser.storage.type", "none"), {}),
    "singleuser.storage.homeMountPath": (nested("singleuser.storage.homeMountPath", "/home/me"), {}),
    **{
        f"cull.{key}": (nested(f"cull.{key}", value), {})
        for key, value in {
            "enabled": False, "users": True, "adminUsers": False, "removeNamedServers": True,
            "timeout": 1, "every": 1, "concurrency": 1, "maxAge": 1,
        }.items()
    },
    **{
        f"{where}.extraFiles.*.{key}": (nested(f"{where}.extraFiles.a", changed), nested(f"{where}.extraFiles.a", FILE))
        for where in ("hub", "singleuser")
        for key, changed in {
            "mountPath": {**FILE, "mountPath": "/home/jovyan/b.json"},
            "data": {"mountPath": FILE["mountPath"], "data": {"a": 1}},
            "stringData": {**FILE, "stringData": "b"},
            "binaryData": {"mountPath": FILE["mountPath"], "binaryData": "aGk="},
            "mode": {**FILE, "mode": 0o600},
        }.items()
    },
}  # fmt: skip
# Keys whose translation is that the deployer's own value stands in their place, whatever they say.
REPLACED = {
    "hub.cookieSecret": "00" * 32,
    "hub.db.password": "secret",
    "hub.db.type": "postgres",
    "hub.db.upgrade": False,
    "hub.db.url": "postgresql://db/hub",
    "proxy.secretToken": "11" * 32,
}


def test_each_key_that_applies_or_is_translated_has_an_example() -> None:
    done = {path for path, row in table().items() if row.treatment is not Treatment.KUBERNETES}
    assert done == EXAMPLES.keys() | REPLACED.keys()


@pytest.mark.parametrize("path", EXAMPLES)
def test_setting_the_key_changes_what_the_hub_runs_with(tmp_path: Path, path: str) -> None:
    with_it, without = EXAMPLES[path]
    before = configured(tmp_path, without).mark()
    assert configured(tmp_path, with_it).mark() != before


@pytest.mark.parametrize("path", REPLACED)
def test_the_deployers_own_value_stands(tmp_path: Path, path: str) -> None:
    before = configured(tmp_path, {}).mark()
    assert configured(tmp_path, nested(path, REPLACED[path])).mark() == before


def test_what_the_deployer_decides_stands_against_snippets_and_is_reported(tmp_path: Path) -> None:
    snippet = "c.JupyterHub.db_url = 'sqlite://'\nc.JupyterHub.hub_bind_url = 'http://0.0.0.0:1'"
    done = configured(tmp_path, {"hub": {"extraConfig": {"a": snippet}}})
    assert done.config.JupyterHub.db_url == f"sqlite:///{tmp_path}/jupyterhub.sqlite"
    assert done.config.JupyterHub.hub_bind_url == "http://127.0.0.1:8081"
    assert {"c.JupyterHub.db_url", "c.JupyterHub.hub_bind_url"} <= done.report.not_applied.keys()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"jupyterHub": {"a": 1}},
            "hub.config.jupyterHub: sections are named like classes, such as JupyterHub",
        ),
        (
            {"JupyterHub": {"authenticator_class": "githbu"}},
            "there is no authenticator 'githbu'; did you mean 'github'?",
        ),
        ({"Authenticator": {"admin_user": []}}, "Authenticator has no trait 'admin_user'; did you mean 'admin_users'?"),
        ({"Authenticator": {"admin_users": 5}}, "hub.config.Authenticator.admin_users: "),
        ({"Authenticator": {"authenticator_class": "x"}}, "did you mean JupyterHub.authenticator_class?"),
        ({"GitHubOAuthenticator": {"allowed_organisations": []}}, "did you mean 'allowed_organizations'?"),
        ({"JupyterHub": {"concurrent_spawn_limit": "many"}}, "hub.config.JupyterHub.concurrent_spawn_limit: "),
    ],
)
def test_a_setting_that_cannot_be_is_an_error(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    with pytest.raises(HubConfigError) as caught:
        configured(tmp_path, {"hub": {"config": config}})
    assert message in str(caught.value)


def test_a_setting_of_the_chosen_class_may_stand_in_the_section_of_its_parent(tmp_path: Path) -> None:
    config = {"JupyterHub": {"authenticator_class": "github"}, "Authenticator": {"logout_redirect_url": "/bye"}}
    assert configured(tmp_path, {"hub": {"config": config}}).report.login == "GitHubOAuthenticator"


@pytest.mark.parametrize(
    ("config", "left_out"),
    [
        ({"KubeSpawner": {"uid": 1}}, "hub.config.KubeSpawner.uid"),
        ({"Spawner": {"volume_mounts": []}}, "hub.config.Spawner.volume_mounts"),
        ({"UsageViewer": {"note": "x"}}, "hub.config.UsageViewer.note"),
        ({"JupyterHub": {"cookie_secret": "x"}}, "hub.config.JupyterHub.cookie_secret"),
        ({"JupyterHub": {"extra_log_file": "/no/such/folder/log"}}, "c.JupyterHub.extra_log_file"),
    ],
)
def test_what_has_no_effect_is_reported(tmp_path: Path, config: dict[str, Any], left_out: str) -> None:
    assert left_out in configured(tmp_path, {"hub": {"config": config}}).report.not_applied


def test_a_trait_that_a_snippet_misspells_is_an_error_of_that_snippet(tmp_path: Path) -> None:
    with pytest.raises(HubConfigError) as caught:
        configured(tmp_path, {"hub": {"extraConfig": {"a": "c.Spawner.default_ulr = '/lab'"}}})
    told = (
        "hub.extraConfig[\"a\"]: c.Spawner.default_ulr: Spawner has no trait 'default_ulr'; did you mean 'default_url'?"
    )
    assert str(caught.value) == told


def test_a_skipped_snippet_leaves_nothing_behind(tmp_path: Path) -> None:
    files = {"m": {"mountPath": "/usr/local/etc/jupyterhub/pods.py", "stringData": "import kubernetes_asyncio"}}
    snippet = "c.JupyterHub.cookie_max_age_days = 1\nimport pods"
    done = configured(tmp_path, {"hub": {"extraFiles": files, "extraConfig": {"a": snippet}}})
    assert done.report.skipped == {"a": "kubernetes_asyncio"}
    assert "cookie_max_age_days" not in done.config.JupyterHub


def test_a_snippet_that_raises_is_an_error_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SnippetError, match=r'hub\.extraConfig\["a"\] line 2: ZeroDivisionError: division by zero'):
        configured(tmp_path, {"hub": {"extraConfig": {"a": "x = 1\nx / 0"}}})


def test_a_log_in_class_that_a_snippet_makes_is_replaced_with_its_rules(tmp_path: Path) -> None:
    snippet = (
        "from oauthenticator.github import GitHubOAuthenticator\n"
        "class Ours(GitHubOAuthenticator):\n    pass\n"
        "c.JupyterHub.authenticator_class = Ours\nc.Ours.allowed_users = {'ada'}\n"
        "c.GitHubOAuthenticator.allowed_organizations = {'reef'}"
    )
    done = configured(tmp_path, {"hub": {"extraConfig": {"a": snippet}}})
    assert done.report.login == "Ours"
    assert done.report.undecided == ["allowed_organizations"]
    assert done.config.LocalLogin.allowed_users == {"ada"}
