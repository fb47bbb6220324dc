"""The small parts of the Helm target, as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deployer.fleet.ids import ReleaseId
from deployer.helm.commands import Commands
from deployer.plan.ports import Holder
from deployer.targets.helm.history import History, Revision
from deployer.targets.helm.leases import parse_time
from deployer.targets.helm.messages import explained, in_fleet
from deployer.targets.helm.records import Attempt, Record, Source
from deployer.targets.helm.repair import last_good, somebody_at_work, unkept_claims
from deployer.targets.helm.retry import is_transient

OCEAN = ReleaseId("reef", "ocean")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CHARTS = {"basehub": "helm-charts/basehub", "daskhub": "helm-charts/daskhub"}


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (
            "Error: UPGRADE FAILED: parse error at (basehub/templates/x.yaml:5): unclosed action",
            "helm-charts/basehub/templates/x.yaml:5",
        ),
        (
            'Error: template: basehub/templates/x.yaml:4:12: executing "x.yaml" at <.Values.a.b>: nil pointer',
            "helm-charts/basehub/templates/x.yaml:4",
        ),
        (
            "Error: execution error at (daskhub/charts/basehub/templates/x.yaml:7:3): a domain is needed",
            "helm-charts/basehub/templates/x.yaml:7",
        ),
        (
            "Error: YAML parse error on basehub/templates/x.yaml: error converting YAML to JSON: yaml: line 9: no",
            "helm-charts/basehub/templates/x.yaml:9",
        ),
        (  # an outside chart has no place in the fleet
            "Error: execution error at (basehub/charts/jupyterhub/templates/hub/x.yaml:1:4): no",
            "helm-charts/basehub/charts/jupyterhub/templates/hub/x.yaml:1",
        ),
    ],
)
def test_a_broken_template_is_named_as_a_file_of_the_fleet(said, place):
    error = explained(OCEAN, said, CHARTS)
    assert str(error.place) == place
    assert error.message.startswith("reef/ocean: ")


def test_any_other_failure_says_what_helm_said():
    error = explained(OCEAN, "WARNING: noise\nError: UPGRADE FAILED: timed out waiting", CHARTS, log="/x.log")
    assert error.message == "reef/ocean: UPGRADE FAILED: timed out waiting"
    assert "WARNING" not in str(error)
    assert "/x.log" in error.hint


def test_errors_that_helm_only_counts_are_told():
    error = explained(OCEAN, "Error: 1 error occurred:\n\t* namespaces is forbidden\n\n", CHARTS)
    assert error.message == "reef/ocean: 1 error occurred: namespaces is forbidden"


def test_what_a_schema_forbids_is_told_to_the_last_line():
    said = (
        "Error: UPGRADE FAILED: values don't meet the specifications of the schema(s) in the following chart(s):\n"
        "basehub:\n- at '': additional properties 'nfss' not allowed\n- at '/size': got string, want integer\n\n"
    )
    assert explained(OCEAN, said, CHARTS).message.endswith(
        "in the following chart(s): basehub: at '': additional properties 'nfss' not allowed;"
        " at '/size': got string, want integer"
    )


def test_claims_that_are_not_marked_in_the_manifest_would_go():
    claim = "kind: PersistentVolumeClaim\nmetadata: {name: %s, annotations: {%s}}\n---\n"
    manifest = claim % ("kept", "helm.sh/resource-policy: keep") + claim % ("lost", "a: b") + "kind: Secret\n"
    assert list(unkept_claims(manifest.encode())) == ["lost"]


def test_a_file_of_no_chart_of_the_fleet_keeps_its_name():
    assert in_fleet("other/templates/x.yaml", CHARTS) == "other/templates/x.yaml"


@pytest.mark.parametrize(
    ("said", "transient"),
    [
        (
            'Error: Kubernetes cluster unreachable: Get "https://x": dial tcp 1.2.3.4:443: connect: connection refused',
            1,
        ),
        ("net/http: TLS handshake timeout", 1),
        ("read tcp 1.2.3.4:443: i/o timeout", 1),
        ("Error: UPGRADE FAILED: etcdserver: leader changed", 1),
        ('Get "https://x/api": unexpected EOF', 1),
        ("Error from server (TooManyRequests): the server has received too many requests", 1),
        ("Error from server (ServiceUnavailable): apiserver not ready", 1),
        ("client rate limiter Wait returned an error: context deadline exceeded", 1),
        ("Error: UPGRADE FAILED: context deadline exceeded", 0),
        ("Error: timed out waiting for the condition", 0),
        ("Error from server (Forbidden): leases is forbidden", 0),
        ("error: You must be logged in to the server (Unauthorized)", 0),
        ("Error: execution error at (x/templates/y.yaml:1:2): no", 0),
        ("Error: parse error at (x/templates/y.yaml:5): unexpected EOF", 0),
    ],
)
def test_only_what_passes_by_itself_is_tried_again(said, transient):
    assert is_transient(said) == bool(transient)


def test_a_wait_that_used_up_its_time_is_no_throttling():
    assert not is_transient("client rate limiter Wait returned an error: context deadline exceeded", timed_out=True)


def history(*revisions):
    """``(status, description)``, numbered from 1."""
    return History(tuple(Revision(n, *one[:1], NOW, "c-1", *one[1:]) for n, one in enumerate(revisions, 1)))


GOOD, NEXT = Source("abc", "d1", "r1"), Source("def", "d2", "r2")


@pytest.mark.parametrize("source", [GOOD, Source("", "d", "r"), Source("abc", "", "")])
def test_a_source_survives_helms_description(source):
    assert Source.parse(source.description()) == source


def test_a_record_survives_the_cluster():
    record = Record().with_verified(3, GOOD)
    record = replace(record, attempt=Attempt(3, "r", "host", 7, "now"), given_up=2, failed={4: "why"})
    parsed = Record.parse({"metadata": {"resourceVersion": "9"}, "data": {"record": record.to_json()}})
    assert parsed == replace(record, version="9")


@pytest.mark.parametrize("data", [{}, {"data": {"record": "{"}}, {"data": {"record": '{"verified": []}'}}])
def test_a_spoilt_record_counts_as_none(data):
    assert Record.parse({"metadata": {"resourceVersion": "9"}, **data}) == Record(version="9")


def test_a_roll_back_is_what_it_brought_back():
    found = history(
        ("superseded", GOOD.description()), ("superseded", NEXT.description()), ("deployed", "Rollback to 1")
    )
    record = Record().with_verified(1, GOOD)
    assert found.current is not None
    assert found.source(found.current, record) == GOOD
    assert found.verified(found.current, record)


@pytest.mark.parametrize(
    ("revisions", "verified", "to"),
    [
        ([("superseded", GOOD), ("deployed", NEXT)], [1], 1),
        ([("superseded", GOOD), ("superseded", NEXT), ("deployed", NEXT)], [1], 1),  # 2 was never proven
        ([("superseded", "Install complete"), ("deployed", NEXT)], [], 1),  # somebody deployed it without us
        ([("superseded", GOOD), ("deployed", NEXT)], [], None),
        ([("failed", "Install complete"), ("deployed", NEXT)], [], None),
        ([("deployed", GOOD)], [1], None),
    ],
)
def test_what_a_release_returns_to(revisions, verified, to):
    told = [(status, d.description() if isinstance(d, Source) else d) for status, d in revisions]
    record = Record()
    for number in verified:
        record = record.with_verified(number, GOOD)
    found = history(*told).to_return_to(record)
    assert (found.number if found else None) == to


BACK, GONE_BAD = "Rollback to 1", 'Upgrade "ocean" failed: context deadline exceeded'


@pytest.mark.parametrize(
    ("revisions", "failed", "said"),
    [
        ([("deployed", GOOD)], {}, ""),
        (
            [("superseded", GOOD), ("superseded", NEXT), ("deployed", BACK)],
            {2: "no-spawn"},
            "revision 2 failed: no-spawn",
        ),
        ([("superseded", GOOD), ("superseded", NEXT), ("deployed", BACK)], {}, ""),  # somebody wanted it back
        ([("superseded", GOOD), ("failed", GONE_BAD), ("deployed", BACK)], {}, f"revision 2 failed: {GONE_BAD}"),
        ([("superseded", GOOD), ("deployed", NEXT)], {1: "old"}, ""),
        (
            [("deployed", GOOD), ("pending-upgrade", "Preparing upgrade")],
            {},
            "revision 2 pending-upgrade: Preparing upgrade",
        ),
    ],
)
def test_why_the_last_upgrade_does_not_serve(revisions, failed, said):
    told = [(status, d.description() if isinstance(d, Source) else d) for status, d in revisions]
    assert history(*told).failed(replace(Record(), failed=failed)) == said


def test_a_good_revision_makes_earlier_failures_forgotten():
    record = Record().with_failed(2, "x" * 5000).with_failed(3, "")
    assert list(record.failed) == [2]
    assert len(record.failed[2]) < 2000
    assert record.with_verified(4, GOOD).failed == {}


def test_a_pending_release_goes_back_to_what_is_deployed_still():
    found = last_good(history(("superseded", ""), ("deployed", ""), ("pending-upgrade", "Preparing upgrade")))
    assert found is not None
    assert found.number == 2
    assert last_good(history(("pending-install", "Initial install underway"))) is None


@pytest.mark.parametrize(
    ("attempt", "age", "at_work"),
    [
        (None, 10, True),
        (None, 700, False),  # older than the time-out
        ("here", 1, False),  # begun on this machine: who holds the release knows that it is dead
        ("elsewhere", 10, True),
        ("elsewhere", 700, False),
        ("before", 10, True),  # our last attempt was for an earlier revision
    ],
)
def test_who_may_be_at_work_on_a_pending_release(attempt, age, at_work):
    pending = Revision(3, "pending-upgrade", NOW - timedelta(seconds=age), "c-1", "")
    ours = Attempt.ours(2, "r")
    attempts = {
        None: None,
        "here": ours,
        "elsewhere": replace(ours, host="another"),
        "before": replace(ours, after=5),
    }
    error = somebody_at_work(OCEAN, pending, Record(attempt=attempts[attempt]), now=NOW, timeout=600)
    assert (error is not None) == at_work
    if error and attempt == "elsewhere":
        assert "another" in str(error)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-01-02T03:04:05.123456Z", NOW.replace(microsecond=123456)),
        ("2026-01-02T03:04:05.123456789Z", NOW.replace(microsecond=123456)),
        ("2026-01-02T05:04:05.5+02:00", NOW.replace(microsecond=500000)),
        ("2026-01-02T03:04:05Z", NOW),
        ("nonsense", None),
        (None, None),
    ],
)
def test_times_of_kubernetes_and_helm(text, found):
    assert parse_time(text) == found


def test_a_holder_is_told_with_its_rollout():
    assert "rollout r1" in str(Holder("r1", "host", 1, "", NOW))


def test_what_is_printed_of_an_upgrade_is_what_a_stranger_would_type():
    step = Commands("ocean", 4).upgrade("helm-charts/basehub", ["a.yaml"], seconds=600, description="source=a digest=b")
    assert step.shown().endswith("helm-charts/basehub --values a.yaml --wait --timeout 400s --rollback-on-failure")
    assert step.argv()[-2:] == ("--description", "source=a digest=b")
    assert "--description" in step.shell()
