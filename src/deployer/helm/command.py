"""The helm command, versions 3 and 4: found once, run with folders of its own, with nothing of the user's settings."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from deployer.errors import CommandError
from deployer.process import Result, run
from deployer.secrets.private import write_private

TEMPLATE_TIMEOUT, FETCH_TIMEOUT = 120.0, 300.0  # seconds
_VERSION = re.compile(r"v?(\d+)\.(\d+)\S*")
# What would let the user's own Helm or cluster in. A registry's log-in is named on purpose, and stays.
_STRIPPED = re.compile(r"HELM_(?!REGISTRY_CONFIG$)\w+|KUBECONFIG|KUBE\w+")


def homes(folder: Path | str) -> dict[str, str]:
    """The variables that make Helm keep its cache, configuration and data below ``folder``."""
    return {f"HELM_{kind.upper()}_HOME": f"{folder}/{kind}" for kind in ("cache", "config", "data")}


@dataclass(frozen=True)
class Helm:
    """One helm, with its cache, configuration and data below ``home``; it knows no cluster."""

    binary: str
    given: Mapping[str, str] = field(repr=False)
    home: Path
    cancelled: threading.Event | None = None
    config: Path | None = None  # where what it is told of log-ins goes; below ``home`` if it is told of none

    @classmethod
    def find(
        cls,
        env: Mapping[str, str],
        home: Path,
        cancelled: threading.Event | None = None,
        config: Path | None = None,
    ) -> Helm:
        """The helm that stands on PATH.

        :raises CommandError: there is none.
        """
        if (found := shutil.which("helm", path=env.get("PATH", ""))) is None:
            raise CommandError("helm is not installed", hint="Install Helm 3 or 4: https://helm.sh/docs/intro/install")
        return cls(found, env, home, cancelled, config)

    @cached_property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in self.given.items() if not _STRIPPED.fullmatch(name)}
        own = homes(self.home)
        if self.config is not None:
            own["HELM_CONFIG_HOME"] = str(self.config)
            own["HELM_REGISTRY_CONFIG"] = str(self._registry_config(self.config))
        return kept | own

    def _registry_config(self, config: Path) -> Path:
        """A private copy of the log-ins to registries that were given to us, to which more are added."""
        file, given = config / "registry.json", self.given.get("HELM_REGISTRY_CONFIG", "")
        known = Path(given).read_bytes() if given and Path(given).is_file() else b"{}"
        return write_private(file, known)

    @property
    def identity(self) -> str:
        """What changes when another helm is installed in the same place."""
        file = Path(self.binary).resolve()
        stat = file.stat()
        return f"{file}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"

    def version(self) -> str:
        """Its version, such as ``3.22.0``.

        :raises CommandError: it does not say one that we know.
        """
        said = self.run("version", "--template", "{{.Version}}", timeout=TEMPLATE_TIMEOUT).stdout.strip()
        found = _VERSION.fullmatch(said)
        if found is None or int(found[1]) not in (3, 4):
            raise CommandError(f"{self.binary} is version {said!r}: Helm 3 or 4 is needed")
        return said.removeprefix("v")

    @cached_property
    def major(self) -> int:
        """3 or 4, asked for once.

        :raises CommandError: as :meth:`version`.
        """
        return int(self.version().split(".", 1)[0])

    def run(self, *words: str, cwd: Path | None = None, timeout: float = FETCH_TIMEOUT, password: str = "") -> Result:
        """Run helm to its end.

        :param password: for its standard input; seen nowhere.

        :raises CommandError: it fails.
        """
        stdin = password.encode() if password else None
        secrets = [password] if password else []
        return run(
            [self.binary, *words],
            env=self.env,
            cwd=cwd,
            stdin=stdin,
            timeout=timeout,
            cancelled=self.cancelled,
            secrets=secrets,
        )
