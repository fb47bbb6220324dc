"""Whether a change stays within what its authors may change, by the effective values that differ.

It fails closed: a file that is not known to be harmless, and an input that is not a plain value, is outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from deployer.changes.difference import ABSENT, KeyChange, same
from deployer.changes.inputs import InputReader, Inputs
from deployer.changes.leaves import Leaf, differences
from deployer.changes.owned_files import FileRules
from deployer.changes.reasons import Rule
from deployer.errors import DeployerError, FleetError, Place, flattened
from deployer.fleet.effective import look
from deployer.fleet.helm_yaml import Path, decode, locate
from deployer.fleet.ids import ReleaseId
from deployer.fleet.owners import Right, gives, in_terms_of, maintainers_of, names_html, rights_of, shows_html, unnamed
from deployer.fleet.repository import Fleet, Release, cluster_file, is_encrypted
from deployer.fleet.tree import Differing

_LATER = "a document after the first, which Helm 3 ignores and Helm 4 merges over the values, differs"


class Author(NamedTuple):
    """Somebody whose change it is, with the teams that they are in; all names in lower case."""

    name: str
    teams: frozenset[str] = frozenset()

    def is_among(self, who: Iterable[str]) -> bool:
        return not {self.name, *self.teams}.isdisjoint(who)


class Judgement(NamedTuple):
    """One thing that differs. ``why`` it is outside is "" where it is within; ``may`` are those who may change it."""

    place: Place
    what: str
    why: str = ""
    may: tuple[str, ...] = ()
    release: ReleaseId | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that differs, judged; nothing is, where all authors are maintainers."""

    authors: tuple[Author, ...]
    maintainers: bool
    judgements: tuple[Judgement, ...] = ()

    @property
    def outside(self) -> tuple[Judgement, ...]:
        return tuple(one for one in self.judgements if one.why)


def judge(
    before: Fleet,
    after: Fleet,
    unread: Iterable[DeployerError],
    changed: Sequence[Differing],
    authors: Sequence[Author],
) -> Verdict:
    """What becomes of a change. Who owns what is read of ``before``, and nowhere else.

    :param unread: what could not be read of the fleet as it would be.
    """
    if authors and all(author.is_among(maintainers_of(before)) for author in authors):
        return Verdict(tuple(authors), maintainers=True)
    found = dict.fromkeys(_Judge(before, after, changed, authors).judgements(unread))
    return Verdict(
        tuple(authors), maintainers=False, judgements=tuple(sorted(found, key=lambda one: (not one.why, one.place)))
    )


