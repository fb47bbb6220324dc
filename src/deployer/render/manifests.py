"""What came of a render: manifests that can be compared and shown, or why there are none. No secret is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from deployer.render.mask import Masker
from deployer.render.normalise import ObjectId, Objects, dump


class Object(NamedTuple):
    """One object: a keyed digest of all of it, and its text with secrets masked."""

    digest: str
    text: str


@dataclass(frozen=True)
class Manifests:
    """A render, normalised. Two are equal where they are the same bytes after that."""

    objects: Mapping[ObjectId, Object]

    @classmethod
    def of(cls, objects: Objects, masker: Masker) -> Manifests:
        return cls({name: Object(masker.digest(data), dump(masker.manifest(data))) for name, data in objects.items()})

    def to_json(self) -> list[Any]:
        return [[*name, *one] for name, one in self.objects.items()]

    @classmethod
    def from_json(cls, data: list[Any]) -> Manifests:
        """
        :raises ValueError, TypeError: it is not what :meth:`to_json` gave.
        """
        return cls({ObjectId(*row[:4]): Object(*row[4:]) for row in data})


@dataclass(frozen=True)
class NotRendered:
    """Why a release cannot be rendered here, in one line."""

    reason: str


@dataclass(frozen=True)
class Pair:
    """A release at the base revision and now; ``skipped`` are the encrypted files that were left out of both."""

    before: Manifests
    after: Manifests
    skipped: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        return {name: one.digest for name, one in self.before.objects.items()} == {
            name: one.digest for name, one in self.after.objects.items()
        }


NOTHING = Manifests({})  # of a release that is not there
