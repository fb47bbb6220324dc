"""Files that sops has encrypted: recognised by what they hold, decrypted with the ``sops`` command.

Decrypted text goes to standard output of sops and from there to its reader: never to a file but one that the caller
makes in a private folder, never to a log, an error or a command line.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deployer.errors import CommandError, DeployerError, Place
from deployer.fleet.helm_yaml import load
from deployer.process import run

# The key that sops adds to what it encrypts, as YAML, JSON, dotenv and INI.
_MARK = re.compile(rb'^(sops:\s*$|\s*"sops"\s*:|sops_version=|\[sops\])', re.MULTILINE)
TIMEOUT = 60.0  # seconds; a key service may be slow


class SecretError(DeployerError):
    """A secret that is not encrypted, or cannot be decrypted here."""


def is_encrypted(raw: bytes) -> bool:
    """Whether a file's content is sops'."""
    return _MARK.search(raw) is not None


def find_sops(env: Mapping[str, str]) -> str:
    """The sops command: on PATH, or beside the Python that runs us.

    :raises SecretError: there is none.
    """
    beside = Path(sys.executable).parent
    found = shutil.which("sops", path=env.get("PATH")) or shutil.which("sops", path=str(beside))
    if found is None:
        raise SecretError("sops is not installed", hint="It decrypts enc-*.secret.* files: github.com/getsops/sops")
    return found


def decrypt_command(sops: str, path: Path) -> tuple[str, ...]:
    """The command that writes the decrypted file to standard output."""
    return (sops, "--disable-version-check", "--decrypt", str(path))


def decrypt(path: Path, *, env: Mapping[str, str], shown: str = "") -> bytes:
    """The decrypted bytes of a file; errors call it ``shown``.

    :raises SecretError: it is missing, not encrypted, or no key here decrypts it; sops' own last words are the hint.
    """
    place = Place(shown or str(path))
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SecretError(f"cannot be read: {error.strerror}", place) from None
    if not is_encrypted(raw):
        raise SecretError("named a secret, but not encrypted", place, f"sops --encrypt --in-place {place}")
    try:
        return run(decrypt_command(find_sops(env), path), env=env, timeout=TIMEOUT).raw
    except CommandError as error:
        raise SecretError("cannot be decrypted here", place, _last_words(error.hint)) from None


def _last_words(stderr: str) -> str:
    """What sops says of keys, without the rules and bars around it."""
    lines = (line.strip(" |") for line in stderr.splitlines())
    return "\n".join([line for line in lines if line and not line.startswith(("Group", "---"))][-6:])


def secret_texts(raw: bytes, path: str) -> tuple[str, ...]:
    """Every text of a decrypted YAML or JSON file, for redaction; the whole where it is neither."""
    try:
        data = json.loads(raw) if path.endswith(".json") else load(raw, path).data
    except (ValueError, DeployerError):
        return (raw.decode(errors="replace"),)
    return tuple(dict.fromkeys(_texts(data)))


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)
    elif isinstance(data, str):
        yield data
        yield from (line for line in data.splitlines() if line.strip() and line != data)
