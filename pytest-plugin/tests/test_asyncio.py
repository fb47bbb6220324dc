"""Async tests, with whatever runs them: here with asyncio.run, so that no plugin is needed."""

import asyncio

import httpx
import pytest

from jupyterhub_pytest_plugin import WrongThreadError


def test_threaded_hub_serves_any_loop(jupyterhub):
    async def main():
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{jupyterhub.url}hub/health")).status_code == 200
        routes = await jupyterhub.run_async(jupyterhub.app.proxy.get_all_routes())
        assert "/" in routes
        assert jupyterhub.client().login("ada").logged_in  # a sync client too: the hub is in another thread

    asyncio.run(main())


def test_what_would_block_the_loop_is_an_error_not_a_hang(jupyterhub, hub_run):
    async def main():
        with pytest.raises(WrongThreadError, match=r"await hub\.run_async"):
            jupyterhub.run(jupyterhub.app.proxy.get_all_routes())
        with pytest.raises(WrongThreadError, match="await the coroutine instead"):
            hub_run(jupyterhub.app.proxy.get_all_routes())

    asyncio.run(main())


def test_component_of_another_loop_is_an_error(jupyterhub, hub_user, hub_run):
    async def main():
        with pytest.raises(WrongThreadError, match=r"DummyAuthenticator\.authenticate\(\) belongs .* hub\.run_async"):
            await jupyterhub.app.authenticator.authenticate(None, {"username": "ada", "password": ""})
        return await jupyterhub.run_async(jupyterhub.app.authenticator.authenticate(None, {"username": "ada"}))

    assert asyncio.run(main()) == "ada"
    with pytest.raises(WrongThreadError, match=r"get_all_routes\(\) belongs to the event loop of"):
        hub_run(jupyterhub.app.proxy.get_all_routes())
    hub_user.spawn()
    with pytest.raises(WrongThreadError, match=r"poll\(\) belongs to the event loop of"):
        hub_run(hub_user.spawner().poll())
    assert jupyterhub.run(hub_user.spawner().poll()) is None


def test_component_may_be_patched_as_a_class(jupyterhub, monkeypatch):
    async def authenticate(self, handler, data):
        return "bob"

    monkeypatch.setattr(type(jupyterhub.app.authenticator), "authenticate", authenticate)
    assert jupyterhub.run(jupyterhub.app.authenticator.authenticate(None, {})) == "bob"


def test_inline_hub(jupyterhub_inline):
    async def main():
        async with jupyterhub_inline() as hub:
            client = await hub.client().login("ada")
            assert (await client.get("hub/home")).status_code == 200
            said = (await client.spawn()).json()
            assert said["env"]["JUPYTERHUB_USER"] == "ada"
            assert (await hub.api().get("users/ada")).json()["name"] == "ada"
            assert await hub.app.users["ada"].spawner.poll() is None  # everything of it can be awaited here
            assert (await hub.user_client("bob").get("hub/home")).status_code == 200

    asyncio.run(main())


def test_two_inline_hubs(jupyterhub_inline):
    async def main():
        async with jupyterhub_inline() as one, jupyterhub_inline() as two:
            answers = await asyncio.gather(one.client().get("hub/login"), two.client().get("hub/login"))
            assert [answer.status_code for answer in answers] == [200, 200]

    asyncio.run(main())


def test_wrong_loop_is_an_error_not_a_hang(jupyterhub_inline):
    started = []

    async def start():
        hub = await jupyterhub_inline().__aenter__()
        started.append(hub)

    async def ask():
        await started[0].client().get("hub/login")

    async def end():
        await started[0].__aexit__()

    with asyncio.Runner() as runner:
        runner.run(start())
        with pytest.raises(WrongThreadError, match="another event loop"), asyncio.Runner() as other:
            other.run(ask())
        asyncio.set_event_loop(runner.get_loop())
        runner.run(end())


def test_sync_client_of_an_inline_hub_is_an_error_not_a_hang(jupyterhub_inline):
    from jupyterhub_pytest_plugin import HubClient

    async def main():
        async with jupyterhub_inline() as hub:
            with HubClient(hub) as client, pytest.raises(WrongThreadError, match="async client"):
                client.get("hub/login")

    asyncio.run(main())
