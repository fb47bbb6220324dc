"""Plans for GitHub: a comment that can always be posted, and outputs that a workflow can use; for any plan."""

from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.changes.reasons import Reason, Rule
from deployer.errors import DeployerError
from deployer.fleet.ids import SUPPORT, ReleaseId, Stage
from deployer.plan.model import Noted, Plan, PlannedRelease
from deployer.reports.github import MAX_JOBS, lines, outputs
from deployer.reports.markdown import LIMIT, MARKER, code, plan_comment
from deployer.reports.terminal import show_rows

ODD = st.text(max_size=30) | st.sampled_from(
    ["@team", "<script>alert(1)</script>", "| a | b |", "`x`", "</code>@all", "[x](http://e.org)", "#1", "www.e.org",
     "a\nb", "-->", "![i](x)", "$x$", "**b**", "_i_", "https://e.org", "a@b.org", "\x1b[31m", "&#64;team", "\u202e"]
)  # fmt: skip


def release(cluster: str, name: str, stage: Stage, *texts: str) -> PlannedRelease:
    reasons = tuple(Reason(Rule.VALUES, text, (text,)) for text in texts)
    return PlannedRelease(ReleaseId(cluster, name), stage, "gcp", reasons)


def big(clusters: int, hubs: int, reason: str = "values ← x", retired: int = 0) -> Plan:
    made = []
    for number in range(clusters):
        cluster = f"cluster-{number:04}"
        made += [release(cluster, SUPPORT, Stage.SUPPORT, reason), release(cluster, "staging", Stage.STAGING, reason)]
        made += [release(cluster, f"hub-{n:04}", Stage.PRODUCTION, f"{reason} {n}") for n in range(hubs)]
    return Plan(tuple(made), tuple(ReleaseId("gone", f"hub-{n}") for n in range(retired)))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    names = draw(st.lists(st.tuples(ODD, ODD, st.sampled_from(list(Stage))), max_size=6))
    retired = draw(st.lists(st.tuples(ODD, ODD), max_size=3))
    made = [
        release(
            cluster, SUPPORT if stage is Stage.SUPPORT else name, stage, *draw(st.lists(ODD, min_size=1, max_size=7))
        )
        for cluster, name, stage in names
    ]
    return Plan(tuple(made), tuple(ReleaseId(*one) for one in retired))


@given(plans())
def test_nothing_in_a_comment_is_markup_of_another_s(plan: Plan) -> None:
    text = plan_comment(plan)
    assert len(text) < LIMIT
    outside = re.sub(r"<code>[\w ,./=→←…+%&#;-]*</code>", "", text)
    assert re.fullmatch(r"[\w ,.:…|<>\n-]*", outside.replace(MARKER, "").replace("###", "", 1)), outside
    assert set(re.findall(r"<[^>]*>", outside)) <= {MARKER, "<br>"}
    for row in text.splitlines():
        assert not row.startswith("|") or row.count("|") == 4


@given(ODD)
def test_what_stands_in_a_comment_reads_as_it_was(text: str) -> None:
    shown = html.unescape(code(text).removeprefix("<code>").removesuffix("</code>"))
    if text.isprintable():
        assert shown == " ".join(text.split())


@pytest.mark.parametrize(
    ("clusters", "hubs", "reason"),
    [(1, 5000, "x"), (50, 100, "@" * 2000), (5000, 1, "é|" * 500), (1, 1, "`" * 100_000), (0, 0, "")],
)
def test_a_comment_can_always_be_posted(clusters: int, hubs: int, reason: str) -> None:
    text = plan_comment(big(clusters, hubs, reason, retired=3000))
    assert len(text) < LIMIT
    assert len(text.encode()) < 4 * LIMIT
    if hubs > 1:
        left = re.search(r"… and (\d+) more releases, for (\d+) other reasons", text)
        assert left
        assert 0 < int(left[1]) < clusters * (hubs + 2)


