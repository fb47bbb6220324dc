"""Authenticators with pages that do not what a browser needs, or what an attacker wants."""

from urllib.parse import urlsplit

from jupyterhub.handlers.login import LoginHandler, LogoutHandler

from components import DOORS, CompleteAuthenticator
from mutants.authenticators import AUTHENTICATORS
from mutants.table import cases

breaks = AUTHENTICATORS.breaks


@breaks("test_login_url_is_served")
class LeadsNowhere(CompleteAuthenticator):
    def login_url(self, base_url):
        return super().login_url(base_url) if self.auto_login else base_url + "nowhere"


@breaks("test_logout_url_is_served")
class LogsOutNowhere(CompleteAuthenticator):
    def logout_url(self, base_url):
        return base_url + "nowhere"


@breaks("test_logout")
class LogsOutElsewhere(CompleteAuthenticator):
    def get_handlers(self, app):
        class Page(LogoutHandler):
            async def default_handle_logout(self):
                """Tells the service that knows the user, and nobody else."""

        return [(r"/logout", Page), *DOORS]


@breaks("test_handlers")
class WritesPathsWithoutSlash(CompleteAuthenticator):
    def get_handlers(self, app):
        return [(path.removeprefix("/"), handler) for path, handler in DOORS]


@breaks("test_auto_login")
class DoesNotAutoLogin(CompleteAuthenticator):
    def get_handlers(self, app):
        class Page(LoginHandler):
            async def get(self):
                if self.authenticator.auto_login:
                    self.finish("press the button")
                else:
                    await super().get()

        return [(r"/login", Page), *DOORS]


def with_login(name, **methods):
    """An authenticator whose login page has these methods."""
    handler = type(f"{name}Handler", (LoginHandler,), methods)

    def get_handlers(self, app):
        return [(r"/login", handler), *DOORS]

    return type(name, (CompleteAuthenticator,), {"get_handlers": get_handlers, "__module__": __name__})


def _skip_xsrf(self):
    """Many a handler that someone else posts to has this."""


def _trust_next(self, next_url):
    return next_url


def _trust_a_first_slash(self, next_url):
    return next_url if next_url.startswith("/") else ""


def _trust_without_host(self, next_url):
    return "" if urlsplit(next_url).netloc else next_url


def _lead_home(self, user=None, default=None):
    return f"{self.hub.base_url}home"


async def _remember(self):
    """Who comes back from a page is taken for whoever was here last."""
    last = getattr(self.authenticator, "last", None)
    if last is None or not self.get_argument("next", ""):
        await LoginHandler.get(self)
    else:
        self.set_login_cookie(self.find_user(last))
        self.redirect(self.get_next_url())


async def _note(self):
    await LoginHandler.post(self)
    self.authenticator.last = self.get_argument("username")


async def _echo_name(self):
    user = await self.login_user({key: self.get_argument(key) for key in ("username", "password")})
    if user:
        self.redirect(self.get_next_url(user))
    else:
        self.set_status(403)
        self.finish(f"no entry for {self.get_argument('username')}")


breaks("test_login_without_xsrf_is_refused")(with_login("SkipsXsrf", check_xsrf_cookie=_skip_xsrf))
breaks("test_login_does_not_lead_abroad")(with_login("TrustsNext", _validate_next_url=_trust_next))
breaks("test_failed_login_escapes_the_name")(with_login("EchoesNames", post=_echo_name))

SOME = "test_login_does_not_lead_abroad"
breaks(*cases(SOME, "scheme-relative three-slashes backslash"))(
    with_login("TrustsAFirstSlash", _validate_next_url=_trust_a_first_slash)
)
breaks(*cases(SOME, "three-slashes backslash two-backslashes"))(
    with_login("TrustsWhatHasNoHost", _validate_next_url=_trust_without_host)
)
breaks("test_next_page_follows_the_login")(with_login("LeadsHome", get_next_url=_lead_home))
breaks("test_authenticate_is_the_only_way_in")(with_login("RemembersTheLast", get=_remember, post=_note))
