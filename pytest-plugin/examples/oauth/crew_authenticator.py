"""An authenticator without a form: the crew's own service knows who somebody is, and tells by OAuth 2."""

import json
import secrets
from urllib.parse import urlencode

from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.web import HTTPError
from traitlets import Set, Unicode

COOKIE = "crew-login"


class CrewAuthenticator(Authenticator):
    login_service = "the crew's service"

    service_url = Unicode(help="Where the service is.").tag(config=True)
    client_id = Unicode("jupyterhub", help="What the service calls this hub.").tag(config=True)
    client_secret = Unicode(help="By which the service knows this hub.").tag(config=True)
    allowed_crews = Set(help="Who is in one of these crews may come in.").tag(config=True)

    def login_url(self, base_url):
        return url_path_join(base_url, "crew", "login")

    def get_handlers(self, app):
        return [(r"/crew/login", CrewLoginHandler), (r"/crew/back", CrewBackHandler)]

    async def authenticate(self, handler, data):
        """What the service says of whom it gave this code; None if it knows no such code."""
        form = {"grant_type": "authorization_code", "redirect_uri": back_url(handler), **data}
        form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        token = await self._ask("token", method="POST", body=urlencode(form))
        return token and await self._model(token["access_token"])

    async def refresh_user(self, user, handler=None):
        """Asks the service again, if the hub keeps what that needs."""
        state = await user.get_auth_state()
        if state is None:
            return not self.enable_auth_state
        return await self._model(state["access_token"]) or False

    def check_allowed(self, username, authentication=None):
        if self.allowed_crews and authentication and authentication["auth_state"]["crews"]:
            return not self.allowed_crews.isdisjoint(authentication["auth_state"]["crews"])
        return super().check_allowed(username, authentication)

    async def _model(self, token):
        person = await self._ask("userinfo", headers={"Authorization": f"Bearer {token}"})
        if person is None:
            return None
        state = {"access_token": token, "crews": person["crews"]}
        model = {"name": self.normalize_username(person["login"]), "auth_state": state}
        return {**model, "groups": person["crews"]} if self.manage_groups else model

    async def _ask(self, path, **request):
        """What the service answers; None if it refuses."""
        try:
            response = await AsyncHTTPClient().fetch(f"{self.service_url}/{path}", **request)
        except HTTPClientError as error:
            if error.code in {400, 401}:
                return None
            raise
        return json.loads(response.body)


def back_url(handler):
    """Where the service sends the browser back to."""
    return f"{handler.request.protocol}://{handler.request.host}{url_path_join(handler.hub.base_url, 'crew', 'back')}"


class CrewLoginHandler(BaseHandler):
    def get(self):
        state = secrets.token_urlsafe(16)
        login = {"state": state, "next": self.get_next_url() if self.get_argument("next", "") else ""}
        self.set_secure_cookie(COOKIE, json.dumps(login), httponly=True, path=self.hub.base_url)
        query = {"client_id": self.authenticator.client_id, "redirect_uri": back_url(self), "state": state}
        self.redirect(f"{self.authenticator.service_url}/authorize?{urlencode({'response_type': 'code', **query})}")


class CrewBackHandler(BaseHandler):
    async def get(self):
        login = json.loads(self.get_secure_cookie(COOKIE) or "{}")
        if not login or login["state"] != self.get_argument("state"):
            raise HTTPError(400, "This browser did not begin the login: please try again.")
        self.clear_cookie(COOKIE, path=self.hub.base_url)
        user = await self.login_user({"code": self.get_argument("code")})
        if user is None:
            raise HTTPError(403, "The crew's service does not let you in.")
        self.redirect(login["next"] or url_path_join(self.hub.base_url, "home"))
