"""The service of whoami.py, broken in the way that its argument names."""

import os
import sys
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


class Callback(HubOAuthCallbackHandler):
    hub_auth_class = WideAuth if sys.argv[1] == "WideCookie" else HubOAuth


class Anonymous(RequestHandler):
    """Shows its page to everybody."""

    def get(self):
        self.write({"name": "somebody"})


if __name__ == "__main__":
    prefix, page = os.environ["JUPYTERHUB_SERVICE_PREFIX"], globals()[sys.argv[1]]
    app = Application([(f"{prefix}oauth_callback", Callback), (prefix, page)], cookie_secret=os.urandom(32))
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    app.listen(url.port, url.hostname)
    IOLoop.current().start()
