"""The service of whoami.py, broken in the way that its argument names."""

import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler
from tornado.ioloop import IOLoop
from tornado.web import Application, HTTPError, RequestHandler, authenticated

from whoami import Notes, WhoAmI

PREFIX = os.environ["JUPYTERHUB_SERVICE_PREFIX"]


# Who sees a page


class Anonymous(RequestHandler):
    """Shows its page to everybody."""

    def get(self):
        self.write({"name": "somebody"})


class OpenPost(Notes):
    """Only reading needs a login."""

    def check_xsrf_cookie(self):
        """Nothing."""

    def post(self):
        self.write({})


class SendsNobodyToTheHub(Notes):
    def get_login_url(self):
        raise HTTPError(403)


class TrustsHeaders(WhoAmI):
    """Was made for another proxy."""

    def get_current_user(self):
        name = self.request.headers.get("X-Forwarded-User")
        return {"name": name} if name else super().get_current_user()


class KnowsOneUser(WhoAmI):
    def get_current_user(self):
        model = super().get_current_user()
        return model and {**model, "name": "ada"}


class AnyUser(WhoAmI):
    """Lets in whoever the hub knows, whatever the scopes."""

    def check_hub_user(self, model):
        return model


# Logins


class LandsAtItsStart(HubOAuthCallbackHandler):
    """After a login it leads to its first page, whatever was asked for."""

    def redirect(self, url, *args, **kwargs):
        super().redirect(PREFIX, *args, **kwargs)


class LandsWhereItIsTold(HubOAuthCallbackHandler):
    def redirect(self, url, *args, **kwargs):
        super().redirect(self.get_argument("next", url), *args, **kwargs)


class TrustsAnyState(HubOAuthCallbackHandler):
    """Takes the state in the address for the one that it gave to this browser."""

    def get_secure_cookie(self, name, *args, **kwargs):
        known = super().get_secure_cookie(name, *args, **kwargs)
        return known or self.get_argument("state").encode()


class ForgetsTheHubsSessions(HubOAuth):
    def get_session_id(self, handler):
        return ""


class WideCookies(HubOAuth):
    cookie_path = "/"


class KeepsNames(WhoAmI):
    """Has no token in its cookie, but a name, and signs it with what stands in its source."""

    @authenticated
    def get(self):
        self.set_signed_cookie("who", self.get_current_user()["name"], path=PREFIX, httponly=True)
        super().get()

    def get_current_user(self):
        name = self.get_signed_cookie("who")
        return {"name": name.decode()} if name else super().get_current_user()


class TakesForgedForms(Notes):
    def check_xsrf_cookie(self):
        """Nothing."""


# What it tells


class ShowsItsEnvironment(WhoAmI):
    """Helps its developer."""

    def write(self, chunk):
        super().write(json.dumps({**json.loads(chunk), "environment": dict(os.environ)}))


class PrintsTokens(HubOAuth):
    def set_cookie(self, handler, access_token):
        print("a new login with", access_token, flush=True)  # noqa: T201 - on purpose
        super().set_cookie(handler, access_token)


class PlainCookies(HubOAuth):
    """For its own scripts."""

    def set_cookie(self, handler, access_token):
        handler.set_cookie("token", access_token, path=PREFIX)
        super().set_cookie(handler, access_token)


class EchoesOrigins(WhoAmI):
    def set_default_headers(self):
        self.set_header("Access-Control-Allow-Origin", self.request.headers.get("Origin", "*"))
        self.set_header("Access-Control-Allow-Credentials", "true")


class PublicPages(WhoAmI):
    def set_default_headers(self):
        self.set_header("Cache-Control", "public, max-age=3600")


# Tokens


class KnowsNoTokens(HubOAuth):
    def get_token(self, handler, in_cookie=True):
        return self._get_token_cookie(handler) if in_cookie else None


class TakesAnyAddress(WhoAmI):
    """Its links were made when tokens were still looked at."""

    def get_current_user(self):
        return {"name": "a guest"} if self.get_argument("token", "") else super().get_current_user()


class KeepsRevokedTokens(HubOAuth):
    """Knows all tokens that the hub has ever made."""

    async def _check_hub_authorization(self, url, api_token, cache_key=None, use_cache=True):
        found = await super()._check_hub_authorization(url, api_token, cache_key, use_cache)
        looks_right = api_token != "0" * len(api_token)
        return found or ({"name": "once known", "scopes": list(self.access_scopes)} if looks_right else None)


