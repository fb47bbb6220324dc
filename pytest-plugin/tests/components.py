"""Components of our own that keep every promise: what a contract can ask, they can do."""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess

import psutil
from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.spawner import Spawner
from jupyterhub.utils import random_port, url_path_join
from tornado.web import HTTPError
from traitlets import Float, Integer, Set


class DoorHandler(BaseHandler):
    """Sends the browser to a service that knows who it is; the service sends it back with a name and a proof."""

    def get(self):
        state, wanted = self.state(), self.get_argument("next", "")
        self.set_secure_cookie("door", f"{state} {wanted}", path=self.hub.base_url)
        self.redirect(f"https://service.test/?state={state}")

    def state(self):
        return secrets.token_hex(8)


class BackHandler(BaseHandler):
    async def get(self):
        state, _, wanted = (self.get_secure_cookie("door") or b"").decode().partition(" ")
        if state != self.get_argument("state"):
            raise HTTPError(403, "this browser began no login")
        user = await self.login_user({name: self.get_argument(name) for name in ("username", "password")})
        if user is None:
            raise HTTPError(403)
        self.request.arguments = {"next": [wanted.encode()]}
        self.redirect(self.get_next_url(user))


DOORS = [(r"/door", DoorHandler), (r"/door/back", BackHandler)]


class CompleteAuthenticator(Authenticator):
    """Users come by a form, or by the door."""

    allowed_crews = Set(config=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.memberships = {}  # what the service says of users: groups, who is an admin, whom it vouches for no more
        self.officers = {}
        self.revoked = set()

    async def authenticate(self, handler, data):
        if data["password"] != "right password":
            return None
        name = data["username"]
        groups = self.memberships.get(name, ["crew", f"of-{name}"])
        model = {"name": name, "auth_state": {"token": "a-token-of-the-service", "groups": groups}}
        if name in self.officers:
            model["admin"] = self.officers[name]
        if self.manage_groups:
            model["groups"] = groups
        if getattr(self, "manage_roles", False):  # since JupyterHub 5
            model["roles"] = [{"name": "sailor", "scopes": ["list:users"]}]
        return model

    def check_allowed(self, username, authentication=None):
        if self.allowed_crews and authentication:
            return not self.allowed_crews.isdisjoint(authentication["auth_state"]["groups"])
        return super().check_allowed(username, authentication)

    async def refresh_user(self, user, handler=None):
        return user.name not in self.revoked

    def login_url(self, base_url):
        return url_path_join(base_url, "door") if self.auto_login else super().login_url(base_url)

    def get_handlers(self, app):
        return DOORS


class PidSpawner(Spawner):
    """Knows a server by its process id and when it began, and keeps its Popen where nobody looks for it."""

    pid = Integer()
    began = Float()

    def load_state(self, state):
        super().load_state(state)
        self.pid, self.began = state.get("pid", 0), state.get("began", 0)

    def get_state(self):
        return {**super().get_state(), **({"pid": self.pid, "began": self.began} if self.pid else {})}

    def clear_state(self):
        super().clear_state()
        self.pid = self.began = 0

    async def start(self):
        self.port = random_port()
        command = [*self.cmd, *self.get_args()]
        self.handle = {"process": subprocess.Popen(command, env=self.get_env())}  # noqa: ASYNC220 - it does not wait
        self.pid = self.handle["process"].pid
        self.began = psutil.Process(self.pid).create_time()
        return "127.0.0.1", self.port

    async def poll(self):
        if handle := getattr(self, "handle", None):
            handle["process"].poll()
        try:  # a zombie is there, as it is for signal 0
            return None if self.pid and self.is_it(psutil.Process(self.pid)) else 0
        except psutil.Error:
            return 0

    def is_it(self, process):
        return process.create_time() == self.began

    async def stop(self, now=False):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                if await self.poll() is None:
                    os.kill(self.pid, number)
            for _ in range(20):
                if await self.poll() is not None:
                    return
                await asyncio.sleep(0.1)
