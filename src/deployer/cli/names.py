"""``CLUSTER HUB`` and ``CLUSTER/HUB`` mean the same to every verb that takes a hub."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import overload

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet


@overload
def split_names(cluster: str, hubs: Sequence[str] = ()) -> tuple[str, list[str]]: ...
@overload
def split_names(cluster: str | None, hubs: Sequence[str] = ()) -> tuple[str | None, list[str]]: ...
def split_names(cluster: str | None, hubs: Sequence[str] = ()) -> tuple[str | None, list[str]]:
    """A cluster and hubs of it, from words of which the first may be ``CLUSTER/HUB``, as others may of that cluster.

    :raises DeployerError: a hub of another cluster stands among them.
    """
    if cluster is None:
        return None, []
    found, slash, first = cluster.partition("/")
    words = [*([first] if slash and first else []), *hubs]
    return found, [_of(found, word) for word in words]


def asked_releases(fleet: Fleet, cluster: str | None, hubs: Sequence[str]) -> list[ReleaseId]:
    """The releases that a cluster and hubs, as :func:`split_names` has them, name: all, where nothing is named.

    :raises DeployerError: no such cluster or hub.
    """
    if cluster is None:
        return list(fleet.releases)
    fleet.cluster(cluster)
    if hubs:
        return [fleet.release(ReleaseId(cluster, name)).id for name in dict.fromkeys(hubs)]
    return [one for one in fleet.releases if one.cluster == cluster]


def one_release(cluster: str, hub: str | None) -> ReleaseId:
    """The one release that these words name.

    :raises DeployerError: they name none, or several.
    """
    found, hubs = split_names(cluster, [hub] if hub else [])
    if len(hubs) != 1 or not found:
        raise DeployerError(f"{' '.join(filter(None, [cluster, hub]))}: one hub is to be named", hint="CLUSTER HUB")
    return ReleaseId(found, hubs[0])


def release_and_rest(words: Iterable[str | None]) -> tuple[ReleaseId, list[str]]:
    """The release that the first words name, and what follows; words that were not given are None.

    :raises DeployerError: they name none.
    """
    first, *rest = (word for word in words if word is not None)
    cluster, slash, hub = first.partition("/")
    if not slash:
        hub, *rest = rest or [""]
    if not cluster or not hub:
        raise DeployerError(f"{first}: a hub is to be named", hint="CLUSTER HUB, or CLUSTER/HUB")
    if hub.startswith(f"{cluster}/"):
        hub = _of(cluster, hub)
    return ReleaseId(cluster, hub), rest


def _of(cluster: str, word: str) -> str:
    of, slash, hub = word.partition("/")
    if not slash:
        return word
    if of != cluster or not hub:
        raise DeployerError(f"{word}: no hub of cluster {cluster}", hint="Name hubs of one cluster at a time.")
    return hub


def whole_number(text: str) -> int:
    """A number of lines, 0 or more, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number, 0 or more")
    return int(text)
