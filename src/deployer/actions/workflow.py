"""The files that make a repository on GitHub deploy itself. Their text is the same for every fleet."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

# Where each template goes in a fleet.
OURS: Mapping[str, str] = {
    ".github/workflows/deploy-hubs.yaml": "deploy-hubs.yaml",
    ".github/workflows/deploy-hubs-comment.yaml": "deploy-hubs-comment.yaml",
    ".github/workflows/validate-fleet.yaml": "validate-fleet.yaml",
    ".github/workflows/check-hubs.yaml": "check-hubs.yaml",
    ".github/workflows/terraform.yaml": "terraform.yaml",
    ".github/workflows/owners.yaml": "owners.yaml",
    ".github/actions/setup-deployer/action.yaml": "action.yaml",
    ".github/zizmor.yml": "zizmor.yml",
}
# Written where there is none, and the fleet's own from then on.
THEIRS: Mapping[str, str] = {"renovate.json": "renovate.json"}


def texts(*, theirs: bool = True) -> dict[str, str]:
    """The text of each file, by its path in the fleet."""
    return {path: _text(name) for path, name in {**OURS, **(THEIRS if theirs else {})}.items()}


def _text(name: str) -> str:
    return (files("deployer.actions") / "template" / name).read_text(encoding="utf-8")
