"""What the jobs of a fleet need for each cluster, as they get it in their matrix."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from deployer.cli.main import main

POOL = "projects/1/locations/global/workloadIdentityPools/github/providers/fleet"
OURS = {"provider": POOL, "service_account": "deployer@reef.iam.gserviceaccount.com"}
FLEET = {"provider": POOL, "service_account": "sops@fleet.iam.gserviceaccount.com"}
GCP = {"project": "reef", "cluster": "hubs", "zone": "us-central1-b"}
AWS = {"clusterName": "hubs", "region": "eu-west-1"}
AZURE = {"cluster": "hubs", "resource_group": "hubs", "subscription": "sub-1"}
ROLE = "arn:aws:iam::1:role/deployer"
WHO = {"client": "c", "tenant": "t"}
GKE = ["helm", "kubectl", "gke-gcloud-auth-plugin"]
SECRET = "enc-reef.secret.values.yaml"
PLAIN = "reef.values.yaml"


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """Write a fleet of one cluster and give what each kind of job gets, by output."""

    def make(provider, block, *, values=PLAIN, settings=None):
        folder = tmp_path / "config/clusters/reef"
        folder.mkdir(parents=True)
        hubs = [
            {"name": name, "helm_chart": "basehub", "helm_chart_values_files": [values]} for name in ("staging", "reef")
        ]
        whole = {"name": "reef", "provider": provider, provider: block, "hubs": hubs}
        (folder / "cluster.yaml").write_text(yaml.safe_dump(whole))
        (folder / values).write_text("sops:\n  version: 3\n" if values == SECRET else "{}")
        (folder / "kubeconfig.yaml").write_text("sops:\n  version: 3\n")
        (tmp_path / "helm-charts/basehub").mkdir(parents=True)
        (tmp_path / "helm-charts/basehub/Chart.yaml").write_text("{apiVersion: v2, name: basehub, version: 0.1.0}")
        (tmp_path / "deployer.yaml").write_text(yaml.safe_dump(settings or {}))
        monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
        assert main(["--fleet", str(tmp_path), "plan", "--all", "--format", "github"]) == 0
        lines = (tmp_path / "outputs").read_text().splitlines()
        values = {lines[at].partition("<<")[0]: json.loads(lines[at + 1]) for at in range(0, len(lines), 3)}
        return {name: values[name][0] for name in ("support-and-staging-jobs", "prod-hub-jobs", "cluster-jobs")}

    return make


@pytest.mark.parametrize(
    ("provider", "block", "more", "needs"),
    [
        # Without a word of identities a job has what the runner has.
        ("gcp", GCP, {}, {"tools": GKE}),
        ("gcp", GCP | {"oidc": OURS}, {}, {"tools": GKE, "gcp": OURS}),
        ("gcp", GCP | {"oidc": {"provider": POOL}}, {},
            {"tools": GKE, "gcp": {"provider": POOL, "service_account": ""}}),
        # The fleet's identity reaches clusters that have none; a cluster's own takes its place.
        ("gcp", GCP, {"settings": {"oidc": {"gcp": FLEET}}}, {"tools": GKE, "gcp": FLEET}),
        ("gcp", GCP | {"oidc": OURS}, {"settings": {"oidc": {"gcp": FLEET}}}, {"tools": GKE, "gcp": OURS}),
        # A cluster with a key in the fleet needs nobody but who decrypts it.
        (
            "gcp", GCP | {"key": "enc-key.secret.json"}, {"settings": {"oidc": {"gcp": FLEET}}},
            {"tools": [*GKE, "sops"], "gcp": FLEET},
        ),
        # Another cloud's identity is there where there is something to decrypt, and nowhere else.
        ("aws", AWS | {"oidc": {"role": ROLE}}, {"settings": {"oidc": {"gcp": FLEET}}},
            {"tools": ["helm", "kubectl"], "aws": {"role": ROLE, "region": "eu-west-1"}}),
        ("aws", AWS | {"oidc": {"role": ROLE}}, {"settings": {"oidc": {"gcp": FLEET}}, "values": SECRET},
            {"tools": ["helm", "kubectl", "sops"], "aws": {"role": ROLE, "region": "eu-west-1"}, "gcp": FLEET}),
        ("azure", AZURE | {"oidc": WHO}, {},
            {"tools": ["helm", "kubectl", "kubelogin"], "azure": WHO | {"subscription": "sub-1"}}),
        ("azure", AZURE, {"settings": {"oidc": {"azure": WHO | {"subscription": "sub-2"}}}},
            {"tools": ["helm", "kubectl", "kubelogin"], "azure": WHO | {"subscription": "sub-2"}}),
        # A kubeconfig may be encrypted under any name.
        ("kubeconfig", {"file": "kubeconfig.yaml"}, {"settings": {"oidc": {"aws": {"role": ROLE}}}},
            {"tools": ["helm", "kubectl", "sops"], "aws": {"role": ROLE, "region": "us-east-1"}}),
        ("local", {}, {"settings": {"oidc": {"gcp": FLEET}, "workflow": {"local": True}}}, {"tools": []}),
    ],
)  # fmt: skip
def test_what_a_job_needs(jobs, provider, block, more, needs):
    assert {output: job["needs"] for output, job in jobs(provider, block, **more).items()} == {
        "support-and-staging-jobs": needs,
        "prod-hub-jobs": needs,
        "cluster-jobs": needs,
    }


def test_environments_by_stage(jobs):
    named = {"environments": {"staging": "canaries", "production": "people"}, "workflow": {"local": True}}
    found = jobs("local", {}, settings=named)
    assert {output: job["environment"] for output, job in found.items()} == {
        "support-and-staging-jobs": "canaries",
        "prod-hub-jobs": "people",
        "cluster-jobs": "",
    }


def test_whom_jobs_log_in_as_is_no_change_of_a_release(jobs, tmp_path, capsys, monkeypatch):
    jobs("gcp", GCP)
    monkeypatch.chdir(tmp_path)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, timeout=60)
    file = tmp_path / "config/clusters/reef/cluster.yaml"
    whole = yaml.safe_load(file.read_text())
    whole["gcp"]["oidc"] = OURS
    file.write_text(yaml.safe_dump(whole))
    capsys.readouterr()
    assert main(["plan", "--since", "HEAD"]) == 0
    assert capsys.readouterr().out == "Nothing to upgrade.\n"
    whole["gcp"]["zone"] = "us-central1-c"
    file.write_text(yaml.safe_dump(whole))
    assert main(["plan", "--since", "HEAD", "--exit-code"]) == 2
