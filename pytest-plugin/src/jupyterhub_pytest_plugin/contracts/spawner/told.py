"""What a server is told: environment, arguments, options."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_pytest_plugin.contracts.collect import relies_on
from jupyterhub_pytest_plugin.contracts.proxy import ssl_hub

from .base import API, GUIDE, SpawnerSuite
from .servers import mark

if TYPE_CHECKING:
    from .base import Hubs, Servers


class Told(SpawnerSuite):
    """:meta private:"""

    @relies_on(GUIDE)
    def test_environment_of_the_hub(self, contract_servers: Servers) -> None:
        """The server gets what it needs to find the hub and to know whose it is."""
        server = contract_servers()
        env = server.start()["env"]
        assert env["JUPYTERHUB_USER"] == server.name
        assert env["JUPYTERHUB_SERVICE_PREFIX"] == f"/user/{server.name}/"
        assert env["JUPYTERHUB_BASE_URL"] == "/"
        assert env["JUPYTERHUB_CLIENT_ID"] == f"jupyterhub-user-{server.name}"
        assert env["JUPYTERHUB_API_URL"].endswith("/hub/api")
        assert "access:servers" in env["JUPYTERHUB_OAUTH_ACCESS_SCOPES"]

    @relies_on(API)
    def test_configured_environment(self, contract_hubs: Hubs) -> None:
        """Spawner.environment reaches the server, and a callable in it is called with the spawner."""
        hub = self.make(contract_hubs, environment={**mark(), "COLOUR": "blue", "WHOSE": _name_of_user})
        server = self.server_on(hub)
        env = server.start()["env"]
        assert (env["COLOUR"], env["WHOSE"]) == ("blue", server.name)

    @relies_on(GUIDE)
    def test_token_works(self, contract_servers: Servers) -> None:
        """The token in the server's environment is its user's: with it the server reports its activity."""
        server = contract_servers()
        env = server.start()["env"]
        api = server.hub.api_with(env["JUPYTERHUB_API_TOKEN"])
        assert api.get("user").json()["name"] == server.name
        stamp = {"servers": {"": {"last_activity": "2026-01-01T00:00:00Z"}}}
        assert api.post(f"users/{server.name}/activity", json=stamp).status_code == 200

    @relies_on(GUIDE)
    def test_token_ends_with_the_server(self, contract_servers: Servers) -> None:
        """After a stop the server's token opens nothing."""
        server = contract_servers()
        token = server.start()["env"]["JUPYTERHUB_API_TOKEN"]
        server.end()
        assert server.hub.api_with(token).get("user").status_code == 403

    @relies_on(API)
    def test_arguments(self, contract_hubs: Hubs) -> None:
        """Spawner.args reach the command."""
        argv = self.server_on(self.make(contract_hubs, args=["--colour=blue", "--with space=yes"])).start()["argv"]
        assert [argument for argument in argv if "=blue" in argument or "space" in argument] == [
            "--colour=blue",
            "--with space=yes",
        ]

    @relies_on(API)
    def test_default_url(self, contract_hubs: Hubs) -> None:
        """Spawner.default_url is where the server sends its user first."""
        env = self.server_on(self.make(contract_hubs, default_url="/lab/tree")).start()["env"]
        assert env["JUPYTERHUB_DEFAULT_URL"] == "/lab/tree"

    @relies_on(GUIDE)
    def test_options_form(self, contract_hubs: Hubs) -> None:
        """The options form is shown, and what was chosen is in user_options while the server starts.

        With a form or a parser of the spawner's own it is tested with these and the suite's ``options``.
        """
        hub = self.make(contract_hubs, pre_spawn_hook=_remember)
        server = self.server_on(hub)
        if server.form is not None:
            self._own_form(server)
        elif _parses_itself(server.spawner):
            pytest.skip(f"{type(server.spawner).__name__} makes sense of forms itself: set `options` to have it tested")
        else:
            self._form_of_the_hub(contract_hubs)

    def _form_of_the_hub(self, hubs: Hubs) -> None:
        form = '<input name="size" value="small">'
        traits = {"options_form": form, "options_from_form": lambda data: {"size": data["size"][0]}}
        server = self.server_on(self.make(hubs, pre_spawn_hook=_remember, **traits))
        assert form in server.client.get("hub/spawn").text
        server.start({"size": "large"})
        assert _remembered(server) == {"size": "large"}

    def _own_form(self, server: Any) -> None:
        page = server.client.get("hub/spawn").text
        missing = [name for name in server.form if f'name="{name}"' not in page and f"name='{name}'" not in page]
        assert not missing, f"the spawner's form has no field {', '.join(missing)}, which `options` of the suite name"
        parsed = server.parsed(server.form)
        assert parsed, f"options_from_form() makes nothing of {server.form!r}"
        assert json.loads(json.dumps(parsed)) == parsed, f"{parsed!r} is no JSON, in which JupyterHub keeps it"
        server.start()
        assert _remembered(server) == parsed

    @relies_on(GUIDE)
    def test_options_by_api(self, contract_hubs: Hubs) -> None:
        """Options given by the REST API arrive unchanged."""
        server = self.server_on(self.make(contract_hubs, pre_spawn_hook=_remember))
        options = {"size": 3, "tags": ["a"]} if server.form is None else server.parsed(server.form)
        assert server.request_start(options).status_code in {201, 202}
        self.eventually(server.ask)
        assert _remembered(server) == options

    @relies_on("explanation/websecurity.html", needs="internal-ssl")
    def test_internal_ssl(self, contract_hubs: Hubs) -> None:
        """With internal_ssl, the certificates made for the server reach it, and it answers over TLS."""
        hub = contract_hubs({"JupyterHub": {"internal_ssl": True}}, start=False)
        ssl_hub(hub).start()
        server = self.server_on(hub)
        env = server.start()["env"]
        assert {"JUPYTERHUB_SSL_KEYFILE", "JUPYTERHUB_SSL_CERTFILE", "JUPYTERHUB_SSL_CLIENT_CA"} <= set(env)
        assert hub.call(lambda: server.spawner.server.url).startswith("https:")


def _name_of_user(spawner: Any) -> str:
    return str(spawner.user.name)


def _remember(spawner: Any) -> None:
    """A hook that keeps the options of a start."""
    spawner.user.settings.setdefault("seen_by_the_suite", {})[spawner.user.name] = dict(spawner.user_options)


def _remembered(server: Any) -> Any:
    return server.hub.call(lambda: server.user.settings["seen_by_the_suite"][server.name])


def _parses_itself(spawner: Any) -> bool:
    """Whether its class has a parser that is no trait, as JupyterHub's documentation shows it."""
    return "options_from_form" not in spawner.trait_names()
