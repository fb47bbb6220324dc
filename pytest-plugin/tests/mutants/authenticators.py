"""Authenticators that let in the wrong people, or keep the wrong account of them."""

import secrets

from components import CompleteAuthenticator
from jupyterhub_pytest_plugin import AuthenticatorContract
from mutants.table import Table

AUTHENTICATORS = Table()
breaks = AUTHENTICATORS.breaks


@breaks("test_wrong_credentials_are_refused", "test_rejection_after_login_of_another", "test_empty_password_is_refused")
class AcceptsAnyPassword(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        return await super().authenticate(handler, {**data, "password": "right password"})


@breaks("test_rejection_after_login_of_another", "test_empty_password_is_refused")
class RemembersWhoWasRight(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        self.right = getattr(self, "right", {})
        if result := await super().authenticate(handler, data):
            self.right[data["username"]] = result
        return self.right.get(data["username"])


@breaks("test_two_users_are_two", "test_refresh_while_browsing")
class HasOneSession(CompleteAuthenticator):
    """A login ends the one before."""

    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        for user in handler.users.values() if model and handler else ():
            user.cookie_id = secrets.token_hex()
        return model


@breaks("test_name_is_normalised", "test_blocked_in_any_case")
class KeepsCase(CompleteAuthenticator):
    def normalize_username(self, username):
        return self.username_map.get(username, username)


@breaks("test_username_map", "test_rules_judge_the_mapped_name", "test_allow_rule_with_a_mapped_name")
class IgnoresTheMap(CompleteAuthenticator):
    def normalize_username(self, username):
        return username.lower()


@breaks("test_username_pattern", "test_invalid_names")
class AcceptsAnyName(CompleteAuthenticator):
    def validate_username(self, username):
        return True


@breaks(
    "test_nobody_is_allowed_by_default",
    "test_allowed_users",
    "test_allow_existing_users",
    "test_deleted_user_is_not_allowed_any_more",
    "test_refusal_is_403",
    "test_allow_rule",
    "test_allow_rule_with_a_mapped_name",
)
class AllowsEverybody(CompleteAuthenticator):
    def check_allowed(self, username, authentication=None):
        return True


@breaks("test_nobody_is_allowed_by_default")
class AllowsEverybodyByDefault(CompleteAuthenticator):
    """As authenticators did before JupyterHub 5."""

    def check_allowed(self, username, authentication=None):
        rules = self.allowed_users or self.allow_existing_users or self.allowed_crews
        return True if not rules else super().check_allowed(username, authentication)


# What can be seen without a login; where nobody can log in, no other test may pass.
WITHOUT_A_LOGIN = {
    "test_invalid_names",
    "test_login_url_is_served",
    "test_logout_url_is_served",
    "test_handlers",
    "test_auto_login",
    "test_admin_adds_and_deletes_a_user",
}


@breaks(*sorted({name for name in dir(AuthenticatorContract) if name.startswith("test_")} - WITHOUT_A_LOGIN))
class NamesNobody(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        return model and {"username": model.pop("name"), **model}


@breaks(
    "test_blocked_users",
    "test_block_wins_over_allow",
    "test_blocked_in_any_case",
    "test_rules_judge_the_mapped_name",
    "test_block_wins_over_allow_rule",
)
class IgnoresBlocks(CompleteAuthenticator):
    def check_blocked_users(self, username, authentication=None):
        return True


@breaks("test_block_wins_over_allow", "test_rules_judge_the_mapped_name")
class LetsAllowWin(CompleteAuthenticator):
    def check_blocked_users(self, username, authentication=None):
        return username in self.allowed_users or super().check_blocked_users(username, authentication)


@breaks("test_allow_existing_users")
class DoesNotAddUsers(CompleteAuthenticator):
    def add_user(self, user):
        """Forgets to call its base class."""


@breaks("test_deleted_user_is_not_allowed_any_more")
class DoesNotDeleteUsers(CompleteAuthenticator):
    def delete_user(self, user):
        """Forgets to call its base class."""


@breaks("test_admin_users_become_admins", "test_admin_of_the_database_stays_one")
class KnowsNoAdmins(CompleteAuthenticator):
    def is_admin(self, handler, authentication):
        return False


@breaks("test_admin_of_the_database_stays_one")
class RevokesAdmins(CompleteAuthenticator):
    def is_admin(self, handler, authentication):
        return authentication["name"] in self.admin_users


@breaks("test_auth_state_is_kept_encrypted", "test_refresh_while_browsing")
class GivesNoState(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        return model and {**model, "auth_state": None if self.enable_auth_state else model["auth_state"]}


@breaks("test_auth_state_is_not_kept_unasked")
class EnablesState(CompleteAuthenticator):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.enable_auth_state = True


@breaks(
    "test_refresh_user",
    "test_refresh_before_spawn",
    "test_login_survives_a_restart",
    "test_refresh_while_browsing",
    "test_refresh_after_revocation",
)
class ExpiresAtOnce(CompleteAuthenticator):
    async def refresh_user(self, user, handler=None):
        return False


@breaks("test_refresh_user")
class RefreshesToNothing(CompleteAuthenticator):
    async def refresh_user(self, user, handler=None):
        return await super().refresh_user(user, handler) if handler else None


class CountsSessions(CompleteAuthenticator):
    """Knows who logged in, until the hub ends."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.sessions = set()

    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        self.sessions |= {model["name"]} if model else set()
        return model


@breaks("test_login_survives_a_restart")
class ForgetsSessions(CountsSessions):
    async def refresh_user(self, user, handler=None):
        return user.name in self.sessions and await super().refresh_user(user, handler)


@breaks("test_deleted_user_is_logged_out")
class KeepsWhoIsLoggedIn(CountsSessions):
    def delete_user(self, user):
        if user.name in self.sessions:
            raise RuntimeError(f"{user.name} is logged in")
        super().delete_user(user)


@breaks("test_managed_groups", "test_groups_shrink", "test_user_without_groups", "test_refresh_while_browsing")
class ForgetsGroups(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        return model and {key: value for key, value in model.items() if key != "groups"}


@breaks("test_managed_roles")
class ForgetsRoles(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        return model and {key: value for key, value in model.items() if key != "roles"}


@breaks("test_post_auth_hook")
class SkipsTheHook(CompleteAuthenticator):
    async def run_post_auth_hook(self, handler, auth_model):
        return auth_model


@breaks("test_spawn_hooks", "test_refresh_before_spawn")
class StopsSpawns(CompleteAuthenticator):
    def pre_spawn_start(self, user, spawner):
        raise RuntimeError("the session could not be opened")


@breaks("test_password_is_not_logged")
class LogsPasswords(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        self.log.info("somebody tries %s", data)
        return await super().authenticate(handler, data)


@breaks("test_add_user_is_idempotent")
class AddsUsersOnce(CompleteAuthenticator):
    def add_user(self, user):
        super().add_user(user)
        self.added = getattr(self, "added", set())
        if user.name in self.added:
            raise ValueError(f"{user.name} exists")
        self.added.add(user.name)

    def delete_user(self, user):
        super().delete_user(user)
        self.added.discard(user.name)


@breaks("test_admin_adds_and_deletes_a_user")
class NeverForgetsUsers(CompleteAuthenticator):
    def delete_user(self, user):
        super().delete_user(user)
        self.gone = {*getattr(self, "gone", ()), user.name}

    def add_user(self, user):
        if user.name in getattr(self, "gone", ()):
            raise ValueError(f"{user.name} was here before")
        super().add_user(user)
