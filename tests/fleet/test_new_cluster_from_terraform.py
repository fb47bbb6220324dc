"""``deployer new cluster --from-terraform``: from recorded outputs to a cluster, and where the two have parted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployer.scaffold.create import new_fleet

RECORDED = Path(__file__).parents[1] / "terraform/outputs"
NAMES = {"gcp": "reef", "aws": "atoll", "azure": "lagoon"}
PATIENCE = 120  # seconds; only a guard
SECRET = "NOT-A-REAL-KEY"
LOGIN = ("--login", "github", "--allow-org", "our-org", "--admin", "ada")


@pytest.fixture
def fleet(tmp_path):
    new_fleet(tmp_path / "fleet")
    return tmp_path / "fleet"


def run(root, *words, given=""):
    argv = [sys.executable, "-m", "deployer.cli.main", "--fleet", str(root), *words]
    return subprocess.run(argv, input=given, capture_output=True, text=True, timeout=PATIENCE, check=False)


def built(root, cloud, *words):
    return run(root, "new", "cluster", "--from-terraform", str(RECORDED / f"{cloud}.json"), *words)


def add_hub(root, cloud, values):
    """A hub ocean, as its cluster's Terraform has one."""
    folder = root / "config/clusters" / NAMES[cloud]
    entry = (
        "hubs:\n  - name: ocean\n    domain: ocean.example.org\n    helm_chart: basehub\n    helm_chart_values_files:\n"
    )
    entry += "      - common.values.yaml\n      - ocean.values.yaml\n"
    file = folder / "cluster.yaml"
    file.write_text(file.read_text().replace("hubs: []\n", entry))
    (folder / "ocean.values.yaml").write_text(yaml.safe_dump(values))


@pytest.mark.parametrize("cloud", NAMES)
def test_from_outputs_to_a_cluster(fleet, cloud):
    made = built(fleet, cloud, "--domain", f"{cloud}.example.org")
    assert made.returncode == 0, made.stderr
    folder = fleet / "config/clusters" / NAMES[cloud]
    cluster = yaml.safe_load((folder / "cluster.yaml").read_text())
    outputs = json.loads((RECORDED / f"{cloud}.json").read_text())
    wanted = outputs["cluster"]["value"]
    assert (cluster["name"], cluster["provider"]) == (wanted["name"], cloud)
    assert cluster["provider_url"] == wanted["provider_url"]
    assert {key: cluster[cloud][key] for key in wanted["connection"]} == wanted["connection"]
    assert cluster[cloud].get("key") == ("enc-deployer-credentials.secret.json" if "deployer_key" in outputs else None)
    common = yaml.safe_load((folder / "common.values.yaml").read_text())
    homes = outputs["home_storage"]["value"]["homes"]
    assert common["nfs"]["pv"]["serverIP"] == homes["server"]
    for pods in ("userPods", "corePods"):
        assert common["jupyterhub"]["scheduling"][pods]["nodeAffinity"] == {"matchNodePurpose": "require"}
    said = run(fleet, "validate")  # the key is added by hand, as what is next says
    assert said.returncode == 0
    assert set(re.findall(r"\[([a-z-]+)\]$", said.stdout, re.MULTILINE)) <= {"missing-credentials"}
    everything = made.stdout + made.stderr + "".join(file.read_text() for file in folder.iterdir())
    assert SECRET not in everything


def test_by_standard_input_and_without_a_name(fleet):
    text = (RECORDED / "azure.json").read_text()
    made = run(fleet, "new", "cluster", "--from-terraform", "-", given=text)
    assert made.returncode == 0, made.stderr
    assert (fleet / "config/clusters/lagoon/cluster.yaml").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--provider", "aws"), "--provider: Terraform says that"),
        (("--zone", "z"), "--zone: Terraform says that"),
        (("--domain", "https://x"), "is no domain"),
        (("another",), "these are outputs of reef, not of another"),
    ],
)
def test_what_cannot_be_said_beside_it(fleet, words, told):
    made = built(fleet, "gcp", *words)
    assert (made.returncode, made.stdout) == (1, "")
    assert told in made.stderr
    assert not (fleet / "config/clusters/reef").exists()


def test_a_file_that_is_not_there(fleet):
    ran = run(fleet, "new", "cluster", "--from-terraform", "nowhere.json")
    assert ran.returncode == 1
    assert "nowhere.json: cannot be read" in ran.stderr
    alone = run(fleet, "new", "cluster", "--check")
    assert "--check: only with --from-terraform FILE" in alone.stderr


