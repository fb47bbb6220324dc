"""Values files that a release lists: whether they are there at all."""

from __future__ import annotations

from deployer.errors import FleetError, Place
from deployer.fleet.repository import Fleet, Release


def check_values_files(fleet: Fleet, release: Release) -> None:
    """Nothing can be deployed with a values file that is not there, so nothing is planned with it.

    :raises FleetError: a file that the release lists is missing, or a folder.
    """
    for path in release.values_files:
        if not fleet.tree.is_file(path):
            what = "is a folder, no values file" if fleet.tree.children(path) else "no such values file"
            raise FleetError(
                f"{what}: {release.id} lists it",
                Place(path),
                "Put it back, or take it from the list; `deployer validate` names all that is missing.",
            )
