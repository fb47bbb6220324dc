"""What a release holds against what an upgrade would make of it, as a pair that can be compared and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deployer.render.manifests import Manifests, Pair
from deployer.render.mask import Masker
from deployer.render.normalise import ObjectId, objects, with_generated, without_generated

VALUES = "Values"  # the kind that a local hub's values are shown as, for it has no manifests


def live_pair(held: str, would_be: str, blindly: Callable[[], str] | None, masker: Masker) -> Pair:
    """Manifests as Helm writes them.

    :param blindly: renders the very same inputs once more, the chart not seeing what is there, so that it makes its
        secrets at random; what comes out otherwise is put aside. None where the chart makes none.
    """
    before, after = objects(held), objects(would_be)
    if blindly and before != after:
        after = without_generated(after, objects(blindly()))
        before = with_generated(before, after)
    return Pair(Manifests.of(before, masker), Manifests.of(after, masker))


def values_pair(name: str, held: Mapping[str, Any] | None, wanted: Mapping[str, Any], masker: Masker) -> Pair:
    """Values in the place of manifests; None where nothing is deployed."""
    sides = [{} if one is None else {ObjectId(VALUES, "", name): dict(one)} for one in (held, wanted)]
    return Pair(Manifests.of(sides[0], masker), Manifests.of(sides[1], masker))
