"""What the templates of a chart can read besides values: its other files, by ``.Files``."""

from __future__ import annotations

from deployer.errors import FleetError
from deployer.fleet.tree import Tree, files_below


def uses_files(tree: Tree, folder: str) -> bool:
    """Whether a template of the chart, or of one that is vendored in it, speaks of ``.Files``."""
    return any("/templates/" in path[len(folder) :] and _says(tree, path) for path in files_below(tree, folder))


def _says(tree: Tree, path: str) -> bool:
    try:
        return b".Files" in tree.read(path)
    except (FileNotFoundError, FleetError):
        return True
