"""Components of a hub that runs in a thread: awaited in the test's own loop, they say so.

Most would work there, or seem to, until one uses what belongs to its loop: a client, a lock, a process.
"""

from __future__ import annotations

import inspect
import threading
from functools import wraps
from typing import TYPE_CHECKING, Any

from .client import running_loop
from .errors import WrongThreadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .client import Site


def guard(component: Any, site: Site) -> None:
    """Have each public coroutine method check where it runs.

    A thread of the component's own is its affair: only the main thread, which runs the tests, is refused.
    """
    for name in _coroutine_methods(type(component)):
        if name not in vars(component):
            setattr(component, name, _guarded(component, name, site))


def _coroutine_methods(cls: type) -> Iterator[str]:
    for name in dir(cls):
        if not name.startswith("_") and inspect.iscoroutinefunction(inspect.getattr_static(cls, name)):
            yield name


def _guarded(component: Any, name: str, site: Site) -> Callable[..., Any]:
    @wraps(getattr(component, name))
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is threading.main_thread() and running_loop() is not site.loop:
            msg = (
                f"{type(component).__name__}.{name}() belongs to the event loop of {site.name}, and was awaited in the"
                " test's: `await hub.run_async(…)`, or hub.run(…) in a sync test"
            )
            raise WrongThreadError(msg)
        # Asked of the class each time, for a test may patch it.
        return await getattr(type(component), name)(component, *args, **kwargs)

    return guarded
