"""One test session (in each xdist worker, one): makes hubs, and sees to it that nothing of them remains."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from . import leaks
from .config import Options, Overrides, Place, base_config, merge, move_base_url
from .ports import Port
from .reaper import FOLDERS, MARK, NOTHING_LEFT, kill, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from traitlets.config import Config

    from .app import Singletons
    from .hosting import Hub, InlineHub


class HubSession:
    """Everything that hubs of one process share."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._numbers = itertools.count(1)
        self._folders: list[Path] = []
        self._reaper: subprocess.Popen[bytes] | None = None
        self._before: leaks.Snapshot | None = None
        self._singletons: Singletons | None = None
        self._previous_mark: str | None = None

    @property
    def singletons(self) -> Singletons:
        if self._singletons is None:
            from .app import Singletons

            self._singletons = Singletons()
        return self._singletons

    def prepare(self) -> None:
        """Before the first hub: look around, and start what ends our children should we be killed."""
        if self._before is not None:
            return
        self._before = leaks.Snapshot.take()
        leaks.watch_temporary_files()
        mark = leaks.environment_mark()
        self._previous_mark = os.environ.get(MARK)
        command = [
            sys.executable,
            "-I",
            "-S",
            str(Path(__file__).with_name("reaper.py")),
            mark,
            *filter(None, sys.path),
        ]
        self._reaper = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        os.environ[MARK] = mark  # inherited by whatever a component starts, in whichever way

    def place(self) -> Place:
        self.prepare()
        name = f"hub-{next(self._numbers)}"
        folder = Path(tempfile.mkdtemp(prefix=f"{FOLDERS}{os.environ[MARK]}-")).resolve()
        self._folders.append(folder)
        return Place(name, folder, Port(), Port(), Port(), unchecked=self.options.unchecked)

    def config(self, place: Place, hook: Callable[[Config], None] | None, layers: list[Overrides]) -> Config:
        """Our defaults, then the project's hook, then overrides, later ones winning."""
        config = base_config(place, self.options)
        if hook is not None:
            hook(config)
        for layer in layers:
            merge(config, layer)
        move_base_url(config)
        return config

    def hub(self, config: Config, place: Place, resources: ExitStack) -> Hub:
        from .hosting import Hub

        return Hub(place, config, self.singletons, resources)

    def inline(self, config: Config, place: Place) -> InlineHub:
        from .hosting import InlineHub

        return InlineHub(place, config, self.singletons)

    def finish(self, grace: float, ignored: Sequence[str] = ()) -> list[str]:
        """What was left behind, by name, after these seconds of grace; it is ended as far as it can be."""
        if self._before is None or self._reaper is None:
            return []
        if self._singletons is not None:
            self._singletons.restore()
        mark = os.environ.pop(MARK, "")
        if self._previous_mark is not None:
            os.environ[MARK] = self._previous_mark
        found = None
        try:
            # The reaper carries no mark: it was started before there was one.
            found = leaks.find(self._before, mark, self._folders, grace, ignored)
        finally:
            kill(marked(mark))
            self._end_reaper(nothing_left=found == [])
        return found

    def _end_reaper(self, *, nothing_left: bool) -> None:
        reaper, self._reaper, self._before = self._reaper, None, None
        if reaper is not None and reaper.stdin is not None:
            with contextlib.suppress(BrokenPipeError), reaper.stdin as order:
                if nothing_left and not any(folder.exists() for folder in self._folders):
                    order.write(NOTHING_LEFT)
            try:
                reaper.wait(30)
            except subprocess.TimeoutExpired:
                reaper.kill()
                reaper.wait()


def describe(found: list[str], worker: str = "") -> list[str]:
    return [f"{worker + ': ' if worker else ''}{line}" for line in found]


SESSION: pytest.StashKey[HubSession] = pytest.StashKey()
LEAKS: pytest.StashKey[list[str]] = pytest.StashKey()


def scope(fixture_name: str, config: pytest.Config) -> Any:  # noqa: ARG001 - pytest passes both by name
    """The scope of the fixtures that run hubs."""
    return config.getini("jupyterhub_scope")
