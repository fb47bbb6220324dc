"""What can go wrong with a hub under test, and says what to do about it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

_LAST_WORDS = 2000


class HubError(Exception):
    """The hub under test, or the way it is used, is at fault; the message says what to do."""


class HubStartError(HubError):
    """The hub did not come up; the message ends with the last lines of its log."""


class ConfigError(HubError):
    """The configuration names a class or a trait that does not exist."""


class WrongThreadError(HubError):
    """Something of the hub was used outside of its own thread or event loop."""


class LoginError(HubError):
    """The hub refused the login; ``status`` and ``text`` are its answer."""

    def __init__(self, username: str, status: int, text: str) -> None:
        super().__init__(f"login of {username!r} was refused with status {status}: {text}")
        self.status = status
        self.text = text


class SpawnError(HubError):
    """A user's server did not start, or was not what the browser saw in the end; ``response`` is that page.

    ``fields`` are those of the spawner's form, if it is that page.
    """

    def __init__(
        self, username: str, server: str, response: httpx.Response, text: str, fields: Sequence[str] = ()
    ) -> None:
        whose = f"the server {server!r} of {username!r}" if server else f"the server of {username!r}"
        super().__init__(
            f"{whose} did not start: status {response.status_code} at {response.url.path}: {text}"
            " (spawn(check=False) returns the page instead)"
        )
        self.status = response.status_code
        self.text = text
        self.response = response
        self.fields = list(fields)


class ServiceError(HubError):
    """A service does not run, does not end, or lets nobody through; ``status`` is its exit status, if it has ended."""

    def __init__(
        self, name: str, what: str, *, command: Sequence[str] = (), status: int | None = None, output: str = ""
    ) -> None:
        words = [f"service {name!r} {what}"]
        if command:
            words.append(f"its command: {shlex.join(map(str, command))} (check=False goes on without it)")
        if output:
            words.append(f"its last words:\n{output[-_LAST_WORDS:]}")
        super().__init__("\n".join(words))
        self.status = status
        self.output = output
