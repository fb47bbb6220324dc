"""What makes many hubs start side by side without one of them timing out: few at a time, and compiled once."""

from __future__ import annotations

import compileall
import os
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from deployer import process
from deployer.errors import CommandError, TargetError
from deployer.plan.ports import Control
from deployer.targets.local.files import POLL, PRIVATE_FILE, locked, private_folder, telling, try_lock

COMPILE_TIMEOUT = 600.0  # seconds
PASSED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *(
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
        "DYLD_LIBRARY_PATH",
        "LD_LIBRARY_PATH",
    ),
)


def daemon_environment(env: Mapping[str, str]) -> dict[str, str]:
    """What a daemon gets of the deployer's environment: no credentials, and no setting of another JupyterHub."""
    kept = {key: value for key, value in env.items() if key in PASSED_ON or key.startswith("LC_")}
    programs = str(Path(sys.executable).parent)
    return {**kept, "PATH": os.pathsep.join(filter(None, [programs, kept.get("PATH", os.defpath)]))}


@contextmanager
def start_slot(folder: Path, control: Control, count: int | None = None) -> Iterator[None]:
    """Wait until fewer than ``count`` (default: this machine's cores) daemons are starting, in any thread or process.

    Who has no time at all does not wait either.

    :raises TargetError: cancelled while waiting.
    """
    with ExitStack() as stack:
        handles = [_open(stack, folder / f"{number}.slot") for number in range(count or os.cpu_count() or 1)]
        if control.timeout and not any(try_lock(handle) for handle in handles):
            control.say("waiting for other hubs to start")
            while not any(try_lock(handle) for handle in handles):
                if control.cancelled.is_set():
                    raise TargetError("cancelled before it was started")
                time.sleep(POLL)
        yield


def _open(stack: ExitStack, path: Path) -> int:
    private_folder(path.parent)
    with telling(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    stack.callback(os.close, handle)
    return handle


def compile_once(cache: Path, env: Mapping[str, str]) -> None:
    """Compile this environment to bytecode where an installer left that out: else each start of a hub does it again."""
    if _is_compiled():
        return
    with locked(private_folder(cache) / "compile.lock"):
        if not _is_compiled():
            argv = [sys.executable, "-m", compileall.__name__, "-q", "-j0", sysconfig.get_path("purelib")]
            try:
                process.run(argv, env=daemon_environment(env), timeout=COMPILE_TIMEOUT, check=False)
            except CommandError:
                return  # slow, not broken


def _is_compiled() -> bool:
    spec = find_spec("jupyterhub")
    if spec is None or spec.origin is None:
        raise TargetError(
            "JupyterHub is not installed beside the deployer",
            hint="Install the deployer with its extra: pip install 'jupyterhub-deployer[local]'",
        )
    app = str(Path(spec.origin).with_name("app.py"))
    folder = Path(app).parent / "__pycache__"
    return Path(cache_from_source(app)).exists() or not os.access(folder if folder.exists() else folder.parent, os.W_OK)
