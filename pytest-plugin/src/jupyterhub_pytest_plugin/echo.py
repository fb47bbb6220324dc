"""A small HTTP and WebSocket server that answers with what it was asked.

It plays two parts: a backend in a thread (``http_backend``), and, run as a script, a single-user server that is up
within some milliseconds. For that speed it imports nothing but the standard library's lightest modules, and no
package: ``python -I -S echo.py`` must stay the way to run it.

Every answer is JSON (see :meth:`EchoServer.describe`) unless the query asks for something else:

======================  ==============================================================
``?status=503``         answer with this status
``?size=1000000``       answer with this many bytes
``?stream=3&every=0.2`` three chunks, ``0``, ``1``, ``2``, with so many seconds between them
``?stream=3&wait=1``    each chunk after the first waits for a call of ``proceed()``
``?header=Name:value``  add this header to the answer (may be repeated)
``?leave=1``            a server that is a process of its own ends, without an answer
======================  ==============================================================

A WebSocket gets each of its messages back; the first of the sub-protocols that it offers is accepted.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

    Headers = dict[str, str]

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_HEAD = 1 << 20
_MANY = 1000
_LONGEST = 120  # seconds that a stream waits
_INSTANCE = os.urandom(8).hex()  # one process's: a number of a process may be another one's elsewhere


def unquote(text: str) -> str:
    """``%41`` is ``A``: ``urllib`` would cost ten milliseconds of each start."""
    head, *rest = text.encode("utf-8", "surrogateescape").split(b"%")
    out = [head]
    for part in rest:
        try:
            out.append(bytes([int(part[:2], 16)]) + part[2:])
        except ValueError:
            out.append(b"%" + part)
    return b"".join(out).decode("utf-8", "replace")


def parse_query(query: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in filter(None, query.split("&")):
        key, _, value = pair.replace("+", " ").partition("=")
        found.setdefault(unquote(key), []).append(unquote(value))
    return found


class Request:
    """One request as it came over the wire: ``target`` is not decoded."""

    def __init__(self, method: str, target: str, headers: Headers, body: bytes = b"") -> None:
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, self.query = target.partition("?")

    @property
    def params(self) -> dict[str, str]:
        """What the query says, decoded; of a name that comes more than once, the last."""
        return {name: values[-1] for name, values in parse_query(self.query).items()}

    @property
    def form(self) -> dict[str, str]:
        """What a form says that was sent as the body."""
        return {name: values[-1] for name, values in parse_query(self.body.decode()).items()}

    def json(self) -> object:
        """What the body says in JSON."""
        return json.loads(self.body)


class _Connection:
    """Reads requests and frames from a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""

    def fill(self) -> bool:
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def until(self, mark: bytes) -> bytes | None:
        while mark not in self.buffer:
            if len(self.buffer) > _MAX_HEAD or not self.fill():
                return None
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def exactly(self, size: int) -> bytes | None:
        parts, have = [self.buffer], len(self.buffer)
        self.buffer = b""
        while have < size:
            data = self.sock.recv(1 << 18)
            if not data:
                return None
            parts.append(data)
            have += len(data)
        whole = b"".join(parts)
        self.buffer = whole[size:]
        return whole[:size]

    def request(self) -> Request | None:
        head = self.until(b"\r\n\r\n")
        if not head:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ", 2)
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self._body(headers)
        return None if body is None else Request(method, target, headers, body)

    def _body(self, headers: Headers) -> bytes | None:
        if headers.get("expect", "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunked()
        return self.exactly(int(headers.get("content-length") or 0))

    def _chunked(self) -> bytes | None:
        parts: list[bytes] = []
        while (size := self.until(b"\r\n")) is not None:
            chunk = self.exactly(int(size.split(b";")[0], 16))
            if chunk is None or self.until(b"\r\n") is None:
                return None
            if not chunk:
                return b"".join(parts)
            parts.append(chunk)
        return None

    def frame(self) -> tuple[int, bytes] | None:
        head = self.exactly(2)
        if head is None:
            return None
        opcode, size, masked = head[0] & 0x0F, head[1] & 0x7F, head[1] & 0x80
        for mark, width in ((126, 2), (127, 8)):
            if size == mark:
                size = int.from_bytes(self.exactly(width) or b"", "big")
                break
        mask = (self.exactly(4) or b"") if masked else b""
        data = self.exactly(size)
        if data is None:
            return None
        return opcode, bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if mask else data


def frame(opcode: int, data: bytes, mask: bytes = b"") -> bytes:
    """One final WebSocket frame (RFC 6455, section 5.2)."""
    size, flag = len(data), 0x80 if mask else 0
    if size < 126:
        head = bytes([0x80 | opcode, flag | size])
    elif size < 65536:
        head = bytes([0x80 | opcode, flag | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, flag | 127]) + size.to_bytes(8, "big")
    return head + mask + (bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if mask else data)


def accept_key(key: str) -> str:
    import base64
    import hashlib

    return base64.b64encode(hashlib.sha1(key.encode() + _MAGIC, usedforsecurity=False).digest()).decode()


class EchoServer:
    """Serves at ``url`` until :meth:`close`; ``requests`` are those that came, in their order."""

    def __init__(
        self, name: str = "echo", *, context: ssl.SSLContext | None = None, show_process: bool = False
    ) -> None:
        self.name = name
        self.requests: list[Request] = []
        self._context = context
        self._show_process = show_process
        self._threads: set[threading.Thread] = set()
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._next = threading.Semaphore(0)
        self._listener: socket.socket | None = None
        self.url = ""

    def start(self, host: str = "127.0.0.1", port: int = 0) -> EchoServer:
        """Listen (port 0: any free one), and answer, each connection in a thread of its own."""
        self.listen(host, port)
        self._thread(self.serve, f"{self.name}-accept").start()
        return self

    def listen(self, host: str, port: int) -> None:
        self._listener = socket.create_server((host, port), backlog=128)
        scheme = "https" if self._context else "http"
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{scheme}://{host}:{self.port}"

    def serve(self) -> None:
        listener = self._listener
        while listener is not None and self._listener is not None:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.add(sock)
            self._thread(partial(self._connection, sock), self.name).start()

    def close(self) -> None:
        """Stop listening, end every connection, and wait for the threads."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _shut(listener)
        with self._lock:
            sockets, threads = list(self._sockets), list(self._threads)
        for sock in sockets:
            _shut(sock)
        self._next.release(_MANY)  # streams that wait find their sockets closed
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(10)

    def __enter__(self) -> EchoServer:
        return self if self._listener else self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        def run() -> None:
            try:
                target()
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, name=f"jupyterhub-{name}", daemon=True)
        with self._lock:
            self._threads.add(thread)
        return thread

    def _connection(self, sock: socket.socket) -> None:
        raw = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            connection = _Connection(sock)
            while (request := connection.request()) is not None and self._answer(connection, request):
                pass
        except (OSError, ValueError):
            return  # the other side went away, or does not speak HTTP
        finally:
            _shut(sock)
            with self._lock:
                self._sockets.discard(raw)

    def _answer(self, connection: _Connection, request: Request) -> bool:
        """Whether the connection can serve one more request."""
        self.requests.append(request)
        if request.headers.get("upgrade", "").lower() == "websocket":
            self._websocket(connection, request)
            return False
        query = parse_query(request.query)
        if "leave" in query and self._show_process:
            os._exit(0)
        if "stream" in query:
            self._stream(connection.sock, query)
        else:
            self._whole(connection.sock, request, query)
        return request.headers.get("connection", "").lower() != "close"

    def _whole(self, sock: socket.socket, request: Request, query: dict[str, list[str]]) -> None:
        status = int(query.get("status", ["200"])[0])
        if "size" in query:
            kind, body = "application/octet-stream", b"x" * int(query["size"][0])
        else:
            kind, body = "application/json", json.dumps(self.describe(request)).encode()
        headers = {"Content-Type": kind}
        if version := os.environ.get("ECHO_SERVER_HUB_VERSION"):
            headers["X-JupyterHub-Version"] = version
        added = [header.partition(":") for header in query.get("header", [])]
        self._send(sock, request, status, body, [*headers.items(), *((name, value) for name, _, value in added)])

    def _send(
        self, sock: socket.socket, request: Request, status: int, body: bytes, headers: Iterable[tuple[str, str]]
    ) -> None:
        lines = [f"HTTP/1.1 {status} Echo", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        sock.sendall(head if request.method == "HEAD" else head + body)

    def proceed(self) -> None:
        """Let a stream that waits send its next chunk."""
        self._next.release()

    def _stream(self, sock: socket.socket, query: dict[str, list[str]]) -> None:
        chunks, every = int(query["stream"][0]), float(query.get("every", ["0"])[0])
        sock.sendall(b"HTTP/1.1 200 Echo\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(chunks):
            if number and "wait" in query:
                self._next.acquire(timeout=_LONGEST)
            elif number:
                time.sleep(every)
            text = str(number).encode()
            sock.sendall(b"%x\r\n%s\r\n" % (len(text), text))
        sock.sendall(b"0\r\n\r\n")

    def _websocket(self, connection: _Connection, request: Request) -> None:
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept_key(request.headers.get('sec-websocket-key', ''))}",
        ]
        if offered := request.headers.get("sec-websocket-protocol"):
            lines.append(f"Sec-WebSocket-Protocol: {offered.split(',')[0].strip()}")
        connection.sock.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        while (message := connection.frame()) is not None:
            opcode, data = message
            connection.sock.sendall(frame(10 if opcode == 9 else opcode, data))
            if opcode == 8:
                return

    def describe(self, request: Request) -> Mapping[str, object]:
        """What an answer says: the request as it arrived and, of a process, the process."""
        shown: dict[str, object] = {
            "server": self.name,
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": request.headers,
            "body": request.body.decode("utf-8", "replace"),
            "size": len(request.body),
        }
        if self._show_process:
            shown |= {"instance": _INSTANCE, "pid": os.getpid(), "cwd": os.getcwd()}
            shown |= {"argv": sys.argv[1:], "env": dict(os.environ)}
        return shown


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # already gone
    sock.close()


def _server_context() -> ssl.SSLContext | None:
    """What JupyterHub's internal SSL asks of a server: its own certificate, and a known one of whoever calls."""
    keyfile = os.environ.get("JUPYTERHUB_SSL_KEYFILE")
    if not keyfile:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["JUPYTERHUB_SSL_CERTFILE"], keyfile)
    context.load_verify_locations(os.environ["JUPYTERHUB_SSL_CLIENT_CA"])
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _address() -> tuple[str, int]:
    for argument in sys.argv[1:]:
        if argument.startswith("--port="):
            return "127.0.0.1", int(argument[7:])
    netloc = os.environ["JUPYTERHUB_SERVICE_URL"].split("://", 1)[1].split("/", 1)[0]
    host, _, port = netloc.rpartition(":")
    return host.strip("[]") or "0.0.0.0", int(port)


