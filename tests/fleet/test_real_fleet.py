"""The largest public fleet of its kind, as it is: 171 hubs on 30 clusters.

The data are another project's and are not ours to ship: they are looked for beside the repository, or in the folder
that DEPLOYER_TEST_DATA names.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deployer.changes.labels import apply_labels
from deployer.changes.paths import affected_by_paths
from deployer.changes.reasons import Rule
from deployer.fleet.findings import Severity
from deployer.fleet.ids import SUPPORT, ReleaseId, Stage
from deployer.fleet.repository import Fleet, load_fleet
from deployer.fleet.validation import validate
from deployer.git import WorkTree
from deployer.plan.build import build_plan, everything
from deployer.plan.model import Plan

DATA = Path(os.environ.get("DEPLOYER_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
SETTINGS = """
extra_keys: [aws.billing, gcp.billing]
jsonnet:
  chart_values: values.jsonnet
  ext_vars:
    VARS_2I2C_CLUSTER_NAME: cluster.name
    VARS_2I2C_PROVIDER: cluster.provider
    VARS_2I2C_AWS_ACCOUNT_ID: cluster.aws.account
    VARS_2I2C_HUB_NAME: hub.name
    VARS_2I2C_HUB_DOMAIN: hub.domain
"""
CASES = sorted((DATA / "real-fleet-cases").glob("*.json"))

pytestmark = pytest.mark.skipif(
    not (DATA / "real-fleet").is_dir(),
    reason=f"no real fleet in {DATA}: set DEPLOYER_TEST_DATA to the folder that has it",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("real") / "fleet"
    shutil.copytree(DATA / "real-fleet", root, copy_function=shutil.copyfile)
    root.chmod(0o755)
    (root / "deployer.yaml").write_text(SETTINGS)
    return root


@pytest.fixture(scope="module")
def fleet(root: Path) -> Fleet:
    return load_fleet(WorkTree(root))


def test_it_loads_whole(fleet: Fleet) -> None:
    stages = [release.stage for release in fleet.releases.values()]
    assert len(fleet.clusters) == 30
    assert len(stages) - stages.count(Stage.SUPPORT) == 171


def test_nothing_is_wrong_with_it(fleet: Fleet) -> None:
    """Warnings are of policy; defaults of its charts, in files that the copy has not, would answer most of them."""
    found = validate(fleet)
    assert [str(finding) for finding in found if finding.severity is Severity.ERROR] == []
    assert {finding.rule for finding in found} == {
        "everybody-can-log-in", "image-latest", "no-canary", "no-memory-limit", "organisations-and-users",
        "unused-values-file",
    }  # fmt: skip


def test_without_the_keys_of_its_own_those_are_the_only_findings(root: Path) -> None:
    plain = root.parent / "plain"
    shutil.copytree(DATA / "real-fleet", plain, copy_function=shutil.copyfile)
    found = {finding.at for finding in load_fleet(WorkTree(plain)).findings}
    assert found <= {("aws", "billing"), ("gcp", "billing")}


def test_every_hub_has_values(fleet: Fleet) -> None:
    for release in fleet.releases.values():
        if release.hub:
            assert fleet.hub_values(release, encrypted="skip")


def test_every_release_has_an_order(fleet: Fleet) -> None:
    plan = build_plan(fleet, everything(fleet))
    assert len(plan.releases) == len(fleet.releases)
    assert all(need.cluster == id_.cluster for id_, needs in plan.needs().items() for need in needs)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_fleet_s_own_tool_plans_the_same(fleet: Fleet, path: Path) -> None:
    case = json.loads(path.read_text())
    changed = case["changed_files"]
    reasons = apply_labels(fleet, affected_by_paths(fleet, changed), case["labels"])
    plan = build_plan(fleet, reasons)
    for key, stage in (
        ("support-jobs", Stage.SUPPORT),
        ("staging-jobs", Stage.STAGING),
        ("prod-jobs", Stage.PRODUCTION),
    ):
        theirs = {
            _id(job): _normal(job["choice_reason"], job, changed) for job in case[key] if _related(fleet, job, changed)
        }
        assert _ours(plan, stage) == theirs, case["title"]


def _id(job: Mapping[str, Any]) -> ReleaseId:
    return ReleaseId(job["cluster_name"], job.get("hub_name", SUPPORT))


def _related(fleet: Fleet, job: Mapping[str, Any], changed: list[str]) -> bool:
    """The one difference: to that tool any chart's file touches every hub, to us only those that use the chart."""
    if "Core infrastructure" not in job["choice_reason"]:
        return True
    release = fleet.releases[_id(job)]
    used = tuple(f"{chart.folder}/" for chart in fleet.charts.closure(release.chart, release.chart_override))
    return any(path.startswith(used) for path in changed)


def _normal(reason: str, job: Mapping[str, Any], changed: list[str]) -> set[str]:
    """Their sentence as what it says: names of files, of hubs, or a label."""
    head, _, rest = reason.partition(": ")
    named = set(rest.split(", "))
    if head == "Following helm chart values files were modified":
        return {f"config/clusters/{job['cluster_name']}/{name}" for name in named}
    if head == "Following prod hubs require redeploy":
        return {"canary"}
    if reason.endswith("label detected"):
        return {reason.split(maxsplit=1)[0]}
    assert reason in ("Core infrastructure has been modified", "Support helm chart has been modified"), reason
    return {path for path in changed if path.startswith("helm-charts/")}


def _ours(plan: Plan, stage: Stage) -> dict[ReleaseId, set[str]]:
    """The same of our reasons. That tool tells the first rule that holds; we tell all, being a canary last."""
    found = {}
    for release in plan.releases:
        if release.stage is stage:
            own = [why for why in release.reasons if why.rule is not Rule.CANARY]
            named = {file for why in own for file in why.files} | {
                why.text.removeprefix("label ") for why in own if why.rule is Rule.LABEL
            }
            found[release.id] = named if own else {"canary"}
    return found