@pytest.mark.parametrize("cloud", NAMES)
def test_right_after_nothing_has_parted(fleet, cloud):
    built(fleet, cloud)
    account = json.loads((RECORDED / f"{cloud}.json").read_text())["service_accounts"]["value"]["ocean/user"]
    values = {"userServiceAccount": {"enabled": True, "annotations": account["annotations"]}}
    if account["pod_labels"]:
        values["jupyterhub"] = {"singleuser": {"extraLabels": account["pod_labels"]}}
    add_hub(fleet, cloud, values)
    checked = built(fleet, cloud, "--check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == f"{NAMES[cloud]} is as Terraform built it\n"


def test_where_they_have_parted(fleet):
    """Each way in which they can; what stands below the share, or in an encrypted file above, is no difference."""
    built(fleet, "gcp")
    folder = fleet / "config/clusters/reef"
    file = folder / "cluster.yaml"
    edits = {"zone: europe-west1-b": "zone: europe-west1-c", "  dns_endpoint: true\n": "", "reef-deployer@": "someone@"}
    text = file.read_text()
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    add_hub(
        fleet,
        "gcp",
        {
            "nfs": {"pv": {"serverIP": "10.9.9.9", "baseShareName": "/homes/ocean"}},
            "userServiceAccount": {"enabled": True, "annotations": {"iam.gke.io/gcp-service-account": "old@example"}},
        },
    )
    checked = built(fleet, "gcp", "--check")
    assert checked.returncode == 1
    assert "parted in 5 places" in checked.stderr
    lines = checked.stdout.splitlines()
    assert {tuple(re.findall(r" (\S+) is (?:missing|'.*'), Terraform says '(.*)'", line)[0]) for line in lines} == {
        ("gcp.zone", "europe-west1-b"),
        ("gcp.dns_endpoint", "true"),
        ("gcp.oidc.service_account", "reef-deployer@our-project.iam.gserviceaccount.com"),
        ("nfs.pv.serverIP", "10.120.34.2"),
        (
            "userServiceAccount.annotations.iam.gke.io/gcp-service-account",
            "reef-ocean@our-project.iam.gserviceaccount.com",
        ),
    }
    place = next(number for number, line in enumerate(file.read_text().splitlines(), 1) if "zone: " in line)
    assert any(line.startswith(f"config/clusters/reef/cluster.yaml:{place}") for line in lines)


def test_a_hub_that_only_terraform_knows(fleet):
    built(fleet, "gcp")
    checked = built(fleet, "gcp", "--check")
    assert "hub ocean, for which Terraform has buckets or identities, is missing" in checked.stdout
    assert "parted in 1 place\n" in checked.stderr


def test_a_cluster_that_the_fleet_does_not_know(fleet):
    checked = built(fleet, "gcp", "--check")
    assert (checked.returncode, checked.stdout) == (1, "")
    assert "no cluster" in checked.stderr


@pytest.mark.parametrize("cloud", NAMES)
def test_a_hub_with_what_terraform_built_for_it(fleet, cloud):
    """The whole way: nothing of it is typed, and right after nothing has parted."""
    built(fleet, cloud, "--domain", "example.org")
    file = str(RECORDED / f"{cloud}.json")
    made = run(fleet, "new", "hub", NAMES[cloud], "ocean", *LOGIN, "--no-staging", "--from-terraform", file)
    assert made.returncode == 0, made.stderr
    text = (fleet / "config/clusters" / NAMES[cloud] / "ocean.values.yaml").read_text()
    values = yaml.safe_load(text)
    assert values["jupyterhub"]["singleuser"]["extraEnv"]["SCRATCH_BUCKET"].endswith("/$(JUPYTERHUB_USER)")
    assert SECRET not in text + made.stdout
    checked = built(fleet, cloud, "--check")
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "cloud", "told"),
    [
        ("sand", "gcp", "no buckets and no identity for sand"),
        ("ocean", "aws", "these are outputs of atoll, not of reef"),
    ],
)
def test_a_hub_that_terraform_does_not_know(fleet, name, cloud, told):
    built(fleet, "gcp", "--domain", "example.org")
    file = str(RECORDED / f"{cloud}.json")
    made = run(fleet, "new", "hub", "reef", name, *LOGIN, "--from-terraform", file)
    assert made.returncode == 1
    assert told in made.stderr
    assert not (fleet / f"config/clusters/reef/{name}.values.yaml").exists()