class _Judge:
    def __init__(self, before: Fleet, after: Fleet, changed: Sequence[Differing], authors: Sequence[Author]) -> None:
        self.before, self.after, self.changed, self.authors = before, after, changed, authors
        self.old, self.new = InputReader(before, then=True), InputReader(after)
        self.paths = frozenset(one.path for one in changed if one.inside)
        self.above = tuple(sorted(maintainers_of(before)))

    def judgements(self, unread: Iterable[DeployerError]) -> Iterator[Judgement]:
        files = list(self._files())
        yield from files
        for error in unread:
            yield from self._broken(error)
        for release in self.after.releases.values():
            if earlier := self.before.releases.get(release.id):
                yield from self._release(earlier, release, told=any(one.why for one in files))
        if self.before.releases.keys() != self.after.releases.keys() and not any(one.why for one in files):
            yield self._outside(Place("."), "releases came or went", "the fleet has other releases")

    # Files

    def _files(self) -> Iterator[Judgement]:
        rules = FileRules(self.before, self.after)
        for one in self.changed:
            why = rules.why_outside(one)
            if not why:
                continue
            who = rules.owners(one)
            names = tuple(sorted({*who, *self.above}))
            if who and all(author.is_among({*who, *self.above}) for author in self.authors):
                yield Judgement(Place(one.path), "a file that is theirs", may=names)
            else:
                yield self._outside(Place(one.path), why, "only maintainers may change it", may=names)

    def _broken(self, error: DeployerError, release: ReleaseId | None = None) -> Iterator[Judgement]:
        for single in flattened(error):
            what = f"cannot be read: {single.message}"
            yield self._outside(single.place or Place("."), what, "nobody can say what it does", release=release)

    def _outside(
        self, place: Place, what: str, why: str, *, release: ReleaseId | None = None, may: tuple[str, ...] = ()
    ) -> Judgement:
        return Judgement(place, what, why, may or self.above, release)

    # Values

    def _release(self, earlier: Release, release: Release, *, told: bool) -> Iterator[Judgement]:
        try:
            new = self.new.inputs(release)
        except (FleetError, FileNotFoundError) as error:
            yield from self._unreadable(earlier, release, error)
            return
        try:
            old = self.old.inputs(earlier)
        except FleetError as error:
            what = f"could not be read before: {error.message}"
            yield self._outside(error.place or Place("."), what, "nobody can say what differs", release=release.id)
            return
        yield from _ValuesOf(self, earlier, release).judgements(old, new)
        if not told:
            yield from self._other_inputs(release, old, new)

    def _unreadable(self, earlier: Release, release: Release, error: Exception) -> Iterator[Judgement]:
        try:
            self.old.inputs(earlier)
        except FleetError as before:
            if str(before) == str(error) and self.paths.isdisjoint(release.values_files):
                return  # it was so before, and this changes none of it
        told = error if isinstance(error, DeployerError) else FleetError(f"no such file: {error}")
        yield from self._broken(told, release.id)

    def _other_inputs(self, release: Release, old: Inputs, new: Inputs) -> Iterator[Judgement]:
        """What no look at the files has told of: a net below it."""
        for name in sorted(old.parts.keys() | new.parts.keys()):
            one, other = old.parts.get(name), new.parts.get(name)
            part = other or one
            if part is None or (part.rule is Rule.VALUES and not part.opaque):
                continue
            if one is None or other is None or one.opaque is not other.opaque or not same(one.content, other.content):
                what = _LATER if part.later else "an input that is no value of its own differs"
                yield self._outside(Place(part.file), what, "only maintainers may change it", release=release.id)


