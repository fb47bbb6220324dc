"""Files whose name says that they are secret: which the fleet has, and whether they are encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import normpath

from deployer.errors import DeployerError, Place
from deployer.fleet.helm_yaml import load
from deployer.fleet.housekeeping import says_secret, why_open
from deployer.fleet.repository import CLUSTERS, Fleet, Release, cluster_path
from deployer.fleet.tree import Tree, files_below
from deployer.secrets.sops import SecretError, is_encrypted

SOPS_FILE = ".sops.yaml"  # at the root of the fleet: who may decrypt what


def is_named_secret(path: str) -> bool:
    """Whether a file's name says that it is a secret: ``enc-*`` with ``.secret.``, or one of the two."""
    name = path.rsplit("/", 1)[-1]
    return ".secret." in name or (name.startswith("enc-") and "." in name)


def named_secrets(fleet: Fleet) -> list[str]:
    """Every file below the clusters' folder whose name says secret, and every other that the fleet takes for one."""
    listed = {path for release in fleet.releases.values() for path in secret_files(release)}
    below = {path for path in files_below(fleet.tree, CLUSTERS) if says_secret(path)}
    logins = {normpath(one.file) for one in fleet.settings.chart_logins if one.file}
    return sorted(below | listed | logins)


def secret_files(release: Release) -> Iterator[str]:
    """The secrets that a release is deployed with: credentials, values, a domain that is not public."""
    block = release.cluster.connection
    credentials = getattr(block, "key", "") or getattr(block, "file", "")
    path = cluster_path(release.id.cluster, credentials) if credentials else ""
    if path and (is_named_secret(path) or getattr(block, "key", "")):
        yield path
    yield from filter(is_named_secret, release.values_files)
    if release.domain_override:
        yield release.domain_override


def names_a_key(tree: Tree) -> bool:
    """Whether the fleet's ``.sops.yaml`` says with what anything is encrypted; that of a new fleet is all comments."""
    try:
        rules = load(tree.read(SOPS_FILE), SOPS_FILE).data
    except (DeployerError, OSError):
        return False
    return isinstance(rules, dict) and bool(rules.get("creation_rules"))


def check_encrypted(tree: Tree, path: str) -> None:
    """See that a file is there and encrypted.

    :raises SecretError: it is not.
    """
    try:
        raw = tree.read(path)
    except FileNotFoundError:
        raise SecretError("no such file", Place(path), "cluster.yaml names it.") from None
    if not is_encrypted(raw):
        raise SecretError("named a secret, but not encrypted", Place(path), f"sops --encrypt --in-place {path}")


def plain_secrets(fleet: Fleet) -> dict[str, DeployerError]:
    """The files that are named a secret and are not encrypted, each with its error: by the rule of `validate`, too."""
    found: dict[str, DeployerError] = {}
    for path in named_secrets(fleet):
        try:
            check_encrypted(fleet.tree, path)
            if problem := why_open(fleet.tree, path):
                raise SecretError(problem, Place(path), f"sops --encrypt --in-place {path}")
        except DeployerError as error:
            found[path] = error
    return found
