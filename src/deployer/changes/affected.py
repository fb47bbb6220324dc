"""Which releases a change touches, decided by digests of each release's own inputs; paths only explain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from deployer.changes.difference import ABSENT, KeyChange, key_changes, same
from deployer.changes.inputs import MISSING, InputReader, Inputs, Part
from deployer.changes.paths import Reasons, affected_by_paths
from deployer.changes.reasons import Reason, Rule
from deployer.errors import FleetError
from deployer.fleet import jsonnet
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, Release, cluster_file, is_encrypted
from deployer.fleet.settings import FILE as SETTINGS_FILE
from deployer.fleet.tree import AbsentError, Tree

NAMED = 3  # keys that a reason names before it counts

_FILES = frozenset(
    {"helm_chart_values_files", "chart_override", "domain_override_file", "key", "file"}
)  # of cluster.yaml
_WHAT = {
    Rule.CLUSTER: "cluster.yaml",
    Rule.VALUES: "values",
    Rule.CHART: "chart",
    Rule.OVERRIDE: "override",
    Rule.FLEET: "a file that touches everything",
}


@dataclass(frozen=True)
class Comparison:
    """A release at two times. ``before`` is None where it was not there, or could not be read."""

    release: ReleaseId
    before: Inputs | None
    after: Inputs
    reasons: tuple[Reason, ...]

    @property
    def same(self) -> tuple[str, ...]:
        """The names of the inputs that were compared and found the same."""
        if self.before is None:
            return ()
        old = self.before.parts
        return tuple(name for name, part in self.after.parts.items() if name in old and not _differs(old[name], part))


class Affected:
    """Compares the fleet with what it was.

    :param changed: the paths that differ, where they are known: releases that read none of them are not looked at. To
        be given only where no symbolic link and no submodule stands on either side: nothing else decides but digests.
    :param reader: reads the fleet as it is now; given where it has read some of it already.
    """

    def __init__(
        self,
        before: Fleet,
        after: Fleet,
        changed: Iterable[str] | None = None,
        *,
        reader: InputReader | None = None,
    ) -> None:
        self.before, self.after = before, after
        self._old, self._new = InputReader(before, then=True), reader or InputReader(after)
        self._candidates = None if changed is None else self._readers(list(changed))

    def _readers(self, changed: list[str]) -> frozenset[ReleaseId]:
        """Those that read a changed path at either time, and those that are new."""
        old, new = affected_by_paths(self.before, changed), affected_by_paths(self.after, changed)
        return frozenset({*old, *new, *(self.after.releases.keys() - self.before.releases.keys())})

    def reasons(self) -> Reasons:
        """The releases whose inputs differ, each with its reasons.

        :raises FleetError: inputs of the fleet as it is now cannot be parsed.
        """
        found = {release.id: self.compare(release).reasons for release in self._looked_at()}
        return {release: reasons for release, reasons in found.items() if reasons}

    def _looked_at(self) -> Iterator[Release]:
        for release in self.after.releases.values():
            if self._candidates is None or release.id in self._candidates:
                yield release

    def compare(self, release: Release, *, whole: bool = False) -> Comparison:
        """One release now and then; with ``whole`` each key that differs is named.

        :raises FleetError: its inputs as they are now cannot be parsed.
        """
        after = self._new.inputs(release)
        earlier = self.before.releases.get(release.id)
        if earlier is None:
            return Comparison(release.id, None, after, (Reason(Rule.NEW, "new in the fleet"),))
        try:
            before = self._old.inputs(earlier)
        except AbsentError as error:
            reason = Reason(Rule.CHART, f"{error.message}: {error.place}", (str(error.place),))
            return Comparison(release.id, None, after, (reason,))
        except FleetError:
            return Comparison(release.id, None, after, (Reason(Rule.NEW, "could not be read before"),))
        if before.digest == after.digest:
            return Comparison(release.id, before, after, ())
        reasons = tuple(sorted(set(self._reasons(earlier, release, before, after, whole))))
        return Comparison(release.id, before, after, reasons)

    def _reasons(
        self, earlier: Release, release: Release, before: Inputs, after: Inputs, whole: bool
    ) -> Iterator[Reason]:
        names = before.parts.keys() | after.parts.keys()
        if _cut(before) != _cut(after):
            recut = list(self._recut_reasons(earlier, release, whole))
            yield from recut
            names = {name for name in names if not (recut and name.startswith("values:"))}
        differing = [
            (old, new)
            for name in sorted(names)
            if _differs(old := before.parts.get(name), new := after.parts.get(name))
        ]
        # A file that came or went only because something else says so is not what a person looks for.
        for old, new in [sides for sides in differing if self._telling(*sides)] or differing[:1]:
            if all(side is None or (side.rule is Rule.VALUES and not side.opaque) for side in (old, new)):
                yield from self._values_reasons(earlier, release, old, new, whole)
            else:
                yield self._part_reason(release, old, new, whole)

    def _recut_reasons(self, earlier: Release, release: Release, whole: bool) -> Iterator[Reason]:
        """Where encrypted files came, went or moved: what differs in all plain ones together, and those themselves."""
        old, new = self._old.plain(earlier), self._new.plain(release)
        yield from self._by_file(earlier, release, key_changes(old, new), whole)
        for file in dict.fromkeys((*earlier.values_files, *release.values_files)):
            if not is_encrypted(file):
                continue
            if file not in earlier.values_files or file not in release.values_files:
                what = "removed" if file in earlier.values_files else "added"
                yield self._reason(release, Rule.VALUES, file, f"encrypted file {what}")
            elif _ahead(earlier, release, file) != _ahead(release, earlier, file):
                yield self._reason(release, Rule.VALUES, file, "encrypted file moved")
            elif self._path_differs(file):
                yield self._reason(release, Rule.VALUES, file, "")

    def _telling(self, old: Part | None, new: Part | None) -> bool:
        part = new or old
        return part is None or (old is not None and new is not None) or self._path_differs(part.file)

    def _values_reasons(
        self, earlier: Release, release: Release, old: Part | None, new: Part | None, whole: bool
    ) -> Iterator[Reason]:
        changes = key_changes(old.content if old else {}, new.content if new else {})
        return self._by_file(earlier, release, changes, whole)

    def _by_file(self, earlier: Release, release: Release, found: Iterable[KeyChange], whole: bool) -> Iterator[Reason]:
        """A reason for each file that made a key differ."""
        by_file: dict[str, list[KeyChange]] = {}
        for change in found:
            by_file.setdefault(self._culprit(earlier, release, change.path), []).append(change)
        for file, changes in by_file.items():
            yield self._reason(release, Rule.VALUES, file, _named(changes, whole))

    def _culprit(self, earlier: Release, release: Release, path: tuple[str, ...]) -> str:
        """The last file whose own word on the key differs; cluster.yaml where only the order of files does."""
        for file in dict.fromkeys((*reversed(release.values_files), *reversed(earlier.values_files))):
            if not same(self._says(self._old, earlier, file, path), self._says(self._new, release, file, path)):
                return file
        return cluster_file(release.id.cluster)

    @staticmethod
    def _says(reader: InputReader, release: Release, file: str, path: tuple[str, ...]) -> Any:
        """What a release's file says of a key; ``ABSENT`` where the release does not list it, or it says nothing."""
        if file not in release.values_files or is_encrypted(file) or not reader.fleet.tree.is_file(file):
            return ABSENT
        here: Any = reader.layer(release, file)
        for key in path:
            here = _below(here, key)
        return here

    def _part_reason(self, release: Release, old: Part | None, new: Part | None, whole: bool) -> Reason:
        """Of two sides that differ, of which one may not be there."""
        part = new or old
        assert part is not None  # noqa: S101 - for the type checker: one of the two is there
        if part.later:
            return self._reason(release, part.rule, part.file, "a later document, which Helm 4 reads")
        if old is None or new is None:
            return self._reason(release, part.rule, part.file, "added" if old is None else "removed")
        if old.opaque or new.opaque:
            return self._reason(release, part.rule, part.file, "was missing" if old.content == MISSING else "")
        changes = list(key_changes(old.content, new.content))
        if part.rule is Rule.CLUSTER:
            changes = [one._replace(files=bool(one.path) and one.path[0] in _FILES) for one in changes]
        return self._reason(release, part.rule, part.file, _named(changes, whole))

    def _reason(self, release: Release, rule: Rule, file: str, what: str) -> Reason:
        """The chain from what changed to the release: the file may only lead to it, by a link or an import."""
        through = self._through(file) or ([] if self._path_differs(file) else self._said(release, file))
        chain = " ← ".join([_WHAT[rule], file, *([", ".join(through)] if through else [])])
        return Reason(rule, f"{chain}: {what}" if what else chain, tuple(sorted({file, *through})))

    def _through(self, file: str) -> list[str]:
        """What a file leads to, by a symbolic link or an import, and that differs."""
        read = _reads(self.before.tree, file) | _reads(self.after.tree, file)
        return sorted(path for path in read - {file} if self._path_differs(path))

    def _said(self, release: Release, file: str) -> list[str]:
        """What makes a file that did not change mean something else: the settings, or the cluster's own file."""
        wanted = (SETTINGS_FILE, cluster_file(release.id.cluster))
        return [path for path in wanted if path != file and self._path_differs(path)]

    def _path_differs(self, path: str) -> bool:
        return _content(self.before.tree, path) != _content(self.after.tree, path)