def _leave(*_: object) -> None:
    """End, after ``$ECHO_SERVER_LINGER`` seconds in which it goes on serving, as one does that has work to save."""
    linger = float(os.environ.get("ECHO_SERVER_LINGER") or 0)
    if not linger:
        os._exit(0)
    end = threading.Timer(linger, os._exit, [0])
    end.daemon = True
    end.start()


def _ask_the_hub(seconds: float) -> None:
    """Wait for an answer of the hub's API, as jupyterhub-singleuser does at its start; end if there is none."""
    scheme, _, rest = os.environ["JUPYTERHUB_API_URL"].partition("://")
    netloc, _, path = rest.partition("/")
    host, _, port = netloc.rpartition(":")
    try:
        sock = socket.create_connection((host.strip("[]"), int(port)), timeout=seconds)
        if scheme == "https":
            sock = _client_context().wrap_socket(sock)
        with sock:
            sock.sendall(f"GET /{path}/ HTTP/1.0\r\nHost: {netloc}\r\n\r\n".encode())
            if sock.recv(1):
                return
    except (OSError, ValueError):
        pass
    os._exit(1)


def _client_context() -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_cert_chain(os.environ["JUPYTERHUB_SSL_CERTFILE"], os.environ["JUPYTERHUB_SSL_KEYFILE"])
    context.load_verify_locations(os.environ["JUPYTERHUB_SSL_CLIENT_CA"])
    return context


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    time.sleep(float(os.environ.get("ECHO_SERVER_DELAY") or 0))
    if seconds := os.environ.get("ECHO_SERVER_ASKS_FIRST"):
        _ask_the_hub(float(seconds))
    server = EchoServer("echo", context=_server_context(), show_process=True)
    server.listen(*_address())
    server.serve()


if __name__ == "__main__":
    main()