class _ValuesOf:
    """The values of one release, before and after."""

    def __init__(self, whole: _Judge, earlier: Release, release: Release) -> None:
        self.whole, self.earlier, self.release = whole, earlier, release
        self.rights = rights_of(whole.before, earlier.hub) if earlier.hub else []
        self.below = _hub_path(whole.before, earlier)

    def judgements(self, old: Inputs, new: Inputs) -> Iterator[Judgement]:
        seen: set[Path] = set()
        for one, other in self._runs(old, new):
            for leaf in differences(one, other):
                seen.add(leaf.path)
                yield self._judged(leaf, "")
        for leaf in self._waiting(new):
            if leaf.path not in seen:
                yield self._judged(leaf, " (in vain: a later file says otherwise)")

    def _runs(self, old: Inputs, new: Inputs) -> list[tuple[Any, Any]]:
        """Plain values, cut where encrypted files stand between them: of those nobody here knows what they override."""
        cuts = [
            {name: part.content for name, part in inputs.parts.items() if part.rule is Rule.VALUES and not part.opaque}
            for inputs in (old, new)
        ]
        if cuts[0].keys() != cuts[1].keys():
            return [(self.whole.old.plain(self.earlier), self.whole.new.plain(self.release))]
        return [(cuts[0][name], cuts[1][name]) for name in cuts[0]]

    def _waiting(self, new: Inputs) -> Iterator[Leaf]:
        """What a file newly says and a later one overrides: it would count as soon as that one is gone."""
        effective = [part.content for part in new.parts.values() if part.rule is Rule.VALUES and not part.opaque]
        for file in self.release.values_files:
            if is_encrypted(file):
                continue
            before, after = (
                self._layer(self.whole.old, self.earlier, file),
                self._layer(self.whole.new, self.release, file),
            )
            for leaf in differences(before, after):
                said = leaf.after
                if said is not ABSENT and not any(same(look(values, leaf.path), said) for values in effective):
                    yield leaf

    @staticmethod
    def _layer(reader: InputReader, release: Release, file: str) -> Any:
        if file not in release.values_files or not reader.fleet.tree.is_file(file):
            return {}
        return reader.layer(release, file)

    def _judged(self, leaf: Leaf, note: str) -> Judgement:
        key = _shown(leaf.path)
        names = self._who_may(leaf)
        why = next(filter(None, (self._why_not(author, leaf) for author in self.whole.authors)), "")
        change = KeyChange(tuple(map(_part, leaf.path)), leaf.before, leaf.after)
        return Judgement(self._place(leaf), f"{change}{note}", why, names, self.release.id, key)

    def _who_may(self, leaf: Leaf) -> tuple[str, ...]:
        who = {name for right in self.rights if self._lets(right, leaf) for name in right.who}
        return tuple(sorted({*who, *self.whole.above}))

    def _lets(self, right: Right, leaf: Leaf) -> bool:
        terms = in_terms_of(self.below, leaf.path)
        html = shows_html(leaf.path, leaf.after) and not names_html(right.key)
        return not html and any(gives(right.key, term) and not unnamed(right.key, term) for term in terms)

    def _why_not(self, author: Author, leaf: Leaf) -> str:
        path = leaf.path
        own = [right for right in self.rights if author.is_among(right.who)]
        if author.is_among(self.whole.above) or any(self._lets(right, leaf) for right in own):
            return ""
        if not own:
            return f"{author.name} owns nothing of {self.release.id}"
        for right in own:
            for term in in_terms_of(self.below, path):
                if gives(right.key, term) and not unnamed(right.key, term):
                    return f"it is HTML to users' browsers, which {'.'.join(right.key)} does not give"
                if gives(right.key, term):
                    part = _part(unnamed(right.key, term))
                    return f"{part} is no part of what {'.'.join(right.key)} gives: it must be named in owners itself"
        return f"{author.name} may not change this key"

    def _place(self, leaf: Leaf) -> Place:
        """Where it is said now; where nothing says it any more, the file that did, at the nearest key there is."""
        for release, reader in ((self.release, self.whole.new), (self.earlier, self.whole.old)):
            for file in reversed(release.values_files):
                if not is_encrypted(file) and file in self.whole.paths and self._says(reader, release, file, leaf):
                    return self._line(file, leaf.path)
        files = [file for file in self.release.values_files if file in self.whole.paths]
        return self._line(files[-1], leaf.path) if files else Place(cluster_file(self.release.id.cluster))

    def _says(self, reader: InputReader, release: Release, file: str, leaf: Leaf) -> bool:
        found = look(self._layer(reader, release, file), leaf.path)
        return any(same(found, value) for value in (leaf.before, leaf.after) if value is not ABSENT)

    def _line(self, file: str, path: Path) -> Place:
        try:
            lines = locate(decode(self.whole.after.tree.read(file), file), file)
        except (FleetError, FileNotFoundError):
            return Place(file)
        return Place(file, lines.get_nearest(path) or 1)


def _hub_path(fleet: Fleet, release: Release) -> Path | None:
    try:
        return fleet.charts.hub_values_path(release.chart, release.chart_override)
    except FleetError:
        return None


def _part(part: str | int) -> str:
    """A part of a key, so that look-alikes of other alphabets are seen for what they are."""
    return f"[{part}]" if isinstance(part, int) else part.encode("ascii", "backslashreplace").decode()


def _shown(path: Path) -> str:
    return ".".join(map(_part, path)).replace(".[", "[")
