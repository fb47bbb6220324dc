"""A small client of one hub, through its public address: bounded in time, patient, and careful with its token.

It is asynchronous inside so that a cancellation or the end of a time-out is heeded at once, whatever hangs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from deployer.health.diagnose import Diagnosis, Finding, Trouble, of_answer, of_error, of_time
from deployer.health.facts import Answer, Phase, retry_after
from deployer.plan.ports import Endpoint

CALL = 30.0  # seconds for one call, all told
BODY = 1 << 20  # bytes of an answer that we read; more is not for us
AGAIN = frozenset({429, 502, 503, 504})
SILENCE = 60.0  # seconds without a sign of life in a progress stream; hubs send one every 8 s

# The library's own logger writes request headers, the token among them, where somebody turned debugging on.
_quiet = logging.getLogger("deployer.health.websocket")
_quiet.setLevel(logging.WARNING)


class Host(NamedTuple):
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Address:
    """A hub's public address, and where to connect for it."""

    scheme: str
    netloc: str
    host: Host
    base: str  # path of the hub's base URL, with a slash at both ends
    connect: Host | None = None

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """:raises ValueError: not an http(s) address, or a bad port."""
        url = urlsplit(endpoint.url)
        if url.scheme not in {"http", "https"} or not url.hostname or url.username:
            raise ValueError(f"{endpoint.url!r} is not an http or https address")
        port = url.port or (443 if url.scheme == "https" else 80)
        via = urlsplit(f"//{endpoint.connect}") if endpoint.connect else None
        where = Host(via.hostname or "", via.port or port) if via else None
        return cls(url.scheme, url.netloc, Host(url.hostname, port), url.path.rstrip("/") + "/", where)

    @property
    def direct(self) -> bool:
        """No forward proxy from the environment may come between."""
        return self.connect is not None or _is_loopback(self.host.name)

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    def hub(self, *words: str) -> str:
        """A path below the hub's own prefix."""
        return self.base + "/".join(["hub", *(quote(word, safe="@~") for word in words)])

    def http_url(self, path: str) -> str:
        if not self.connect:
            return f"{self.scheme}://{self.netloc}{path}"
        name = f"[{self.connect.name}]" if ":" in self.connect.name else self.connect.name
        return f"{self.scheme}://{name}:{self.connect.port}{path}"

    def websocket_url(self, path: str) -> str:
        return f"{'wss' if self.secure else 'ws'}://{self.netloc}{path}"


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


