"""The fleet's workflows for GitHub Actions: plan on pull requests, deploy on pushes, validate, check every morning.

deployer workflow --write    write them into the fleet
deployer workflow --check    fail where those of the fleet are not what --write would write

They name no cluster and no hub, so they need no change when one is added. renovate.json is written where there is none.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from deployer.actions.workflow import THEIRS, texts
from deployer.cli.context import Context
from deployer.errors import EXIT_OK, DeployerError, Place
from deployer.fleet.settings import FILE as SETTINGS_FILE

NO_INSTALL = (
    f"deployer: {SETTINGS_FILE} has no `install:`, so the workflows install what is called jupyterhub-deployer in\n"
    "pip's index. "
    "Whoever has that name there runs with your jobs' log-ins: pin a version or a commit (docs: automation)."
)


def options(parser: argparse.ArgumentParser) -> None:
    act = parser.add_mutually_exclusive_group(required=True)
    act.add_argument("--write", action="store_true", help="write the files into the fleet")
    act.add_argument("--check", action="store_true", help="fail where one is missing, old or edited")


def run(args: argparse.Namespace, context: Context) -> int:
    if args.write:
        for path in write(context.root):
            print(f"wrote {path}")
    else:
        _check(context.root)
    if not _names_what_to_install(context.root / SETTINGS_FILE):
        print(NO_INSTALL, file=sys.stderr)
    return EXIT_OK


def _names_what_to_install(settings: Path) -> bool:
    """Read as the workflows' own action does, which has no deployer yet."""
    try:
        return re.search(r"^install:\s*['\"]?[^'\"#\s]", settings.read_text(encoding="utf-8"), re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return False


def write(root: Path) -> list[str]:
    """Write what is missing or differs, and say what that was.

    :raises DeployerError: a file cannot be written.
    """
    written = []
    for path, text in texts().items():
        file = root / path
        if _is(file, text) or (path in THEIRS and file.exists()):
            continue
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise DeployerError(f"cannot be written: {error.strerror}", Place(path)) from None
        written.append(path)
    return written


def _check(root: Path) -> None:
    for path, text in texts(theirs=False).items():
        if not _is(root / path, text):
            what = "is not what this version of the deployer writes" if (root / path).exists() else "is missing"
            raise DeployerError(what, Place(path), "Run: deployer workflow --write")


def _is(file: Path, text: str) -> bool:
    try:
        return file.read_bytes() == text.encode()
    except OSError:
        return False
