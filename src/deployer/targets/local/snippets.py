"""Running the snippets of ``hub.extraConfig``: in order, each under its name, those that need Kubernetes not at all."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.errors import DeployerError

_CLUSTER_ONLY = frozenset({"kubernetes", "kubernetes_asyncio", "kubespawner"})


class SnippetError(DeployerError):
    """A snippet raised: the hub cannot start."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A snippet that was not run, and what it needs."""

    name: str
    needs: str


def needs_kubernetes(source: str) -> str:
    """The module of Kubernetes that a snippet imports, "" where it imports none or is ready not to find it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ""
    return next((name for name in _imports(tree) if name.split(".")[0] in _CLUSTER_ONLY), "")


def run(name: str, source: str, namespace: dict[str, Any], *, key: str = "hub.extraConfig") -> Skipped | None:
    """Execute one snippet in ``namespace``, or say what of Kubernetes it needs.

    :raises SnippetError: it cannot be compiled or raised; the message names snippet, line and exception.
    """
    needed = needs_kubernetes(source)
    if needed:
        return Skipped(name, needed)
    place = f'{key}["{name}"]'
    try:
        exec(compile(source, place, "exec"), namespace)  # noqa: S102 - that is what a snippet is for
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in _CLUSTER_ONLY:
            return Skipped(name, error.name or "kubernetes")
        raise _explained(error, place) from error
    except Exception as error:
        raise _explained(error, place) from error
    return None


def in_order(snippets: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and sources as the chart runs them: by name. Null takes a snippet out."""
    return ((name, str(snippets[name])) for name in sorted(snippets) if snippets[name] is not None)


def _imports(tree: ast.AST) -> Iterator[str]:
    """Modules that are imported outside of ``try``: what stands in one is guarded."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif not isinstance(node, ast.Try):
            yield from _imports(node)


def _explained(error: Exception, place: str) -> SnippetError:
    told = error.msg if isinstance(error, SyntaxError) else str(error)
    text = " ".join(told.split())
    return SnippetError(f"{place} line {_line(error, place)}: {type(error).__name__}: {text}")


def _line(error: Exception, place: str) -> int:
    """The line of the snippet: where it cannot be parsed, or the innermost of its frames."""
    if isinstance(error, SyntaxError) and error.filename == place:
        return error.lineno or 0
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == place), 0)
