"""Silenced rules: those that a hub, or the fleet, says nothing should be said of, each with the reason why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from deployer.errors import Place
from deployer.fleet.findings import POLICY_RULES, RULES, Finding, finding
from deployer.fleet.helm_yaml import load
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, Release, is_encrypted
from deployer.fleet.schema import dotted, nearest
from deployer.fleet.settings import FILE as SETTINGS_FILE


class Silences:
    """Keeps back what is silenced, and remembers which silences kept something back."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.used: set[tuple[ReleaseId | None, str]] = set()

    def kept(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Those that are not silenced. To be called before findings of several releases become one."""
        for one in findings:
            if not self._silenced(one):
                yield one

    def _silenced(self, one: Finding) -> bool:
        if not RULES[one.rule].may_be_silenced:
            return False
        by_hub = [id_ for id_ in one.releases if one.rule in self._of(id_)]
        self.used.update((id_, one.rule) for id_ in by_hub)
        by_fleet = one.rule in self.fleet.settings.silence
        if by_fleet:
            self.used.add((None, one.rule))
        return bool(by_hub) or by_fleet

    def _of(self, id_: ReleaseId) -> Mapping[str, str]:
        hub = self.fleet.releases[id_].hub
        return hub.silence if hub else {}

    def of_fleet(self) -> Iterator[Finding]:
        """What is wrong with the silences in deployer.yaml; after all findings were asked for."""
        given = self.fleet.settings.silence
        if not given:
            return
        document = load(self.fleet.tree.read(SETTINGS_FILE), SETTINGS_FILE)
        for rule, why in given.items():
            at = ("silence", rule)
            idle = (None, rule) not in self.used
            yield from _judge(rule, why, document.place(at), dotted(at), idle=idle, release=None)

    def of_hub(self, release: Release, *, checked: bool) -> Iterator[Finding]:
        """The same for a hub. Where its values could not be ``checked``, or not all of them, none is called idle."""
        hub = release.hub
        for rule, why in hub.silence.items() if hub else ():
            at = (*hub.at, "silence", rule)  # type: ignore[union-attr]
            place = self.fleet.documents[release.id.cluster].place(at)
            known = checked and not any(map(is_encrypted, release.values_files))
            idle = known and (release.id, rule) not in self.used
            yield from _judge(rule, why, place, dotted(at), idle=idle, release=release.id)


def _judge(rule: str, why: str, place: Place, key: str, *, idle: bool, release: ReleaseId | None) -> Iterator[Finding]:
    may = {name for name, known in RULES.items() if known.may_be_silenced and (not release or name in POLICY_RULES)}
    if rule not in may:
        what = "cannot be silenced here" if rule in RULES else f"no such rule{nearest(rule, may)}"
        yield finding("silence-unknown-rule", place, key, what, release=release)
    elif not why.strip():
        yield finding("silence-without-reason", place, key, "no reason is given", release=release)
    elif idle:
        yield finding("silence-of-nothing", place, key, "the rule would say nothing here", release=release)
