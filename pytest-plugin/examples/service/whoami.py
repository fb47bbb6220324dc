"""The smallest service that logs its users in with the hub: it answers with the user's model, and takes notes."""

import json
import os
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler, authenticated


class WhoAmI(HubOAuthenticated, RequestHandler):
    @authenticated
    def get(self):
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps(self.get_current_user()))


class Notes(WhoAmI):
    @authenticated
    def post(self):
        self.write({"noted_by": self.get_current_user()["name"]})


def main():
    # How long it believes what the hub said of a token: shorter in tests, which take tokens back.
    HubOAuth.instance(cache_max_age=int(os.environ.get("WHOAMI_CACHE_MAX_AGE", "300")))
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    app = Application(
        [(f"{prefix}oauth_callback", HubOAuthCallbackHandler), (prefix, WhoAmI), (f"{prefix}notes", Notes)],
        cookie_secret=os.urandom(32),
        xsrf_cookies=True,
    )
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    app.listen(url.port, url.hostname)
    IOLoop.current().start()


if __name__ == "__main__":
    main()
