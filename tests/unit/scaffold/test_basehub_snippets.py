"""What the hub runs and shows of the template's basehub: its snippets, with the real Config, and its log-in page."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH
from traitlets.config import Config

import deployer.scaffold
from deployer.fleet.values import merge
from deployer.targets.local.lookup import lookup

BASEHUB = Path(deployer.scaffold.__file__).parent / "template" / "base" / "helm-charts" / "basehub"
HUB = yaml.safe_load((BASEHUB / "values.yaml").read_text())["jupyterhub"]
SHARE = {"singleuser": {"storage": {"type": "static", "static": {"pvcName": "home-nfs"}}}}
DASK = {"hub": {"services": {"dask-gateway": {"display": False}}}}
ADMIN = {"custom": {"singleuserAdmin": {"serviceAccountName": "admin-sa"}}}


class KubeSpawner:
    """Of KubeSpawner what a subclass builds upon."""

    service_account = "user-sa"

    def __init__(self, *, admin: bool) -> None:
        self.user = type("User", (), {"admin": admin})()

    def start(self) -> str:
        return self.service_account


@pytest.fixture
def run(monkeypatch):
    """Run the chart's snippets, in their order, over values and what the hub's chart has set before."""

    def run(values: Mapping[str, Any], *, kubernetes: bool = True, release: str = "ocean", **before: Any) -> Config:
        whole = merge([HUB, values])
        z2jh, kubespawner = ModuleType("z2jh"), ModuleType("kubespawner")
        monkeypatch.setattr(z2jh, "get_config", lambda key, default=None: lookup(whole, key, default), raising=False)
        monkeypatch.setattr(kubespawner, "KubeSpawner", KubeSpawner, raising=False)
        monkeypatch.setitem(sys.modules, "z2jh", z2jh)
        # None makes an import of it fail, as where it is not installed.
        monkeypatch.setitem(sys.modules, "kubespawner", kubespawner if kubernetes else None)
        for name, value in (("POD_NAMESPACE", "ocean"), ("HELM_RELEASE_NAME", release)):
            monkeypatch.setenv(name, value) if kubernetes else monkeypatch.delenv(name, raising=False)
        c = Config({"KubeSpawner": {"init_containers": [], "environment": {}, **before}})
        c.JupyterHub.services = [{"name": name, **one} for name, one in whole["hub"]["services"].items()]
        for name in sorted(whole["hub"]["extraConfig"]):
            exec(whole["hub"]["extraConfig"][name], {"c": c})  # noqa: S102 - that is what a snippet is for
        return c

    return run


def test_where_nothing_is_asked_for_nothing_but_the_home_page_is_set(run):
    c = run({})
    assert c.JupyterHub.template_vars == {"custom": HUB["custom"]["homepage"]["templateVars"]}
    assert c.KubeSpawner == {"init_containers": [], "environment": {}}
    assert set(c.JupyterHub) == {"services", "template_vars"}


def test_variables_of_the_hub_s_own_stay(run):
    assert (
        run({"hub": {"templateVars": {"announcement": "closed"}}}).JupyterHub.template_vars["announcement"] == "closed"
    )


@pytest.mark.parametrize("containers", [[], {}])
def test_homes_on_the_share_are_their_user_s(run, containers):
    made = run(SHARE, init_containers=containers).KubeSpawner.init_containers
    (container,) = made.values() if isinstance(made, dict) else made
    assert container["command"] == ["chown", "1000:100", "/home/jovyan"]
    assert container["volumeMounts"] == [{"name": "home", "mountPath": "/home/jovyan", "subPath": "{username}"}]


def test_homes_that_are_not_kept_are_nobody_s(run):
    assert run(merge([SHARE, {"singleuser": {"storage": {"type": "none"}}}])).KubeSpawner.init_containers == []


def test_homes_elsewhere_and_as_another_user(run):
    own = {"uid": 2000, "fsGid": 2001, "storage": {"homeMountPath": "/home/me", "static": {"subPath": "{x}"}}}
    (container,) = run(merge([SHARE, {"singleuser": own}])).KubeSpawner.init_containers
    assert container["command"] == ["chown", "2000:2001", "/home/me"]
    assert container["volumeMounts"] == [{"name": "home", "mountPath": "/home/me", "subPath": "{x}"}]


@pytest.mark.parametrize(("admin", "account"), [(True, "admin-sa"), (False, "user-sa")])
def test_admins_have_an_account_of_their_own(run, admin, account):
    spawner = run(ADMIN).JupyterHub.spawner_class
    assert issubclass(spawner, KubeSpawner)
    assert spawner(admin=admin).start() == account


@pytest.mark.parametrize(
    ("release", "traefik"),
    [("ocean", "traefik-ocean-dask-gateway.ocean"), ("dask-gateway-ocean", "traefik-dask-gateway-ocean.ocean")],
)
def test_dask_is_a_service_of_the_hub(run, release, traefik):
    c = run(DASK, release=release)
    urls = {service["name"]: service.get("url") for service in c.JupyterHub.services}
    assert urls == {"hub-health": None, "dask-gateway": f"http://{traefik}"}
    environment = c.KubeSpawner.environment
    assert environment["DASK_GATEWAY__PROXY_ADDRESS"] == f"gateway://{traefik}:80"
    assert environment["DASK_GATEWAY__ADDRESS"] == "http://proxy-public/services/dask-gateway"
    # KubeSpawner formats what it finds here, the client of dask-gateway what is left of it.
    assert environment["DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE"].format() == "{JUPYTER_IMAGE_SPEC}"
    assert (
        "/jupyter/services"
        in run(merge([DASK, {"hub": {"baseUrl": "/jupyter/"}}])).KubeSpawner.environment["DASK_GATEWAY__ADDRESS"]
    )


def test_on_this_machine_all_of_it_runs_and_sets_nothing_of_kubernetes(run):
    c = run(merge([DASK, ADMIN]), kubernetes=False)
    assert "spawner_class" not in c.JupyterHub
    assert c.KubeSpawner.environment == {}


# The page before log-in


def page(**variables: Any) -> str:
    """As JupyterHub renders it: its own templates stand below ours, and by their prefix."""
    own = FileSystemLoader(str(Path(DATA_FILES_PATH) / "templates"))
    ours = DictLoader({"login.html": HUB["hub"]["extraFiles"]["basehub-login"]["stringData"]})
    loader = ChoiceLoader([ours, PrefixLoader({"templates": own}), own])
    known = {"static_url": lambda path, **_: path, "authenticator_login_url": "/login", "authenticator": {}}
    return Environment(loader=loader, autoescape=True).get_template("login.html").render(**known, **variables)


def test_the_log_in_page_names_whose_hub_it_is():
    org = {"name": "Oceans & <Seas>", "url": "https://example.org/", "logo_url": "https://example.org/logo.png"}
    shown = page(custom={"org": org, "funded_by": {"name": "A fund", "url": ""}, "designed_by": None})
    assert '<a href="https://example.org/">Oceans &amp; &lt;Seas&gt;</a>' in shown
    assert 'src="https://example.org/logo.png"' in shown
    assert "Funded by A fund" in shown
    assert "Designed by" not in shown
    assert 'name="username"' in shown


@pytest.mark.parametrize("variables", [{}, {"custom": {}}, {"custom": HUB["custom"]["homepage"]["templateVars"]}])
def test_the_log_in_page_is_jupyterhub_s_where_nothing_is_said(variables):
    shown = page(**variables)
    assert 'id="organisation"' not in shown
    assert "list-inline-item" not in shown
    assert 'name="username"' in shown
