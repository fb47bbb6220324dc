import sys
from pathlib import Path

from jupyterhub_pytest_plugin import ServiceContract

COMMAND = [sys.executable, str(Path(__file__).parents[1] / "whoami.py")]


class TestContract(ServiceContract):
    """All that users of a service rely on, managed by the hub and beside it."""

    service_command = COMMAND
    environment = {"WHOAMI_CACHE_MAX_AGE": "1"}
    cache_max_age = 1
    pages = ["notes"]
    form_page = "notes"
    lacks = {"api": "it only asks who its visitors are"}


def test_says_who_comes(hub_service):
    service = hub_service("whoami", url=True, command=COMMAND)
    ada = service.user()
    assert service.open(ada.client).json()["name"] == ada.name
