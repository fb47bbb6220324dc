"""Components that use JupyterHub's event loop in their constructors, which is where JupyterHub makes them."""

import asyncio

import pytest
from jupyterhub.auth import DummyAuthenticator
from jupyterhub.proxy import Proxy
from jupyterhub.spawner import SimpleLocalProcessSpawner


class InTheLoop:
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.loop = asyncio.get_running_loop()

    async def runs_in(self):
        return asyncio.get_running_loop()


class LoopSpawner(InTheLoop, SimpleLocalProcessSpawner):
    pass


class LoopAuthenticator(InTheLoop, DummyAuthenticator):
    pass


class LoopProxy(InTheLoop, Proxy):
    pass


@pytest.mark.parametrize(
    ("fixture", "cls"),
    [("make_spawner", LoopSpawner), ("make_authenticator", LoopAuthenticator), ("make_proxy", LoopProxy)],
)
def test_a_sync_test_makes_it_where_it_runs(request, hub_run, fixture, cls):
    component = request.getfixturevalue(fixture)(cls)
    assert component.loop is hub_run(component.runs_in())


def test_an_async_test_makes_it_in_its_own_loop(make_spawner):
    async def main():
        assert make_spawner(LoopSpawner).loop is asyncio.get_running_loop()

    asyncio.run(main())
