"""What JupyterHub's versions do differently. All of it runs in the hub's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.user import User

    from .app import HubApp


def spawner_of(user: User, server: str = "") -> Any:
    """The spawner of a user's server, made if need be."""
    make = getattr(user, "get_or_create_spawner", None)  # since JupyterHub 6
    return make(server, server) if make else user.get_spawner(server)


def allows_nobody_by_default() -> bool:
    """Since JupyterHub 5 a rule has to say who may log in; before, everybody might where no rule said otherwise."""
    from jupyterhub.auth import Authenticator

    return hasattr(Authenticator, "allow_all")


def make_service(app: HubApp, spec: Mapping[str, Any]) -> Any:
    """A service of a running hub, known to it and not started."""
    if hasattr(app, "service_from_spec"):  # since JupyterHub 5
        return app.service_from_spec(dict(spec), from_config=False)
    running = dict(app._service_map)
    app.services = [*app.services, dict(spec)]
    app.init_services()  # makes all of them anew, also those that run
    app._service_map.update(running)
    return app._service_map[spec["name"]]


async def start_service(app: HubApp, service: Any) -> bool:
    """Start a managed service, and wait until it, or an external one, answers; whether it does."""
    if hasattr(app, "start_service"):  # since JupyterHub 5
        return bool(await app.start_service(service.name, service))
    if service.managed:
        await service.start()
    if service.server is not None:
        await service.server.wait_up(http=True, timeout=30 if service.managed else 1)
    return True


def forget_service(app: HubApp, service: Any) -> None:
    """Take a service that does not run any more out of the hub and its database."""
    app._service_map.pop(service.name, None)
    app.services = [spec for spec in app.services if spec["name"] != service.name]
    if service.oauth_client is not None:
        app.db.delete(service.oauth_client)
    app.db.delete(service.orm)
    app.db.commit()
