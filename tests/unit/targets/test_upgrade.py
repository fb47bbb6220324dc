"""The life of revisions over a unit that is ours: each act may be cut at any point, and the next call settles it."""

from dataclasses import dataclass, field, replace

import pytest

from deployer.errors import TargetError
from deployer.plan.ports import Control
from deployer.targets.local.desired import Desired
from deployer.targets.local.revisions import Revisions, Status
from deployer.targets.local.upgrade import Upgrader


class Cut(BaseException):
    """The deployer dies here."""


@dataclass
class World:
    """A unit in memory. ``bad`` digests do not become healthy; ``cut_at`` ends the deployer at that point."""

    revisions: Revisions
    running: int = 0
    bad: set = field(default_factory=set)
    cut_at: str = ""
    starts: list = field(default_factory=list)
    database: str = "schema 1"
    migrates: dict = field(default_factory=dict)

    def _point(self, name):
        if name == self.cut_at:
            self.cut_at = ""
            raise Cut(name)

    def runs(self, number):
        return self.running == number

    def back_up(self, number):  # noqa: ARG002
        self._point("before backup")

    def start(self, record, values, control):  # noqa: ARG002
        self._point("before start")
        self.running = 0
        self.starts.append(record.number)
        self.database = self.migrates.get(record.digest, self.database)
        if record.digest in self.bad:
            raise TargetError(f"{record.digest} is bad")
        self.running = record.number
        self._point("after start")
        return (f"notice of {record.digest}",)

    def restore(self, record):
        self.database = record.schema or self.database

    def stop(self):
        self.running = 0

    def schema(self):
        return self.database

    def upgrade(self, digest, rollout="r", force=False):
        desired = Desired("reef", "ocean", values={"is": digest}, digest=digest)
        return Upgrader(self.revisions, self, Control(1)).upgrade(desired, rollout, force=force)

    def go_back(self, number):
        return Upgrader(self.revisions, self, Control(1)).go_back(self.revisions.get(number), "back")

    @property
    def statuses(self):
        return [str(record.status) for record in self.revisions.all()]


@pytest.fixture
def world(tmp_path):
    return World(Revisions(tmp_path / "revisions"))


def test_first_then_nothing_then_changed(world):
    assert world.upgrade("a").changed
    again = world.upgrade("a", "r2")
    assert (again.changed, again.record.number) == (False, 1)
    assert world.upgrade("b", "r3").record.number == 2
    assert world.starts == [1, 2]
    assert world.statuses == ["superseded", "deployed"]


def test_what_is_dead_is_started_again_without_a_new_revision(world):
    world.upgrade("a")
    world.running = 0
    done = world.upgrade("a", "r2")
    assert (done.changed, done.record.number) == (True, 1)


def test_force_makes_a_revision_once_per_rollout(world):
    world.upgrade("a", "r1")
    assert world.upgrade("a", "r2", force=True).record.number == 2
    assert world.upgrade("a", "r2", force=True).changed is False


def test_a_bad_revision_gives_way_to_the_last_good(world):
    world.upgrade("a")
    world.bad = {"b"}
    with pytest.raises(TargetError, match="b is bad"):
        world.upgrade("b")
    assert world.running == 1
    assert world.statuses == ["deployed", "failed"]
    world.bad = set()
    assert world.upgrade("b").record.number == 3


def test_a_bad_first_revision_leaves_nothing_running(world):
    world.bad = {"a"}
    with pytest.raises(TargetError):
        world.upgrade("a")
    assert world.running == 0
    assert world.revisions.current() is None
    assert world.revisions.last().detail == "a is bad"


def test_both_causes_are_told_where_the_last_good_one_does_not_come_back(world):
    world.upgrade("a")
    world.bad = {"a", "b"}
    with pytest.raises(TargetError, match="b is bad; and revision 1 did not come back: a is bad"):
        world.upgrade("b")


def test_the_database_comes_back_with_the_last_good_revision(world):
    world.upgrade("a")
    world.bad, world.migrates = {"b"}, {"b": "schema 2"}
    with pytest.raises(TargetError):
        world.upgrade("b")
    assert world.database == "schema 1"


@pytest.mark.parametrize("point", ["before backup", "before start", "after start"])
@pytest.mark.parametrize("force", [False, True])
def test_cut_anywhere_the_next_call_ends_as_the_uncut_one(world, point, force):
    world.upgrade("a", "r1")
    world.cut_at = point
    with pytest.raises(Cut):
        world.upgrade("b", "r2", force=force)
    assert world.statuses == ["deployed", "pending"]
    done = world.upgrade("b", "r2", force=force)
    assert (done.changed, done.record.number, world.running) == (True, 2, 2)
    assert world.starts == [1, 2]  # one that runs is adopted, not started twice
    assert world.statuses == ["superseded", "deployed"]


def test_cut_before_superseding_is_settled(world):
    world.upgrade("a")
    second = world.upgrade("b").record
    world.revisions.update(replace(world.revisions.get(1), status=Status.DEPLOYED))
    assert world.upgrade("b").record.number == second.number
    assert world.statuses == ["superseded", "deployed"]


def test_a_cut_revision_that_is_wanted_no_more_is_given_up(world):
    world.upgrade("a")
    world.cut_at = "after start"
    with pytest.raises(Cut):
        world.upgrade("b")
    done = world.upgrade("a")  # the commit was reverted
    assert (done.changed, done.record.number, world.running) == (True, 1, 1)
    assert world.statuses == ["deployed", "failed"]


def test_going_back_is_a_new_revision_with_the_old_content(world):
    for digest in "ab":
        world.upgrade(digest)
    world.revisions.update(replace(world.revisions.get(1), verified=True))
    back = world.go_back(1).record
    assert (back.number, back.digest, back.restores, back.verified) == (3, "a", 1, True)
    assert world.revisions.values(3) == {"is": "a"}
    assert world.statuses == ["superseded", "superseded", "deployed"]


def test_a_cut_roll_back_is_carried_on(world):
    for digest in "ab":
        world.upgrade(digest)
    world.cut_at = "before start"
    with pytest.raises(Cut):
        world.go_back(1)
    assert world.go_back(1).record.number == 3
    assert world.starts == [1, 2, 3]


def test_mending_makes_no_revision(world):
    upgrader = Upgrader(world.revisions, world, Control(1))
    assert upgrader.mend() is None
    world.upgrade("a")
    assert upgrader.mend().changed is False
    world.running = 0
    assert upgrader.mend().changed is True
    assert world.statuses == ["deployed"]


def test_a_failed_health_check_is_remembered_until_the_next_success(world):
    """As the target does it: why the revision is not good is written down, then it is left."""
    world.upgrade("a")
    world.revisions.update(replace(world.revisions.get(1), verified=True))
    bad = world.upgrade("b").record
    world.revisions.update(replace(bad, detail="spawn timed out"))
    assert world.revisions.failed_since() is None
    world.cut_at = "before start"
    with pytest.raises(Cut):
        world.go_back(1)
    world.go_back(1)
    assert world.statuses == ["superseded", "failed", "deployed"]
    assert (world.revisions.failed_since().number, world.revisions.failed_since().detail) == (2, "spawn timed out")
    world.upgrade("c")
    assert world.revisions.failed_since() is None
    assert world.statuses == ["superseded", "failed", "superseded", "deployed"]
