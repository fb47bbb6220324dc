"""The module ``z2jh`` that snippets import to read values, as the chart's hub has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from deployer.targets.local.context import HubContext, Secrets
from deployer.targets.local.environment import hub_environment
from deployer.targets.local.lookup import lookup, section

_MISSING = object()


def make_module(values: Mapping[str, Any], context: HubContext, secrets: Secrets) -> ModuleType:
    """A module ``z2jh`` over these values. A missing secret or address is an error of the snippet that asks for it."""
    module = ModuleType("z2jh", "Values of the chart, for snippets of hub.extraConfig.")

    def get_config(key: str, default: Any = None) -> Any:
        return lookup(values, key, default)

    def set_config_if_not_none(parent: Any, name: str, key: str) -> None:
        found = get_config(key)
        if found is not None:
            setattr(parent, name, found)

    helpers: dict[str, Callable[..., Any]] = {
        "get_config": get_config,
        "set_config_if_not_none": set_config_if_not_none,
        "get_secret_value": _secret_reader(values, secrets),
        "get_name": str,
        "get_name_env": _address_reader(values, context),
        "camelCaseify": camel_case,
    }
    module.__dict__.update(helpers)
    return module


def camel_case(name: str) -> str:
    """``some_value`` as ``someValue``."""
    head, *rest = re.split(r"_(?=[a-z])", name)
    return head + "".join(word[0].upper() + word[1:] for word in rest)


def _secret_reader(values: Mapping[str, Any], secrets: Secrets) -> Callable[..., str]:
    known = {
        "hub.config.JupyterHub.cookie_secret": secrets.cookie_secret,
        "hub.config.CryptKeeper.keys": secrets.crypt_key,
        "hub.config.ConfigurableHTTPProxy.auth_token": secrets.proxy_token,
    }
    for key, service in section(values, "hub.services").items():
        written = service or {}
        token = written.get("apiToken") or written.get("api_token") or secrets.token_of(written.get("name", key))
        known[f"hub.services.{key}.apiToken"] = token

    def get_secret_value(key: str, default: Any = _MISSING) -> str:
        found = known.get(key, lookup(values, key, default))
        if found is _MISSING:
            raise KeyError(f"{key} is no secret of this hub")
        return found  # type: ignore[no-any-return]

    return get_secret_value


def _address_reader(values: Mapping[str, Any], context: HubContext) -> Callable[..., str]:
    def get_name_env(name: str, suffix: str = "") -> str:
        return hub_environment(values, context)[(name + suffix).upper().replace("-", "_")]

    return get_name_env