class _Connect(connect):
    """A WebSocket that follows no redirect: our token is for this hub only."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Client:
    """Calls to one hub. ``deadline`` is a time of the running loop; whoever uses the client may move it.

    ``phase`` says what the calls are for; ``trouble`` is what the last call ran into, None when it was answered.
    """

    def __init__(
        self, address: Address, token: str, *, deadline: float, tls: ssl.SSLContext | None, say: Callable[[str], None]
    ) -> None:
        self.address = address
        self.deadline = deadline
        self.phase = Phase.HUB
        self.trouble: Finding | None = None
        self._token = token
        self._say = say
        self._tls = (tls or httpx.create_ssl_context()) if address.secure else None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        client = httpx.AsyncClient(
            verify=self._tls or False,
            trust_env=not self.address.direct,
            timeout=CALL,
            headers={"Host": self.address.netloc, "User-Agent": "jupyterhub-deployer"},
            cookies=httpx.Cookies(CookieJar(DefaultCookiePolicy(allowed_domains=[]))),
        )
        # httpx copies what it is given and would lose the policy: a cookie would bring XSRF checks with it.
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._http = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - asyncio.get_running_loop().time()

    @asynccontextmanager
    async def patience(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        """Do something for at most so long.

        :raises Trouble: it took longer; what that means depends on the phase.
        """
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                yield scope
        except TimeoutError:
            if not scope.expired():
                raise
            raise Trouble(*of_time(self.phase, seconds, self.trouble)) from None

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        anonymous: bool = False,
        again: Collection[int] = AGAIN,
        patience: float | None = None,
    ) -> Answer:
        """The hub's answer, whatever its status; repeated with growing pauses while the hub is out of reach or asks so.

        :param again: statuses for which we try again.
        :param patience: seconds after which we no longer try again; the deadline bounds it.
        :raises Trouble: there was no other answer in time.
        """
        until = asyncio.get_running_loop().time() + min(self.left(), self.left() if patience is None else patience)
        for number, pause in enumerate(_pauses(), 1):
            try:
                answer = replace(await self._once(method, path, body, anonymous), tries=number)
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
                self.trouble, asked = of_error(self.phase, error), 0.0
            else:
                if answer.status not in again:
                    self.trouble = None
                    return answer
                self.trouble, asked = of_answer(self.phase, answer), retry_after(answer, datetime.now(UTC))
            await self._pause(max(pause, asked), until)
        raise AssertionError  # the pauses never end

    async def _once(self, method: str, path: str, body: Any, anonymous: bool) -> Answer:
        async with asyncio.timeout(CALL), self._stream(method, path, body, anonymous=anonymous) as response:
            text = await _text(response)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(method, path, response.status_code, headers, text)

    @asynccontextmanager
    async def _stream(
        self, method: str, path: str, body: Any = None, *, anonymous: bool = False
    ) -> AsyncIterator[httpx.Response]:
        async with self._http.stream(
            method,
            self.address.http_url(path),
            json=body,
            headers=None if anonymous else {"Authorization": f"token {self._token}"},
            extensions={"sni_hostname": self.address.host.name} if self.address.secure else None,
        ) as response:
            yield response

    async def _pause(self, seconds: float, until: float) -> None:
        """Wait before another try, or end with the trouble where that try would come too late."""
        now = asyncio.get_running_loop().time()
        trouble = self.trouble or Finding(Diagnosis.HUB_DOWN)
        if now + seconds >= until:
            raise Trouble(*trouble)
        if seconds >= 1:
            self._say(f"{trouble.diagnosis}, trying again in {seconds:.0f} s")
        await asyncio.sleep(seconds)

    async def events(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """The events of a progress stream; it just ends where the connection does."""
        try:
            async with aclosing(self._events(path)) as found:
                async for event in found:
                    yield event
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            self.trouble = of_error(self.phase, error)

    async def _events(self, path: str) -> AsyncGenerator[dict[str, Any], None]:
        async with self._stream("GET", path) as response:
            if response.status_code != 200:
                return
            lines = response.aiter_lines()
            while True:
                async with asyncio.timeout(SILENCE):
                    line = await anext(lines, None)
                if line is None:
                    return
                if event := _event(line):
                    yield event

    @asynccontextmanager
    async def websocket(self, path: str, *, subprotocol: str) -> AsyncIterator[ClientConnection]:
        """An open WebSocket.

        :raises Trouble: it was refused, or broke off.
        """
        via: dict[str, Any] = {}
        if self.address.connect:
            via = {"host": self.address.connect.name, "port": self.address.connect.port}
        if self.address.secure:
            via |= {"ssl": self._tls, "server_hostname": self.address.host.name}
        try:
            async with _Connect(
                self.address.websocket_url(path),
                additional_headers={"Authorization": f"token {self._token}"},
                subprotocols=[Subprotocol(subprotocol)],
                proxy=None if self.address.direct else True,
                open_timeout=CALL,
                close_timeout=2,
                max_size=BODY,
                logger=_quiet,
                **via,
            ) as socket:
                yield socket
        except (WebSocketException, OSError) as error:
            raise Trouble(*of_error(self.phase, error)) from error


async def _text(response: httpx.Response) -> str:
    """The body, up to a limit: a hub that never ends its answer is no reason to fill our memory."""
    chunks = bytearray()
    async for chunk in response.aiter_bytes():
        chunks += chunk
        if len(chunks) > BODY:
            break
    return chunks[:BODY].decode(errors="replace")


def _event(line: str) -> dict[str, Any] | None:
    """One line of an event stream; comments and signs of life are None."""
    name, _, data = line.partition(":")
    if name != "data":
        return None
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _pauses() -> Iterator[float]:
    """Seconds between tries: short at first, for a hub that restarts is back soon."""
    seconds = 0.2
    while True:
        yield seconds
        seconds = min(seconds * 1.6, 5.0)
