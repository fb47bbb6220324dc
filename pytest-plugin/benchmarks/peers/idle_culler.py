"""Instead of jupyterhub-idle-culler's conftest.py and jupyterhub_config.py."""

from functools import partial

import jupyterhub_idle_culler
import pytest

USERS = {f"test-{number}" for number in range(5)}
CULLER = ["list:users", "read:users:activity", "read:servers", "delete:servers"]


@pytest.fixture(scope="module")
def jupyterhub_config():
    return {"JupyterHub": {"authenticator_class": "null"}, "Authenticator": {"allowed_users": USERS}}


@pytest.fixture
def hub(jupyterhub):
    return jupyterhub


@pytest.fixture
def hub_url(jupyterhub):
    return jupyterhub.url


@pytest.fixture
def admin_request(hub_api):
    api = hub_api()

    async def request(path):
        return api.get(path).raise_for_status().json()

    return request


@pytest.fixture
def start_users(hub_api):
    api, started = hub_api(), []

    async def start(count):
        for number in range(count):
            api.post(f"users/test-{number}/server").raise_for_status()
            started.append(number)
        for number in range(count):
            api.get(f"users/test-{number}/server/progress").raise_for_status()

    yield start
    for number in started:
        api.delete(f"users/test-{number}/server").raise_for_status()


@pytest.fixture
def cull_idle(jupyterhub):
    url, token = f"{jupyterhub.url}hub/api", jupyterhub.api(CULLER).token
    return partial(jupyterhub_idle_culler.cull_idle, url, api_token=token)
