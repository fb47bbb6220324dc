"""Secrets of local releases: made once, kept in a file that only its owner reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex, token_urlsafe

from deployer.targets.local.files import locked, read_json, write_json

OF_A_HUB = ("cookie_secret", "crypt_key", "proxy_token", "health_token")
OF_A_CLUSTER = ("local_password",)


def ensure_secrets(path: Path, names: Iterable[str]) -> dict[str, str]:
    """The secrets in ``path``; those that are missing are made, those that are there never change."""
    with locked(path.with_suffix(".lock")):
        kept = {key: value for key, value in (read_json(path) or {}).items() if isinstance(value, str)}
        missing = [name for name in names if not kept.get(name)]
        if missing:
            kept |= {name: _make(name) for name in missing}
            write_json(path, kept)
    return kept


def _make(name: str) -> str:
    """32 random bytes in hexadecimal, as cookies and encryption want them; a password is for people to type."""
    return token_urlsafe(9) if name == "local_password" else token_hex(32)