def test_beside_its_terraform_pipelines_learn_whom_they_plan_as(fleet):
    here = fleet / "terraform/clusters/reef"
    words = (
        "--project",
        "our-project",
        "--region",
        "europe-west1",
        "--zone",
        "europe-west1-b",
        "--state-bucket",
        "state",
    )
    made = run(fleet, "new", "terraform", "reef", "--provider", "gcp", *words, "--repository", "our-org/hubs")
    assert made.returncode == 0, made.stderr
    assert 'deploy_subjects = ["repo:our-org/hubs:ref:refs/heads/main"]' in (here / "terraform.tfvars").read_text()
    assert built(fleet, "gcp").returncode == 0
    planner = json.loads((RECORDED / "gcp.json").read_text())["ci"]["value"]["planner"]
    assert json.loads((here / "ci.json").read_text()) == {"planner": planner}
    jobs = run(fleet, "terraform-jobs", "--all", "--format", "json")
    entry = {"tools": [], **planner}
    assert json.loads(jobs.stdout) == [{"name": "reef", "planner": entry, "applier": {"tools": []}, "can-plan": True}]
    file = here / "ci.json"
    assert "ci.json was written" not in built(fleet, "gcp", "--check").stdout
    file.write_text(file.read_text().replace("reef-planner@", "somebody@"))
    parted = built(fleet, "gcp", "--check")
    assert "terraform/clusters/reef/ci.json: planner.gcp.service_account is 'somebody@our-project" in parted.stdout
    file.unlink()
    assert "ci.json: planner.gcp.service_account is missing" in built(fleet, "gcp", "--check").stdout


def test_without_a_folder_of_its_name_there_is_nobody_to_plan(fleet):
    told = built(fleet, "gcp").stdout
    assert "No ci.json was written, for there is no terraform/clusters/reef" in told


def test_identities_that_nothing_uses_and_accounts_that_the_chart_does_not_have(fleet):
    """The administrators', which new hub writes; a role of the fleet's own; an account that is not the chart's."""
    built(fleet, "aws", "--domain", "example.org")
    data = json.loads((RECORDED / "aws.json").read_text())
    accounts = data["service_accounts"]["value"]
    for role, name in (("admin", "admin-sa"), ("ingest", "ingest-sa")):
        accounts[f"ocean/{role}"] = {**accounts["ocean/user"], "role": role, "name": name}
    made = run(
        fleet, "new", "hub", "atoll", "ocean", *LOGIN, "--no-staging", "--from-terraform", "-", given=json.dumps(data)
    )
    assert made.returncode == 0, made.stderr
    values = yaml.safe_load((fleet / "config/clusters/atoll/ocean.values.yaml").read_text())
    assert values["adminServiceAccount"]["enabled"] is True
    assert values["jupyterhub"]["custom"]["singleuserAdmin"]["serviceAccountName"] == "admin-sa"

    def told():
        return run(fleet, "new", "cluster", "--from-terraform", "-", "--check", given=json.dumps(data)).stdout

    (line,) = told().splitlines()
    assert "atoll/ocean: service account ingest-sa of the role ingest, which Terraform has an identity for" in line
    del accounts["ocean/ingest"]
    accounts["ocean/user"]["name"] = "somebody"
    (line,) = told().splitlines()
    assert "jupyterhub.singleuser.serviceAccountName is 'user-sa', Terraform says 'somebody'" in line


AZURE = (
    "--subscription",
    "s-1",
    "--tenant",
    "t-1",
    "--region",
    "westeurope",
    "--suffix",
    "x7",
    "--state-bucket",
    "ours",
)


def test_the_state_and_the_month_of_an_azure_cluster(fleet):
    words = ("new", "terraform", "lagoon", "--provider", "azure", *AZURE, "--state-group", "states")
    made = run(fleet, *words, "--repository", "our-org/hubs")
    assert made.returncode == 0, made.stderr
    text = (fleet / "terraform/clusters/lagoon/terraform.tfvars").read_text()
    assert '"/subscriptions/s-1/resourceGroups/states/providers/Microsoft.Storage/storageAccounts/ours"' in text
    assert re.search(r'start = "20\d\d-[01]\d-01"', text)


def test_a_name_that_azure_refuses(fleet):
    words = ("new", "terraform", "sea", "--provider", "azure", *AZURE, "--state-group", "states")
    made = run(fleet, *words, "--repository", "our-org/hubs")
    assert (made.returncode, made.stdout) == (1, "")
    assert "'sea' is too short for names in Azure" in made.stderr
    assert not (fleet / "terraform/clusters/sea").exists()
