"""Services from PyPI."""

import sys

import pytest

from jupyterhub_pytest_plugin import ServiceContract

pytest.importorskip("jupyterhub_idle_culler")
# What its own documentation asks for.
SCOPES = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
COMMAND = [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=1", "--cull-every=1"]


class TestIdleCuller(ServiceContract):
    """It has no page: it asks the hub, and tells it what to stop."""

    service_command = COMMAND
    scopes = SCOPES
    lacks = {"page": "it serves nothing"}

    def test_stops_what_is_idle(self, served):
        user = served.user()
        user.spawn()
        self.eventually(lambda: has_stopped(user))


def has_stopped(user):
    assert not user.model["servers"]


def test_without_a_scope_that_it_asks_for(hub_service, hub_user):
    """Of the scopes that it asks for, one is not needed: the time of the last activity comes with the servers."""
    hub_user.spawn()
    hub_service("culler", command=COMMAND, scopes=[scope for scope in SCOPES if scope != "read:users:activity"])
    TestIdleCuller().eventually(lambda: has_stopped(hub_user))
