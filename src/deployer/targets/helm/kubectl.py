"""Objects of the cluster, read and written through kubectl: one request each, and the API's own answers.

One ``kubectl proxy`` of the session is asked; where there is none, ``kubectl … --raw``.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from deployer.errors import CommandError, TargetError
from deployer.process import redact
from deployer.targets.credentials.api import Unreachable
from deployer.targets.credentials.session import Session
from deployer.targets.helm.retry import is_transient, retried

TIMEOUT = 30.0  # seconds for one request
_REASON = re.compile(r"Error from server \((\w+)\)")

_AWAY = re.compile(r"dial tcp (\S+): (?:connect: )?(.+)")

_METHODS = {"get": "GET", "create": "POST", "replace": "PUT", "delete": "DELETE"}

Object = dict[str, Any]


class ApiError(TargetError):
    """The API server refused; ``reason`` is its own word: NotFound, Conflict, AlreadyExists, Forbidden, …"""

    def __init__(self, message: str, hint: str = "", *, reason: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Kubectl:
    """The API of a session's cluster."""

    session: Session
    cancelled: threading.Event | None = None

    def get(self, path: str) -> Object | None:
        """What stands at an API path, or None.

        :raises ApiError: it cannot be read.
        """
        try:
            return self._call("get", path)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise

    def create(self, path: str, body: Mapping[str, Any]) -> Object:
        """Add an object to the collection at ``path``.

        :raises ApiError: with the reason AlreadyExists where there is one of that name.
        """
        return self._call("create", path, body)

    def replace(self, path: str, body: Mapping[str, Any]) -> Object:
        """Put an object in the place of the one at ``path``.

        :raises ApiError: with the reason Conflict where it is not the version any more that the body names.
        """
        return self._call("replace", path, body)

    def delete(self, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Remove the object at ``path``; that it is gone already is no error.

        :raises ApiError: with the reason Conflict where the body's preconditions do not hold.
        """
        try:
            self._call("delete", path, body)
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    def _call(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Object:
        given = None if body is None else json.dumps(body).encode()

        def call() -> Object:
            try:
                found = json.loads(self._ask(verb, path, given))
            except ValueError:
                return {}
            return found if isinstance(found, dict) else {}

        return retried(call, lambda error: is_transient(f"{error.message}\n{error.hint}"), cancelled=self.cancelled)

    def _ask(self, verb: str, path: str, body: bytes | None) -> bytes:
        """One try.

        :raises ApiError: it is refused.
        """
        if self.session.api:
            with suppress(Unreachable):
                answer = self.session.api.request(_METHODS[verb], path, body, timeout=TIMEOUT)
                if not answer.reason:
                    return answer.body
                said = redact(f"Error from server ({answer.reason}): {answer.message}", self.session.redactions())
                raise _refused(self.session.cluster, verb, path, said)
        argv = ["kubectl", verb, "--raw", path, *(["--filename", "-"] if body is not None else [])]
        done = self.session.run(argv, stdin=body, timeout=TIMEOUT, cancelled=self.cancelled, check=False)
        if not done.ok:
            raise _refused(self.session.cluster, verb, path, done.stderr.strip() or done.stdout.strip())
        return done.raw


def _refused(cluster: str, verb: str, path: str, said: str) -> TargetError:
    found = _REASON.search(said)
    last = said.splitlines()[-1] if said else "no answer"
    refused = "provide credentials" in said or "Unauthorized" in said
    if refused and (found is None or found[1] == "Unauthorized"):
        return ApiError(
            f"cluster {cluster} does not accept our credentials: {last}",
            "Are they expired or revoked? cluster.yaml names them.",
            reason="Unauthorized",
        )
    if away := _AWAY.search(last):  # in the words of the proxy, an error of the server
        return ApiError(f"cluster {cluster} cannot be reached at {away[1]}: {away[2]}", reason="Unreachable")
    return ApiError(f"cluster {cluster}: kubectl {verb} {path}: {last}", reason=found[1] if found else "")


def transient_command(error: CommandError) -> bool:
    """Whether a command failed for the API server's state of the moment."""
    return is_transient(f"{error.message}\n{error.hint}")


# Paths of the API


def namespaces(name: str = "") -> str:
    return f"/api/v1/namespaces{f'/{name}' if name else ''}"


def core(namespace: str, kind: str, name: str = "") -> str:
    """Of the core group: ``configmaps``, ``secrets``, ``persistentvolumeclaims``."""
    return f"{namespaces(namespace)}/{kind}{f'/{name}' if name else ''}"


def apps(namespace: str, kind: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/{kind}"


def leases(namespace: str, name: str = "") -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases{f'/{name}' if name else ''}"


def ensure_namespace(kubectl: Kubectl, name: str) -> None:
    """Make the namespace where it is missing.

    :raises ApiError: it cannot be made.
    """
    if kubectl.get(namespaces(name)) is None:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        try:
            kubectl.create(namespaces(), body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
