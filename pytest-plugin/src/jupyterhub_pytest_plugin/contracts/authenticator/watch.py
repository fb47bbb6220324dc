"""Methods of a running hub's authenticator, watched or held up, while logins come over HTTP."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyterhub_pytest_plugin.hosting import Hub


@contextmanager
def _replaced(hub: Hub, name: str, method: Callable[..., Any]) -> Iterator[None]:
    authenticator = hub.app.authenticator
    hub.call(setattr, authenticator, name, method)
    try:
        yield
    finally:
        hub.call(delattr, authenticator, name)


@contextmanager
def observed(hub: Hub, name: str) -> Iterator[list[Any]]:
    """What a method of the hub's authenticator returns meanwhile."""
    from jupyterhub.utils import maybe_future

    results: list[Any] = []
    original = getattr(hub.app.authenticator, name)

    async def around(*args: Any, **kwargs: Any) -> Any:
        result = await maybe_future(original(*args, **kwargs))
        results.append(dict(result) if isinstance(result, dict) else result)
        return result

    with _replaced(hub, name, around):
        yield results


@contextmanager
def gate(hub: Hub, number: int) -> Iterator[Callable[[], None]]:
    """Logins wait before authenticate() until so many are there; what it gives lets in those that wait."""
    from jupyterhub.utils import maybe_future

    door = hub.call(asyncio.Event)
    arrived = itertools.count(1)
    original = hub.app.authenticator.authenticate

    async def authenticate(*args: Any, **kwargs: Any) -> Any:
        if next(arrived) >= number:
            door.set()
        await door.wait()
        return await maybe_future(original(*args, **kwargs))

    with _replaced(hub, "authenticate", authenticate):
        yield lambda: hub.call(door.set)
