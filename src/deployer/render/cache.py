"""Renders that were made before, by the digest of all that they were made from.

Below ``$XDG_CACHE_HOME/jupyterhub-deployer/renders``, for its user only. What is kept are masked texts and keyed
digests: no secret. Several processes may use it at once: an entry appears whole or not at all, and any may vanish.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deployer.helm.command import Helm
from deployer.render.manifests import Manifests

MAX_BYTES = 256 * 1024 * 1024
KEPT = 0.8  # of that, after the oldest were removed: so that not each run has to
KEY_BYTES = 32


def cache_folder(env: Mapping[str, str]) -> Path | None:
    """Where the user's caches are; None where there is no such place."""
    base = env.get("XDG_CACHE_HOME") or (f"{env['HOME']}/.cache" if env.get("HOME") else "")
    return Path(base) / "jupyterhub-deployer" / "renders" if base.startswith("/") else None


class Cache:
    """Entries below ``folder``; a folder that cannot be written is a cache that holds nothing."""

    def __init__(self, folder: Path | None, max_bytes: int = MAX_BYTES) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self._wrote = False
        if folder is not None:
            with suppress(OSError):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
        self.key = self._key()

    def _key(self) -> bytes:
        """The random text that digests are keyed with: made once for each cache."""
        made = secrets.token_bytes(KEY_BYTES)
        if self.folder is None:
            return made
        file = self.folder / "key"
        for _ in range(2):
            with suppress(OSError):
                if len(kept := file.read_bytes()) == KEY_BYTES:
                    return kept
            self._write(file, made, replace=False)
        return made

    def get(self, name: str) -> Manifests | None:
        """The render of that name, where it is here and whole."""
        if self.folder is None:
            return None
        file = self.folder / f"{name}.z"
        try:
            found = Manifests.from_json(json.loads(zlib.decompress(file.read_bytes())))
            os.utime(file)
        except (OSError, ValueError, TypeError, zlib.error):
            return None
        return found

    def put(self, name: str, manifests: Manifests) -> None:
        if self.folder is not None:
            text = json.dumps(manifests.to_json(), ensure_ascii=True)
            self._write(self.folder / f"{name}.z", zlib.compress(text.encode(), 1))
            self._wrote = True

    def helm_version(self, helm: Helm) -> str:
        """The version of a helm, asked once for each file that is one.

        :raises CommandError: as :meth:`Helm.version`.
        """
        known = self._versions()
        if helm.identity not in known:
            known = {helm.identity: helm.version()}
            if self.folder is not None:
                self._write(self.folder / "helm.json", json.dumps(known).encode())
        return known[helm.identity]

    def _versions(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            if self.folder is not None and isinstance(
                data := json.loads((self.folder / "helm.json").read_bytes()), dict
            ):
                return data
        return {}

    def prune(self) -> None:
        """Remove what was not used for longest, where there is too much."""
        if self.folder is None or not self._wrote:
            return
        entries = []
        for file in self.folder.glob("*.z"):
            with suppress(OSError):
                entries.append((file.stat().st_mtime, file.stat().st_size, file))
        total = sum(size for _, size, _ in entries)
        goal = self.max_bytes * KEPT if total > self.max_bytes else total
        for _, size, file in sorted(entries):
            if total <= goal:
                break
            with suppress(OSError):
                file.unlink()
            total -= size

    @staticmethod
    def _write(file: Path, content: bytes, *, replace: bool = True) -> None:
        """Whole or not at all, readable by the user only; without ``replace`` the first of several writers wins."""
        with suppress(OSError):
            handle, draft = tempfile.mkstemp(dir=file.parent, prefix=".part-")
            try:
                with os.fdopen(handle, "wb") as out:
                    out.write(content)
                if replace:
                    Path(draft).replace(file)
                    return
                os.link(draft, file)
            finally:
                with suppress(OSError):
                    Path(draft).unlink()
