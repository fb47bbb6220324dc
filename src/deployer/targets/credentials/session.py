"""Sessions: environments in which ``kubectl`` and ``helm`` reach one cluster each, and no other.

Nothing changes ``os.environ``, so sessions of many clusters can be open at once in one process.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from deployer.errors import CommandError, DeployerError
from deployer.fleet.cluster import Aws, Azure, Cluster, Gcp, Kubeconfig
from deployer.process import Result, run
from deployer.secrets.private import private_folder, sweep
from deployer.secrets.sops import decrypt, is_encrypted
from deployer.targets.credentials import providers
from deployer.targets.credentials.api import Api
from deployer.targets.credentials.providers import Login

TIMEOUT = 120.0  # seconds for a cloud's log-in command


class CredentialError(DeployerError):
    """A cluster cannot be logged in to."""


class Redactions:
    """The texts that must never be shown; what is learnt later is added. Safe to use from several threads."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self.add(texts)

    def add(self, texts: Iterable[str]) -> None:
        """Add texts; each also as base64, as Kubernetes shows secrets."""
        found = {shape for text in texts for shape in (text, text.strip(), _base64(text)) if shape}
        with self._lock:
            self._texts |= found

    def __call__(self) -> frozenset[str]:
        return self._texts


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


@dataclass(frozen=True, slots=True)
class Session:
    """``env`` is what commands are run with; ``redactions`` hold what must not be seen of what they say.

    ``folder`` is private to the session and gone with it. ``api`` saves a process for each request.
    """

    cluster: str
    env: Mapping[str, str] = field(repr=False)
    folder: Path
    redactions: Redactions = field(default_factory=Redactions, repr=False)
    api: Api | None = None

    def run(
        self,
        argv: Iterable[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: bytes | None = None,
        timeout: float | None = None,
        cancelled: threading.Event | None = None,
        check: bool = True,
        grace: float | None = None,
        keep_open: tuple[int, ...] = (),
    ) -> Result:
        """:func:`deployer.process.run` in the session: ``env`` is added to its environment.

        :raises CommandError: as there.
        """
        return run(
            tuple(argv),
            env={**self.env, **(env or {})},
            cwd=cwd,
            stdin=stdin,
            timeout=timeout,
            cancelled=cancelled,
            secrets=self.redactions(),
            check=check,
            grace=grace,
            keep_open=keep_open,
        )


class Sessions:
    """One session for each cluster: opened when it is first asked for, shared by threads, closed together."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._lock = threading.Lock()
        self._logins: dict[str, threading.Lock] = {}
        self._opened: dict[str, Session | DeployerError] = {}
        self._stack = ExitStack()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Remove all that the sessions have written; none can be opened any more."""
        with self._lock:
            self._closed = True
            self._opened.clear()
        self._stack.close()

    def of(self, cluster: Cluster, folder: Path) -> Session:
        """The session of a cluster; ``folder`` is the cluster's own, in which its credentials stand.

        :raises DeployerError: credentials are missing or wrong, or the log-in failed; the same error each time.
        """
        with self._lock:
            login = self._logins.setdefault(cluster.name, threading.Lock())
        with login:  # clusters are logged in to side by side, each once
            found = self._opened.get(cluster.name)
            if found is None:
                found = self._try(cluster, folder)
                with self._lock:
                    self._opened[cluster.name] = found
        if isinstance(found, DeployerError):
            raise found
        return found

    def _try(self, cluster: Cluster, folder: Path) -> Session | DeployerError:
        try:
            return self._open(cluster, folder)
        except DeployerError as error:
            return error

    def _open(self, cluster: Cluster, folder: Path) -> Session:
        with self._lock:
            if self._closed:
                raise CredentialError(f"cluster {cluster.name}: cancelled before it was logged in to")
            if not self._logins.keys() & self._opened.keys():
                sweep()
            private = self._stack.enter_context(private_folder())
        login = _login(cluster, folder, private, self._env)
        redactions = Redactions(login.secrets)
        for command in login.commands:
            _log_in(cluster.name, command, login)
        api = Api(login.env, private)
        with self._lock:
            self._stack.callback(api.close)
        return Session(cluster.name, login.env, private, redactions, api)


def _login(cluster: Cluster, folder: Path, private: Path, env: Mapping[str, str]) -> Login:
    block = cluster.connection
    own = {**_without_other_clusters(env), "KUBECONFIG": str(private / "kubeconfig")}
    read = _reader(folder, env)
    if isinstance(block, Gcp):
        return providers.gcp(block, private, own, read)
    if isinstance(block, Aws):
        return providers.aws(block, private, own, read)
    if isinstance(block, Azure):
        return providers.azure(block, private, own, read)
    if isinstance(block, Kubeconfig):
        return providers.kubeconfig(block, folder, private, own, read)
    raise CredentialError(
        f"cluster {cluster.name}: no block {cluster.provider}: in its cluster.yaml",
        hint="It says how to reach the cluster.",
    )


# What would lead commands to another cluster than the session's, or as somebody else.
_STRAY = frozenset(
    {
        "KUBECONFIG",
        "KUBECONTEXT",
        *(f"HELM_KUBE{name}" for name in ("CONTEXT", "APISERVER", "TOKEN", "CAFILE", "ASUSER", "ASGROUPS")),
        "HELM_KUBETLS_SERVER_NAME",
        "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
        "HELM_NAMESPACE",
        "HELM_DEBUG",
    }
)


def _without_other_clusters(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in _STRAY}


def _reader(folder: Path, env: Mapping[str, str]) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        path = folder / name
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise CredentialError(
                f"{path}: {error.strerror}", hint="cluster.yaml names it as the credentials."
            ) from None
        return decrypt(path, env=env) if is_encrypted(raw) or ".secret." in name else raw

    return read


def _log_in(cluster: str, command: tuple[str, ...], login: Login) -> None:
    try:
        run(command, env=login.env, timeout=TIMEOUT, secrets=Redactions(login.secrets)())
    except CommandError as error:
        raise CredentialError(f"cluster {cluster}: log-in failed: {error.message}", hint=error.hint) from None
