"""Which clusters' Terraform a change touches, and whom the jobs become."""

from __future__ import annotations

import json

import pytest

from deployer.actions.terraform_jobs import Job, digest, jobs
from deployer.errors import DeployerError

REEF, ATOLL = "terraform/clusters/reef", "terraform/clusters/atoll"
PLANNER = {"planner": {"gcp": {"provider": "p", "service_account": "s"}}}


class Files:
    """A tree of files in memory."""

    def __init__(self, files):
        self.files = files

    def read(self, path):
        return self.files[path].encode()

    def is_file(self, path):
        return path in self.files

    def children(self, folder):
        return sorted({path[len(folder) + 1 :].split("/")[0] for path in self.files if path.startswith(f"{folder}/")})

    def trail(self, path):
        return (path,)

    def ignored(self, _):
        return False


def fleet(**more):
    call = 'module "cluster" {\n  source = "../../modules/%s"\n}\n'
    files = {f"{REEF}/main.tf": call % "gcp", f"{ATOLL}/main.tf": call % "aws", f"{REEF}/ci.json": json.dumps(PLANNER)}
    return Files({**files, "terraform/clusters/README.md": "", **more})


@pytest.mark.parametrize(
    ("paths", "touched"),
    [
        (None, ["atoll", "reef"]),
        ([], []),
        ([f"{REEF}/terraform.tfvars"], ["reef"]),
        (["terraform/modules/gcp/cluster.tf"], ["reef"]),
        (["terraform/modules/aws/main.tf", f"{ATOLL}/main.tf"], ["atoll"]),
        (["terraform/modules/azure/main.tf"], []),  # nobody calls it
        (["terraform/modules/gcp/README.md", "terraform/modules/gcp/tests/plan.tftest.hcl"], []),
        (["terraform/clusters/reef-two/main.tf"], []),  # a name that begins with another's; deleted since
        (["config/clusters/reef/cluster.yaml", "terraform/README.md"], []),
    ],
)
def test_what_a_change_touches(paths, touched):
    assert [job.name for job in jobs(fleet(), paths)] == touched


def test_whom_jobs_become():
    found = {job.name: job.entry() for job in jobs(fleet(), None)}
    assert found["reef"]["planner"] == {"tools": [], "gcp": {"provider": "p", "service_account": "s"}}
    assert found["reef"]["can-plan"]
    assert found["atoll"] == {"name": "atoll", "planner": {"tools": []}, "applier": {"tools": []}, "can-plan": False}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "must be a map of roles"),
        ('{"planner": {"gcp": {"provider": 1}}}', "must be a map of roles"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(text, told):
    with pytest.raises(DeployerError) as caught:
        jobs(fleet(**{f"{REEF}/ci.json": text}), None)
    assert f"{REEF}/ci.json: {told}" in str(caught.value)


def test_no_terraform_at_all():
    assert jobs(Files({"deployer.yaml": ""}), None) == []
    assert Job("reef", {}).entry()["can-plan"] is False


def plan(*changes):
    return json.dumps({"planned_values": {}, "resource_changes": list(changes)})


def change(address, actions, before=None, after=None):
    return {"address": address, "change": {"actions": actions, "before": before, "after": after}}


SEEN = change("a.b", ["update"], {"size": 1, "key": ""}, {"size": 2, "key": ""})


@pytest.mark.parametrize(
    ("another", "same"),
    [
        (plan(SEEN), True),
        (plan(change("a.c", ["no-op"], {"size": 1}, {"size": 1}), SEEN), True),
        # Who applies sees a key that who plans may not see; neither changes it.
        (plan(change("a.b", ["update"], {"size": 1, "key": "k"}, {"size": 2, "key": "k"})), True),
        (plan(change("a.b", ["update"], {"size": 1, "key": ""}, {"size": 3, "key": ""})), False),
        (plan(change("a.b", ["delete", "create"], {"size": 1, "key": ""}, {"size": 2, "key": ""})), False),
        (plan(SEEN, change("a.c", ["delete"], {"size": 1})), False),
        (plan(SEEN, change("a.c", ["create"], None, {"size": 1})), False),
        (plan(change("a.d", ["update"], {"size": 1, "key": ""}, {"size": 2, "key": ""})), False),
        (plan(), False),
    ],
)
def test_two_plans_that_do_the_same_have_one_digest(another, same):
    assert (digest(another) == digest(plan(SEEN))) is same


@pytest.mark.parametrize("text", ["", "SECRET {", "[]", '{"resource_changes": 1}', '{"values": {"SECRET": 1}}'])
def test_what_is_no_plan_is_refused_and_not_quoted(text):
    with pytest.raises(DeployerError) as caught:
        digest(text)
    assert "SECRET" not in str(caught.value)
