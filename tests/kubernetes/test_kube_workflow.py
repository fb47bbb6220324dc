"""The workflow carried out by a real runner on real control planes: log-ins, secrets, and the gate.

One of the two clusters is said to be on Google Cloud: there the jobs must have become who its cluster.yaml names before
``gcloud``, which no machine here can have, hands out the way to the cluster. The pushes build on each other.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import kube_tools
import pytest
import yaml
from kube_fleet import KubeFleet

from age_keys import make_age_key
from loopback_github import loopback_github
from runner_world import RunnerWorld, empty_world

pytestmark = pytest.mark.kubernetes
SOPS = Path(sys.executable).parent / "sops"
TWO = {"staging": {}, "ocean": {}}
POOL = "projects/1/locations/global/workloadIdentityPools/github/providers/fleet"
ACCOUNT = "deployer@our-project.iam.gserviceaccount.com"
ROLE = "arn:aws:iam::123456789012:role/sops"
# Of the fleet, for keys in the other clouds' key services.
FLEET = {"oidc": {"aws": {"role": ROLE}, "azure": {"client": "client", "tenant": "tenant"}}}
REFUSED = {"jupyterhub": {"hub": {"annotations": {"no name of an annotation": "x"}}}}  # by the API server
SUPPORT_CHECK = '{{ if .Values.broken }}{{ fail "support is broken" }}{{ end }}\n'
GCLOUD = """#!/bin/sh
set -e
read -r who < "$CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"
test "$who" = "gcp {pool} {account}"
cp "{kubeconfig}" "$KUBECONFIG"
"""


@pytest.fixture(scope="module")
def key():
    return make_age_key()


@pytest.fixture(scope="module")
def world(clusters, fleet_charts, tmp_path_factory):
    with loopback_github() as github:
        top = tmp_path_factory.mktemp("runner")
        tools = os.pathsep.join(
            [str(top / "tools"), str(kube_tools.folder("helm3")), str(kube_tools.folder("kubernetes"))]
        )
        made = empty_world(top, github)
        made.tools = tools
        yield made


@pytest.fixture(scope="module")
def fleet(world, clusters, fleet_charts, key):
    fleet = KubeFleet(world.root, {"reef": clusters[0], "lagoon": clusters[1]}, f"w{os.getpid() % 1000}")
    shutil.copytree(fleet_charts, fleet.root / "helm-charts")
    world.write("helm-charts/support/templates/check.yaml", SUPPORT_CHECK)
    fleet.settings(**FLEET)
    support = {"helm_chart_values_files": ["support.values.yaml"]}
    gcp = {"project": "our-project", "cluster": "hubs", "zone": "us-central1-b"}
    oidc = {"provider": POOL, "service_account": ACCOUNT}
    secret = "enc-ocean.secret.values.yaml"
    files = [f"{fleet.full('ocean')}.values.yaml", secret]
    hubs = {"staging": {}, "ocean": {"helm_chart_values_files": files}}
    fleet.write_cluster("reef", hubs, support=support, provider="gcp", gcp=gcp | {"oidc": oidc})
    fleet.write_cluster("lagoon", TWO, support=support)
    for cluster in ("reef", "lagoon"):
        (fleet.folder(cluster) / "support.values.yaml").write_text("broken: false\n")
    encrypt(fleet.folder("reef") / secret, {"title": "Found under the sea"}, key.recipient)
    write_gcloud(world.top / "tools" / "gcloud", fleet.folder("reef") / "kubeconfig.yaml")
    yield fleet
    fleet.forget()


def encrypt(path: Path, values: dict[str, str], recipient: str) -> None:
    path.write_text(yaml.safe_dump(values))
    words = [SOPS, "--disable-version-check", "--encrypt", "--age", recipient, "--in-place", path]
    subprocess.run(words, check=True, capture_output=True, timeout=60)


def write_gcloud(path: Path, kubeconfig: Path) -> None:
    """The file that reaches the cluster is not in the fleet, but where only whoever is logged in finds it."""
    moved = path.parent / "kubeconfig-of-reef"
    path.parent.mkdir()
    kubeconfig.replace(moved)
    path.write_text(GCLOUD.format(pool=POOL, account=ACCOUNT, kubeconfig=moved))
    path.chmod(0o755)


def deployed(fleet: KubeFleet, outcomes: dict[str, str]) -> dict[str, str]:
    return {fleet.short(release): outcome for release, outcome in outcomes.items()}


def test_all_goes_well(world: RunnerWorld, fleet: KubeFleet, key) -> None:
    run = world.push(secrets={"SOPS_AGE_KEY": key.secret})
    assert not run.red, run.log
    every = [f"{cluster}/{name}" for cluster in ("reef", "lagoon") for name in ("support", "staging", "ocean")]
    assert deployed(fleet, run.deployed) == dict.fromkeys(every, "succeeded")
    # One job of each kind works on reef, and nobody becomes anybody for lagoon, which has nothing to decrypt.
    became = (f"gcp {POOL} {ACCOUNT}", f"aws {ROLE} us-east-1", "azure client tenant true")
    assert world.logins() == sorted(
        f"{job}: {what}"
        for job in ("upgrade-support-and-staging", "upgrade-prod-hubs")
        for what in (*became, "installs gke-gcloud-auth-plugin")
    )
    assert fleet.title("reef/ocean") == "Found under the sea"
    assert world.state() == world.all()
    assert key.secret not in run.log
    assert "Found under the sea" not in run.log


def test_support_fails_and_only_staging_is_planned(world: RunnerWorld, fleet: KubeFleet, key) -> None:
    (fleet.folder("lagoon") / "support.values.yaml").write_text("broken: true\n")
    fleet.change("lagoon/staging", {"title": "New"})
    run = world.push(secrets={"SOPS_AGE_KEY": key.secret})
    assert run.red
    assert deployed(fleet, run.deployed) == {"lagoon/support": "failed", "lagoon/staging": "withheld"}
    assert "support is broken" in run.log
    assert "upgrade-prod-hubs (" not in run.log
    assert fleet.title("lagoon/staging") == "Hello"
    assert "lagoon/support" not in world.state()


def test_nobody_who_may_decrypt(world: RunnerWorld, fleet: KubeFleet) -> None:
    (fleet.folder("lagoon") / "support.values.yaml").write_text("broken: false\n")
    fleet.change("reef/ocean", {"greeting": "hello"})
    run = world.push()
    assert run.red
    ended = deployed(fleet, run.deployed)
    assert ended.pop("lagoon/support") in {"succeeded", "unchanged"}  # Helm has rolled it back to what it is to be
    assert ended == {"lagoon/staging": "succeeded", "reef/staging": "unchanged", "reef/ocean": "failed"}
    assert "cannot be decrypted here" in run.log


def test_a_canary_fails_on_one_cluster(world: RunnerWorld, fleet: KubeFleet, key) -> None:
    fleet.change("reef/staging", REFUSED)
    fleet.change("lagoon/ocean", {"title": "New"})
    run = world.push(secrets={"SOPS_AGE_KEY": key.secret})
    assert run.red
    assert deployed(fleet, run.deployed) == {
        "reef/staging": "failed",
        "lagoon/staging": "unchanged",
        "lagoon/ocean": "succeeded",
    }
    staging, ocean = fleet.full("reef/staging"), fleet.full("reef/ocean")
    assert f"<code>{ocean}</code> | withheld | <code>stands behind {staging}, which failed" in run.log
    assert fleet.title("lagoon/ocean") == "New"
