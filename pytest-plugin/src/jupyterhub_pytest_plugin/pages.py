"""The words of a page that tell what happened, without what is on every page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

_UNSEEN = {"head", "script", "style", "noscript", "template", "nav"}
_FURNITURE = {"hidden", "d-none", "modal", "announcement"}  # a warning of plain HTTP, dialogs that are not open
_INPUTS = {"input", "select", "textarea"}
_ERRORS = {"login_error", "error", "spawn-error-msg"}


class _Words(HTMLParser):
    """Collects ``words``, the names of ``fields`` of forms, and of the words the ``errors``.

    These are what stands in the elements in which JupyterHub puts them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.errors: list[str] = []
        self.fields: list[str] = []
        self._left_out: list[str] = []  # the element that is left out, once for each of its kind that is open in it
        self._error: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = dict(attrs).get("name")
        if tag in _INPUTS and name and name not in self.fields and not self._left_out:
            self.fields.append(name)
        classes = set((dict(attrs).get("class") or "").split())
        _enter(self._left_out, tag, begins=tag in _UNSEEN or bool(classes & _FURNITURE))
        _enter(self._error, tag, begins=bool(classes & _ERRORS))

    def handle_endtag(self, tag: str) -> None:
        _leave(self._left_out, tag)
        _leave(self._error, tag)

    def handle_data(self, data: str) -> None:
        if not self._left_out:
            self.words += data.split()
            self.errors += data.split() if self._error else []


def _enter(inside: list[str], tag: str, *, begins: bool) -> None:
    if inside[:1] == [tag] or (begins and not inside):
        inside.append(tag)


def _leave(inside: list[str], tag: str) -> None:
    if inside[:1] == [tag]:
        inside.pop()


def shown(response: httpx.Response, limit: int = 300) -> str:
    """The words of an answer, without mark-up: a page's error message, or what it has to say itself."""
    text = response.text
    if not text.lstrip().startswith("<"):
        return " ".join(text.split())[:limit]
    page = _read(text)
    return " ".join(page.errors or page.words)[:limit]


def form_fields(response: httpx.Response) -> list[str]:
    """The names of the fields that somebody can fill in on this page."""
    return [name for name in _read(response.text).fields if name != "_xsrf"]


def refused(response: httpx.Response) -> str:
    """What the page says of an error, if it does."""
    return " ".join(_read(response.text).errors)


def _read(text: str) -> _Words:
    page = _Words()
    page.feed(text)
    page.close()
    return page
