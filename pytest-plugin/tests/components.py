"""Components of our own that keep every promise: what a contract can ask, they can do."""

from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join


class DoorHandler(BaseHandler):
    """A login page of its own, as authenticators with a protocol of their own have."""

    def get(self):
        self.redirect(url_path_join(self.hub.base_url, "login"))


class CompleteAuthenticator(Authenticator):
    async def authenticate(self, handler, data):
        if data["password"] != "right password":
            return None
        model = {"name": data["username"], "auth_state": {"token": "a-token-of-the-service"}}
        if self.manage_groups:
            model["groups"] = ["crew", f"of-{data['username']}"]
        if self.manage_roles:
            model["roles"] = [{"name": "sailor", "scopes": ["list:users"]}]
        return model

    def login_url(self, base_url):
        return url_path_join(base_url, "door") if self.auto_login else super().login_url(base_url)

    def get_handlers(self, app):
        return [(r"/door", DoorHandler)]
