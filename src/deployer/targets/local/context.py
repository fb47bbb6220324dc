"""What a hub's process is told about itself: places, ports and where its values and secrets lie. Pure but for files."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Secrets:
    """What a hub keeps to itself, in a file that only its owner reads. Keys are hexadecimal, 32 bytes each."""

    cookie_secret: str = field(repr=False)
    crypt_key: str = field(repr=False)
    proxy_token: str = field(repr=False)
    health_token: str = field(repr=False)
    local_password: str = field(repr=False)
    service_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)

    def token_of(self, service: str) -> str:
        """The token kept for a service, else one derived from the hub's own secret: always the same."""
        derived = hmac.new(bytes.fromhex(self.cookie_secret), f"service:{service}".encode(), hashlib.sha256)
        return self.service_tokens.get(service) or derived.hexdigest()

    def write(self, path: Path) -> None:
        """Write the file so that nobody else can read it at any moment."""
        _write(path, asdict(self), mode=0o600)

    @classmethod
    def load(cls, path: Path) -> Secrets:
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in json.loads(path.read_text()).items() if key in known})


@dataclass(frozen=True)
class HubContext:
    """One hub on this machine. ``hub_dir`` holds its whole state; every address is on loopback.

    ``public_url`` is the address that people are told (through the ingress), ``hub_port`` the hub's own API,
    ``proxy_port`` where the proxy listens for people, ``proxy_api_url`` where it takes routes.
    """

    cluster: str
    hub: str
    hub_dir: Path
    values_path: Path
    secrets_path: Path
    report_path: Path
    hub_port: int
    proxy_port: int
    proxy_api_url: str
    display_name: str = ""
    public_url: str = ""
    public_host: str = ""
    health_service: str = "hub-health"
    health_user: str = "deployment-service-check"

    @property
    def homes(self) -> Path:
        return self.hub_dir / "homes"

    @property
    def user_logs(self) -> Path:
        return self.hub_dir / "logs" / "users"

    @property
    def files(self) -> Path:
        """Where ``hub.extraFiles`` come to lie, each under its mount path."""
        return self.hub_dir / "files"

    def values(self) -> dict[str, Any]:
        """The effective values of the ``jupyterhub`` section."""
        loaded: dict[str, Any] = json.loads(self.values_path.read_text())
        return loaded

    def secrets(self) -> Secrets:
        return Secrets.load(self.secrets_path)

    def write(self, path: Path) -> None:
        _write(path, {key: os.fspath(v) if isinstance(v, Path) else v for key, v in asdict(self).items()}, mode=0o644)

    @classmethod
    def load(cls, path: Path) -> HubContext:
        raw: dict[str, Any] = json.loads(path.read_text())
        paths = {"hub_dir", "values_path", "secrets_path", "report_path"}
        known = {f.name for f in fields(cls)}
        read: dict[str, Any] = {key: Path(v) if key in paths else v for key, v in raw.items() if key in known}
        return cls(**read)


def _write(path: Path, data: Mapping[str, Any], mode: int) -> None:
    text = json.dumps(data, indent=2, sort_keys=True) + "\n"
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    draft.replace(path)