def _cut(inputs: Inputs) -> list[str]:
    """Into which runs encrypted files cut a release's values."""
    values = [part for part in inputs.parts.values() if part.rule is Rule.VALUES and not part.later]
    return [part.file if is_encrypted(part.file) else "" for part in values]


def _ahead(release: Release, other: Release, file: str) -> list[str]:
    """Of the files that two releases have in common, those that one lists before a file."""
    ahead = release.values_files[: release.values_files.index(file)]
    return [path for path in ahead if path in other.values_files]


def _below(value: Any, key: str) -> Any:
    """One step of a key's path: into a map, or (``[2]``) into a list."""
    if isinstance(value, dict):
        return value.get(key, ABSENT)
    number = key.strip("[]")
    if isinstance(value, list) and number.isdecimal() and int(number) < len(value):
        return value[int(number)]
    return ABSENT


def _reads(tree: Tree, file: str) -> set[str]:
    """The file, what symbolic links on the way to it lead to, and (of jsonnet) all that it imports."""
    return {*tree.trail(file), *(jsonnet.imports(tree, file) if file.endswith(".jsonnet") else ())}


def _content(tree: Tree, path: str) -> bytes | None:
    try:
        return tree.read(path)
    except (FileNotFoundError, FleetError):
        return None


def _differs(old: Part | None, new: Part | None) -> bool:
    if old is None or new is None:
        return True
    return old.opaque is not new.opaque or any(key_changes(old.content, new.content))


def _named(changes: list[KeyChange], whole: bool) -> str:
    named = changes if whole else changes[:NAMED]
    rest = f" and {len(changes) - len(named)} more" if len(changes) > len(named) else ""
    return f"{'; '.join(map(str, named))}{rest}"


def why_not(comparison: Comparison) -> list[str]:
    """One line for each input that was compared and found the same."""
    parts = comparison.after.parts
    return [
        f"{_WHAT[parts[name].rule]}{f' ({name})' if name in ('entry', 'connection') else ''} ← {parts[name].file}"
        for name in comparison.same
    ]
