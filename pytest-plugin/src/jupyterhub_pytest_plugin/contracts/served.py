"""One running service of a suite, as its users, its operator and the hub see it."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from jupyterhub_pytest_plugin.errors import ServiceError

from .wire import refuses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jupyterhub_pytest_plugin.client import HubClient
    from jupyterhub_pytest_plugin.hosting import Hub
    from jupyterhub_pytest_plugin.services import HubService
    from jupyterhub_pytest_plugin.users import HubUser


@dataclass
class Process:
    """A service that an operator runs beside the hub."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    address: tuple[str, int] | None
    log_file: Path
    patience: float
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        try:
            self._start()
        except ServiceError:
            self.stop()
            raise

    def _start(self) -> None:
        if self.address and not refuses(self.address):
            raise self._error(f"port {self.address[1]} is taken by another program")
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                self.command, env=self.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        until = time.monotonic() + self.patience
        while self.address and refuses(self.address):
            if not self.running:
                raise self._error(f"ended before it listened on port {self.address[1]} ($JUPYTERHUB_SERVICE_URL)")
            if time.monotonic() > until:
                raise self._error(f"did not listen on port {self.address[1]} within {self.patience} s")
            time.sleep(0.02)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def stop(self, patience: float = 10) -> bool:
        """End it; whether it ended within these seconds after it was asked to."""
        process, self._process = self._process, None
        if process is None:
            return True
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
        return True

    def _error(self, what: str) -> ServiceError:
        status = None if self._process is None else self._process.poll()
        return ServiceError(self.name, what, command=self.command, status=status, output=self.output)


@dataclass
class Served:
    """One running service, its process if an operator runs it, and its users."""

    hub: Hub
    service: HubService
    page: str
    process: Process | None = None
    # What the hub was asked with the service's own token: method, path and status.
    asked: list[tuple[str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch()

    @property
    def path(self) -> str:
        """Where a client of the hub finds the page."""
        return self.path_of(self.page)

    def path_of(self, page: str) -> str:
        return self.service.path + page

    # Its users

    def user(self, *, may_use: bool = True) -> HubUser:
        """A new user, with or without access to the service."""
        return self.service.user(access=may_use)

    def logged_in(self) -> tuple[HubUser, HubClient]:
        """A new user in whose browser the page is open."""
        user = self.user()
        page = self.open(user.client)
        assert self.arrived(page), f"the login ended at {page.url}, with status {page.status_code}: {page.text[:300]}"
        return user, user.client

    def open(self, client: HubClient, page: str | None = None) -> httpx.Response:
        """Open a page as a person does: through OAuth, agreeing where asked."""
        response = client.get(self.path if page is None else self.path_of(page))
        if "oauth2/authorize" in response.url.path and response.status_code == 200:
            response = client.approve(response)
        return response

    def look(self, client: HubClient, page: str | None = None, **kwargs: Any) -> httpx.Response:
        """Ask for a page, and go nowhere else."""
        return client.get(self.path if page is None else self.path_of(page), follow_redirects=False, **kwargs)

    def answer(self, client: HubClient, page: str | None = None) -> str:
        """Where the hub sends this browser at the end of a login, with an OAuth code; the browser does not go there."""
        start = self.look(client, page)
        assert start.is_redirect, f"no login begins at {start.url}, which has status {start.status_code}"
        return self.whole(self.service.authorize(client, start.headers["Location"]))

    def whole(self, path: str) -> str:
        """The address of a path of the service's host."""
        return str(httpx.URL(self.service.public_url).join(path))

    def with_token(self, token: str, page: str | None = None) -> httpx.Response:
        """Ask for a page as a script does."""
        headers = {"Authorization": f"Bearer {token}", "Sec-Fetch-Mode": "cors"}
        return self.look(self.hub.client(), page, headers=headers)

    def arrived(self, response: httpx.Response, page: str | None = None) -> bool:
        """Whether this is the service's own page."""
        wanted = self.hub.client().build_request("GET", self.path if page is None else self.path_of(page)).url
        return response.status_code == 200 and (response.url.host, response.url.path) == (wanted.host, wanted.path)

    def secrets_in(self, text: str) -> list[str]:
        """What of this text lets somebody in at the hub, cut short."""
        words = set(re.findall(r"[\w-]{16,}", text))
        return [f"{word[:4]}…" for word in self.hub.call(self._known, words)]

    def _known(self, words: set[str]) -> list[str]:
        from jupyterhub import orm

        db = self.hub.app.db
        return [word for word in sorted(words) if orm.APIToken.find(db, word) is not None]

    # Its operator

    @property
    def running(self) -> bool:
        if self.process is not None:
            return self.process.running
        managed = self.service.process
        return managed is not None and managed.poll() is None

    @property
    def output(self) -> str:
        return self.service.output if self.process is None else self.process.output

    def stop(self, patience: float) -> bool:
        """End its process; whether it ended within these seconds after it was asked to."""
        return self.service.stop(patience) if self.process is None else self.process.stop(patience)

    def start(self) -> None:
        if self.process is None:
            self.service.start()
        else:
            self.process.start()

    # The hub

    def watch(self) -> None:
        """Take note of what the service asks the hub with its own token."""
        settings = self.hub.app.tornado_application.settings
        log: Callable[[Any], None] = settings["log_function"]

        def note(handler: Any) -> None:
            log(handler)
            who = getattr(handler, "_jupyterhub_user", None)
            if (getattr(who, "kind", ""), getattr(who, "name", "")) == ("service", self.service.name):
                self.asked.append((handler.request.method, handler.request.path, handler.get_status()))

        settings["log_function"] = note