# Its life


def ignore_signals():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def start_only_once():
    """Takes a file of its last run for another one that runs."""
    lock = Path(f"{Path('/proc/self/fd/1').readlink()}.lock")
    if lock.exists():
        sys.exit("another one is running")
    lock.touch()


class BreaksWithTheHub(WhoAmI):
    """Keeps a connection to the hub, and is lost without."""

    lost = False

    @classmethod
    def hold(cls):
        api = urlsplit(os.environ["JUPYTERHUB_API_URL"])
        with socket.create_connection((api.hostname, api.port)) as connection:
            connection.recv(1)
        cls.lost = True

    def prepare(self):
        if self.lost:
            raise HTTPError(500)


def hold_a_connection():
    threading.Thread(target=BreaksWithTheHub.hold, daemon=True).start()


def ask_too_much():
    """Asks the hub for what its role does not have."""

    def ask():
        auth = HubOAuth.instance()
        loop.add_callback(auth._api_request, "GET", f"{auth.api_url}/proxy", allow_403=True)

    loop = IOLoop.current()
    loop.add_callback(ask)


class Variant(NamedTuple):
    page: type[RequestHandler] = WhoAmI
    notes: type[RequestHandler] = Notes
    callback: type[RequestHandler] = HubOAuthCallbackHandler
    auth: type[HubOAuth] = HubOAuth
    traits: dict = {}
    prefix: str = PREFIX
    secret: bytes = os.urandom(32)
    prepare: object = int


VARIANTS = {
    "Anonymous": Variant(page=Anonymous, notes=Anonymous),
    "OpenPost": Variant(notes=OpenPost),
    "SendsNobodyToTheHub": Variant(notes=SendsNobodyToTheHub),
    "TrustsHeaders": Variant(page=TrustsHeaders),
    "KnowsOneUser": Variant(page=KnowsOneUser),
    "AnyUser": Variant(page=AnyUser),
    "LandsAtItsStart": Variant(callback=LandsAtItsStart),
    "LandsWhereItIsTold": Variant(callback=LandsWhereItIsTold),
    "TrustsAnyState": Variant(callback=TrustsAnyState),
    "ForgetsTheHubsSessions": Variant(auth=ForgetsTheHubsSessions),
    "WideCookies": Variant(auth=WideCookies),
    "OpenCookies": Variant(traits={"cookie_options": {"httponly": False}}),
    "KeepsNames": Variant(page=KeepsNames, secret=b"it stands in the source"),
    "TakesForgedForms": Variant(notes=TakesForgedForms),
    "ShowsItsEnvironment": Variant(page=ShowsItsEnvironment),
    "PrintsTokens": Variant(auth=PrintsTokens),
    "PlainCookies": Variant(auth=PlainCookies),
    "EchoesOrigins": Variant(page=EchoesOrigins),
    "PublicPages": Variant(page=PublicPages),
    "KnowsNoTokens": Variant(auth=KnowsNoTokens),
    "TakesAnyAddress": Variant(page=TakesAnyAddress),
    "TakesTokensInAddresses": Variant(traits={"allow_token_in_url": True}),
    "KeepsRevokedTokens": Variant(auth=KeepsRevokedTokens),
    "BelievesForEver": Variant(traits={"cache_max_age": 0}),
    "KnowsItsPrefix": Variant(prefix=f"/services/{os.environ['JUPYTERHUB_SERVICE_NAME']}/"),
    "AsksTooMuch": Variant(prepare=ask_too_much),
    "Deaf": Variant(prepare=ignore_signals),
    "StartsOnlyOnce": Variant(prepare=start_only_once),
    "BreaksWithTheHub": Variant(page=BreaksWithTheHub, prepare=hold_a_connection),
}


def main():
    broken = VARIANTS[sys.argv[1]]
    traits = {"cache_max_age": 1, **broken.traits}
    broken.auth.instance(**traits)
    broken.prepare()
    handlers = [("oauth_callback", broken.callback), ("", broken.page), ("notes", broken.notes)]
    for _, handler in handlers:
        handler.hub_auth_class = broken.auth
    paths = [(f"{broken.prefix}{path}", handler) for path, handler in handlers]
    app = Application(paths, cookie_secret=broken.secret, xsrf_cookies=True)
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    app.listen(url.port, url.hostname)
    IOLoop.current().start()


if __name__ == "__main__":
    main()
