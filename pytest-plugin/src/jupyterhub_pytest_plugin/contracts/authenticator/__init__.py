"""What JupyterHub relies on in an authenticator."""

from __future__ import annotations

from .attacks import Attacks
from .entry import Entry
from .life import Life
from .pages import Pages
from .people import Membership
from .rules import Rules
from .state import State

__all__ = ["AuthenticatorContract"]


class AuthenticatorContract(Entry, Rules, Membership, State, Pages, Attacks, Life):
    """Derive from it, name the authenticator, and say how somebody logs in::

        class TestMyAuthenticator(AuthenticatorContract):
            authenticator_class = MyAuthenticator

            def credentials(self, username):
                return {"username": username, "password": "the right one"}

    An authenticator that sends the browser to another service overrides :meth:`callback` instead; one with a protocol
    of its own, :meth:`log_in`; one that must know users first, also :meth:`prepare_user`.
    """
