"""Numbered revisions: what is current, what a roll-back returns to, and what a cut leaves behind."""

from dataclasses import replace

import pytest

from deployer.targets.local.revisions import KEPT, Record, Revisions, Status


def record(digest="a", **changes):
    return replace(Record(number=0, digest=digest, rollout="r", created_at="2026-01-01T00:00:00+00:00"), **changes)


@pytest.fixture
def revisions(tmp_path):
    return Revisions(tmp_path / "revisions")


def deploy(revisions, digest="a", *, verified=False):
    return revisions.deployed(revisions.add(record(digest, verified=verified), {"digest": digest}))


def test_nothing_yet(revisions):
    assert revisions.all() == []
    assert revisions.current() is revisions.pending() is revisions.last() is None


def test_a_new_revision_is_pending_and_not_current(revisions):
    deploy(revisions, "a")
    added = revisions.add(record("b"), {"x": 1})
    assert (added.number, added.status) == (2, Status.PENDING)
    assert revisions.pending() == added
    assert revisions.current().number == 1
    assert revisions.values(2) == {"x": 1}


def test_deploying_supersedes(revisions):
    for digest in "abc":
        deploy(revisions, digest)
    assert [one.status for one in revisions.all()] == [Status.SUPERSEDED, Status.SUPERSEDED, Status.DEPLOYED]
    assert revisions.current().digest == "c"


def test_of_two_deployed_the_newer_is_current(revisions):
    """A deployer killed between deploying one and superseding the other leaves two."""
    for digest in "ab":
        revisions.update(replace(revisions.add(record(digest), {}), status=Status.DEPLOYED))
    assert revisions.current().digest == "b"


def test_numbers_go_on_after_a_failure(revisions):
    deploy(revisions)
    revisions.failed(revisions.add(record("b"), {}), "why")
    assert revisions.add(record("c"), {}).number == 3
    assert revisions.get(2).detail == "why"


@pytest.mark.parametrize(
    ("verified", "expected"),
    [
        ([False, False, False], None),
        ([True, False, False], 1),
        ([True, True, False], 2),
        ([False, False, True], None),  # only what is before the current one counts
    ],
)
def test_what_a_rollback_returns_to(revisions, verified, expected):
    for number, seen in enumerate(verified):
        deploy(revisions, str(number), verified=seen)
    found = revisions.verified_before(3)
    assert (found and found.number) == expected


def test_a_failed_revision_is_never_returned_to(revisions):
    deploy(revisions, "a", verified=True)
    revisions.failed(revisions.add(record("b", verified=True), {}), "")
    deploy(revisions, "c")
    assert revisions.verified_before(3).number == 1


def test_half_a_revision_is_none(revisions):
    """Cut while writing: the folder was not yet renamed, or (by hand) lost its record."""
    deploy(revisions)
    (revisions.folder / ".2.building").mkdir()
    revisions.path(5).mkdir()
    assert [one.number for one in revisions.all()] == [1]
    assert revisions.add(record(), {}).number == 2


def test_a_record_of_a_later_version_is_read(revisions):
    deploy(revisions)
    path = revisions.path(1) / "record.json"
    path.write_text(path.read_text().replace("{", '{"unheard": 1,', 1))
    assert revisions.current().digest == "a"


def test_old_revisions_go_but_not_the_verified(revisions):
    deploy(revisions, "first", verified=True)
    for number in range(KEPT + 5):
        deploy(revisions, str(number))
    kept = [one.number for one in revisions.all()]
    assert kept[0] == 1
    assert len(kept) == KEPT + 1


def test_only_the_owner_reads(revisions):
    deploy(revisions)
    assert (revisions.path(1) / "values.json").stat().st_mode & 0o077 == 0
    assert revisions.path(1).stat().st_mode & 0o077 == 0
