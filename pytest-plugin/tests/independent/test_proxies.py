"""Proxies of other projects, from PyPI."""

import pytest

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
        "test_internal_ssl": "traefik is not told of the hub's certificates, and refuses them",
    }

    @classmethod
    def configure(cls, config, place):
        pytest.importorskip("jupyterhub_traefik_proxy")
        config.TraefikProxy.update(traefik_settings(place))
        super().configure(config, place)
