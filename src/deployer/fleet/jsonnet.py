"""Jsonnet (the Go implementation): values that are computed, and the files that they import."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from deployer.errors import FleetError, Place
from deployer.fleet.helm_yaml import decode
from deployer.fleet.tree import Tree

# In jsonnet the path of an import is always a literal. One found in a comment does no harm: it can only widen a plan.
_IMPORT = re.compile(r"""\bimport(?:str|bin)?\s*@?(?:'([^'\n]+)'|"([^"\n]+)")""")


def imports(tree: Tree, path: str) -> frozenset[str]:
    """The file and all that it imports, near and far; those that are missing too."""
    seen: set[str] = set()
    todo = [path]
    while todo:
        here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        if tree.is_file(here):
            text = tree.read(here).decode(errors="replace")
            todo += [_resolve(here, single or double) for single, double in _IMPORT.findall(text)]
    return frozenset(seen)


def _resolve(importer: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), target))


def evaluate(tree: Tree, path: str, ext_vars: Mapping[str, str]) -> dict[str, Any]:
    """The map that the file stands for.

    :param ext_vars: the external variables; one that the file asks for and that is not among them is an error.
    :raises FleetError: missing, not jsonnet, an undeclared variable, or no map.
    """
    import _gojsonnet  # takes 20 ms: only for those who have jsonnet

    try:
        text = decode(tree.read(path), path)
    except FileNotFoundError:
        raise FleetError("no such values file", Place(path)) from None

    importer = _Importer(tree)
    try:
        result = json.loads(_gojsonnet.evaluate_snippet(path, text, ext_vars=dict(ext_vars), import_callback=importer))
    except RuntimeError as error:
        raise importer.error(path, text) or _mended(path, str(error)) from None
    if wrong := importer.error(path, text):
        raise wrong
    if not isinstance(result, dict):
        raise FleetError("values must be a map of keys", Place(path))
    return result


class _Importer:
    """Finds what is imported. An exception within a callback makes the library read memory that is not its own, so a
    file that cannot be read is ``null`` to it, and an error to us."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.unread: dict[str, str] = {}  # what was asked for → why it cannot be read

    def __call__(self, folder: str, target: str) -> tuple[str, bytes]:
        found = posixpath.normpath(posixpath.join(folder, target))
        try:
            raw = self.tree.read(found)
            raw.decode()
        except OSError:
            self.unread[target] = f"{found} is missing"
        except UnicodeDecodeError:
            self.unread[target] = f"{found} is not UTF-8"
        except FleetError as error:
            self.unread[target] = str(error)
        else:
            return found, raw
        return found, b"null"

    def error(self, path: str, text: str) -> FleetError | None:
        """What is wrong with the first import that could not be read."""
        for target, why in self.unread.items():
            before, there, _ = text.partition(target)
            return FleetError(f"import: {why}", Place(path, before.count("\n") + 1 if there else 0))
        return None


def _mended(path: str, message: str) -> FleetError:
    first = " ".join(message.strip().split("\n")[0].split())
    line = re.search(rf"{re.escape(path)}:\(?(\d+)", message)
    hint = "Declare it under jsonnet.ext_vars of deployer.yaml." if "external variable" in message.lower() else ""
    return FleetError(f"jsonnet: {first}", Place(path, int(line[1]) if line else 0), hint)
