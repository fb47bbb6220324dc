"""Looks at a hub's configuration before it starts: traitlets passes over names that it does not know."""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from traitlets import TraitError, TraitType
from traitlets.config import Config, Configurable

from .compat import allows_nobody_by_default
from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping


def check_config(config: Config, unchecked: Collection[str] = ()) -> None:
    """Raise :class:`ConfigError` for a class or a trait that nothing installed has; ``unchecked`` classes pass."""
    try:
        _check(config, unchecked)
    except ConfigError:
        from .app import load_installed

        load_installed()  # only now: it takes long, and what a hub uses is loaded
        _check(config, unchecked)


def _check(config: Config, unchecked: Collection[str]) -> None:
    known = _classes()
    for section, traits in config.items():
        if section in unchecked:
            continue
        if section not in known:
            raise ConfigError(_unknown_class(section, known))
        for name, value in traits.items():
            if not isinstance(value, Config) and not any(_takes(cls, name) for cls in known[section]):
                names: set[str] = {name for cls in known[section] for name in _traits(cls)}
                raise ConfigError(f"{section}.{name}: {section} has no such trait{_near(name, names)}")


def check_traits(cls: Any, given: Mapping[str, Any]) -> None:
    """Raise :class:`ConfigError` for what is neither a trait nor another attribute of this class."""
    for name in given:
        if not hasattr(cls, name):
            names: list[str] = getattr(cls, "class_trait_names", list)()
            raise ConfigError(f"{cls.__name__} has no trait {name!r}{_near(name, names)}")


def check_fields(whose: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise :class:`ConfigError` for a field that there is not."""
    for name in given:
        if name not in known:
            raise ConfigError(f"{whose} has no field {name!r}{_near(name, known)}")


def check_scopes(whose: str, scopes: Iterable[str]) -> None:
    """Raise :class:`ConfigError` for a scope that JupyterHub does not know."""
    from jupyterhub.scopes import scope_definitions

    for scope in scopes:
        name = scope.partition("!")[0]
        if name not in scope_definitions:
            raise ConfigError(f"{whose}: there is no scope {name!r}{_near(name, scope_definitions)}")


def _classes() -> dict[str, list[Any]]:
    """All that can be configured by now, by name; several classes may have one name."""
    found: dict[str, list[Any]] = {}
    for cls in [Configurable, *_below(Configurable)]:
        found.setdefault(cls.__name__, []).append(cls)
    return found


def _below(cls: Any) -> set[Any]:
    direct: set[Any] = set(cls.__subclasses__())
    return direct.union(*map(_below, direct))


def _takes(cls: Any, name: str) -> bool:
    """Whether a class, or one below it, has this trait: each takes what is configured for the classes above it."""
    trait = getattr(cls, name, None)
    if isinstance(trait, TraitType) and trait.metadata.get("config"):
        return True
    return any(_takes(below, name) for below in cls.__subclasses__())


def _traits(cls: Any) -> set[str]:
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
    chosen = config.JupyterHub.get("authenticator_class", "dummy")
    cls = component_class("authenticator_class", chosen, "JupyterHub.authenticator_class")
    return {one.__name__ for one in cls.__mro__}


_KINDS = {"authenticator_class": "authenticator", "proxy_class": "proxy", "spawner_class": "spawner"}


@contextmanager
def components_explained(config: Config) -> Iterator[None]:
    """What goes wrong within is a :class:`ConfigError` where it is a component that does not exist."""
    try:
        yield
    except (TraitError, ImportError):
        for trait in _KINDS:
            if trait in config.JupyterHub:
                component_class(trait, config.JupyterHub[trait], f"JupyterHub.{trait}")
        raise


def component_class(trait: str, given: Any, where: str) -> Any:
    """The class that JupyterHub takes for this: a class, its address, or a registered name. Else a ConfigError."""
    from .app import HubApp

    known = getattr(HubApp, trait)
    try:
        return known.validate(None, given)
    except (TraitError, ImportError) as error:
        cause = str(error)
    registered = known.load_entry_points()
    if isinstance(given, str) and given.lower() in registered:
        said = f"{given!r} is registered, but cannot be used: {cause}"
    elif isinstance(given, str) and "." not in given:
        near = _near(given.lower(), registered)
        said = f"no {_KINDS[trait]} is registered as {given!r}{near} Registered are {', '.join(sorted(registered))}"
    elif isinstance(given, str) and (problem := _import_problem(given)):
        said = f"{given!r} cannot be imported: {problem}"
    else:
        said = f"wants a class derived from {known.klass.__name__}, or a registered name, not {given!r}"
    raise ConfigError(f"{where}: {said}") from None  # the message says all


def _import_problem(address: str) -> str:
    """Why this address of a class cannot be imported, with the nearest name in its module; empty if it can be."""
    module, _, name = address.rpartition(".")
    try:
        found = import_module(module)
    except ImportError as error:
        return str(error)
    return "" if hasattr(found, name) else f"{module} has no {name}{_near(name, vars(found))}"
