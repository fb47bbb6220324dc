"""Instead of jupyterhub-nativeauthenticator's conftest.py."""

import pytest


@pytest.fixture
def tmpcwd(hub_tmp_cwd):
    return hub_tmp_cwd


@pytest.fixture
def app(still_hub):
    return still_hub.app
