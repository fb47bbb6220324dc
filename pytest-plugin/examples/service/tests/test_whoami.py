import sys
from pathlib import Path

from jupyterhub_pytest_plugin import ServiceContract

COMMAND = [sys.executable, str(Path(__file__).parents[1] / "whoami.py")]


class TestContract(ServiceContract):
    """All that users of a service rely on, managed by the hub and beside it."""

    service_command = COMMAND


def test_says_who_comes(hub_service, hub_admin):
    from jupyterhub_pytest_plugin.ports import Port

    port = Port()
    service = hub_service("whoami", url=port.url(), command=COMMAND, oauth_no_confirm=True)
    assert hub_admin.client.get(service.path).json()["name"] == hub_admin.name
    port.release()
