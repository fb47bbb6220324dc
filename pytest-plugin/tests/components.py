"""Components of our own that keep every promise: what a contract can ask, they can do."""

import asyncio
import contextlib
import os
import signal
import subprocess

from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.spawner import Spawner
from jupyterhub.utils import random_port, url_path_join
from traitlets import Integer


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
        if getattr(self, "manage_roles", False):  # since JupyterHub 5
            model["roles"] = [{"name": "sailor", "scopes": ["list:users"]}]
        return model

    def login_url(self, base_url):
        return url_path_join(base_url, "door") if self.auto_login else super().login_url(base_url)

    def get_handlers(self, app):
        return [(r"/door", DoorHandler)]


class PidSpawner(Spawner):
    """Knows a server by its process id, asks for it with signal 0, and keeps its Popen where nobody looks for it."""

    pid = Integer()

    def load_state(self, state):
        super().load_state(state)
        self.pid = state.get("pid", 0)

    def get_state(self):
        return {**super().get_state(), **({"pid": self.pid} if self.pid else {})}

    def clear_state(self):
        super().clear_state()
        self.pid = 0

    async def start(self):
        self.port = random_port()
        command = [*self.cmd, *self.get_args()]
        self.handle = {"process": subprocess.Popen(command, env=self.get_env())}  # noqa: ASYNC220 - it does not wait
        self.pid = self.handle["process"].pid
        return "127.0.0.1", self.port

    async def poll(self):
        if handle := getattr(self, "handle", None):
            handle["process"].poll()
        try:
            os.kill(self.pid or -1, 0) if self.pid else None
        except ProcessLookupError:
            return 0
        return None if self.pid else 0

    async def stop(self, now=False):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                if self.pid:
                    os.kill(self.pid, number)
            for _ in range(100):
                if await self.poll() is not None:
                    return
                await asyncio.sleep(0.1)
