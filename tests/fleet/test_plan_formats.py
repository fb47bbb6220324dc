"""`deployer plan --format …`: for programs, for a pull request, and for a workflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fleet_world import World

from deployer.changes.reasons import Rule
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import Stage
from deployer.plan import codec

REEF = "config/clusters/reef"
OCEAN = f"{REEF}/ocean.values.yaml"
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "plan.schema.json"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("formats") / "fleet")
    world.write(f"{REEF}/ocean.values.yaml", "a: 1\n")
    for path in (world.root / "config/clusters/atoll").iterdir():
        path.unlink()
    return world


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def test_the_documented_schema_says_what_the_code_knows(schema: dict[str, Any]) -> None:
    planned = schema["$defs"]["planned"]["properties"]
    assert planned["stage"]["enum"] == list(Stage)
    assert planned["provider"]["enum"] == list(Provider)
    assert planned["why"]["items"]["properties"]["rule"]["enum"] == list(Rule)
    assert schema["properties"]["version"]["const"] == codec.VERSION


@pytest.mark.parametrize("words", [["--all"], ["--since", "HEAD"], ["README.md"], [f"{REEF}/ocean.values.yaml"]])
def test_json_is_as_the_schema_says(world: World, schema: dict[str, Any], words: list[str]) -> None:
    plan = world.plan_json(*words)
    jsonschema.Draft202012Validator(schema).validate(plan)
    assert json.loads(codec.dumps(codec.loads(json.dumps(plan)))) == plan


def test_a_comment(world: World) -> None:
    said = world.run("plan", "--since", "HEAD", "--format", "markdown")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "<!-- deployer plan -->",
        "### 2 releases on 1 cluster to upgrade: 1 staging, 1 production.",
        "",
        "| releases | stage | why |",
        "|---|---|---|",
        "| <code>reef/staging</code> | staging | <code>canary of ocean</code> |",
        f"| <code>reef/ocean</code> | production | <code>values ← {OCEAN}&#58; a added&#58; 1</code> |",
        "",
        "Retired, and left alone: <code>atoll/lagoon</code>, <code>atoll/staging</code>, <code>atoll/support</code>",
    ]


def test_the_outputs_of_a_step(world: World, tmp_path: Path) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    output.write_text("earlier=1\n")
    said = world.run(
        "plan", "--since", "HEAD", "--format", "github", GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary)
    )
    assert said == (0, "2 releases on 1 cluster to upgrade: 1 staging, 1 production.\n", "")
    assert summary.read_text().startswith("<!-- deployer plan -->\n### 2 releases")
    lines = output.read_text().splitlines()
    assert lines.pop(0) == "earlier=1"
    names = [line.partition("<<")[0] for line in lines[::3]]
    assert names == [
        "support-and-staging-jobs",
        "prod-hub-jobs",
        "cluster-jobs",
        "has-changes",
        "has-support-or-staging",
        "has-production",
        "clusters",
        "retired",
    ]
    ends = lines[2::3]
    assert [line.partition("<<")[2] for line in lines[::3]] == ends
    assert len(set(ends)) == len(ends)
    assert json.loads(lines[4]) == [
        {
            "cluster": "reef",
            "provider": "gcp",
            "name": "reef: ocean",
            "environment": "",
            "needs": {"tools": ["helm", "kubectl", "gke-gcloud-auth-plugin"]},
            "leg": "prod-0",
            "only": "reef/ocean",
            "hubs": ["ocean"],
            "reason": f"values ← {REEF}/ocean.values.yaml: a added: 1",
        }
    ]


LOCAL = "config/clusters/here/cluster.yaml"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A fleet with a local cluster beside those that jobs can reach."""
    world = World(tmp_path_factory.mktemp("mixed") / "fleet")
    world.write(
        LOCAL, "name: here\nprovider: local\nhubs:\n- {name: first, helm_chart: basehub, helm_chart_values_files: []}\n"
    )
    return world


@pytest.mark.parametrize(("settings", "left_out"), [("{}\n", True), ("workflow: {local: true}\n", False)])
def test_jobs_are_made_for_no_local_cluster(mixed: World, tmp_path: Path, settings: str, left_out: bool) -> None:
    mixed.write("deployer.yaml", settings)
    output, summary, saved = tmp_path / "output", tmp_path / "summary", tmp_path / "plan.json"
    env = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    said = mixed.run("plan", "--all", "--format", "github", "--save", str(saved), **env)
    assert (said.code, said.err) == (0, "")
    assert ("Left out, for a local cluster ends with the machine of its job: here/first" in said.out) is left_out
    assert ("<code>here/first</code>" in summary.read_text()) is True
    assert ("Left out" in summary.read_text()) is left_out
    assert ('"here' not in output.read_text()) is left_out
    # What is saved is what is recorded as deployed in the end.
    assert ('"here"' not in saved.read_text()) is left_out
    assert "here/first" in mixed.run("plan", "--all").out


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"GITHUB_OUTPUT": ""}, "--format github: GITHUB_OUTPUT is not set, so this is no step of GitHub Actions\n"),
        ({"GITHUB_OUTPUT": "/nowhere/at/all"}, "GITHUB_OUTPUT=/nowhere/at/all: No such file or directory\n"),
    ],
)
def test_outside_of_github_actions(world: World, env: dict[str, str], message: str) -> None:
    said = world.run("plan", "--all", "--format", "github", **env)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"deployer: {message}")


@pytest.mark.parametrize("columns", [20, 40, 59])
def test_reasons_are_whole_on_a_narrow_terminal(world: World, columns: int) -> None:
    said = world.run("plan", "--since", "HEAD", COLUMNS=str(columns))
    lines = said.out.splitlines()
    assert all(len(line) <= columns for line in lines)
    assert lines[0].startswith("reef/staging")
    assert "values←ocean.values.yaml:aadded:1" in "".join(said.out.split())
