"""A backend that answers some paths as a test says: half a provider of logins, or an API that a component asks."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING, Any

from .echo import EchoServer, Request

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from .echo import Headers

Answer = tuple[int, bytes, "Headers"]


class RouteServer(EchoServer):
    """An :class:`EchoServer` with answers of its own for some paths: ``{"/token": {"access_token": "t"}}``.

    A path stands alone or after a method (``"POST /token"``). Its answer is data, sent as JSON; a string, sent as HTML;
    bytes; a status (``503``); several of these as ``(status, data)`` or ``(status, data, headers)``; or a function of
    the request that returns one of all these. A request has ``method``, ``path``, ``headers`` (their names in small
    letters), ``body``, and, for what it carries, ``params``, ``form``, ``json()``. What a function raises is answered
    with status 500, and is in ``errors``.
    """

    def __init__(self, name: str = "backend", *, routes: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        for path, answer in routes.items():
            _check(path, answer)
        self.routes = dict(routes)
        self.errors: list[BaseException] = []

    def _whole(self, sock: socket.socket, request: Request, query: dict[str, list[str]]) -> None:
        for path in (f"{request.method} {request.path}", request.path):
            if path in self.routes:
                status, body, headers = self._answer_of(self.routes[path], request)
                self._send(sock, request, status, body, headers.items())
                return
        super()._whole(sock, request, query)

    def _answer_of(self, answer: Any, request: Request) -> Answer:
        if not callable(answer):
            return as_answer(answer)
        try:
            return as_answer(answer(request))
        except BaseException as error:  # noqa: BLE001 - the test is told of any, also of its own pytest.fail()
            self.errors.append(error)
            return 500, traceback.format_exc().encode(), {"Content-Type": "text/plain"}


def as_answer(given: Any) -> Answer:
    """Status, body and headers of what a route gives; raises :class:`TypeError` for what JSON cannot say."""
    if isinstance(given, int) and not isinstance(given, bool):
        return as_answer((given, b""))
    if not isinstance(given, tuple):
        return as_answer((200, given))
    status, data, *more = given
    headers = dict(more[0]) if more else {}
    if isinstance(data, bytes):
        kind, body = "application/octet-stream", data
    elif isinstance(data, str):
        kind, body = "text/html; charset=utf-8", data.encode()
    else:
        kind, body = "application/json", json.dumps(data).encode()
    return status, body, {"Content-Type": kind, **headers}


def _check(path: str, answer: Any) -> None:
    if not path.rpartition(" ")[2].startswith("/"):
        msg = f"http_backend(routes=…): {path!r} must be a path such as '/token', or 'POST /token'"
        raise ValueError(msg)
    if not callable(answer):
        as_answer(answer)
