"""What a kubeconfig says, as far as the deployer must know."""

from __future__ import annotations

from typing import Any


def current_cluster(document: Any) -> dict[str, Any]:
    """The cluster that the current context leads to; an empty one where it leads nowhere."""
    if not isinstance(document, dict):
        return {}
    context = _named(document.get("contexts"), document.get("current-context"), "context")
    return _named(document.get("clusters"), context.get("cluster"), "cluster")


def _named(entries: Any, name: Any, kind: str) -> dict[str, Any]:
    known = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    found = next((one.get(kind) for one in known if name and one.get("name") == name), None)
    return found if isinstance(found, dict) else {}


def what_is_missing(document: Any) -> str:
    """Why kubectl would not find a cluster by it, and take localhost instead; "" where it would."""
    if not isinstance(document, dict) or not isinstance(document.get("clusters"), list):
        return "it names no clusters"
    if not document.get("current-context"):
        return "it has no current-context"
    if not current_cluster(document).get("server"):
        return "its current context leads to no server"
    return ""
