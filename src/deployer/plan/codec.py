"""Plans as JSON: what ``plan --format json`` prints, ``--save`` writes and ``deploy --plan`` reads.

The documented part is ``releases`` (cluster, hub or null for support, stage, provider, reasons as text),
``retired``, and with ``--exact`` ``dropped`` and ``not_rendered`` (cluster, hub, reason); the other keys are what
carrying it out needs. The same plan gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from deployer.changes.reasons import Reason, Rule
from deployer.errors import DeployerError, Place
from deployer.fleet.ids import SUPPORT, ReleaseId, Stage
from deployer.plan.model import Noted, Plan, PlannedRelease

VERSION = 1

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain data, sorted."""
    return {
        "releases": [_release_to_json(release) for release in sorted(plan.releases, key=lambda one: one.order)],
        "retired": [_id_to_json(release) for release in sorted(plan.retired)],
        "dropped": [_id_to_json(one.id) | {"reason": one.reason} for one in sorted(plan.dropped)],
        "not_rendered": [_id_to_json(one.id) | {"reason": one.reason} for one in sorted(plan.not_rendered)],
        "revision": plan.revision,
        "version": VERSION,
    }


def dumps(plan: Plan) -> str:
    """The plan as text: the same bytes for the same plan."""
    return json.dumps(plan_to_json(plan), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def loads(text: str, path: str = "plan.json") -> Plan:
    """Read what :func:`dumps` wrote; ``path`` is for errors.

    :raises DeployerError: it is not JSON, or not a plan.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise DeployerError(f"not JSON: {error.msg}", Place(path, error.lineno, error.colno), _HINT) from None
    except RecursionError:  # nobody's plan, but a pull request's may be any text
        raise DeployerError("not a plan: too deep", Place(path), _HINT) from None
    return plan_from_json(data, path)


def plan_from_json(data: object, path: str = "plan.json") -> Plan:
    """Read what :func:`plan_to_json` gave; ``path`` is for errors.

    :raises DeployerError: it is not a plan; the error names the key.
    """
    return _Reader(path).plan(data)


_HINT = "Make the plan anew with: deployer plan … --save plan.json"


def _id_to_json(release: ReleaseId) -> dict[str, Any]:
    return {"cluster": release.cluster, "hub": release.hub}


def _release_to_json(release: PlannedRelease) -> dict[str, Any]:
    reasons = sorted(release.reasons)
    return _id_to_json(release.id) | {
        "stage": release.stage.value,
        "provider": release.provider,
        "reasons": [reason.text for reason in reasons],
        "canaries": [str(canary) for canary in sorted(release.canaries)],
        "why": [{"rule": one.rule.value, "text": one.text, "files": list(one.files)} for one in reasons],
        **({"digest": release.digest} if release.digest else {}),
    }


class _Reader:
    """Reads plain data; each method gets the key it stands at, for errors."""

    def __init__(self, path: str) -> None:
        self.path = path

    def plan(self, data: object) -> Plan:
        whole = self.table(data, "the plan")
        if (version := whole.get("version", VERSION)) != VERSION:
            self.fail("version", f"{version!r} is not the version that this deployer reads ({VERSION})")
        releases = self.list_of(whole, "releases", "", self.release)
        retired = self.list_of(whole, "retired", "", self.id) if "retired" in whole else ()
        self.check_unique(releases)
        revision = self.text(whole, "revision", "") if "revision" in whole else ""
        dropped, unsure = (self.noted_in(whole, key) for key in ("dropped", "not_rendered"))
        ordered = tuple(sorted(releases, key=lambda one: one.order))
        return Plan(ordered, tuple(sorted(retired)), revision, dropped, unsure)

    def release(self, data: object, at: str) -> PlannedRelease:
        entry, name = self.table(data, at), self.id(data, at)
        stage = self.word(Stage, entry, "stage", at)
        if (stage is Stage.SUPPORT) != (name.name == SUPPORT):
            self.fail(f"{at}.stage", f"{stage.value!r} does not go with {name}")
        canaries = self.list_of(entry, "canaries", at, self.canary) if "canaries" in entry else ()
        for canary in canaries:
            if canary.cluster != name.cluster:
                self.fail(f"{at}.canaries", f"{canary} is of another cluster than {name}")
        digest = self.text(entry, "digest", at) if "digest" in entry else ""
        return PlannedRelease(name, stage, self.text(entry, "provider", at), self.reasons(entry, at), canaries, digest)

    def reasons(self, entry: Mapping[str, Any], at: str) -> tuple[Reason, ...]:
        if "why" in entry:
            return self.list_of(entry, "why", at, self.reason)
        return self.list_of(entry, "reasons", at, lambda text, where: Reason(Rule.ASKED, self.string(text, where)))

    def reason(self, data: object, at: str) -> Reason:
        entry = self.table(data, at)
        files = self.list_of(entry, "files", at, self.string) if "files" in entry else ()
        return Reason(self.word(Rule, entry, "rule", at), self.text(entry, "text", at), files)

    def id(self, data: object, at: str) -> ReleaseId:
        entry = self.table(data, at)
        hub = self.string(entry["hub"], f"{at}.hub") if entry.get("hub") is not None else SUPPORT
        return self.parsed(f"{self.text(entry, 'cluster', at)}/{hub}", at)

    def noted_in(self, whole: Mapping[str, Any], key: str) -> tuple[Noted, ...]:
        return tuple(sorted(self.list_of(whole, key, "", self.noted))) if key in whole else ()

    def noted(self, data: object, at: str) -> Noted:
        return Noted(self.id(data, at), self.text(self.table(data, at), "reason", at))

    def canary(self, data: object, at: str) -> ReleaseId:
        return self.parsed(self.string(data, at), at)

    def parsed(self, text: str, at: str) -> ReleaseId:
        try:
            return ReleaseId.parse(text)
        except ValueError as error:
            self.fail(at, str(error))

    def check_unique(self, releases: Iterable[PlannedRelease]) -> None:
        seen: set[ReleaseId] = set()
        for release in releases:
            if release.id in seen:
                self.fail("releases", f"{release.id} stands there twice")
            seen.add(release.id)

    def list_of(self, entry: Mapping[str, Any], key: str, at: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
        where = f"{at}.{key}".lstrip(".")
        items = entry.get(key)
        if not isinstance(items, list):
            self.fail(where, "a list is needed")
        return tuple(read(item, f"{where}[{number}]") for number, item in enumerate(items))

    def word(self, words: type[E], entry: Mapping[str, Any], key: str, at: str) -> E:
        text = self.text(entry, key, at)
        if text not in list(words):
            self.fail(f"{at}.{key}", f"{text!r} is none of {', '.join(words)}")
        return words(text)

    def text(self, entry: Mapping[str, Any], key: str, at: str) -> str:
        return self.string(entry.get(key), f"{at}.{key}".lstrip("."))

    def string(self, value: object, at: str) -> str:
        if not isinstance(value, str):
            self.fail(at, "text is needed")
        return value

    def table(self, data: object, at: str) -> Mapping[str, Any]:
        if not isinstance(data, dict):
            self.fail(at, "a JSON object is needed")
        return data

    def fail(self, at: str, what: str) -> NoReturn:
        raise DeployerError(f"{at}: {what}", Place(self.path), _HINT)
