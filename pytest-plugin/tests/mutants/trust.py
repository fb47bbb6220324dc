"""Authenticators that confuse people, trust too much, or tell what nobody should know."""

import asyncio

from tornado.web import HTTPError

from components import BackHandler, CompleteAuthenticator, DoorHandler
from mutants.authenticators import AUTHENTICATORS

breaks = AUTHENTICATORS.breaks


@breaks("test_two_at_once")
class KeepsTheLoginOnItself(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        self.model = await super().authenticate(handler, data)
        await asyncio.sleep(0)
        return self.model


@breaks("test_result_is_complete")
class LeavesOutTheState(CompleteAuthenticator):
    async def get_authenticated_user(self, handler, data):
        result = await super().get_authenticated_user(handler, data)
        if result and not self.enable_auth_state:
            del result["auth_state"]
        return result


@breaks("test_impostors_stay_themselves")
class TrustsAnyDomain(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        return await super().authenticate(handler, {**data, "username": data["username"].partition("@")[0]})


# Rules


class KnowsWhatWasTyped(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        return model and {**model, "typed": data["username"]}


@breaks("test_blocked_in_any_case", "test_rules_judge_the_mapped_name")
class BlocksWhatWasTyped(KnowsWhatWasTyped):
    def check_blocked_users(self, username, authentication=None):
        return authentication["typed"] not in self.blocked_users


@breaks("test_rules_judge_the_mapped_name")
class AllowsWhatWasTyped(KnowsWhatWasTyped):
    def check_allowed(self, username, authentication=None):
        return super().check_allowed(authentication["typed"].lower(), authentication)


@breaks("test_refusal_is_403", "test_allow_rule")
class RefusesWithAnError(CompleteAuthenticator):
    def check_allowed(self, username, authentication=None):
        if not super().check_allowed(username, authentication):
            raise HTTPError(500)
        return True


@breaks("test_allow_rule", "test_block_wins_over_allow_rule", "test_allow_rule_with_a_mapped_name")
class IgnoresItsOwnRule(CompleteAuthenticator):
    def check_allowed(self, username, authentication=None):
        return super().check_allowed(username, None)


@breaks("test_block_wins_over_allow_rule")
class LetsItsOwnRuleWin(CompleteAuthenticator):
    def check_blocked_users(self, username, authentication=None):
        if self.allowed_crews and self.check_allowed(username, authentication):
            return True
        return super().check_blocked_users(username, authentication)


@breaks("test_allow_rule_with_a_mapped_name")
class AsksForTheMappedName(CompleteAuthenticator):
    def check_allowed(self, username, authentication=None):
        if self.allowed_crews:
            return not self.allowed_crews.isdisjoint(["crew", f"of-{username}"])
        return super().check_allowed(username, authentication)


# What a login and a refresh make of a user


class Remodels(CompleteAuthenticator):
    """Changes what the service said."""

    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        return model and self.remodelled(model)


@breaks("test_admin_is_taken_back")
class NeverTakesAdminBack(Remodels):
    def remodelled(self, model):
        return {**model, "admin": model.get("admin") or None}


@breaks("test_groups_shrink", "test_user_without_groups")
class LetsGroupsOnlyGrow(Remodels):
    def remodelled(self, model):
        self.known = getattr(self, "known", {})
        all_of_them = self.known.setdefault(model["name"], set())
        all_of_them.update(model.get("groups", []))
        return {**model, "groups": sorted(all_of_them)} if self.manage_groups else model


@breaks("test_user_without_groups")
class LeavesOutNoGroups(Remodels):
    def remodelled(self, model):
        return {key: value for key, value in model.items() if key != "groups" or value}


@breaks("test_refresh_while_browsing")
class RefreshesToTheLastLogin(Remodels):
    def remodelled(self, model):
        self.last = {**model, "name": self.normalize_username(model["name"])}
        return model

    async def refresh_user(self, user, handler=None):
        result = await super().refresh_user(user, handler)
        return self.last if result and self.enable_auth_state else result


@breaks("test_refresh_while_browsing")
class RefreshesWithoutState(CompleteAuthenticator):
    async def refresh_user(self, user, handler=None):
        result = await super().refresh_user(user, handler)
        return {"name": user.name, "auth_state": None} if result and self.enable_auth_state else result


@breaks("test_refresh_after_revocation")
class NeverAsksAgain(CompleteAuthenticator):
    async def refresh_user(self, user, handler=None):
        return True


# Ways in


@breaks("test_base_url")
class KnowsWhereHubsAre(CompleteAuthenticator):
    def login_url(self, base_url):
        return super().login_url("/hub/")


class AnyStateHandler(BackHandler):
    def get_secure_cookie(self, name, *args, **kwargs):
        if name == "door":
            return f"{self.get_argument('state')} ".encode()
        return super().get_secure_cookie(name, *args, **kwargs)


@breaks("test_login_begun_elsewhere")
class LetsInWhoeverComesBack(CompleteAuthenticator):
    def get_handlers(self, app):
        return [(r"/door", DoorHandler), (r"/door/back", AnyStateHandler)]


class KeptStateHandler(DoorHandler):
    """One state for all: whoever has begun a login has it."""

    def state(self):
        return "always-the-same"


@breaks("test_login_begun_elsewhere[about-to-log-in]")
class HasOneStateForAll(CompleteAuthenticator):
    def get_handlers(self, app):
        return [(r"/door", KeptStateHandler), (r"/door/back", BackHandler)]


@breaks("test_empty_password_is_refused")
class TakesNoPasswordForAnyone(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        return await super().authenticate(handler, {**data, "password": data["password"] or "right password"})


# What the log tells


@breaks("test_password_is_not_logged")
class LogsPasswordsWhileDebugging(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        self.log.debug("somebody tries %s", data)
        return await super().authenticate(handler, data)


@breaks("test_secrets_are_not_logged")
class LogsTokensWhileDebugging(CompleteAuthenticator):
    async def authenticate(self, handler, data):
        model = await super().authenticate(handler, data)
        self.log.debug("the service says %s", model)
        return model
