"""A request that nobody sent, for handlers that no server runs."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tornado.concurrent import Future
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine, parse_body_arguments
from tornado.web import RequestHandler, create_signed_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tornado.httputil import ResponseStartLine

_FORM = "application/x-www-form-urlencoded"


def check_handler(cls: Any, method: Any) -> type[RequestHandler]:
    """The class, if it is one of a handler that takes this method; raises :class:`TypeError` else."""
    if not isinstance(method, str) or method.upper() not in RequestHandler.SUPPORTED_METHODS:
        msg = f"auth_handler(method=…) is an HTTP method such as 'GET', not {method!r}: is that the handler_class?"
        raise TypeError(msg)
    if not (isinstance(cls, type) and issubclass(cls, RequestHandler)):
        msg = f"auth_handler(handler_class=…) is a class derived from tornado's RequestHandler, not {cls!r}"
        raise TypeError(msg)
    return cls


def signed_value(secret: bytes, name: str, value: str) -> str:
    """As ``set_secure_cookie()`` writes it."""
    return create_signed_value(secret, name, value).decode()


def cookie_header(cookies: Mapping[str, str]) -> dict[str, str]:
    """All of them in one header; none without any."""
    jar: SimpleCookie = SimpleCookie()
    for name, value in cookies.items():
        jar[name] = value
    return {"Cookie": jar.output(header="", sep=";").strip()} if cookies else {}


def make_request(method: str, uri: str, headers: Mapping[str, str], fields: Mapping[str, str]) -> HTTPServerRequest:
    """A request as tornado would hand it to a handler."""
    form = urlencode(fields).encode()
    all_headers = HTTPHeaders({"Host": "127.0.0.1", "Content-Type": _FORM, **headers})
    line = RequestStartLine(method.upper(), uri, "HTTP/1.1")
    request = HTTPServerRequest(headers=all_headers, body=form, connection=_Connection(), start_line=line)  # type: ignore[arg-type]
    request.remote_ip = "127.0.0.1"
    parse_body_arguments(_FORM, form, request.body_arguments, request.files)
    for name, values in request.body_arguments.items():
        request.arguments.setdefault(name, []).extend(values)
    return request


class _Connection:
    """As much of a connection as a handler asks for; keeps the answer."""

    def __init__(self) -> None:
        self.context = type("Context", (), {"remote_ip": "127.0.0.1", "protocol": "http"})()
        self.status = 0
        self.headers = HTTPHeaders()
        self.body = b""

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """The connection of no client is never closed."""

    def write_headers(self, start_line: ResponseStartLine, headers: HTTPHeaders, chunk: bytes = b"") -> Future[None]:
        self.status, self.headers = start_line.code, headers
        return self.write(chunk)

    def write(self, chunk: bytes) -> Future[None]:
        self.body += chunk or b""
        written: Future[None] = Future()
        written.set_result(None)
        return written

    def finish(self) -> None:
        """Nobody waits for it."""
