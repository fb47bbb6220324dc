"""Each hub of the template, taken out and deployed by somebody who has helm and kubectl, and no deployer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kube_tools
import pytest
import yaml
from kube_cluster import Ran

from age_keys import make_age_key
from deployer.replicate.proof import PROGRAMS
from template_charts import materialise

pytestmark = pytest.mark.kubernetes

EXAMPLE = kube_tools.ROOT / "src" / "deployer" / "scaffold" / "template" / "example" / "config" / "clusters"
SOPS = Path(sys.executable).parent / "sops"
AT_ONCE = 3
CLASS = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: %s}\nprovisioner: stage.test/none\n"


class Taken:
    """A replicate, and what its owner has on PATH."""

    def __init__(self, fleet, hub, folder, *options, more=(), **env):
        self.fleet, self.folder = fleet, folder / hub
        fleet.ok("replicate", f"reef/{fleet.full(hub)}", str(self.folder), *options)
        self.bin = folder / f"bin-{hub}"
        self.bin.mkdir()
        for name in ("helm3", "kubectl"):
            (self.bin / name.rstrip("3")).symlink_to(kube_tools.program(name))
        for name in {*PROGRAMS, "awk"} - {"helm"}:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        for file in more:
            (self.bin / file.name).symlink_to(file)
        kubeconfig = str(fleet.given["reef"].kubeconfig)
        self.env = {"PATH": str(self.bin), "HOME": str(self.bin), "KUBECONFIG": kubeconfig, **env}

    def run(self, *options):
        words = ["/bin/sh", self.folder / "deploy.sh", *options]
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=240, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def template(fleets, charts):
    """The template's example as one cluster: its charts, its hubs and their values, as they are."""
    fleet = fleets({"reef": {}})
    shutil.rmtree(fleet.root / "helm-charts")
    materialise(fleet.root / "helm-charts", charts)
    for fetched in [fleet.root / "helm-charts" / ".helm", *fleet.root.glob("helm-charts/*/charts")]:
        shutil.rmtree(fetched)  # the locks stay
    hubs = {}
    for source in sorted(EXAMPLE.iterdir()):
        for file in source.glob("*.values.yaml"):
            shutil.copy(file, fleet.folder("reef") / f"{source.name}.{file.name}")
        for hub in yaml.safe_load((source / "cluster.yaml").read_text())["hubs"]:
            files = [f"{source.name}.{name}" for name in hub["helm_chart_values_files"]]
            hubs[f"{source.name}-{hub['name']}"] = {"helm_chart_values_files": files}
    fleet.write_cluster("reef", hubs)
    fleet.commit()
    return fleet, list(hubs)


def test_each_hub_of_the_template_is_deployed_with_helm_alone(template, tmp_path):
    fleet, hubs = template
    taken = {hub: Taken(fleet, hub, tmp_path, "--vendor") for hub in hubs}
    assert len(taken) >= 6

    def deploy(hub):
        first, again = taken[hub].run(), taken[hub].run()  # the second time the chart finds the secrets that it made
        assert (first.code, again.code) == (0, 0), f"{first}\n{again}"
        return fleet.manifest(f"reef/{hub}")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        alone = dict(zip(taken, threads.map(deploy, taken), strict=True))
    fleet.ok("deploy", "reef", "--yes", "--force")
    for hub, manifest in alone.items():
        assert fleet.manifest(f"reef/{hub}") == manifest
        assert fleet.revisions(f"reef/{hub}")[-1] == (3, "deployed")


def test_what_the_readme_makes_to_copy_homes_is_what_kubernetes_takes(template, tmp_path):
    fleet, hubs = template
    taken = Taken(fleet, hubs[0], tmp_path, "--vendor")
    code = "\n".join(
        line[4:] for line in (taken.folder / "README.md").read_text().splitlines() if line.startswith("    ")
    )
    functions = code[code.index("on() {") : code.index("for one in")]
    apply = "kubectl --namespace default apply --dry-run=server --filename -"
    script = f"set -e\n{functions}\nclaim claim-a | {apply}\npod claim-a | {apply}\n"
    ran = fleet.given["reef"].run("/bin/sh", "-c", script)
    assert ran.code == 0, str(ran)
    assert "persistentvolumeclaim/claim-a created" in ran.out
    assert "pod/copy created" in ran.out


def test_what_the_cluster_does_not_give_is_told_before(template, tmp_path):
    fleet, hubs = template
    name = f"slow-{fleet.tag}"
    with (fleet.folder("reef") / "pacific.research.values.yaml").open("a") as values:
        values.write(
            f"  # more\n    nodeSelector: {{pool: {name}}}\n    storage: {{dynamic: {{storageClass: {name}}}}}\n"
            f"  ingress: {{annotations: {{cert-manager.io/cluster-issuer: {name}}}}}\n"
        )
    hub = next(one for one in hubs if one.endswith("-research"))
    taken, cluster = Taken(fleet, hub, tmp_path, "--vendor"), fleet.given["reef"]
    asked = taken.run("--check")
    assert asked.code == 1, str(asked)
    assert f"MISSING  the storage class {name}\n" in asked.out
    assert f"MISSING  the ClusterIssuer {name} of cert-manager\n" in asked.out
    assert f"look     nodes with the label pool={name} (none now; " in asked.out
    cluster.kubectl("apply", "--filename", "-", stdin=CLASS % name)
    try:
        asked = taken.run("--check")
        assert f"ok       the storage class {name}\n" in asked.out
    finally:
        cluster.kubectl("delete", "storageclass", name)
    taken.env["KUBECONFIG"] = "/dev/null"
    assert "reaches no cluster" in taken.run("--check").err


def test_secrets_come_from_their_new_owner(fleets, tmp_path):
    fleet = fleets({"reef": {"staging": {}}})
    ours, theirs = make_age_key(), make_age_key()
    secret = f"enc-{fleet.full('staging')}.secret.values.yaml"
    path = fleet.folder("reef") / secret
    path.write_text("title: planted-0123456789\n")
    words = [SOPS, "--disable-version-check", "--encrypt", "--age", ours.recipient, "--in-place", path]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    fleet.write_cluster("reef", {"staging": {"helm_chart_values_files": [secret]}})
    fleet.more["SOPS_AGE_KEY"] = ours.secret
    options = ["--vendor", "--recipient", theirs.recipient]
    taken = Taken(fleet, "staging", tmp_path, *options, more=[SOPS], SOPS_AGE_KEY=theirs.secret)
    ran = taken.run()
    assert ran.code == 0, str(ran)
    assert fleet.title("reef/staging") == "planted-0123456789"
    assert not any("planted" in file.read_text(errors="replace") for file in taken.folder.rglob("*") if file.is_file())
