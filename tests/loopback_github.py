"""GitHub's API, as far as the workflows ask it, and a chat's webhook: a small server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = {"login": "github-actions[bot]"}
SOMEBODY = {"login": "somebody"}
DOWN = (503, "Service Unavailable")
Object = dict[str, Any]


@dataclass
class LoopbackGitHub:
    """What the repository ``test/fleet`` holds.

    ``refuses`` is all it answers, where it is set; ``sent`` what it was asked for but to read.
    """

    url: str = ""
    refuses: tuple[int, str] | None = None
    labels: list[str] = field(default_factory=list)  # of every pull request, merged or not
    teams: dict[str, dict[str, str]] = field(default_factory=dict)  # members of each, with the state of each
    pulls: list[Object] = field(default_factory=list)
    issues: list[Object] = field(default_factory=list)
    comments: dict[int, list[Object]] = field(default_factory=dict)  # by the number of what they are on
    sent: list[tuple[str, str, Object]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def take(self) -> list[tuple[str, str, Object]]:
        """What was sent since this was asked last."""
        sent, self.sent = self.sent, []
        return sent

    def answer(self, method: str, path: str, query: dict[str, list[str]], data: Object) -> tuple[int, Any]:
        if path == "/webhook":
            self.sent.append((method, path, data))
            return 200, {}
        if self.refuses:
            return self.refuses[0], {"message": self.refuses[1]}
        words = path.removeprefix("/repos/test/fleet/").split("/")
        if words[:2] == ["", "orgs"]:
            state = self.teams.get(f"{words[2]}/{words[4]}", {}).get(words[6])
            return (200, {"state": state}) if state else (404, {"message": "Not Found"})
        if method == "GET":
            found = self._read(words)
            if found is None:
                return 404, {"message": "Not Found"}
            size, page = int(query["per_page"][0]), int(query.get("page", ["1"])[0])
            return 200, found[(page - 1) * size : page * size]
        self.sent.append((method, path, data))
        return 201, self._write(method, words, data)

    def _read(self, words: list[str]) -> list[Any] | None:
        match words:
            case ["pulls"]:
                return self.pulls
            case ["issues"]:
                return [issue for issue in self.issues if issue["state"] == "open"]
            case ["issues", _number, "labels"]:
                return [{"name": name} for name in self.labels]
            case ["issues", number, "comments"]:
                return self.comments.get(int(number), [])
            case ["commits", _commit, "pulls"]:
                return [
                    {"merged_at": "2026-01-01T00:00:00Z", "labels": [{"name": name} for name in self.labels]},
                    {"merged_at": None, "labels": [{"name": "deployer:skip-deploy"}]},
                ]
        return None

    def _write(self, method: str, words: list[str], data: Object) -> Object:
        match method, words:
            case "POST", ["issues"]:
                made = {"number": len(self.issues) + 1, "state": "open", "user": BOT, **data}
                self.issues.append(made)
                return made
            case "PATCH", ["issues", "comments", number]:
                found = next(one for every in self.comments.values() for one in every if one["id"] == int(number))
                found.update(data)
                return found
            case "PATCH", ["issues", number]:
                found = next(one for one in self.issues if one["number"] == int(number))
                found.update(data)
                return found
            case "POST", ["issues", number, "comments"]:
                made = {"id": sum(map(len, self.comments.values())) + 1, "user": BOT, **data}
                self.comments.setdefault(int(number), []).append(made)
                return made
        raise AssertionError(f"{method} {words}")


@contextmanager
def loopback_github() -> Iterator[LoopbackGitHub]:
    """The server, for as long as the block lasts."""
    github = LoopbackGitHub()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            asked = urlsplit(self.path)
            query = parse_qs(asked.query)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if asked.path != "/webhook":
                github.tokens.add(self.headers.get("Authorization", ""))
            code, found = github.answer(self.command, asked.path, query, json.loads(raw) if raw else {})
            text = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if self.command == "GET" and isinstance(found, list) and len(found) == int(query["per_page"][0]):
                page = int(query.get("page", ["1"])[0]) + 1
                self.send_header("Link", f'<{github.url}{self.path.partition("&page=")[0]}&page={page}>; rel="next"')
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - as the standard library calls them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        github.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield github
        finally:
            server.shutdown()
            thread.join()
