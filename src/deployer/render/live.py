"""What a release holds against what an upgrade would make of it, as a pair that can be compared and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deployer.render.manifests import Manifests, Pair
from deployer.render.mask import Masker
from deployer.render.normalise import ObjectId, objects, with_generated, without_generated

VALUES = "Values"  # the kind that a local hub's values are shown as, for it has no manifests


def live_pair(held: str, would_be: Callable[[], str], masker: Masker, *, may_differ: bool) -> Pair:
    """Manifests as Helm writes them. Rendering a second time tells what the chart makes anew each time.

    :param would_be: renders once more each time that it is called.
    """
    before, after = objects(held), objects(would_be())
    if may_differ and before != after:
        after = without_generated(after, objects(would_be()))
        before = with_generated(before, after)
    return Pair(Manifests.of(before, masker), Manifests.of(after, masker))


def values_pair(name: str, held: Mapping[str, Any] | None, wanted: Mapping[str, Any], masker: Masker) -> Pair:
    """Values in the place of manifests; None where nothing is deployed."""
    sides = [{} if one is None else {ObjectId(VALUES, "", name): dict(one)} for one in (held, wanted)]
    return Pair(Manifests.of(sides[0], masker), Manifests.of(sides[1], masker))
