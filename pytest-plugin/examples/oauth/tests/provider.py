"""A small OAuth 2 service on this machine, as much of one as an authenticator talks to.

Nobody has to log in there: who a browser is, it says itself, in ``login_hint``.
"""

import base64
import hashlib
import secrets
from urllib.parse import urlencode

from jupyterhub_pytest_plugin import RouteServer

SECRET = "a long secret of the client"


class Provider(RouteServer):
    """Codes and tokens, each for one person; ``people`` is what ``/userinfo`` says of them beside their ``login``."""

    def __init__(self, **routes):
        own = {"/authorize": self.authorize, "POST /token": self.token, "/userinfo": self.userinfo}
        super().__init__("provider", routes=own | routes)
        self.people = {}
        self.codes = {}
        self.tokens = {}
        self.refresh_tokens = {}

    def revoke(self, login):
        """Forget all tokens of this person."""
        for tokens in (self.tokens, self.refresh_tokens):
            for token in [token for token, owner in tokens.items() if owner == login]:
                del tokens[token]

    def authorize(self, request):
        """Send the browser back with a code."""
        query, code = request.params, secrets.token_urlsafe(16)
        self.codes[code] = (query["login_hint"], query.get("code_challenge"))
        back = urlencode({"code": code, "state": query["state"]})
        return 302, "", {"Location": f"{query['redirect_uri']}?{back}"}

    def token(self, request):
        """New tokens for a code or a refresh token that was given out, and not used yet."""
        login = self._owner(request.form)
        if login is None:
            return 400, {"error": "invalid_grant"}
        token, refresh_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.tokens[token] = self.refresh_tokens[refresh_token] = login
        return {"access_token": token, "refresh_token": refresh_token, "token_type": "bearer"}

    def _owner(self, form):
        if form.get("client_secret") != SECRET:
            return None
        if form["grant_type"] == "refresh_token":
            return self.refresh_tokens.pop(form["refresh_token"], None)
        login, challenge = self.codes.pop(form["code"], (None, None))
        return login if not challenge or challenge == _digest(form.get("code_verifier", "")) else None

    def userinfo(self, request):
        login = self.tokens.get(request.headers["authorization"].partition(" ")[2])
        return {"login": login, "crews": [], **self.people.get(login, {})} if login else 401


def _digest(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
