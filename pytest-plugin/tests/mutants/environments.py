"""Spawners that tell a server, or take from its user, something else than they should."""

import shlex
from pathlib import PurePath
from urllib.parse import unquote

from traitlets import Integer, validate

from mutants.spawners import SPAWNERS, Local
from mutants.table import cases

breaks = SPAWNERS.breaks


@breaks("test_environment_of_the_hub")
class HidesTheClient(Local):
    def get_env(self):
        return {key: value for key, value in super().get_env().items() if key != "JUPYTERHUB_CLIENT_ID"}


@breaks("test_configured_environment")
class IgnoresCallables(Local):
    def get_env(self):
        env = super().get_env()
        return {key: value for key, value in env.items() if not callable(self.environment.get(key))}


@breaks("test_token_works", "test_two_users_are_two")
class InventsTokens(Local):
    def get_env(self):
        return {**super().get_env(), "JUPYTERHUB_API_TOKEN": "0123456789abcdef" * 2}


@breaks("test_token_ends_with_the_server")
class MakesItsOwnTokens(Local):
    def get_env(self):
        return {**super().get_env(), "JUPYTERHUB_API_TOKEN": self.user.new_api_token(note="for a server")}


@breaks("test_arguments")
class SplitsArguments(Local):
    def get_args(self):
        return " ".join(super().get_args()).split()


@breaks("test_default_url")
class ForgetsTheDefaultUrl(Local):
    def get_env(self):
        return {key: value for key, value in super().get_env().items() if key != "JUPYTERHUB_DEFAULT_URL"}


@breaks("test_options_form")
class IgnoresTheForm(Local):
    def _options_from_form(self, form_data):
        return {}

    async def run_options_from_form(self, form_data):
        return {}


class OwnForm(Local):
    """Asks for a size by itself, with a parser that is no trait."""

    options = {"size": "2"}
    field = "size"

    def _options_form_default(self):
        return f'<select name="{self.field}"><option>1</option><option>2</option></select>'

    def options_from_form(self, form_data):
        return {"size": int(form_data["size"][0])}

    async def start(self):
        if not isinstance(self.user_options.get("size"), int):
            raise TypeError("how large?")
        return await super().start()


@breaks("test_options_form")
class AsksForSomethingElse(OwnForm):
    field = "extent"


@breaks("test_options_form")
class IgnoresItsOwnForm(OwnForm):
    def options_from_form(self, form_data):
        return {}

    async def start(self):
        return await Local.start(self)


@breaks("test_options_by_api")
class TurnsOptionsIntoText(Local):
    @validate("user_options")
    def _as_a_form_gives_them(self, proposal):
        return {key: str(value) for key, value in proposal.value.items()}


@breaks("test_odd_user_names[unicode]")
class BreaksOnOddNames(Local):
    async def start(self):
        self.user.name.encode("ascii")
        return await super().start()


@breaks("test_named_servers")
class ForgetsTheServerName(Local):
    def get_env(self):
        return {**super().get_env(), "JUPYTERHUB_SERVER_NAME": ""}


# What becomes of a user's name, and which names show it.
MISSPELT = {
    "CutsAtTheDomain": (lambda name: name.partition("@")[0], "at"),
    "TakesDotsForExtensions": (lambda name: PurePath(name).stem, "at punctuation"),
    "SplitsAtSpaces": (lambda name: name.split()[0], "space"),
    "CutsLongNames": (lambda name: name[:32], "long"),
    "DecodesNames": (unquote, "percent"),
    "QuotesWithApostrophes": (lambda name: shlex.split(f"'{name}'")[0], "apostrophe"),
}


def misspelling(name, change):
    def get_env(self):
        return {**super(mutant, self).get_env(), "JUPYTERHUB_USER": change(self.user.name)}

    mutant = type(name, (Local,), {"get_env": get_env, "__module__": __name__})
    return mutant


for name, (change, odd) in MISSPELT.items():
    breaks(*cases("test_odd_user_names", odd))(misspelling(name, change))


@breaks("test_internal_ssl")
class ForgetsTheAuthority(Local):
    http_timeout = Integer(2).tag(config=True)  # its server ends at once, for it does not know whom to trust

    def get_env(self):
        return {key: value for key, value in super().get_env().items() if key != "JUPYTERHUB_SSL_CLIENT_CA"}
