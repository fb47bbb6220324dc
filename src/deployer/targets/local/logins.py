"""The local log-in: stands in for log-ins that need the outside, with one generated password and the same rules."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from traitlets import Dict, Unicode

from deployer.targets.local.context import Secrets
from deployer.targets.local.login_rules import OutsideRules, read_rules


class LocalLogin(Authenticator):  # type: ignore[misc]
    """Anybody who knows the hub's local password may claim a name; the rules decide which names enter.

    The password matters although all is on loopback: that is open to every user of the machine.
    """

    secrets_path = Unicode(help="The file that holds the local password").tag(config=True)
    outside = Dict(help="Settings of the class that this log-in stands in for").tag(config=True)

    @property
    def rules(self) -> OutsideRules:
        return read_rules(self.outside)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:  # noqa: ARG002
        """The name that was claimed, where the password is right."""
        expected = Secrets.load(Path(self.secrets_path)).local_password.encode()
        given = data.get("password", "").encode()
        name = data.get("username", "").strip()
        right = bool(expected) and hmac.compare_digest(given, expected)
        return {"name": name} if name and right else None

    def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Admins, those whom the lists name, and those whom a rule admits that the name decides, or that only could."""
        if username in self.admin_users:
            return True
        rules = self.rules
        if not rules.may_pass(username):
            return False
        return bool(super().check_allowed(username, authentication)) or rules.admits(username)
