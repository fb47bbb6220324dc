"""What counts as the user's to mend, wherever it is raised."""

import errno
import os

import pytest

from deployer.errors import EXIT_USER_ERROR, no_room


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG])
def test_a_full_disk_is_no_bug(number):
    told = no_room(OSError(number, os.strerror(number), "/state/file"))
    assert told is not None
    assert told.exit_code == EXIT_USER_ERROR
    assert str(told).startswith(f"/state/file: {os.strerror(number)}\n")


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "no such file"), ValueError("full"), KeyError(errno.ENOSPC)])
def test_what_else_is_a_bug_stays_one(error):
    assert no_room(error) is None
