"""The "after" halves of docs/migration.md, as they stand there."""

import pytest

PASSWORD = "a long and right password"


# nativeauthenticator: its app fixture was a half-started MockHub in a temporary working directory


@pytest.fixture
def native(make_authenticator, hub_tmp_cwd):
    nativeauthenticator = pytest.importorskip("nativeauthenticator")
    return make_authenticator(nativeauthenticator.NativeAuthenticator, open_signup=True)


def test_native_refuses_an_unknown_user(native, auth_handler, hub_run):
    assert not hub_run(native.authenticate(auth_handler(), {"username": "ada", "password": PASSWORD}))


def test_native_lets_in_who_signed_up(native, auth_handler, hub_run):
    native.create_user("ada", PASSWORD)
    assert hub_run(native.authenticate(auth_handler(), {"username": "ada", "password": PASSWORD})) == "ada"


# batchspawner: its db fixture came from jupyterhub.tests.conftest


def test_batch_state(make_spawner, hub_db):
    batchspawner = pytest.importorskip("batchspawner.batchspawner")
    spawner = make_spawner(batchspawner.BatchSpawnerRegexStates)
    spawner.job_id = "17"
    state = spawner.get_state()
    assert state["job_id"] == "17"
    assert spawner.orm_spawner in hub_db
    spawner.clear_state()
    assert "job_id" not in spawner.get_state()


# jupyterhub-traefik-proxy: its fixtures started one traefik on port 8000, with files in the working directory


def test_traefik_has_a_hub(jupyterhub_factory):
    pytest.importorskip("jupyterhub_traefik_proxy")
    from jupyterhub_pytest_plugin.config import traefik_settings

    hub = jupyterhub_factory({"JupyterHub": {"proxy_class": "traefik_file"}}, start=False)
    hub.config.TraefikProxy.update(traefik_settings(hub.place))
    hub.start()
    assert "/" in hub.run(hub.app.proxy.get_all_routes())
    assert hub.client().login("ada").logged_in
