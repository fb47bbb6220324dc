"""JupyterHub's services and roles: those of the values, the idle culler's and the health check's. Pure."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deployer.targets.local.context import LOOPBACK, HubContext, Secrets
from deployer.targets.local.lookup import Values, section, setting

CULLER = "jupyterhub-idle-culler"
HEALTH_SCOPES = ("admin:users", "admin:servers", "access:servers", "list:users", "read:hub")
_CULL_FLAGS = (("timeout", "timeout"), ("every", "cull-every"), ("concurrency", "concurrency"), ("maxAge", "max-age"))


def services_of(values: Values, context: HubContext, secrets: Secrets) -> list[dict[str, Any]]:
    """``hub.services`` as JupyterHub takes them, the culler first; the health check's is added at the very end."""
    written = section(values, "hub.services")
    culler = [_culler(values, context)] if setting(values, "cull.enabled", False) else []
    return culler + [_service(str(key), service or {}, secrets) for key, service in written.items()]


def roles_of(values: Values) -> list[dict[str, Any]]:
    """``hub.loadRoles`` as JupyterHub takes them, and the culler's."""
    culler = [_culler_role(values)] if setting(values, "cull.enabled", False) else []
    written = section(values, "hub.loadRoles")
    return culler + [{"name": str(key), **(role or {})} for key, role in written.items()]


def health_service(context: HubContext, secrets: Secrets) -> tuple[dict[str, Any], dict[str, Any]]:
    """The service through which the health check acts, and the role that gives it just what it needs."""
    name = context.health_service
    service = {"name": name, "api_token": secrets.health_token}
    return service, {"name": f"deployer-{name}", "scopes": list(HEALTH_SCOPES), "services": [name]}


def without_unknown_services(
    roles: Iterable[Mapping[str, Any]], services: Iterable[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Roles without services that are not there (JupyterHub would refuse to start), and what was left out."""
    known = {service.get("name") for service in services}
    kept: list[dict[str, Any]] = []
    dropped: list[str] = []
    for role in roles:
        missing = [name for name in role.get("services") or () if name not in known]
        dropped += [f"{role.get('name')}: {name}" for name in missing]
        changed = {"services": [n for n in role["services"] if n in known]} if missing else {}
        kept.append({**role, **changed})
    return kept, dropped


def local_command(command: str | list[str]) -> list[str]:
    """The words of a command, with programs of this Python environment by their full path."""
    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    if not words:
        return []
    if words[0] in ("python", "python3"):
        return [sys.executable, *words[1:]]
    here = shutil.which(words[0], path=str(Path(sys.executable).parent))
    return [here or words[0], *words[1:]]


def _service(key: str, written: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    service: dict[str, Any] = {"name": key, **written}
    token = service.pop("apiToken", None) or service.get("api_token")
    service["api_token"] = token or secrets.token_of(service["name"])
    if service.get("command"):
        service["command"] = local_command(service["command"])
        if service.get("url"):
            service["url"] = _on_loopback(str(service["url"]))
    return service


def _on_loopback(url: str) -> str:
    """The address of a service that the hub starts: the same port, on loopback."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{LOOPBACK}:{parts.port}").geturl() if parts.port else url


def _culler(values: Values, context: HubContext) -> dict[str, Any]:
    cull = section(values, "cull")
    written = setting(values, "hub.config.JupyterHub.base_url") or setting(values, "hub.baseUrl", "/")
    base_url = "/" + str(written).strip("/")
    api = f"http://{LOOPBACK}:{context.hub_port}{base_url.rstrip('/')}/hub/api"
    command = [sys.executable, "-m", "jupyterhub_idle_culler", f"--url={api}"]
    command += [f"--{flag}={cull[key]}" for key, flag in _CULL_FLAGS if cull.get(key)]
    command += ["--cull-users"] if cull.get("users") else []
    command += [] if cull.get("adminUsers") else ["--cull-admin-users=false"]
    command += ["--remove-named-servers"] if cull.get("removeNamedServers") else []
    return {"name": CULLER, "command": command}


def _culler_role(values: Values) -> dict[str, Any]:
    scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
    scopes += ["admin:users"] if setting(values, "cull.users", False) else []
    return {"name": CULLER, "scopes": scopes, "services": [CULLER]}
