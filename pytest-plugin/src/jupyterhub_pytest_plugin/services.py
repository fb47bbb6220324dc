"""A service of one test: registered while the hub runs, managed by it or external, with all that it needs to act."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import secrets
import shutil
import signal
import ssl
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from .checks import check_fields, check_scopes
from .client import running_loop
from .compat import forget_service, make_service
from .contracts.wire import refuses
from .errors import ConfigError, ServiceError, WrongThreadError
from .hub_auth import make_certificates, service_environment
from .ports import Port
from .reaper import MARK
from .service_access import ServiceAccess

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from .client import HubAPI
    from .hosting import Hub

START = 30.0
_KILLED = "ended neither on SIGINT nor on SIGTERM, and was killed"
_NUMBERS = itertools.count(1)
# The shell puts the service in its own place: process id and signals are the service's.
_LOGGED = ["/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1']
# Services that run now, whose output belongs to the report of a test that fails.
RUNNING: list[HubService] = []


class HubService(ServiceAccess):
    """A service of a running hub, with ``name``, ``token`` and ``hub``: managed (``command=[…]``) or external.

    A context manager: at its end the service is stopped, if it is managed, and removed. ``url=True`` takes a free port.
    A managed one that does not start within ``timeout`` seconds, ends unasked or does not end when it is asked to
    raises :class:`ServiceError`, unless ``check=False``. An external one is not waited for: see ``wait()``.
    """

    def __init__(
        self,
        hub: Hub,
        name: str = "",
        *,
        scopes: str | Sequence[str] = (),
        timeout: float = START,
        check: bool = True,
        **spec: Any,
    ) -> None:
        self.hub = hub
        self.name = name or f"service-{next(_NUMBERS)}"
        self.token = str(spec.get("api_token") or secrets.token_hex(16))
        self.timeout = timeout
        self._check = self.check_end = check
        self._scopes = [scopes] if isinstance(scopes, str) else list(scopes)
        self._given = spec
        self._process: subprocess.Popen[bytes] | None = None
        self._started_in: object = None
        self.certificates: dict[str, str] = {}  # of an external one, with internal SSL
        self._users: list[str] = []
        self._open = ExitStack()

    # Its life

    def __enter__(self) -> Self:
        self._look()
        try:
            self._spec = self._complete()
            self.hub.wait(self._add(), self.timeout + 60)
        except BaseException:
            self._forget()
            raise
        RUNNING.append(self)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self not in RUNNING:
            return
        RUNNING.remove(self)
        fault = ""
        try:
            self._open.close()
            if self.hub.running:
                fault = self._unasked_end() or self.hub.wait(self._remove())
        finally:
            self._forget()
        if fault and self.check_end and kind is None:
            raise self._error(fault)

    def _look(self) -> None:
        """What JupyterHub would pass over in silence, or say in a way that nobody understands."""
        from jupyterhub.services.service import Service

        command = self._given.get("command")
        if isinstance(command, str):
            msg = f"the command of service {self.name!r} is a list, as in {command.split()!r}, not one string"
            raise ConfigError(msg)
        check_fields(f"service {self.name!r}", self._given, Service.class_trait_names(input=True))
        check_scopes(f"service {self.name!r}", self._scopes)
        if self.name in self.hub.app._service_map:
            msg = f"there is a service {self.name!r} already: give this one another name, or leave the name out"
            raise ConfigError(msg)

    def _complete(self) -> dict[str, Any]:
        """The entry for JupyterHub's configuration."""
        from jupyterhub.services.service import Service

        spec = {"name": self.name, **self._given, "api_token": self.token}
        if spec.get("url") is True:
            port = Port()
            self._open.callback(port.release)
            spec["url"] = port.url()
        if not self.managed and "timeout" in Service.class_trait_names(input=True):
            spec["timeout"] = 1  # a hub that starts again would wait for it
        if self.managed:
            self._look_for_the_program()
            # By the mark a process is found that the service leaves behind.
            spec["environment"] = {MARK: os.environ.get(MARK, ""), **spec.get("environment", {})}
            if not spec.get("user"):  # another user may not write into our folder
                spec["command"] = [*_LOGGED, str(self._log_file), *spec["command"]]
        return spec

    def _look_for_the_program(self) -> None:
        program = str(self._given["command"][0])
        folder = self._given.get("cwd") or ""
        path = self._given.get("environment", {}).get("PATH", os.environ.get("PATH"))
        if shutil.which(os.path.join(folder, program) if os.sep in program else program, path=path) is None:  # noqa: PTH118
            raise self._error(f"there is no program {program!r} to run: give the whole path, or install it")

    async def _add(self) -> None:
        app = self.hub.app
        self._register(app)
        service = app._service_map[self.name]
        if app.internal_ssl and not self.managed:
            self.certificates = make_certificates(app, self.name)
        if self.managed:
            await self._start(service)
        if service.server is not None:
            await app.proxy.add_service(service)

    def _register(self, app: Any) -> None:
        from jupyterhub import orm, roles

        service = make_service(app, self._spec)
        self._configure("services", self._spec)
        if orm.APIToken.find(app.db, self.token) is None:
            service.orm.new_api_token(self.token, generated=False)
        if self._scopes:
            roles.create_role(app.db, self._role("role-of", self._scopes, services=[self.name]))
            roles.grant_role(app.db, entity=service.orm, rolename=self._role_name("role-of"))
        app.db.commit()
        if self._spec.get("oauth_no_confirm"):  # JupyterHub collects these at its start
            app.tornado_settings["oauth_no_confirm_list"].add(service.oauth_client_id)

    def _configure(self, where: str, entry: dict[str, Any]) -> None:
        """For a hub that starts again, as an operator would have it."""
        config = self.hub.config.JupyterHub
        config[where] = [*config.get(where, []), entry]

    def _role(self, kind: str, scopes: list[str], **holders: list[str]) -> dict[str, Any]:
        """A role, which JupyterHub would delete at its next start if its configuration did not have it."""
        role = {"name": self._role_name(kind), "scopes": scopes}
        self._configure("load_roles", {**role, **holders})
        return role

    def _role_name(self, kind: str) -> str:
        # JupyterHub allows fewer characters in a role's name than in a service's.
        plain = re.fullmatch(r"[a-z0-9.~_-]*[a-z0-9]", self.name)
        return f"{kind}-{self.name if plain else self.name.encode().hex()}"

    async def _start(self, service: Any) -> None:
        address = urlsplit(self.url)
        if address.port and not await asyncio.to_thread(refuses, (str(address.hostname), address.port)):
            raise self._error(f"port {address.port} is taken by another program: url=True takes a free one")
        self._started_in = self.hub.app
        try:
            await service.start()
        except OSError as error:
            raise self._error(f"could not be started: {error}") from error
        self._process = service.proc
        if self._check:
            await (self._wait_up(service) if self.url else self._stays(0.2))

    async def _wait_up(self, service: Any) -> None:
        up = asyncio.ensure_future(service.server.wait_up(http=True, timeout=self.timeout, ssl_context=self._context()))
        while not up.done() and self._status() is None:
            await asyncio.wait([up], timeout=0.02)
        with suppress(asyncio.CancelledError, TimeoutError):
            up.cancel()
            await up
        if self._status() is not None:
            raise self._error(f"ended before it answered at {self.url}: exit status {self._status()}")
        if up.cancelled() or up.exception():
            where = f"{self.url} ($JUPYTERHUB_SERVICE_URL)"
            raise self._error(f"did not answer at {where} within {self.timeout} s: let it listen there")

    async def _stays(self, seconds: float) -> None:
        """What fails at once is told at once; what fails later, at the end."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._status() is None:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.02)
        if self._status() is not None:
            raise self._error(f"ended as soon as it was started: exit status {self._status()}")

    def _context(self) -> ssl.SSLContext | None:
        app = self.hub.app
        if not app.internal_ssl:
            return None
        context = ssl.create_default_context(cafile=app.internal_ssl_ca)
        context.load_cert_chain(app.internal_ssl_cert, app.internal_ssl_key)
        return context

    def _status(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def _unasked_end(self) -> str:
        """Whether the process that we started is gone, though nobody stopped it: JupyterHub would start it again."""
        if self._process is None or self._started_in is not self.hub.app:
            return ""
        status = self._process.poll()
        return "" if status is None else f"ended by itself, with exit status {status}, while its test ran"

    async def _remove(self) -> str:
        """Stop and unregister it; what was wrong with its end."""
        app = self.hub.app
        service = app._service_map.get(self.name)
        if service is None:
            return ""
        if service.server is not None:
            await app.proxy.delete_service(service)
        fault = (
            ""
            if await self._stop(service, 10 if self.check_end else 3)
            else f"{_KILLED}: let it end when it is told to"
        )
        app.tornado_settings["oauth_no_confirm_list"].discard(service.oauth_client_id)
        forget_service(app, service, self._role_names)
        return fault

    async def _stop(self, service: Any, timeout: float = 10) -> bool:
        """Whether it ended when it was asked to, if it is managed."""
        process, spawner = service.proc, service.spawner
        if not self.managed or spawner is None:
            return True
        spawner.interrupt_timeout = spawner.term_timeout = max(1, int(min(timeout, self.timeout)))
        spawner.stop_polling()
        await spawner.stop()
        return process is None or process.poll() != -signal.SIGKILL

    def stop(self, timeout: float = 10) -> bool:
        """Stop the process of a managed one, as the hub does; whether it ended before it had to be killed.

        It has ``timeout`` seconds after SIGINT, and again after SIGTERM.
        """
        self._process = None
        return self.hub.wait(self._stop(self._object, timeout), 2 * timeout + 60)

    def start(self) -> None:
        """Start it again after a ``stop()``; raises :class:`ServiceError` if it does not answer."""
        self.hub.wait(self._start(self._object), self.timeout + 60)

    def _forget(self) -> None:
        """Also where it was never quite registered."""
        config = self.hub.config.JupyterHub
        for where, names in (("services", [self.name]), ("load_roles", self._role_names)):
            config[where] = [entry for entry in config.get(where, []) if entry["name"] not in names]
        if self.hub.running and self.name in self.hub.app._service_map:
            self.hub.wait(self._remove())
        self._open.close()

    def _error(self, what: str) -> ServiceError:
        command = list(self._given.get("command", []))
        return ServiceError(self.name, what, command=command, status=self._status(), output=self.output)

    @property
    def _role_names(self) -> list[str]:
        return [self._role_name("role-of"), self._role_name("users-of")]

    # What it is

    @property
    def managed(self) -> bool:
        """Whether the hub starts and stops it."""
        return bool(self._given.get("command"))

    @property
    def url(self) -> str:
        """Where it listens; empty if it does not."""
        return str(self._spec.get("url", ""))

    @property
    def path(self) -> str:
        """Where the hub's proxy serves it, for a hub's client: relative to the hub's URL, or whole with sub-domains."""
        return self.public_url.removeprefix(self.hub.url)

    @property
    def public_url(self) -> str:
        """Where browsers open it."""
        host = str(self._object.host) or self.hub.url.removesuffix(str(self.hub.app.base_url))
        return f"{host}{self._prefix}"

    @property
    def _object(self) -> Any:
        return self.hub.app._service_map[self.name]

    @property
    def _prefix(self) -> str:
        return f"{self.hub.app.base_url}services/{quote(self.name)}/"

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process of a managed one, also when the hub has started another for it."""
        process: subprocess.Popen[bytes] | None = self._object.proc
        return process

    @property
    def _log_file(self) -> Path:
        return self.hub.folder / f"service-{quote(self.name, safe='')}.log"

    @property
    def output(self) -> str:
        """What a managed one has written to its standard output and error."""
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    @property
    def api(self) -> HubAPI:
        """The REST API with the service's own token."""
        return self.hub.api_with(self.token)

    @property
    def environment(self) -> dict[str, str]:
        """What JupyterHub sets for a managed one: for a service that the test runs itself, in a process or without."""
        return self.hub.call(service_environment, self)

    def wait(self, timeout: float = START) -> None:
        """Wait until an external service answers; :class:`ServiceError` if it does not."""
        if running_loop() is not None:
            msg = "wait() would block this test's event loop, and a service in it: await what starts the service"
            raise WrongThreadError(msg)
        address = (str(urlsplit(self.url).hostname), urlsplit(self.url).port or 80)
        until = time.monotonic() + timeout
        while refuses(address):
            if time.monotonic() > until:
                raise self._error(f"does not listen at {self.url}, {timeout} s after it was waited for: start it first")
            time.sleep(0.02)

    def __repr__(self) -> str:
        return f"<HubService {self.name} {'managed' if self.managed else 'external'}>"


def outputs() -> list[tuple[str, str]]:
    """What the services that run now have written, by a title for a report."""
    said = [(f"Output of service {service.name}", service.output) for service in RUNNING]
    return [(title, text[-10_000:]) for title, text in said if text]
