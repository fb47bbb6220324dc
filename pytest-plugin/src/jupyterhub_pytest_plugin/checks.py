"""Looks at a hub's configuration before it starts: traitlets passes over names that it does not know."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from traitlets.config import Config, Configurable

from .compat import allows_nobody_by_default
from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


def check_config(config: Config, unchecked: Collection[str] = ()) -> None:
    """Raise :class:`ConfigError` for a class or a trait that nothing loaded has; ``unchecked`` classes pass."""
    known = _classes()
    for section, traits in config.items():
        if section in unchecked:
            continue
        if section not in known:
            raise ConfigError(_unknown_class(section, known))
        names: set[str] = {name for cls in known[section] for name in _traits(cls)}
        for name, value in traits.items():
            if name not in names and not isinstance(value, Config):
                raise ConfigError(f"{section}.{name}: {section} has no such trait{_near(name, names)}")


def check_traits(cls: type, given: Mapping[str, Any]) -> None:
    """Raise :class:`ConfigError` for what is neither a trait nor another attribute of this class."""
    for name in given:
        if not hasattr(cls, name):
            names: list[str] = getattr(cls, "class_trait_names", list)()
            raise ConfigError(f"{cls.__name__} has no trait {name!r}{_near(name, names)}")


def _classes() -> dict[str, list[Any]]:
    """All that can be configured by now, by name; several classes may have one name."""
    found: dict[str, list[Any]] = {}
    for cls in [Configurable, *_below(Configurable)]:
        found.setdefault(cls.__name__, []).append(cls)
    return found


def _below(cls: Any) -> set[Any]:
    direct: set[Any] = set(cls.__subclasses__())
    return direct.union(*map(_below, direct))


def _traits(cls: Any) -> set[str]:
    """Traits of a class and those below it: each takes what is configured for the classes above it."""
    return {name for one in [cls, *_below(cls)] for name in one.class_trait_names(config=True)}


def _unknown_class(section: str, known: Iterable[str]) -> str:
    return (
        f"{section}: no class of this name is loaded{_near(section, known)} A class that the hub loads later: import"
        " its module in the test, or name it in the ini option `jupyterhub_unchecked_classes`"
    )


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {near[0]}?" if near else "."


def allow_by_default(config: Config) -> None:
    """Let everybody in whom the authenticator knows, unless the configuration has a rule about whom to allow."""
    if not allows_nobody_by_default():
        return
    if not any(name.startswith("allow") for section in _authenticators(config) for name in config.get(section, ())):
        config.Authenticator.allow_all = True


def _authenticators(config: Config) -> set[str]:
    from jupyterhub.app import JupyterHub
    from traitlets import TraitError

    chosen = config.JupyterHub.get("authenticator_class", "dummy")
    try:
        cls = JupyterHub.authenticator_class.validate(None, chosen)
    except (TraitError, ImportError):  # JupyterHub will say so
        return {"Authenticator"}
    return {one.__name__ for one in cls.__mro__}
