"""Labels of a pull request that skip or force; names and meaning are those of the real fleet."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from deployer.changes.paths import Reasons
from deployer.changes.reasons import Reason, Rule
from deployer.fleet.ids import Stage
from deployer.fleet.repository import Fleet


class Label(StrEnum):
    """The four labels. Any other is ignored; case counts."""

    SKIP_DEPLOY = "deployer:skip-deploy"
    SKIP_DEPLOY_HUBS = "deployer:skip-deploy-hubs"
    DEPLOY_HUBS = "deployer:deploy-hubs"
    DEPLOY_SUPPORT = "deployer:deploy-support"


def apply_labels(fleet: Fleet, reasons: Reasons, labels: Iterable[str]) -> Reasons:
    """The releases to upgrade once the labels had their say. To skip wins over to force."""
    given = frozenset(labels)
    if Label.SKIP_DEPLOY in given:
        return {}
    forced = dict(reasons)
    for release in fleet.releases.values():
        label = Label.DEPLOY_SUPPORT if release.stage is Stage.SUPPORT else Label.DEPLOY_HUBS
        if label in given:
            reason = Reason(Rule.LABEL, f"label {label}")
            forced[release.id] = (*forced.get(release.id, ()), reason)
    if Label.SKIP_DEPLOY_HUBS in given:
        return {release: why for release, why in forced.items() if release.hub is None}
    return forced
