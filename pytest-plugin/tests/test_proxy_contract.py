"""The contract for proxies, on the proxies that come with JupyterHub and with this plugin."""

import httpx
import pytest

from jupyterhub_pytest_plugin import ProxyContract
from jupyterhub_pytest_plugin.config import chp_command
from jupyterhub_pytest_plugin.errors import HubError
from jupyterhub_pytest_plugin.proxy import InProcessProxy, Route


class TestInProcessProxy(ProxyContract):
    proxy_class = InProcessProxy
    lacks = {"external": "it lives in the hub's process", "api": "it is called, not asked over a network"}

    def add_foreign_route(self, hub, spec, target):
        hub.app.proxy.foreign[spec] = Route(target, {})


def _chp() -> list[str]:
    try:
        return chp_command()
    except HubError:
        return []


@pytest.mark.skipif(not _chp(), reason="configurable-http-proxy is not installed")
class TestConfigurableHTTPProxy(ProxyContract):
    proxy_class = "configurable-http-proxy"
    proxy_config = {"command": _chp()}
    known_failures = {
        "test_second_start": "it takes the process that it started itself for another hub's, and gives up",
        "test_path_is_not_tidied[dots]": "it resolves . and .. in a path",
        "test_headers_of_one_connection_end_with_it": "it passes on what Connection names",
    }

    def add_foreign_route(self, hub, spec, target):
        proxy = hub.app.proxy
        headers = {"Authorization": f"token {proxy.auth_token}"}
        httpx.post(f"{proxy.api_url}/api/routes{spec}", json={"target": target}, headers=headers).raise_for_status()
