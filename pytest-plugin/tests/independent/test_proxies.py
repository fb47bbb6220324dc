"""Proxies of other projects, from PyPI."""

from base64 import b64encode

import pytest
from httpx import Request

from jupyterhub_pytest_plugin import ProxyContract
from jupyterhub_pytest_plugin.config import traefik_settings


class TestTraefikFileProxy(ProxyContract):
    proxy_class = "traefik_file"
    known_failures = {
        f"test_odd_names_are_served[{name}]": "users with such names are not served"
        for name in ("plus", "percent", "quote")
    } | {
        "test_host_is_refused_without_subdomains": "any route is accepted: it does not look at host_routing",
        "test_path_is_refused_with_subdomains": "any route is accepted: it does not look at host_routing",
        "test_second_start": "a second traefik finds the port taken, and the first is forgotten",
        "test_path_is_not_tidied[slashes]": "several slashes become one",
        "test_path_is_not_tidied[dots]": "it resolves . and .. in a path",
        "test_path_is_not_tidied[unreserved]": "it decodes what need not be encoded",
        "test_internal_ssl": "traefik is not told of the hub's certificates, and refuses them",
    }

    @classmethod
    def configure(cls, config, place):
        pytest.importorskip("jupyterhub_traefik_proxy")
        config.TraefikProxy.update(traefik_settings(place))
        super().configure(config, place)

    def api_request(self, hub):
        proxy = hub.app.proxy
        return Request(
            "GET",
            f"{proxy.traefik_api_url}/api/http/routers",
            headers={"Authorization": f"Basic {_basic(proxy.traefik_api_username, proxy.traefik_api_password)}"},
        )


def _basic(name, password):
    return b64encode(f"{name}:{password}".encode()).decode()
