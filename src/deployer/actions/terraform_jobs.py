"""Which clusters' Terraform a change touches, and what a job needs to plan it. Pure.

A cluster's folder is ``terraform/clusters/<cluster>/``. What calls a module is touched by a change of that module. Whom
a job becomes stands in the folder's ``ci.json``, as the output ``ci`` of the modules has it; nothing of that is secret.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.errors import DeployerError, Place
from deployer.fleet.tree import Tree

CLUSTERS = "terraform/clusters"
MODULES = "terraform/modules"
IDENTITIES = "ci.json"
ROLES = ("planner", "applier")
_SOURCE = re.compile(r'^\s*source\s*=\s*"\.\./\.\./modules/([\w-]+)"', re.MULTILINE)
# Documentation and tests of a module change nothing that is built.
_NO_CHANGE = re.compile(r"\.md$|/tests/")


@dataclass(frozen=True, slots=True)
class Job:
    """One cluster's folder, and whom its jobs become: for each role what ``needs`` of the set-up action takes."""

    name: str
    identities: Mapping[str, Mapping[str, Any]]

    def entry(self) -> dict[str, Any]:
        """As it stands in a matrix."""
        roles = {role: {"tools": [], **self.identities.get(role, {})} for role in ROLES}
        return {"name": self.name, **roles, "can-plan": "planner" in self.identities}


def jobs(tree: Tree, paths: Iterable[str] | None) -> list[Job]:
    """The folders that a change of these paths touches; all of them for ``None``.

    :raises DeployerError: a folder's ``ci.json`` cannot be read.
    """
    touched = None if paths is None else {path for path in paths if not _NO_CHANGE.search(path)}
    return [
        Job(name, _identities(tree, name)) for name in _folders(tree) if touched is None or _hit(tree, name, touched)
    ]


def digest(plan: str) -> str:
    """A hash of what a plan (``tofu show -json``) would change: of each resource what is done, and to which values.

    What one identity merely sees and another does not is no part of it.

    :raises DeployerError: it is no plan.
    """
    try:
        data = json.loads(plan)
    except ValueError:
        raise DeployerError("not JSON", hint=_PLAN_HINT) from None  # of a text that may hold secrets nothing is quoted
    resources = data.get("resource_changes", []) if isinstance(data, dict) and "planned_values" in data else None
    if not isinstance(resources, list):
        raise DeployerError("no plan", hint=_PLAN_HINT)
    changes = [found for one in resources if (found := _change(one))]
    text = json.dumps(sorted(changes, key=lambda one: str(one["address"])), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


_PLAN_HINT = "tofu show -json PLAN | deployer terraform-jobs --digest -"


def _change(resource: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """One resource's address, actions and new values, without what stays as it is."""
    change = resource["change"]
    if change["actions"] == ["no-op"]:
        return None
    before, after = change.get("before") or {}, change.get("after") or {}
    return {
        "address": resource["address"],
        "actions": change["actions"],
        "moved": resource.get("previous_address"),
        "values": {key: value for key, value in after.items() if key not in before or before[key] != value},
        "gone": sorted(key for key in before if key not in after),
        "unknown": change.get("after_unknown"),
    }


def _folders(tree: Tree) -> list[str]:
    return [name for name in sorted(tree.children(CLUSTERS)) if any(_configuration(tree, name))]


def _configuration(tree: Tree, name: str) -> Iterator[str]:
    """The paths of a folder's files of Terraform."""
    folder = f"{CLUSTERS}/{name}"
    yield from (f"{folder}/{file}" for file in tree.children(folder) if file.endswith(".tf"))


def _hit(tree: Tree, name: str, touched: set[str]) -> bool:
    text = "\n".join(tree.read(path).decode(errors="replace") for path in _configuration(tree, name))
    prefixes = (f"{CLUSTERS}/{name}/", *(f"{MODULES}/{module}/" for module in _SOURCE.findall(text)))
    return any(path.startswith(prefixes) for path in touched)


def _identities(tree: Tree, name: str) -> Mapping[str, Mapping[str, Any]]:
    path = f"{CLUSTERS}/{name}/{IDENTITIES}"
    if not tree.is_file(path):
        return {}
    try:
        data = json.loads(tree.read(path))
    except ValueError:
        raise DeployerError("not JSON", Place(path)) from None
    if not isinstance(data, dict) or not all(_is_identity(one) for one in data.values()):
        raise DeployerError("must be a map of roles, each a map of clouds", Place(path), f"Roles: {', '.join(ROLES)}.")
    return {role: data[role] for role in ROLES if role in data}


def _is_identity(data: Any) -> bool:
    return isinstance(data, dict) and all(
        isinstance(one, dict) and all(isinstance(text, str) for text in one.values()) for one in data.values()
    )
