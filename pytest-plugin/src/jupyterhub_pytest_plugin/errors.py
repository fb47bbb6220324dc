"""What can go wrong with a hub under test, and says what to do about it."""

from __future__ import annotations


class HubError(Exception):
    """The hub under test, or the way it is used, is at fault; the message says what to do."""


class HubStartError(HubError):
    """The hub did not come up; the message ends with the last lines of its log."""


class WrongThreadError(HubError):
    """Something of the hub was used outside of its own thread or event loop."""


class LoginError(HubError):
    """The hub refused the login."""

    def __init__(self, username: str, status: int, text: str) -> None:
        super().__init__(f"login of {username!r} was refused with status {status}: {text}")
        self.status = status
        self.text = text
