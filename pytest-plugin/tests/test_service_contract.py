"""The contract for services, on one made with JupyterHub's own helpers."""

import sys
from pathlib import Path

from jupyterhub_pytest_plugin import ServiceContract


class TestWhoAmI(ServiceContract):
    service_command = [sys.executable, str(Path(__file__).with_name("whoami.py"))]
    scopes = ["list:users"]
