"""Profiles that a user chooses from at start: the form, what comes back from it, and what it changes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from deployer.targets.local.lookup import merged, section
from deployer.targets.local.treatments import PROFILE_OVERRIDES

UNLISTED = "unlisted-choice"


class ProfileError(ValueError):
    """What a user asked for is not on the list."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to fill an option."""

    name: str
    display_name: str
    overrides: Mapping[str, Any]
    default: bool = False


@dataclass(frozen=True, slots=True)
class Unlisted:
    """That a user may write a value of their own: ``{value}`` in the overrides stands for it."""

    display_name: str
    pattern: str
    message: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """A question within a profile."""

    name: str
    display_name: str
    choices: tuple[Choice, ...]
    unlisted: Unlisted | None = None

    @property
    def default(self) -> Choice | None:
        return next((choice for choice in self.choices if choice.default), next(iter(self.choices), None))


@dataclass(frozen=True, slots=True)
class Profile:
    """What a user may choose at start."""

    slug: str
    display_name: str
    description: str
    default: bool
    overrides: Mapping[str, Any]
    options: tuple[Option, ...] = field(default=())


def slugify(text: str) -> str:
    """Lower case, with a dash for each run of what is neither letter nor digit."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def read_profiles(written: Any) -> tuple[Profile, ...]:
    """Read ``profileList``; what is no map is left out. The first profile is the default where none says so."""
    maps = [item for item in written if isinstance(item, Mapping)] if isinstance(written, Sequence) else []
    marked = any(item.get("default") for item in maps)
    return tuple(
        _profile(item, default=bool(item.get("default")) or (not marked and n == 0)) for n, item in enumerate(maps)
    )


def overrides_for(profiles: Sequence[Profile], asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the user's options change, of what applies on this machine.

    :raises ProfileError: no such profile or choice, or a written value that the profile does not take.
    """
    if not profiles:
        return {}
    profile = _chosen(profiles, asked.get("profile"))
    changes: dict[str, Any] = dict(profile.overrides)
    for option in profile.options:
        changes = merged(changes, _answer(option, asked))
    return {key: value for key, value in changes.items() if key in PROFILE_OVERRIDES}


def asked_in_form(profiles: Sequence[Profile], form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The user's options, as a start through the API would give them: ``{"profile": slug, option: choice…}``."""
    slug = next(iter(form.get("profile", ())), "")
    profile = _chosen(profiles, slug or None)
    asked = {"profile": profile.slug}
    for option in profile.options:
        field_name = _field(profile, option)
        written = next(iter(form.get(f"{field_name}--{UNLISTED}", ())), "")
        picked = next(iter(form.get(field_name, ())), "")
        if option.unlisted and written and picked in ("", UNLISTED):
            asked[f"{option.name}--{UNLISTED}"] = written
        elif picked and picked != UNLISTED:
            asked[option.name] = picked
    return asked


def form_html(profiles: Sequence[Profile]) -> str:
    """The form that JupyterHub shows before a start; "" where there is nothing to choose."""
    return "\n".join(["<div class='profiles'>", *map(_profile_html, profiles), "</div>"]) if profiles else ""


def _profile(item: Mapping[str, Any], *, default: bool) -> Profile:
    name = str(item.get("display_name", ""))
    return Profile(
        slug=str(item.get("slug") or slugify(name)),
        display_name=name,
        description=str(item.get("description") or ""),
        default=default,
        overrides=section(item, "kubespawner_override"),
        options=tuple(_options(section(item, "profile_options"))),
    )


def _options(written: Mapping[str, Any]) -> Iterator[Option]:
    for name, option in written.items():
        if isinstance(option, Mapping):
            choices = tuple(_choices(section(option, "choices")))
            yield Option(str(name), str(option.get("display_name") or name), choices, _unlisted(option))


def _choices(written: Mapping[str, Any]) -> Iterator[Choice]:
    for name, choice in written.items():
        if isinstance(choice, Mapping):
            overrides = section(choice, "kubespawner_override")
            yield Choice(str(name), str(choice.get("display_name") or name), overrides, bool(choice.get("default")))


def _unlisted(option: Mapping[str, Any]) -> Unlisted | None:
    written = section(option, "unlisted_choice")
    if not written.get("enabled"):
        return None
    return Unlisted(
        display_name=str(written.get("display_name") or "Other"),
        pattern=str(written.get("validation_regex") or ""),
        message=str(written.get("validation_message") or "does not have the form that the profile asks for"),
        overrides=section(written, "kubespawner_override"),
    )


def _chosen(profiles: Sequence[Profile], slug: Any) -> Profile:
    for profile in profiles:
        if profile.slug == slug or (not slug and profile.default):
            return profile
    known = ", ".join(profile.slug for profile in profiles)
    raise ProfileError(f"no profile {slug!r}; there are: {known}")


def _answer(option: Option, asked: Mapping[str, Any]) -> dict[str, Any]:
    written = asked.get(f"{option.name}--{UNLISTED}")
    if option.unlisted and written:
        return _filled(option, option.unlisted, str(written))
    picked = asked.get(option.name)
    for choice in option.choices:
        if choice.name == picked or (picked is None and choice is option.default):
            return dict(choice.overrides)
    if picked is None:
        return {}
    raise ProfileError(f"{option.name}: no choice {picked!r}; there are: {', '.join(c.name for c in option.choices)}")


def _filled(option: Option, unlisted: Unlisted, written: str) -> dict[str, Any]:
    if unlisted.pattern and not re.match(unlisted.pattern, written):
        raise ProfileError(f"{option.name}: {written!r}: {unlisted.message}")
    return {key: _replaced(value, written) for key, value in unlisted.overrides.items()}


def _replaced(value: Any, written: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _replaced(item, written) for key, item in value.items()}
    return value.replace("{value}", written) if isinstance(value, str) else value


def _field(profile: Profile, option: Option) -> str:
    return f"profile-option-{profile.slug}--{option.name}"


def _profile_html(profile: Profile) -> str:
    mark = " checked" if profile.default else ""
    parts = [
        f"<label class='form-check'><input type='radio' name='profile' value='{escape(profile.slug)}'{mark}>",
        f"<strong>{escape(profile.display_name)}</strong></label>",
        f"<p>{escape(profile.description)}</p>" if profile.description else "",
        *(_option_html(profile, option) for option in profile.options),
    ]
    return "\n".join(filter(None, parts))


def _option_html(profile: Profile, option: Option) -> str:
    name = escape(_field(profile, option))
    rows = [
        f"<option value='{escape(choice.name)}'{' selected' if choice is option.default else ''}>"
        f"{escape(choice.display_name)}</option>"
        for choice in option.choices
    ]
    if option.unlisted is None:
        written = ""
    else:
        rows.append(f"<option value='{UNLISTED}'>{escape(option.unlisted.display_name)}</option>")
        written = f"<input class='form-control' name='{name}--{UNLISTED}' pattern='{escape(option.unlisted.pattern)}'>"
    label = f"<label>{escape(option.display_name)}"
    return "\n".join([label, f"<select class='form-control' name='{name}'>", *rows, "</select>", written, "</label>"])
