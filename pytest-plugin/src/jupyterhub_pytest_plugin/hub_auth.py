"""What JupyterHub tells a service: its environment, its certificates, and ``HubAuth`` objects made of them."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from traitlets.config import SingletonConfigurable

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterator, Mapping

    from .services import HubService


def service_environment(service: HubService) -> dict[str, str]:
    """The variables of a managed service, whoever starts this one. Belongs to the hub's thread."""
    hub, app = service.hub, service.hub.app
    registered = app._service_map[service.name]
    environment = {
        "JUPYTERHUB_SERVICE_NAME": service.name,
        "JUPYTERHUB_API_TOKEN": service.token,
        "JPY_API_TOKEN": service.token,
        "JUPYTERHUB_API_URL": str(app.hub.api_url),
        "JUPYTERHUB_BASE_URL": str(app.base_url),
        "JUPYTERHUB_HOST": str(app.hub.public_host),
        "JUPYTERHUB_CLIENT_ID": str(registered.oauth_client_id),
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "0",
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": "[]",
        "JUPYTERHUB_USER": "",
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_PUBLIC_HUB_URL": f"{hub.url}hub/",
        **_access(service),
        **service.certificates,
    }
    if service.url:
        environment |= {
            "JUPYTERHUB_SERVICE_URL": service.url,
            "JUPYTERHUB_SERVICE_PREFIX": str(registered.server.base_url),
            "JUPYTERHUB_OAUTH_CALLBACK_URL": str(registered.oauth_redirect_uri),
            "JUPYTERHUB_PUBLIC_URL": service.public_url,
        }
    return environment


def _access(service: HubService) -> dict[str, str]:
    scopes = json.dumps(["access:services", f"access:services!service={service.name}"])
    return {"JUPYTERHUB_OAUTH_SCOPES": scopes, "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes}


def make_certificates(app: Any, name: str) -> dict[str, str]:
    """A pair of its own: JupyterHub overwrites that of its managed services with each one that starts."""
    from certipy import Certipy

    certipy = Certipy(store_dir=app.internal_certs_location)
    names = ["DNS:localhost", "IP:127.0.0.1"]
    pair = certipy.create_signed_pair(f"service-{name}", "notebooks-ca", alt_names=names, overwrite=True)
    return {
        "JUPYTERHUB_SSL_KEYFILE": str(pair["files"]["key"]),
        "JUPYTERHUB_SSL_CERTFILE": str(pair["files"]["cert"]),
        "JUPYTERHUB_SSL_CLIENT_CA": str(app.internal_trust_bundles["notebooks-ca"]),
    }


# Traits of HubAuth and HubOAuth, and the variables that they stand for. Some of these JupyterHub reads only once, when
# its module is imported.
_TRAITS = {
    "api_token": "JUPYTERHUB_API_TOKEN",
    "api_url": "JUPYTERHUB_API_URL",
    "base_url": "JUPYTERHUB_SERVICE_PREFIX",
    "hub_host": "JUPYTERHUB_HOST",
    "oauth_client_id": "JUPYTERHUB_CLIENT_ID",
    "oauth_redirect_uri": "JUPYTERHUB_OAUTH_CALLBACK_URL",
    "keyfile": "JUPYTERHUB_SSL_KEYFILE",
    "certfile": "JUPYTERHUB_SSL_CERTFILE",
    "client_ca": "JUPYTERHUB_SSL_CLIENT_CA",
}


def auth_traits(environment: Mapping[str, str], cls: Any, traits: Mapping[str, Any]) -> dict[str, Any]:
    """Traits for an instance of this class as it is made in this environment, and those that were given."""
    found: dict[str, Any] = {trait: environment[name] for trait, name in _TRAITS.items() if name in environment}
    found["hub_prefix"] = f"{environment['JUPYTERHUB_BASE_URL']}hub/"
    found["access_scopes"] = set(json.loads(environment["JUPYTERHUB_OAUTH_ACCESS_SCOPES"]))
    known = cls.class_trait_names()
    return {**{name: value for name, value in found.items() if name in known}, **traits}


@contextmanager
def installed(cls: Any, traits: Mapping[str, Any]) -> Iterator[Any]:
    """The only instance of the class meanwhile, for handlers that ask for ``instance()``."""
    singletons = [one for one in cls.__mro__ if issubclass(one, SingletonConfigurable)]
    before = {one: vars(one).get("_instance") for one in singletons if one is not SingletonConfigurable}
    for one in before:
        one._instance = None
    auth = cls.instance(**traits)
    try:
        yield auth
    finally:
        close_auth(auth)
        for one, instance in before.items():
            one._instance = instance


@contextmanager
def environ(values: Mapping[str, str]) -> Iterator[None]:
    """The process's environment has these values too."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


# A HubAuth that was called without `await` keeps a thread with an event loop for ever.


def close_auth(auth: Any) -> None:
    """End the thread of a ``HubAuth``, if it has one."""
    pool = auth._trait_values.pop("_pool", None)
    if pool is not None:
        pool.submit(_close_loop, auth._thread_loop).result()
        pool.shutdown()


def _close_loop(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(_close_client())
    loop.close()


async def _close_client() -> None:
    """Of the loop that runs."""
    try:
        from jupyterhub.httpclient import JupyterHubHTTPClient
    except ImportError:  # JupyterHub 5 uses tornado's
        from tornado.httpclient import AsyncHTTPClient

        AsyncHTTPClient().close()
        return
    client = JupyterHubHTTPClient._loop_instances.get(asyncio.get_running_loop())
    if client is not None:
        await client.close()


def close_forgotten(threads: Collection[threading.Thread]) -> None:
    """Close each ``HubAuth`` that runs one of these threads: many a module has one, made for the life of a process."""
    module = sys.modules.get("jupyterhub.services.auth")
    if module is None or not any(thread.name.startswith("ThreadPoolExecutor") for thread in threads):
        return
    for auth in [found for found in gc.get_objects() if isinstance(found, module.HubAuth)]:
        pool = auth._trait_values.get("_pool")
        if pool is not None and set(threads) & pool._threads:
            close_auth(auth)
