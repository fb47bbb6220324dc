"""A disk that is full: said clearly, nothing is spoilt, and with room again all goes on."""

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest

pytestmark = pytest.mark.local

SIZE = 32 * 2**20  # bytes of the small disk
LIMIT = "import os, resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); "
WRAPPER = (sys.executable, "-c", LIMIT + "os.execv(sys.argv[2], sys.argv[2:])")

TOLD = ("No space left", "File too large", "disk is full", "disk I/O error")  # the last two are sqlite's


class SmallDisk:
    """The fleet's state folder as a disk of its own; only root can have that."""

    def __init__(self, fleet):
        self.fleet = fleet
        fleet.state.mkdir(mode=0o700)
        argv = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(fleet.state)]
        self.refused = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30).stderr.strip()

    @contextmanager
    def full(self, room):
        """The fleet with only so many bytes of room."""
        filler = self.fleet.state / "filler"
        disk = os.statvfs(self.fleet.state)
        left = disk.f_bavail * disk.f_frsize - room
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(left, 1))
        try:
            yield self.fleet
        finally:
            filler.unlink()

    def end(self):
        self.fleet.ok("down")
        subprocess.run(["umount", "--lazy", str(self.fleet.state)], check=True, timeout=30)


class SmallFiles:
    """Where nothing can be mounted: no file may grow beyond the room, which fails in the same places."""

    def __init__(self, fleet):
        self.fleet = fleet

    @contextmanager
    def full(self, room):
        yield replace(self.fleet, wrapper=(*WRAPPER, str(room)))

    def end(self):
        self.fleet.ok("down")


@pytest.fixture(scope="module")
def disk(fleets):
    fleet = fleets({"reef": {"staging": {}}})
    disk = SmallDisk(fleet)
    if disk.refused:
        disk = SmallFiles(fleet)
    yield disk
    disk.end()


def assert_told(ran, codes):
    assert ran.code in codes, str(ran)
    assert "Traceback" not in ran.out + ran.err, str(ran)
    assert "a bug" not in ran.out + ran.err, str(ran)
    if ran.code:
        assert any(text in ran.out + ran.err for text in TOLD), str(ran)


@pytest.mark.parametrize("room", [0, 16_384, 200_000])
def test_a_first_install_on_a_full_disk(disk, room):
    with disk.full(room) as fleet:
        assert_told(fleet.run("deploy", "--all"), {1, 3} if room < 200_000 else {0, 1, 3})
        for words in (("status",), ("history",), ("plan", "--all")):
            assert_told(fleet.run(*words), {0, 1})
    disk.fleet.ok("status")
    disk.fleet.ok("history")


def test_with_room_again(disk):
    """After :func:`test_a_first_install_on_a_full_disk`."""
    ran = disk.fleet.ok("deploy", "--all")
    assert set(disk.fleet.outcomes().values()) <= {"succeeded", "unchanged"}, str(ran)
    assert disk.fleet.get("reef/staging") == 200


def test_an_upgrade_on_a_full_disk(disk):
    """After :func:`test_with_room_again`."""
    before = disk.fleet.status()["reef/staging"]
    disk.fleet.change("reef/staging", {"singleuser": {"extraEnv": {"ROOM": "none"}}})
    with disk.full(20_000) as fleet:
        assert_told(fleet.run("deploy", "reef"), {1, 3})
        assert_told(fleet.run("status"), {0})
        assert disk.fleet.get("reef/staging") == 200
    ran = disk.fleet.ok("deploy", "reef")
    after = disk.fleet.status()["reef/staging"]
    assert (after["state"], after["healthy"], after["up_to_date"]) == ("running", True, True), str(ran)
    assert after["revision"] > before["revision"]
    assert set(disk.fleet.daemons().values()) == {1}
