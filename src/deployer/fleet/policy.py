"""Policy: what a hub's effective values say that is most likely not meant. Each rule is one function of a table.

A rule looks at what can be read. Where an encrypted file could decide otherwise it says "unless", or says nothing:
a false alarm costs more than a silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from deployer.fleet.cluster import Provider
from deployer.fleet.effective import NOT_THERE, Effective, key_of, look
from deployer.fleet.findings import Finding, Severity, finding
from deployer.fleet.helm_yaml import Path
from deployer.fleet.ids import Stage
from deployer.fleet.logins import LoginRules, class_name, read_login, section_of

_SPEAKS_OF_LOGIN = re.compile(r"[Aa]uth(enticator|enticat)|allow_|allowed_")
_SPEAKS_OF_MEMORY = re.compile(r"mem_limit|profile_list|custom_resources")
_CONFIG = ("hub", "config")


class Hit(NamedTuple):
    """What a rule found: the key in the hub's values (empty for the hub's entry), and what is wrong with it.

    With ``certain``, an encrypted file that could decide otherwise makes the rule say nothing.
    """

    key: Path
    message: str
    certain: bool = False


class HubView(NamedTuple):
    """What rules look at."""

    values: Mapping[str, Any]
    local: bool
    stage: Stage
    canaries: int

    @property
    def config(self) -> Mapping[str, Any]:
        found = look(self.values, _CONFIG)
        return found if isinstance(found, Mapping) else {}

    @property
    def login(self) -> LoginRules:
        return read_login(self.config)

    def snippets_speak(self, of: re.Pattern[str]) -> bool:
        """Whether a snippet of Python may decide instead of the values."""
        given = look(self.values, ("hub", "extraConfig"))
        texts = given.values() if isinstance(given, Mapping) else [given]
        return any(of.search(text) for text in texts if isinstance(text, str))

    @property
    def profiles(self) -> list[tuple[Path, Mapping[str, Any]]]:
        """The profiles that users choose from."""
        given = look(self.values, ("singleuser", "profileList"))
        entries = enumerate(given) if isinstance(given, list) else ()
        return [(("singleuser", "profileList", i), entry) for i, entry in entries if isinstance(entry, Mapping)]


def _nobody(hub: HubView) -> Iterator[Hit]:
    if hub.login.nobody and not hub.snippets_speak(_SPEAKS_OF_LOGIN):
        extra = ""
        if hub.login.settings.get("admin_users"):
            extra = ": with this class administrators must be in allowed_users, too"
        yield Hit(_CONFIG, f"nobody can log in: no rule of {hub.login.name} lets anybody in{extra}", certain=True)


def _everybody(hub: HubView) -> Iterator[Hit]:
    how = hub.login.strangers
    if how and not hub.local and not hub.snippets_speak(_SPEAKS_OF_LOGIN):
        key = "allow_all" if hub.login.name != "cilogon" else _providers_key(hub)
        yield Hit((*_CONFIG, section_of(hub.config, key), key), f"everybody can log in: {how}")


def _providers_key(hub: HubView) -> str:
    return "idps" if hub.login.settings.get("idps") else "allowed_idps"


def _dummy(hub: HubView) -> Iterator[Hit]:
    if not hub.local and class_name(hub.config) == "dummy":
        key = (*_CONFIG, "JupyterHub", "authenticator_class")
        given = look(hub.values, key) is not NOT_THERE
        if given or not hub.snippets_speak(_SPEAKS_OF_LOGIN):
            message = "the dummy authenticator lets any name in"
            yield Hit(key, message if given else f"not set, and by default {message}", certain=not given)


def _organisations_and_users(hub: HubView) -> Iterator[Hit]:
    given = hub.login.settings
    both = hub.login.name == "github" and given.get("allowed_organizations") and given.get("allowed_users")
    if both and given.get("allow_existing_users") is not False:
        key = (*_CONFIG, section_of(hub.config, "allowed_users"), "allowed_users")
        yield Hit(key, "a list of users beside allowed_organizations: either lets people in")


def _no_memory_limit(hub: HubView) -> Iterator[Hit]:
    if look(hub.values, ("singleuser", "memory", "limit")) not in (NOT_THERE, None, 0, ""):
        return
    if hub.login.name == "null" or hub.snippets_speak(_SPEAKS_OF_MEMORY):
        return  # what starts servers without log-in (a binder) sets limits of its own
    bare = [(key, profile) for key, profile in hub.profiles if not _limits_memory(profile)]
    if bare:
        names = ", ".join(str(profile.get("display_name")) for _, profile in bare[:3])
        yield Hit(bare[0][0], f"no limit of memory in {_count(len(bare), 'profile')}: {names}{', …' * (len(bare) > 3)}")
    elif not hub.profiles:
        yield Hit(("singleuser", "memory", "limit"), "no limit of memory")


def _limits_memory(profile: Mapping[str, Any]) -> bool:
    if look(profile, ("kubespawner_override", "mem_limit")) not in (NOT_THERE, None):
        return True
    options = profile.get("profile_options")
    for option in options.values() if isinstance(options, Mapping) else ():
        choices = option.get("choices") if isinstance(option, Mapping) else None
        if isinstance(choices, Mapping) and choices and all(_limits_memory(c) for c in _maps(choices.values())):
            return True
    return False


def _maps(given: Any) -> list[Mapping[str, Any]]:
    return [one if isinstance(one, Mapping) else {} for one in given]


def _latest(hub: HubView) -> Iterator[Hit]:
    for part in ("hub", "singleuser"):
        tag = look(hub.values, (part, "image", "tag"))
        if tag == "latest":
            yield Hit((part, "image", "tag"), f"image {look(hub.values, (part, 'image', 'name'))!s} has no fixed tag")
    for path, image in _beside(hub):
        if isinstance(image, str) and _moves(image):
            yield Hit(path, f"image {image} has no fixed tag")
    for path, profile in hub.profiles:
        for key, image in _images(profile):
            if isinstance(image, str) and _moves(image):
                yield Hit((*path, *key), f"image {image} has no fixed tag")


def _beside(hub: HubView) -> Iterator[tuple[Path, Any]]:
    """Images of the containers that stand beside the hub's and the users' own, or run before them."""
    for part, kind in product(("hub", "singleuser"), ("initContainers", "extraContainers")):
        given = look(hub.values, (part, kind))
        for index, container in enumerate(given if isinstance(given, list) else ()):
            yield (part, kind, index, "image"), look(container, ("image",))


def _images(profile: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    yield ("kubespawner_override", "image"), look(profile, ("kubespawner_override", "image"))
    options = profile.get("profile_options")
    for name, option in options.items() if isinstance(options, Mapping) else ():
        choices = option.get("choices") if isinstance(option, Mapping) else None
        for choice in choices if isinstance(choices, Mapping) else ():
            key = ("profile_options", name, "choices", choice, "kubespawner_override", "image")
            yield key, look(profile, key)


def _moves(image: str) -> bool:
    """Whether it is named by no tag or by ``latest``; what is filled in later cannot be told."""
    name = image.rsplit("/", 1)[-1]
    return "{" not in image and "@" not in name and (":" not in name or name.endswith(":latest")) and bool(name)


def _culling_off(hub: HubView) -> Iterator[Hit]:
    if look(hub.values, ("cull", "enabled")) is False:
        yield Hit(("cull", "enabled"), "culling is off")


def _no_canary(hub: HubView) -> Iterator[Hit]:
    if hub.stage is Stage.PRODUCTION and not hub.canaries:
        yield Hit((), "a production hub that stands behind no canary")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


# The rules that need a hub's values, and the one that does not.
CHECKS: Mapping[str, Callable[[HubView], Iterator[Hit]]] = {
    "nobody-can-log-in": _nobody,
    "everybody-can-log-in": _everybody,
    "dummy-authenticator": _dummy,
    "organisations-and-users": _organisations_and_users,
    "no-memory-limit": _no_memory_limit,
    "image-latest": _latest,
    "culling-off": _culling_off,
    "no-canary": _no_canary,
}


def policy(effective: Effective) -> Iterator[Finding]:
    """What the rules say of one hub.

    :raises FleetError: its values cannot be read.
    """
    release = effective.release
    view = HubView(effective.hub_values, release.provider is Provider.LOCAL, release.stage, len(release.canaries))
    for rule, check in CHECKS.items():
        if effective.hub_path is not None or rule == "no-canary":
            for hit in check(view):
                yield from _finding(rule, hit, effective)


def _finding(rule: str, hit: Hit, effective: Effective) -> Iterator[Finding]:
    if not hit.key:
        yield finding(rule, effective.entry(), "", hit.message, release=effective.release.id)
        return
    key = (*(effective.hub_path or ()), *hit.key)
    sealed = () if effective.decided(key) else effective.sealed
    if sealed and hit.certain:
        return
    unless = ", unless an encrypted file says otherwise" if sealed else ""
    made = finding(rule, effective.place(key), key_of(key), hit.message + unless, release=effective.release.id)
    yield replace(made, severity=Severity.WARNING) if sealed else made
