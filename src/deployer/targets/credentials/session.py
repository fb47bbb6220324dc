"""A session: an environment in which ``kubectl`` and ``helm`` reach one cluster, and no other.

Nothing changes ``os.environ``, so sessions of many clusters can be open at once in one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deployer.errors import CommandError, DeployerError
from deployer.fleet.cluster import Aws, Azure, Cluster, Gcp, Kubeconfig
from deployer.process import run
from deployer.secrets.private import private_folder
from deployer.secrets.sops import decrypt, is_encrypted, secret_texts
from deployer.targets.credentials import providers
from deployer.targets.credentials.providers import Login

TIMEOUT = 120.0  # seconds for a cloud's log-in command


class CredentialError(DeployerError):
    """A cluster cannot be logged in to."""


@dataclass(frozen=True, slots=True)
class Session:
    """``env`` is what commands are run with, ``secrets`` what must be redacted of what they say.

    ``folder`` is private to the session and gone with it.
    """

    cluster: str
    env: Mapping[str, str] = field(repr=False)
    folder: Path
    secrets: tuple[str, ...] = field(default=(), repr=False)


@contextmanager
def open_session(cluster: Cluster, folder: Path, env: Mapping[str, str]) -> Iterator[Session]:
    """Log in to a cluster for as long as the context lasts.

    :param folder: the cluster's folder, in which its credentials file stands.
    :param env: the caller's environment; the session's is made from it.
    :raises DeployerError: credentials are missing or wrong, or the log-in failed.
    """
    with private_folder() as private:
        login = _login(cluster, folder, private, env)
        for command in login.commands:
            _log_in(cluster.name, command, login)
        yield Session(cluster.name, login.env, private, login.secrets)


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
        return providers.kubeconfig(block, private, own, read)
    raise CredentialError(
        f"cluster {cluster.name}: no block {cluster.provider}: in its cluster.yaml",
        hint="It says how to reach the cluster.",
    )


# What would lead commands to another cluster than the session's.
_STRAY = frozenset(
    {"KUBECONFIG", "KUBECONTEXT", "HELM_KUBECONTEXT", "HELM_KUBEAPISERVER", "HELM_KUBETOKEN", "HELM_NAMESPACE"}
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
        run(command, env=login.env, timeout=TIMEOUT, secrets=login.secrets)
    except CommandError as error:
        raise CredentialError(f"cluster {cluster}: log-in failed: {error.message}", hint=error.hint) from None


def redactions(raw: bytes, name: str) -> tuple[str, ...]:
    """The texts of a credentials file that must never be shown."""
    return secret_texts(raw, name)
