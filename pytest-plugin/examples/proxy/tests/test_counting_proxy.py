import pytest
from counting_proxy import CountingProxy

from jupyterhub_pytest_plugin import ProxyContract
from jupyterhub_pytest_plugin.config import chp_command


class TestContract(ProxyContract):
    """All that JupyterHub relies on."""

    proxy_class = CountingProxy
    proxy_config = {"command": chp_command()}
    known_failures = {  # all configurable-http-proxy's own
        "test_second_start": "it takes its own process for another hub's",
        "test_path_is_not_tidied[dots]": "it resolves . and .. in a path",
        "test_headers_of_one_connection_end_with_it": "it passes on what Connection names",
    }


@pytest.fixture(scope="module")
def jupyterhub_config():
    return {"JupyterHub": {"proxy_class": CountingProxy}, "CountingProxy": {"command": chp_command()}}


def test_counts(jupyterhub, hub_user):
    before = jupyterhub.app.proxy.counts.get("added", 0)
    hub_user.spawn()
    assert jupyterhub.app.proxy.counts["added"] == before + 1
