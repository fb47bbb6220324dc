"""What a suite for a spawner says of it, and what its tests have in common."""

from __future__ import annotations

import itertools
import os
import signal
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from jupyterhub_pytest_plugin.contracts.collect import Contract

from .servers import ServerOf, is_server, never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from traitlets.config import Config

    from jupyterhub_pytest_plugin.config import Overrides, Place
    from jupyterhub_pytest_plugin.hosting import Hub

    Hubs = Callable[..., Hub]
    Servers = Callable[..., ServerOf]

GUIDE = "reference/spawners.html"
API = "reference/api/spawner.html"
NUMBERS = itertools.count(1)
KILLS_NOTHING: set[type] = set()  # suites


class SpawnerSuite(Contract):
    """The base of the suite's parts."""

    #: The class, or the name under which it is registered with JupyterHub.
    spawner_class: ClassVar[Any] = None
    #: Traits of the spawner.
    spawner_config: ClassVar[Mapping[str, Any]] = {}
    #: Anything else of the hub's configuration, by class.
    hub_config: ClassVar[Overrides] = {}
    #: What users fill in where the spawner has an options form of its own: ``{"size": "small"}``, by the names of its
    #: fields.
    options: ClassVar[Mapping[str, Any] | None] = None
    #: Three users who have accounts, for a spawner that starts servers as these; else the suite makes up names.
    usernames: ClassVar[Sequence[str]] = ()
    #: A command that ends at once, or None if the spawner does not run commands.
    failing_command: ClassVar[list[str] | None] = ["false"]

    @classmethod
    def configure(cls, config: Config, place: Place) -> None:
        """Configure a hub before it starts; ``place`` offers ``folder`` for files."""
        if cls.spawner_class is None:
            msg = f"{cls.__module__}.{cls.__qualname__}: set spawner_class to the spawner to be tested"
            raise pytest.UsageError(msg)
        config.JupyterHub.spawner_class = cls.spawner_class
        config.JupyterHub.allow_named_servers = True
        section = config[cls.spawner_section()]
        for name, value in cls.spawner_config.items():
            section.setdefault(name, value)

    @classmethod
    def spawner_section(cls) -> str:
        """The name under which traits of the spawner are configured."""
        from jupyterhub.app import JupyterHub

        return str(JupyterHub.spawner_class.validate(None, cls.spawner_class).__name__)

    def options_of(self, username: str) -> Mapping[str, Any] | None:
        """What this user fills in: ``options``, unless you override it."""
        return self.options

    def kill(self, pid: int, spawner: Any, hub: Hub) -> None:
        """End the process of a server, behind the spawner's back.

        ``pid`` is what the server says of itself. Override it for servers that are no processes of this machine:
        ``spawner`` is JupyterHub's object that started the server, ``hub`` its hub, which need not run.
        """
        if not is_server(pid, spawner.api_token):
            msg = (
                f"the server says that it is process {pid}, and process {pid} of this machine is not that server: the"
                " number is one of another namespace or machine. Override kill(), which has to end the server of"
                ' `spawner`; or lacks = {"death": "why"}'
            )
            pytest.fail(msg, pytrace=False)
        os.kill(pid, signal.SIGKILL)

    def end_behind_its_back(self, pid: int, spawner: Any, hub: Hub, url: str) -> None:
        """:meth:`kill`, and see that the server is gone: a wrong kill() is told once, and waited for once.

        :meta private:
        """
        if type(self) in KILLS_NOTHING:
            pytest.fail("kill() does not end servers, as another test of this suite has found", pytrace=False)
        self.kill(pid, spawner, hub)
        try:
            self.eventually(lambda: never(ServerOf.reachable(url), f"kill() did not end the server: {url} answers"))
        except AssertionError:
            KILLS_NOTHING.add(type(self))
            raise

    def make(self, hubs: Hubs, **traits: Any) -> Hub:
        """A hub of its own for a test, with these traits of the spawner.

        :meta private:
        """
        return hubs({self.spawner_section(): traits})

    def server_on(self, hub: Hub, number: int = 0, server: str = "") -> ServerOf:
        """A server of the suite's first, second or third user.

        :meta private:
        """
        return self.server_of(hub, self.username(number), server)

    def server_of(self, hub: Hub, name: str, server: str = "") -> ServerOf:
        """A server of this user.

        :meta private:
        """
        return ServerOf(hub, name, server, self.options_of(name))

    def username(self, number: int = 0) -> str:
        """The name of the suite's first, second or third user.

        :meta private:
        """
        return (tuple(self.usernames) or ("ada", "bob", "cyd"))[number]