@settings(max_examples=10)
@given(st.integers(0, 5000), st.text(max_size=3000), st.integers(1, 40))
def test_a_comment_can_always_be_posted_whatever_the_numbers(hubs: int, reason: str, clusters: int) -> None:
    assert len(plan_comment(big(clusters, hubs // clusters, reason))) < LIMIT


def test_alike_releases_are_one_row() -> None:
    plan = Plan(tuple(release("reef", f"hub-{n:02}", Stage.PRODUCTION, "chart ← a.yaml") for n in range(94)))
    rows = [row for row in plan_comment(plan).splitlines() if row.startswith("| <code>")]
    assert len(rows) == 1
    assert "<code>reef/hub-11</code> and 82 more | production | <code>chart ← a.yaml</code>" in rows[0]


def test_an_empty_plan() -> None:
    assert plan_comment(Plan()) == f"{MARKER}\n### Nothing to upgrade.\n"


def test_the_comment_says_what_renders_the_same() -> None:
    gone = Plan(dropped=(Noted(ReleaseId("reef", "ocean"), "renders the same"),))
    assert f"\nDropped: renders the same: {code('reef/ocean')}\n" in plan_comment(gone)


def test_a_table_for_a_program_ends_where_its_text_ends(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(("hub", "why"), [("ocean", "because"), ("a-much-longer-name", "")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[2:]] == [["ocean", "because"], ["a-much-longer-name"]]
    assert all(line == line.rstrip() for line in lines)
    assert outputs(Plan()) == {
        "support-and-staging-jobs": "[]", "prod-hub-jobs": "[]", "has-changes": "false",
        "has-support-or-staging": "false", "has-production": "false", "clusters": "[]", "retired": "[]",
        "cluster-jobs": "[]",
    }  # fmt: skip


def named(cluster: str, hub: str, number: int) -> dict[str, str]:
    return {"name": f"{cluster}: {hub}", "leg": f"prod-{number}", "only": f"{cluster}/{hub}"}


def test_jobs() -> None:
    plan = Plan(
        (
            release("atoll", "lagoon", Stage.PRODUCTION, "d"),
            release("reef", SUPPORT, Stage.SUPPORT, "a"),
            release("reef", "staging", Stage.STAGING, "b"),
            release("reef", "coral", Stage.PRODUCTION, "c"),
            release("reef", "ocean", Stage.PRODUCTION, "c", "d", "e", "f"),
        )
    )
    reef = {"environment": "", "needs": {"tools": ["helm"]}}
    atoll: dict[str, object] = {"environment": "", "needs": {}}
    found = outputs(plan, {"reef": {"tools": ["helm"]}}, {"staging": "canaries"})
    assert json.loads(found["support-and-staging-jobs"]) == [
        {
            "cluster": "reef", "provider": "gcp", "name": "reef: support, staging", "leg": "early-0",
            "only": "reef/support,reef/staging", "support": True, "staging": ["staging"], "reason": "a; b",
            "environment": "canaries", "needs": {"tools": ["helm"]},
        }
    ]  # fmt: skip
    assert json.loads(found["prod-hub-jobs"]) == [
        {"cluster": "atoll", "provider": "gcp", "hubs": ["lagoon"], "reason": "d"}
        | named("atoll", "lagoon", 0)
        | atoll,
        {"cluster": "reef", "provider": "gcp", "hubs": ["coral"], "reason": "c"} | named("reef", "coral", 1) | reef,
        {"cluster": "reef", "provider": "gcp", "hubs": ["ocean"], "reason": "c; d; e; and 1 more"}
        | named("reef", "ocean", 2)
        | reef,
    ]
    assert json.loads(found["cluster-jobs"]) == [
        {"cluster": "reef", "provider": "gcp", "name": "reef", "clusters": ["reef"]} | reef,
        {"cluster": "atoll", "provider": "gcp", "name": "atoll", "clusters": ["atoll"]} | atoll,
    ]
    assert (found["has-changes"], found["has-production"]) == ("true", "true")


@pytest.mark.parametrize(("clusters", "hubs"), [(1, 256), (1, 257), (1, 5000), (256, 20), (100, 3), (30, 6)])
def test_a_matrix_never_has_more_jobs_than_github_takes(clusters: int, hubs: int) -> None:
    found = outputs(big(clusters, hubs, "x" * 3000))
    late = json.loads(found["prod-hub-jobs"])
    assert len(json.loads(found["support-and-staging-jobs"])) == clusters
    assert len(late) <= MAX_JOBS
    assert sum(len(job["hubs"]) for job in late) == clusters * hubs
    if clusters * hubs <= MAX_JOBS:
        assert all(len(job["hubs"]) == 1 for job in late)


@pytest.mark.parametrize(("clusters", "logins"), [(257, 1), (600, 200), (600, 256), (1000, 7)])
def test_clusters_that_log_in_alike_share_jobs_where_there_are_more_than_github_takes(clusters, logins) -> None:
    plan = big(clusters, 2)
    names = list(dict.fromkeys(one.id.cluster for one in plan.releases))
    needs = {name: {"aws": {"role": f"role-{number % logins}"}} for number, name in enumerate(names)}
    found = outputs(plan, needs)
    for output, hubs in (("support-and-staging-jobs", "staging"), ("prod-hub-jobs", "hubs")):
        jobs = json.loads(found[output])
        assert len(jobs) <= MAX_JOBS
        only = [one for job in jobs for one in job["only"].split(",")]
        early = output == "support-and-staging-jobs"
        assert sorted(only) == sorted(
            str(one.id) for one in plan.releases if (one.stage is not Stage.PRODUCTION) is early
        )
        for job in jobs:
            inside = job["cluster"].split(",")
            assert {one.partition("/")[0] for one in job["only"].split(",")} == set(inside)
            assert all(needs[name] == job["needs"] for name in inside)
            assert all(("/" in hub) is (len(inside) > 1) for hub in job[hubs])
            assert len(job["name"]) < 100
    assert sorted(name for job in json.loads(found["cluster-jobs"]) for name in job["clusters"]) == sorted(names)


def test_more_than_github_takes_is_said() -> None:
    needs = {f"cluster-{number:04}": {"aws": {"role": str(number)}} for number in range(257)}
    with pytest.raises(DeployerError, match="257 clusters with 257 log-ins, more than the 256 jobs"):
        outputs(big(257, 1), needs)
    with pytest.raises(DeployerError, match="bytes, more than the 1,000,000"):
        outputs(big(1, 1, retired=200_000))


@given(plans())
def test_no_value_can_end_itself_and_begin_another(plan: Plan) -> None:
    values = outputs(plan)
    text = lines(values, lambda: "end-1234")
    read, rest = {}, text.split("\n")[:-1]
    while rest:
        name, end = rest.pop(0).split("<<")
        stop = rest.index(end)
        read[name], rest = "\n".join(rest[:stop]), rest[stop + 1 :]
    assert read == values
    assert text.isascii()
