"""Which changed files can only change values: all others are outside, but for those that owners were given."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from deployer.changes.paths import affected_by_paths
from deployer.fleet.owners import owned_files
from deployer.fleet.repository import CLUSTERS, Fleet, is_encrypted
from deployer.fleet.settings import FILE as SETTINGS_FILE
from deployer.fleet.tree import Differing

REGULAR, PROGRAM, LINK, MODULE, NOTHING = "100644", "100755", "120000", "160000", "000000"
_MODES = {PROGRAM: "a file that can be run", LINK: "a symbolic link", MODULE: "a submodule"}
_CODE = (".jsonnet", ".libsonnet")
_UNKNOWN = "a file that the deployer does not know"


class FileRules:
    """What a file is, by its path, its mode, and who reads it at either revision."""

    def __init__(self, before: Fleet, after: Fleet) -> None:
        self.before, self.after = before, after

    @cached_property
    def _listed(self) -> frozenset[str]:
        """Plain values files that releases list now, and that stay listed."""
        return frozenset(file for release in self.before.releases.values() for file in release.values_files)

    @cached_property
    def _owned(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for release in self.before.releases.values():
            for who, file in owned_files(release):
                found[file] = found.get(file, frozenset()) | who
        return found

    def why_outside(self, one: Differing) -> str:
        """What a file is that is no plain values file of a hub; "" for those, which are judged by what they say."""
        if not one.inside:
            return "a file outside the fleet's folder"
        if what := self._mode(one):
            return what
        return self._kind(one.path)

    @staticmethod
    def _mode(one: Differing) -> str:
        modes = [mode for mode in (one.before, one.after) if mode not in (NOTHING, REGULAR)]
        return _MODES.get(modes[0], "no regular file") if modes else ""

    def _kind(self, path: str) -> str:
        name = path.rsplit("/", 1)[-1]
        if path.startswith(".github/"):
            return "a workflow, an action or another file of GitHub's"
        if path == SETTINGS_FILE or (path.startswith(f"{CLUSTERS}/") and name == "cluster.yaml"):
            return "says which hubs there are, what they are made of, and who owns them"
        if is_encrypted(path):
            return "an encrypted file"
        if path.endswith(_CODE):
            return "a program that computes values"
        if path in self._listed:
            return ""
        return self._read_by(path)

    def _read_by(self, path: str) -> str:
        readers = sorted({str(release) for fleet in (self.before, self.after) for release in _readers(fleet, path)})
        more = f" and {len(readers) - 3} more" if len(readers) > 3 else ""
        return f"touches {', '.join(readers[:3])}{more}" if readers else _UNKNOWN

    def owners(self, one: Differing) -> frozenset[str]:
        """Who was given this file, where it is a regular one that no release reads."""
        if one.path not in self._owned or self.why_outside(one) != _UNKNOWN:
            return frozenset()
        return self._owned[one.path]


def _readers(fleet: Fleet, path: str) -> Iterable[object]:
    return affected_by_paths(fleet, [path])
