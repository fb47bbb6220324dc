"""The health check of a hub on Kubernetes: behind its domain stands a real JupyterHub, with its token in the Secret."""

from __future__ import annotations

import pytest

from hub_process import HubProcess

pytestmark = pytest.mark.kubernetes
HUB = {"hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"}, "Authenticator": {"allow_all": True}}}}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The hub that the pods, which are KWOK's, would run."""
    hub = HubProcess(tmp_path_factory.mktemp("hub"), HUB).start()
    try:
        yield hub
    finally:
        hub.end()


@pytest.fixture
def fleet(fleets, hub):
    fleet = fleets({"reef": {"staging": {"health": "user"}, "ocean": {"health": "http"}}}, ingress=hub.url)
    for release in ("reef/staging", "reef/ocean"):
        fleet.change(release, with_token(hub.secrets.health_token))
    return fleet


def with_token(token, **more):
    return {"jupyterhub": {"hub": {"services": {"hub-health": {"apiToken": token}}}}, **more}


def test_a_canary_on_which_users_cannot_work_is_rolled_back(fleet, hub):
    """All its pods are ready: only the check, a user's morning, can tell."""
    fleet.ok("deploy", "--all", "--yes")
    assert fleet.outcomes() == {"reef/staging": "succeeded", "reef/ocean": "succeeded"}
    assert hub.secrets.health_token not in "".join(map(str, fleet.journal()))

    fleet.change("reef/staging", with_token("a-token-that-this-hub-does-not-know", title="Broken"))
    fleet.change("reef/ocean", with_token(hub.secrets.health_token, title="New"))
    ran = fleet.run("deploy", "--all", "--yes")

    assert ran.code == 3, str(ran)
    assert fleet.outcomes() == {"reef/staging": "failed", "reef/ocean": "withheld"}
    assert fleet.title("reef/staging") == "Hello"
    seen = {fleet.short(one["hub"]): one for one in fleet.json("status", "reef")}["staging"]
    shown = fleet.json("history", "show", fleet.json("history")[0]["id"])["releases"]
    reason = next(one["cause"] for one in shown if one["release"].endswith(fleet.full("staging")))
    assert seen["detail"].startswith("revision 2 failed: ")
    assert seen["detail"].removeprefix("revision 2 failed: ") in reason
    assert fleet.revisions("reef/ocean") == [(1, "deployed")]
    fleet.ok("check", "reef", fleet.full("staging"))
