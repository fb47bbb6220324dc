"""Hooks that a project's ``conftest.py`` can implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traitlets.config import Config


def pytest_jupyterhub_config(config: Config) -> None:
    """Change the configuration of every hub before it starts: ``config.JupyterHub.allow_named_servers = True``.

    It runs after the plugin's defaults; ``jupyterhub_config`` and markers come later and win.
    """
