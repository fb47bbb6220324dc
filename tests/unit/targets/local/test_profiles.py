from __future__ import annotations

from typing import Any

import pytest

from deployer.targets.local.profiles import ProfileError, asked_in_form, form_html, overrides_for, read_profiles

SMALL = {"display_name": "Small (1 CPU)", "kubespawner_override": {"mem_limit": "1G", "image": "a:1"}}
LARGE = {
    "display_name": "Large",
    "slug": "big",
    "kubespawner_override": {"mem_limit": "8G", "environment": {"SIZE": "l", "KIND": "x"}},
    "profile_options": {
        "image": {
            "display_name": "Image",
            "choices": {
                "py": {"display_name": "Python", "kubespawner_override": {"environment": {"LANG": "py"}}},
                "r": {"display_name": "R", "default": True, "kubespawner_override": {"environment": {"LANG": "r"}}},
            },
            "unlisted_choice": {
                "enabled": True,
                "display_name": "Other",
                "validation_regex": "^[a-z]+$",
                "kubespawner_override": {"environment": {"LANG": "{value}"}},
            },
        }
    },
}
PROFILES = read_profiles([SMALL, LARGE])


@pytest.mark.parametrize(
    ("asked", "changes"),
    [
        ({}, {"mem_limit": "1G"}),  # the first is the default; what only pods have is left out
        ({"profile": "small-1-cpu"}, {"mem_limit": "1G"}),
        ({"profile": "big"}, {"mem_limit": "8G", "environment": {"SIZE": "l", "KIND": "x", "LANG": "r"}}),
        (
            {"profile": "big", "image": "py"},
            {"mem_limit": "8G", "environment": {"SIZE": "l", "KIND": "x", "LANG": "py"}},
        ),
        (
            {"profile": "big", "image--unlisted-choice": "julia"},
            {"mem_limit": "8G", "environment": {"SIZE": "l", "KIND": "x", "LANG": "julia"}},
        ),
        ({"profile": "small-1-cpu", "other": "ignored"}, {"mem_limit": "1G"}),
    ],
)
def test_what_a_choice_changes(asked: dict[str, Any], changes: dict[str, Any]) -> None:
    assert overrides_for(PROFILES, asked) == changes


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"profile": "huge"}, "no profile 'huge'; there are: small-1-cpu, big"),
        ({"profile": "big", "image": "c"}, "image: no choice 'c'; there are: py, r"),
        ({"profile": "big", "image--unlisted-choice": "No"}, "image: 'No': does not have the form"),
    ],
)
def test_what_is_not_on_the_list_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ProfileError, match=told.replace("(", r"\(")):
        overrides_for(PROFILES, asked)


@pytest.mark.parametrize(
    ("form", "asked"),
    [
        ({}, {"profile": "small-1-cpu"}),
        ({"profile": ["big"], "profile-option-big--image": ["py"]}, {"profile": "big", "image": "py"}),
        (  # an unlisted value counts only where "other" is chosen
            {
                "profile": ["big"],
                "profile-option-big--image": ["py"],
                "profile-option-big--image--unlisted-choice": ["julia"],
            },
            {"profile": "big", "image": "py"},
        ),
        (
            {
                "profile": ["big"],
                "profile-option-big--image": ["unlisted-choice"],
                "profile-option-big--image--unlisted-choice": ["julia"],
            },
            {"profile": "big", "image--unlisted-choice": "julia"},
        ),
        ({"profile": ["small-1-cpu"], "profile-option-big--image": ["py"]}, {"profile": "small-1-cpu"}),
    ],
)
def test_the_form_asks_for_the_same_as_the_api(form: dict[str, list[str]], asked: dict[str, str]) -> None:
    assert asked_in_form(PROFILES, form) == asked


def test_the_form_escapes_what_values_say() -> None:
    html = form_html(read_profiles([{"display_name": "<script>", "description": "a & b"}]))
    assert "<script>" not in html
    assert "a &amp; b" in html
    assert form_html(()) == ""


def test_a_marked_default_goes_before_the_first() -> None:
    assert overrides_for(read_profiles([SMALL, {**LARGE, "default": True}]), {})["mem_limit"] == "8G"
