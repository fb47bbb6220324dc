"""A new fleet, from the template."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

from deployer.errors import DeployerError
from deployer.fleet import json_schema
from deployer.process import run
from deployer.scaffold.yaml_text import lines

# What stands in for who has told git no name yet, for the first commit only.
_NOBODY = ("-c", "user.name=deployer", "-c", "user.email=deployer@localhost")


SECRETS = "(^|/)enc-[^/]*$"  # the files that sops encrypts
_NO_KEYS: Mapping[str, str] = {}


def new_fleet(folder: Path, *, example: bool = False, keys: Mapping[str, str] = _NO_KEYS) -> None:
    """Make a fleet in ``folder``, whole or not at all: charts, settings and one local cluster.

    :param example: two local clusters of three hubs each instead, as real ones differ.
    :param keys: with what its secrets are encrypted, by the names that .sops.yaml has for kinds of keys.
    :raises DeployerError: there is something in the folder already, or it cannot be written.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise DeployerError(f"{folder} is a file", hint="Name a folder that is new or empty.")
        if folder.exists() and any(folder.iterdir()):
            raise DeployerError(f"{folder} is not empty", hint="Name a folder that is new or empty.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            made = Path(scratch) / "fleet"
            for layer in ("base", "example" if example else "first"):
                _copy(layer, made)
            _write_schemas(made)
            _name_keys(made / ".sops.yaml", keys)
            made.replace(folder)  # an empty folder in its place is replaced
    except OSError as error:
        raise DeployerError(f"{folder}: {error.strerror}") from None


def _copy(layer: str, to: Path) -> None:
    with as_file(files("deployer.scaffold") / "template" / layer) as source:
        shutil.copytree(source, to, dirs_exist_ok=True)
    for file in list(to.rglob("dot-*")):  # packaging tools leave out files whose names begin with a dot
        file.rename(file.with_name("." + file.name.removeprefix("dot-")))


def _name_keys(file: Path, keys: Mapping[str, str]) -> None:
    """The rule that .sops.yaml only shows, where the keys are known."""
    if keys:
        text = file.read_text(encoding="utf-8")
        about = "\n".join(line for line in text.splitlines()[:1])
        rule = "\n".join(lines({"creation_rules": [{"path_regex": SECRETS, **keys}]}))
        file.write_text(f"{about}\n{rule}\n", encoding="utf-8")


def _write_schemas(to: Path) -> None:
    """What the fleet's files point to, so that editors know their keys; `deployer schema --write` makes them anew."""
    for name, schema in json_schema.schemas().items():
        file = to / json_schema.path_of(name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(json_schema.text(schema), encoding="utf-8")


def commit(folder: Path, env: Mapping[str, str]) -> bool:
    """Make the folder a git repository with one commit; False where it is part of one already, or git is missing.

    :raises CommandError: git refuses.
    """
    if shutil.which("git", path=env.get("PATH")) is None or _is_tracked(folder, env):
        return False
    run(["git", "init", "--quiet"], env=env, cwd=folder)
    run(["git", "add", "--all"], env=env, cwd=folder)
    known = run(["git", "var", "GIT_COMMITTER_IDENT"], env=env, cwd=folder, check=False).ok
    run(["git", *(() if known else _NOBODY), "commit", "--quiet", "--message", "A new fleet"], env=env, cwd=folder)
    return True


def _is_tracked(folder: Path, env: Mapping[str, str]) -> bool:
    """Whether a repository around the folder would track what is in it."""
    inside = run(["git", "rev-parse", "--is-inside-work-tree"], env=env, cwd=folder, check=False).ok
    return inside and not run(["git", "check-ignore", "--quiet", "."], env=env, cwd=folder, check=False).ok
