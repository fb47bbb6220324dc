"""Whether a cluster's API server can be reached at all: found in a moment, where helm waits for half a minute."""

from __future__ import annotations

import socket
import time
from typing import Any
from urllib.parse import urlsplit

from deployer.errors import DeployerError, TargetError
from deployer.fleet.helm_yaml import load
from deployer.targets.credentials.kubeconfig import current_cluster
from deployer.targets.credentials.session import Session

TIMEOUT = 5.0  # seconds for one try; who drops packets is not tried twice
TRIES, PAUSE = 3, 0.5  # a server that starts anew refuses for a moment
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def unreachable(session: Session) -> DeployerError | None:
    """Why nothing listens where the session's kubeconfig leads; None where something does, or behind a proxy."""
    server = _server(session)
    parts = urlsplit(server)
    if not parts.hostname:
        return None
    try:
        why = _tried(parts.hostname, parts.port or (80 if parts.scheme == "http" else 443))
    except ValueError:
        why = "no valid port"
    return _error(session.cluster, server, why) if why else None


def _error(cluster: str, server: str, why: str) -> DeployerError:
    return TargetError(
        f"cluster {cluster} cannot be reached at {server}: {why}",
        hint="Does it run, and does it let this machine in? Its cluster.yaml says how it is reached.",
    )


def _server(session: Session) -> str:
    """The address of the API server, "" where a proxy stands before it, or helm is to say what is wrong."""
    if any(session.env.get(name) for name in _PROXIES):
        return ""
    found = _current(session)
    return "" if found.get("proxy-url") else str(found.get("server") or "")


def _current(session: Session) -> dict[str, Any]:
    path = session.folder / "kubeconfig"
    try:
        return current_cluster(load(path.read_bytes(), path.name).data)
    except (OSError, DeployerError):
        return {}


def _tried(host: str, port: int) -> str:
    """Why nothing answers there; "" where something does."""
    why = ""
    for last in (*[False] * (TRIES - 1), True):
        try:
            socket.create_connection((host, port), timeout=TIMEOUT).close()
        except ConnectionRefusedError:
            why = "connection refused"
        except TimeoutError:
            return f"no answer within {TIMEOUT:g} s"
        except OSError as error:
            return str(error.strerror or error).lower()
        else:
            return ""
        if not last:
            time.sleep(PAUSE)
    return why
