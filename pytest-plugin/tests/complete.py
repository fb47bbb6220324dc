"""The contract's suite for :class:`components.CompleteAuthenticator`, and for those that break one promise of it."""

from urllib.parse import parse_qs, urlencode, urlsplit

from components import CompleteAuthenticator
from jupyterhub_pytest_plugin import AuthenticatorContract


class CompleteContract(AuthenticatorContract):
    authenticator_class = CompleteAuthenticator
    allow_rules = {"allowed_crews": ({"of-ada"}, "ada", "bob")}
    impostors = ("ada@elsewhere",)

    def credentials(self, username):
        return {"username": username, "password": "right password"}

    def callback(self, hub, client, username, *, query=None):
        """We are the service."""
        there = client.get("hub/door", params=query, follow_redirects=False).headers["Location"]
        state = parse_qs(urlsplit(there).query)["state"][0]
        return f"hub/door/back?{urlencode({'state': state, 'username': username, 'password': 'right password'})}"

    def expected_groups(self, username):
        return ["crew", f"of-{username}"]

    def change_groups(self, hub, username, groups):
        hub.call(hub.app.authenticator.memberships.update, {username: list(groups)})

    def change_admin(self, hub, username, admin):
        hub.call(hub.app.authenticator.officers.update, {username: admin})

    def revoke(self, hub, username):
        hub.call(hub.app.authenticator.revoked.add, username)

    def expected_roles(self, username):
        return ["sailor"]
