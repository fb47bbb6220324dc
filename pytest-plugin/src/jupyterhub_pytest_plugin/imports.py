"""Imports JupyterHub in half the time: to be imported before anything that imports JupyterHub's application.

The other half goes, where ``rfc3987-syntax`` is installed (which a plain installation of JupyterHub brings), into a
parser for addresses that jsonschema asks for when it is imported, and that JupyterHub never uses.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_SLOW = "rfc3987_syntax"


class _Later(ModuleType):
    """In the place of the real module, which is imported when it is called, or asked for anything else."""

    def is_valid_syntax(self, *args: Any) -> Any:
        return _real(self).is_valid_syntax(*args)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self), name)


def _real(stand_in: ModuleType) -> Any:
    if sys.modules.get(_SLOW) is stand_in:
        del sys.modules[_SLOW]
    return import_module(_SLOW)


@contextmanager
def _slow_one_later() -> Iterator[None]:
    if _SLOW in sys.modules or find_spec(_SLOW) is None:
        yield
        return
    stand_in = sys.modules[_SLOW] = _Later(_SLOW)
    try:
        yield
    finally:
        if sys.modules.get(_SLOW) is stand_in:
            del sys.modules[_SLOW]


with _slow_one_later():
    import_module("jupyterhub.app")
