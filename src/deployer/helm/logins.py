"""Log-ins of chart repositories and registries that ask for one: ``chart_logins`` of deployer.yaml.

Passwords come from a file that sops has encrypted, or from the environment; they go to Helm's standard input, and what
Helm writes of them stands in a private folder, in memory where there is such a place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import normpath
from urllib.parse import urlsplit

from deployer.errors import DeployerError, Place
from deployer.fleet.helm_yaml import load
from deployer.fleet.inside import leaves
from deployer.fleet.settings import FILE, ChartLogin
from deployer.secrets.sops import SecretError, decrypt

OCI = "oci://"


@dataclass(frozen=True)
class Account:
    """Who we are to a repository."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class ChartLogins:
    """The log-ins of a fleet; ``root`` is its folder, in which encrypted files are read."""

    entries: tuple[ChartLogin, ...] = ()
    root: Path = Path()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    def entry(self, url: str) -> ChartLogin | None:
        """What is said of a repository: the entry with the longest address that it begins with."""
        fitting = [one for one in self.entries if _begins(url, one.repository)]
        return max(fitting, key=lambda one: len(one.repository), default=None)

    def account(self, url: str) -> Account | None:
        """Who to log in as; None where nothing is said of it.

        :raises DeployerError: the account cannot be read.
        """
        entry = self.entry(url)
        return self._account(entry) if entry else None

    def _account(self, entry: ChartLogin) -> Account:
        data = self._decrypted(entry) if entry.file else {}
        username = entry.username or data.get("username", "")
        password = self.env.get(entry.password_env, "") if entry.password_env else data.get("password", "")
        if username and password:
            return Account(username, password)
        missing = "password" if username else "username"
        where = f"{entry.file} has no {missing}" if entry.file else f"no {missing}"
        if missing == "password" and entry.password_env:
            where = f"the environment has no {entry.password_env}"
        raise DeployerError(f"chart_logins: {entry.repository}: {where}", Place(FILE))

    def _decrypted(self, entry: ChartLogin) -> dict[str, str]:
        if leaves(normpath(entry.file)):
            raise SecretError(f"chart_logins: {entry.file} leads out of the fleet", Place(FILE))
        data = load(decrypt(self.root / entry.file, env=self.env, shown=entry.file), entry.file).data
        found = data if isinstance(data, dict) else {}
        return {key: str(found[key]) for key in ("username", "password") if found.get(key) not in (None, "")}


def registry_host(url: str) -> str:
    """The host of an OCI address, as ``helm registry login`` takes it."""
    return urlsplit(url).netloc


def _begins(url: str, prefix: str) -> bool:
    """Whether an address is this one or below it: of ``…/charts``, ``…/charts-of-others`` is not."""
    prefix = prefix.rstrip("/")
    return url.rstrip("/") == prefix or url.startswith(f"{prefix}/")
