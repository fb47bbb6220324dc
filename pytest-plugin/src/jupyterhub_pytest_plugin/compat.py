"""What JupyterHub's versions do differently. All of it runs in the hub's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
        return app.service_from_spec(dict(spec), from_config=True)
    running = dict(app._service_map)
    app.services = [*app.services, dict(spec)]
    app.init_services()  # makes all of them anew, also those that run
    app._service_map.update(running)
    return app._service_map[spec["name"]]


def forget_service(app: HubApp, service: Any, roles: Iterable[str] = ()) -> None:
    """Take a service that does not run any more out of the hub and its database, and roles that were only for it."""
    from jupyterhub import orm

    app._service_map.pop(service.name, None)
    app.services = [spec for spec in app.services if spec["name"] != service.name]
    if service.oauth_client is not None:
        app.db.delete(service.oauth_client)
    if service.orm.server is not None:
        app.db.delete(service.orm.server)
    app.db.delete(service.orm)
    for role in filter(None, (orm.Role.find(app.db, name) for name in roles)):
        app.db.delete(role)
    app.service_tokens.pop(service.api_token, None)
    app.db.commit()
