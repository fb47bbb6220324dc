"""Small real servers on this machine that behave as hubs, proxies and broken things do."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from deployer.fleet.ids import ReleaseId
from deployer.health.probe import SCOPES
from deployer.plan.ports import Endpoint

RELEASE = ReleaseId("reef", "staging")
TOKEN = "a-very-secret-token-0123456789"
USER = "/hub/api/users/deployment-service-check"
NO_ROUTE = (404, "404 page not found", {"Content-Type": "text/plain"})

Answer = tuple[int, Any, dict[str, str]]
HUB = {"X-JupyterHub-Version": "5.5.0"}


def page(text: str = "<html><title>Sign in</title></html>") -> Answer:
    return 200, text, HUB


class FakeHub:
    """Speaks enough of the hub's API for a morning up to the kernel; ``script`` overrides answers, first ones first.

    An answer of None drops the connection; a callable is called for one. Overridden acts do not happen.
    """

    def __init__(self, script: dict[tuple[str, str], list[Any]] | None = None) -> None:
        self.script = script or {}
        self.seen: Counter[tuple[str, str]] = Counter()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.user: dict[str, Any] | None = None
        self.running = False
        self.started = ""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                hub.handle(self)

            do_GET = do_POST = do_DELETE = handle_one  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def where(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def endpoint(self, scheme: str = "http", name: str = "hub.reef.localhost") -> Endpoint:
        return Endpoint(f"{scheme}://{name}:{self.server.server_port}/", TOKEN, connect=self.where)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        key = (request.command, request.path)
        self.seen[key] += 1
        self.requests.append((*key, dict(request.headers.items())))
        scripted = self.script.get(key) or self.script.get(("*", "*")) or []
        nth = self.seen[key]
        answer = scripted[nth - 1] if nth <= len(scripted) else self.usual(*key)
        if callable(answer):
            answer = answer(request)
        if answer is None:
            request.close_connection = True
            return
        self._send(request, answer)

    def _send(self, request: BaseHTTPRequestHandler, answer: Answer) -> None:
        status, body, headers = answer
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def usual(self, method: str, path: str) -> Answer:
        routes: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "/hub/health"): page,
            ("GET", "/hub/api/"): lambda: (200, {"version": "5.5.0"}, HUB),
            ("GET", "/hub/login"): page,
            ("GET", "/hub/api/user"): lambda: (200, {"name": "hub-health", "scopes": list(SCOPES)}, HUB),
            ("GET", USER): self._find,
            ("POST", USER): self._make,
            ("DELETE", USER): self._remove,
            ("POST", f"{USER}/server"): self._spawn,
            ("DELETE", f"{USER}/server"): self._stop,
            ("GET", "/user/deployment-service-check/api/status"): lambda: (200, {}, HUB),
            ("POST", "/user/deployment-service-check/api/kernels"): lambda: (201, {"id": "k1"}, HUB),
        }
        return routes.get((method, path), lambda: (404, {"message": "Not Found"}, HUB))()

    def _find(self) -> Answer:
        if self.user is None:
            return 404, {"message": "Not Found"}, HUB
        servers = {
            "": {"ready": True, "started": self.started, "pending": None, "url": "/user/deployment-service-check/"}
        }
        return 200, self.user | {"servers": servers if self.running else {}}, HUB

    def _make(self) -> Answer:
        if self.user:
            return 409, {"message": "exists"}, HUB
        self.user = {"name": "deployment-service-check", "created": datetime.now(UTC).isoformat()}
        return 201, self.user, HUB

    def _remove(self) -> Answer:
        self.user = None
        return 204, "", HUB

    def _spawn(self) -> Answer:
        self.running = True
        return 201, "", HUB

    def _stop(self) -> Answer:
        self.running = False
        return 204, "", HUB
