"""A proxy inside the hub's own process and event loop: no Node, no waiting, nothing to clean up.

It is what the fixtures use unless ``--jupyterhub-proxy`` says otherwise: the smallest thing that keeps every promise
of :class:`~jupyterhub_pytest_plugin.ProxyContract`. It serves one request per connection, so bodies, streams and
WebSockets are bytes to it. It is for tests only.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from jupyterhub.proxy import Proxy
from jupyterhub.utils import make_ssl_context

if TYPE_CHECKING:
    from collections.abc import Iterable

_CHUNK = 1 << 16
_HEAD_LIMIT = 1 << 20
_NO_ROUTE = (404, "Not Found", "No route of the proxy matches this address.")
_NO_SERVER = (503, "Service Unavailable", "The server behind this route does not answer.")


class Route(NamedTuple):
    target: str
    data: dict[str, Any]


class Head(NamedTuple):
    """A request up to its body, as it came: nothing is decoded."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def host(self) -> str:
        return self.get("host").partition(":")[0]


class InProcessProxy(Proxy):
    """Routes live in a dictionary, connections in the hub's event loop."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.routes: dict[str, Route] = {}
        self.foreign: dict[str, Route] = {}  # an operator's, which JupyterHub must not see
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._context: ssl.SSLContext | None = None

    async def start(self) -> None:
        if self._server is not None:
            return
        url = urlsplit(self.public_url)
        context = None
        if self.ssl_key:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ssl_cert, self.ssl_key)
        self._server = await asyncio.start_server(
            self._connected, url.hostname, url.port, ssl=context, limit=_HEAD_LIMIT, reuse_address=True
        )

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        self.routes[self.validate_routespec(routespec)] = Route(target, copy.deepcopy(data))

    async def delete_route(self, routespec: str) -> None:
        self.routes.pop(self.validate_routespec(routespec), None)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        return {
            spec: {"routespec": spec, "target": route.target, "data": copy.deepcopy(route.data)}
            for spec, route in self.routes.items()
        }

    def find(self, host: str, path: str) -> Route | None:
        """The route with the longest prefix of this address, compared as decoded text, on whole path segments."""
        path = unquote(path).rstrip("/") + "/"
        wanted = [f"{host}{path}", path] if self.host_routing else [path]
        routes = self.foreign | self.routes
        for address in wanted:
            specs = [spec for spec in routes if address.startswith(unquote(spec))]
            if specs:
                return routes[max(specs, key=len)]
        return None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio starts us in one
        self._connections.add(task)
        try:
            head = await _read_head(reader)
            if head is not None:
                await self._forward(head, reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass  # one of the two sides went away, or does not speak HTTP
        except asyncio.CancelledError:
            pass  # the proxy is being stopped: the connection ends with it
        finally:
            self._connections.discard(task)
            await _close(writer)

    async def _forward(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        route = self.find(head.host, head.path)
        if route is None:
            await _refuse(writer, *_NO_ROUTE)
            return
        target = urlsplit(route.target)
        port = target.port or (443 if target.scheme == "https" else 80)
        try:
            upstream = await asyncio.open_connection(target.hostname, port, ssl=self._client_context(target.scheme))
        except OSError:
            await _refuse(writer, *_NO_SERVER)
            return
        peer: str = writer.get_extra_info("peername")[0]
        scheme = "https" if self.ssl_key else "http"
        upstream[1].write(_encode(head, [*self._passed(head), *_added(head, peer, scheme)]))
        await _exchange((reader, writer), upstream)

    def _passed(self, head: Head) -> list[tuple[str, str]]:
        """The headers of a request that go to the server as they came."""
        replaced = {name.lower() for name, _ in _added(head, "", "")}
        named = _of_this_connection([value for name, value in head.headers if name.lower() == "connection"])
        return [pair for pair in head.headers if pair[0].lower() not in replaced | named]

    def _client_context(self, scheme: str) -> ssl.SSLContext | None:
        if scheme != "https":
            return None
        if self._context is None:
            certs = self.app.internal_proxy_certs["proxy-client"]
            bundle = self.app.internal_trust_bundles["proxy-client-ca"]
            self._context = make_ssl_context(certs["keyfile"], certs["certfile"], cafile=bundle)
        return self._context


async def _read_head(reader: asyncio.StreamReader) -> Head | None:
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None  # opened and closed, as a port check does
    first, *lines = text[:-4].split("\r\n")
    method, target, version = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    return Head(method, target, version, [(name.strip(), value.strip()) for name, _, value in pairs])


def _of_this_connection(values: Iterable[str]) -> set[str]:
    """What ends with a connection (RFC 9110, section 7.6.1); what frames a message stays, for its bytes do."""
    named = {name.strip().lower() for value in values for name in value.split(",")}
    return {"connection", "keep-alive", *named} - {"close", "upgrade", "host", "content-length", "transfer-encoding"}


def _added(head: Head, peer: str, scheme: str) -> list[tuple[str, str]]:
    """Headers for the server: who asked, how, and that the connection serves this request only."""
    known = head.get("x-forwarded-for")
    port = head.get("host").partition(":")[2] or ("443" if scheme == "https" else "80")
    return [
        ("X-Forwarded-For", f"{known}, {peer}" if known else peer),
        ("X-Forwarded-Proto", head.get("x-forwarded-proto") or scheme),
        ("X-Forwarded-Host", head.get("x-forwarded-host") or head.get("host")),
        ("X-Forwarded-Port", head.get("x-forwarded-port") or port),
        ("Connection", "Upgrade" if head.get("upgrade") else "close"),
    ]


def _encode(head: Head, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"{head.method} {head.target} {head.version}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _exchange(client: Stream, server: Stream) -> None:
    """Copy both ways until the server has said all, or the client has gone.

    A client may keep its side open for a next request, so the end of the answer ends the exchange; and a client may
    close its writing side and still read (half-closed), so its end only ends its own direction.
    """
    upload = asyncio.ensure_future(_copy(client[0], server[1]))
    try:
        await _copy_head(server[0], client[1])
        await _copy(server[0], client[1])
    finally:
        upload.cancel()
        server[1].close()
        await asyncio.gather(upload, return_exceptions=True)
        await _close(server[1])


async def _copy_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The head of the answer, telling the client that its connection ends with this answer."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        status, *lines = head[:-4].split(b"\r\n")
        code = int(status.split()[1])
        if code >= 200:
            head = b"\r\n".join([status, *_answered(lines), b"Connection: close"]) + b"\r\n\r\n"
        writer.write(head)
        if code >= 200 or code == 101:  # others, as 100 Continue, are followed by the real answer
            return


def _answered(lines: list[bytes]) -> list[bytes]:
    """What of an answer's headers goes to the client."""
    texts = [line.decode("latin-1").partition(":") for line in lines]
    named = _of_this_connection([value for name, _, value in texts if name.lower() == "connection"])
    return [line for line, text in zip(lines, texts, strict=True) if text[0].strip().lower() not in named]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _refuse(writer: asyncio.StreamWriter, status: int, reason: str, text: str) -> None:
    body = text.encode()
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
    await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()
