"""An edit of a fleet's files: looked at as a whole before anything is written, then written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deployer.errors import CombinedError, DeployerError, Place, no_room
from deployer.fleet.findings import RULES, Finding, Severity
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, load_fleet
from deployer.fleet.tree import Tree
from deployer.fleet.validation import validate


@dataclass(frozen=True)
class Overlay:
    """A tree with some files as they would be after an edit."""

    below: Tree
    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes:
        return self.files[path] if path in self.files else self.below.read(path)

    def is_file(self, path: str) -> bool:
        return path in self.files or self.below.is_file(path)

    def children(self, folder: str) -> list[str]:
        prefix = f"{folder}/" if folder else ""
        new = {path[len(prefix) :].split("/", 1)[0] for path in self.files if path.startswith(prefix)}
        return sorted(new | set(self.below.children(folder)))

    def trail(self, path: str) -> tuple[str, ...]:
        return (path,) if path in self.files else self.below.trail(path)

    def ignored(self, path: str) -> bool:
        return path not in self.files and self.below.ignored(path)


@dataclass(frozen=True)
class Edit:
    """Files of a fleet as they shall be: ``made`` are new, ``changed`` have their bytes before and after.

    What is written last is what is changed, so that nothing names a file that is not there yet.
    """

    made: Mapping[str, bytes]
    changed: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)

    def over(self, tree: Tree) -> Overlay:
        return Overlay(tree, {**self.made, **{path: after for path, (_, after) in self.changed.items()}})

    def fleet(self, before: Fleet) -> Fleet:
        """The fleet as it would be.

        :raises FleetError: it could not be read.
        """
        return load_fleet(self.over(before.tree))

    def check(self, fleet: Fleet, releases: Iterable[ReleaseId], *, as_it_is: bool = False) -> list[Finding]:
        """What ``deployer validate`` would newly say of these releases: only warnings.

        :param as_it_is: what can be meant so is no reason to stop: it is so already.
        :raises DeployerError: a new file is there already, or ``validate`` would find an error that is not there yet.
        """
        for path in self.made:
            if fleet.tree.is_file(path):
                raise DeployerError("the file is there already", Place(path), "Move it away, or choose another name.")
        after, wanted = self.fleet(fleet), list(releases)
        here = [one for one in fleet.releases if one.cluster in {release.cluster for release in wanted}]
        known = {_known(one) for one in validate(fleet, here)} if here else set()
        found = [one for one in validate(after, wanted) if _known(one) not in known]
        stops = {rule.id for rule in RULES.values() if not (as_it_is and rule.may_be_silenced)}
        errors = [one for one in found if one.severity is Severity.ERROR and one.rule in stops]
        if errors:
            raise CombinedError("nothing was written", errors=tuple(DeployerError(str(one)) for one in errors))
        return found

    def write(self, root: Path) -> None:
        """Write all of it, or nothing.

        :raises DeployerError: a file is not what it was when it was read, or cannot be written.
        """
        done: list[Callable[[], object]] = []  # what takes back what was done, in order
        try:
            for path, content in self.made.items():
                _make(root / path, content, done)
            for path, (before, after) in self.changed.items():
                _change(root / path, before, after, Place(path), done)
        except BaseException as error:
            for take_back in reversed(done):
                with suppress(OSError):
                    take_back()
            if isinstance(error, OSError):
                raise no_room(error) or DeployerError(f"{error.filename}: {error.strerror}") from None
            raise


def _make(file: Path, content: bytes, done: list[Callable[[], object]]) -> None:
    """Write a new file, never over one that appeared meanwhile."""
    for folder in reversed([one for one in file.parents if not one.exists()]):
        folder.mkdir()
        done.append(folder.rmdir)
    with file.open("xb") as out:
        done.append(file.unlink)
        out.write(content)


def _change(file: Path, before: bytes, after: bytes, place: Place, done: list[Callable[[], object]]) -> None:
    if file.read_bytes() != before:
        raise DeployerError("was edited meanwhile: nothing was written", place, "Run this again.")
    _replace(file, after)
    done.append(lambda: _replace(file, before))


def _replace(file: Path, content: bytes) -> None:
    """Whole or not at all. Where a link leads to the file, it stays one."""
    real = file.resolve()
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=".deployer-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        Path(name).chmod(real.stat().st_mode & 0o777)
        Path(name).replace(real)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _known(one: Finding) -> tuple[str, ...]:
    """What makes two findings the same, wherever the lines have moved."""
    return one.rule, one.place.path, one.key, one.message
