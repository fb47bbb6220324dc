"""The seam to the configuration half: what a hub's process is told, and what it says about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployer.targets.local.context import HubContext
from deployer.targets.local.files import read_json, write_text
from deployer.targets.local.lookup import setting

CONFIG = "jupyterhub_config.py"
TEMPLATE = """\
# Written by the deployer at each start of the hub; values.json beside it says what it should be.
from deployer.targets.local.hub_config import configure

configure(c, {path!r})  # noqa: F821
"""


def base_url(values: Mapping[str, Any]) -> str:
    """The path below which the hub is served, with a slash at both ends."""
    written = setting(values, "hub.config.JupyterHub.base_url") or setting(values, "hub.baseUrl", "/")
    path = str(written).strip("/")
    return f"/{path}/" if path else "/"


def write_config(folder: Path, context: HubContext) -> Path:
    """Write what the hub's process reads, into its revision's folder; return the configuration file."""
    context_path = folder / "context.json"
    context.write(context_path)
    write_text(folder / CONFIG, TEMPLATE.format(path=str(context_path)))
    return folder / CONFIG


def read_notices(report: Path) -> tuple[str, ...]:
    """What the hub's process reported of its values."""
    notices = (read_json(report) or {}).get("notices", [])
    return tuple(str(notice) for notice in notices)
