"""The service of whoami.py, broken in the way that its argument names."""

import json
import os
import sys
from typing import NamedTuple
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler

import whoami


class AnyToken(whoami.WhoAmI):
    """Lets in whoever the hub knows, whatever the scopes."""

    def check_hub_user(self, model):
        return model


class WideAuth(HubOAuth):
    cookie_path = "/"


class WideCookie(whoami.WhoAmI):
    """Its login cookie goes to every service."""

    hub_auth_class = WideAuth


class WideCallback(HubOAuthCallbackHandler):
    hub_auth_class = WideAuth


class TrustingCallback(HubOAuthCallbackHandler):
    """Takes the state in the address for the one that it gave to this browser."""

    def get_secure_cookie(self, name, *args, **kwargs):
        known = super().get_secure_cookie(name, *args, **kwargs)
        return known or self.get_argument("state").encode()


class HomeCallback(HubOAuthCallbackHandler):
    """After a login it leads to the hub, whatever page was asked for."""

    def redirect(self, url, *args, **kwargs):
        super().redirect(self.hub_auth.hub_prefix + "home", *args, **kwargs)


class ShowsItsEnvironment(whoami.WhoAmI):
    """Helps its developer."""

    def write(self, chunk):
        super().write(json.dumps({**json.loads(chunk), "environment": dict(os.environ)}))


class Anonymous(RequestHandler):
    """Shows its page to everybody."""

    def get(self):
        self.write({"name": "somebody"})


class Variant(NamedTuple):
    page: type[RequestHandler] = whoami.WhoAmI
    callback: type[RequestHandler] = HubOAuthCallbackHandler
    prefix: str = os.environ["JUPYTERHUB_SERVICE_PREFIX"]


VARIANTS = {
    "AnyToken": Variant(page=AnyToken),
    "WideCookie": Variant(page=WideCookie, callback=WideCallback),
    "TrustsAnyState": Variant(callback=TrustingCallback),
    "ShowsItsEnvironment": Variant(page=ShowsItsEnvironment),
    "KnowsItsPrefix": Variant(prefix=f"/services/{os.environ['JUPYTERHUB_SERVICE_NAME']}/"),
    "LandsAtHome": Variant(callback=HomeCallback),
    "Anonymous": Variant(page=Anonymous),
}


if __name__ == "__main__":
    page, callback, prefix = VARIANTS[sys.argv[1]]
    app = Application([(f"{prefix}oauth_callback", callback), (prefix, page)], cookie_secret=os.urandom(32))
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    app.listen(url.port, url.hostname)
    IOLoop.current().start()
