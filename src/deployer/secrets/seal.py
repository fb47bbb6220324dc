"""Encrypting with sops: the plain text goes to its standard input, and never into a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deployer.errors import CommandError, Place
from deployer.process import run
from deployer.secrets.sops import TIMEOUT, SecretError, find_sops, is_encrypted


def seal(raw: bytes, path: str, *, root: Path, env: Mapping[str, str]) -> bytes:
    """The bytes of a file of the fleet as sops encrypts them, by the rules of the fleet's ``.sops.yaml``.

    :raises SecretError: there is no sops, no rule for this path, or a key service does not answer.
    """
    argv = (find_sops(env), "--disable-version-check", "--encrypt", "--filename-override", path, "/dev/stdin")
    try:
        sealed = run(argv, env=env, cwd=root, stdin=raw, timeout=TIMEOUT).raw
    except CommandError as error:
        said = [line.strip() for line in error.hint.splitlines() if line.strip()]
        hint = "Name your key in .sops.yaml: a rule whose path_regex matches this file."
        raise SecretError(f"cannot be encrypted here: {' '.join(said[-1:])}", Place(path), hint) from None
    if not is_encrypted(sealed):
        raise SecretError("cannot be encrypted here: sops wrote it as it was", Place(path))
    return sealed
