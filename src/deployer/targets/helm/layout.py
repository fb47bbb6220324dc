"""What an upgrade reads, laid out as the fleet has it: so that its command is the one that a stranger would type there.

The folder holds the chart with its dependencies, plain values files, and custom resource definitions, each by its path
in the fleet and as it was read when the plan was made: who edits the fleet meanwhile does not change what is deployed.
Only what must be made first, by decrypting or computing, is named by a private path, which says so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from deployer.fleet.repository import Release
from deployer.helm.sources import How, Layer, private_name
from deployer.secrets.private import write_private
from deployer.targets.credentials.session import Session
from deployer.targets.helm.desired import Desired
from deployer.targets.helm.workshop import Workshop

_MADE = {How.DECRYPTED: "what sops makes of", How.COMPUTED: "computed from", How.PLAIN: "a copy of"}


class LaidOut(NamedTuple):
    """Paths as the command names them, from ``root``; ``notes`` tell of those that are private."""

    root: Path
    chart: str
    values: tuple[str, ...]
    crds: tuple[str, ...]
    notes: tuple[str, ...]
    random: bool  # whether two renders of the very same may differ


def lay_out(desired: Desired, workshop: Workshop, release: Release, session: Session) -> LaidOut:
    """All that the release's upgrade reads.

    :raises DeployerError: something cannot be read, decrypted, computed or fetched.
    """
    source = desired.sources.source(release, decrypt=partial(desired.decrypted, session=session))
    prepared, crds = workshop.chart(source.chart), desired.crds(release)
    for path, content in [*crds.items(), *((one.path, one.content) for one in source.values if _is_itself(one))]:
        _write_once(prepared.root / path, content)
    folder = session.folder / "values" / release.id.name
    values = [_named(number, layer, folder) for number, layer in enumerate(source.values)]
    return LaidOut(
        prepared.root, release.chart, tuple(values), tuple(crds), tuple(_notes(source.values, values)), prepared.random
    )


def _is_itself(layer: Layer) -> bool:
    """Whether the file can be named as it is. Helm takes a comma for the end of a file's name."""
    return layer.how is How.PLAIN and "," not in layer.path


def _named(number: int, layer: Layer, folder: Path) -> str:
    if _is_itself(layer):
        return layer.path
    return str(write_private(folder / layer.how / private_name(number, layer.name), layer.content))


def _notes(layers: Iterable[Layer], values: Iterable[str]) -> list[str]:
    named = zip(layers, values, strict=True)
    return [f"{value}: {_MADE[layer.how]} {layer.path}" for layer, value in named if not _is_itself(layer)]


def _write_once(file: Path, content: bytes) -> None:
    """Several releases share a file, which appears whole."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{threading.get_ident()}")
    draft.write_bytes(content)
    draft.replace(file)
