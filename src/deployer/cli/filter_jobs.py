"""Say which production hubs of a plan may go ahead, by the records that the earlier legs of a pipeline left.

deployer filter-jobs --plan plan.json --records DIR --rollout-id ID

A hub goes ahead where its cluster's support and its canaries, as far as the plan has them, all succeeded. No record,
one that cannot be read, or a cancelled leg is no success. What earlier attempts of the same rollout did stands until a
later one says otherwise; production hubs that have succeeded already are left out. In GitHub Actions the jobs are the
output prod-hub-jobs.
"""

from __future__ import annotations

import argparse
import json
import secrets
from pathlib import Path

from deployer.actions.gate import Verdict, judge
from deployer.cli.context import Context
from deployer.cli.deploy import read_plan
from deployer.cli.job_needs import outputs as job_outputs
from deployer.cli.legs import append, append_summary, read_records
from deployer.errors import EXIT_OK
from deployer.reports import github
from deployer.reports.pipeline import Row, page

OUTPUTS = ("prod-hub-jobs", "has-production")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", type=Path, metavar="FILE", required=True, help="the plan of the rollout")
    parser.add_argument(
        "--records", type=Path, metavar="DIR", required=True, help="the folder with what `deploy --record` wrote"
    )
    parser.add_argument("--rollout-id", metavar="ID", required=True, help="records of other rollouts do not count")
    parser.add_argument("--format", choices=("auto", "json"), default="auto", help="auto: for people, and for GitHub")


def run(args: argparse.Namespace, context: Context) -> int:
    verdict = judge(read_plan(args.plan), read_records(args.records, args.rollout_id))
    outputs = {name: value for name, value in job_outputs(verdict.go, context).items() if name in OUTPUTS}
    if args.format == "json":
        print(json.dumps(_as_json(verdict, outputs), indent=2))
        return EXIT_OK
    if name := context.env.get("GITHUB_OUTPUT"):
        append(name, github.lines(outputs, lambda: f"end-{secrets.token_hex(16)}"))
    rows = _rows(verdict)
    append_summary(context.env, page("Production hubs", rows))
    for row in rows:
        print(f"{row.release}: {row.outcome}" + (f": {row.why}" if row.why else ""))
    return EXIT_OK


def _rows(verdict: Verdict) -> list[Row]:
    held = [Row(str(release), "withheld", f"stands behind {why}") for release, why in verdict.withheld.items()]
    done = [Row(str(release), "done", "succeeded in an earlier attempt") for release in verdict.done]
    return [*held, *done, *(Row(str(release.id), "goes ahead") for release in verdict.go.releases)]


def _as_json(verdict: Verdict, outputs: dict[str, str]) -> dict[str, object]:
    return {
        "jobs": json.loads(outputs["prod-hub-jobs"]),
        "withheld": {str(release): why for release, why in verdict.withheld.items()},
        "done": [str(release) for release in verdict.done],
    }
