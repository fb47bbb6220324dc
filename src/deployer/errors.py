"""What the user can mend, as one class of errors; ``cli`` prints it and sets the exit code.

Library code raises these and decides nothing. Anything else that escapes is a bug of ours (exit code 70).
"""

from __future__ import annotations

import errno
from typing import NamedTuple

EXIT_OK = 0
EXIT_USER_ERROR = 1
EXIT_CHANGES = 2
EXIT_ROLLOUT_FAILED = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class Place(NamedTuple):
    """Where in a file something stands: lines and columns count from 1, 0 means unknown."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.path, *(str(n) for n in (self.line, self.column) if n)])


class DeployerError(Exception):
    """Something that the user can mend: what is wrong, where, and what to do next."""

    # No dataclass: what makes those costs `deployer --help` a third of its time.
    def __init__(
        self, message: str, place: Place | None = None, hint: str = "", *, exit_code: int = EXIT_USER_ERROR
    ) -> None:
        super().__init__(message, place, hint)
        self.message = message
        self.place = place
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return "\n".join(filter(None, [self.headline, self.hint]))

    @property
    def headline(self) -> str:
        """What is wrong and where, without what to do next."""
        return f"{self.place}: {self.message}" if self.place else self.message


class FleetError(DeployerError):
    """The repository says something that cannot be: bad YAML, a missing file, an unknown hub."""


class CommandError(DeployerError):
    """A command that we called (git, helm, a cloud's log-in) failed."""


class LockedError(DeployerError):
    """Somebody else is at work on this release."""


class TargetError(DeployerError):
    """An upgrade, a roll-back or another act on a release failed. ``log`` is the file that tells more, if one does."""

    def __init__(self, message: str, place: Place | None = None, hint: str = "", *, log: str = "") -> None:
        super().__init__(message, place, hint)
        self.log = log


class CombinedError(DeployerError):
    """Several errors at once, so that a file is mended in one go."""

    def __init__(self, message: str, *, errors: tuple[DeployerError, ...] = ()) -> None:
        super().__init__(message)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors)) if self.errors else self.message


def flattened(error: DeployerError) -> list[DeployerError]:
    """The single errors of which one that may be combined is made."""
    if isinstance(error, CombinedError) and error.errors:
        return [single for inner in error.errors for single in flattened(inner)]
    return [error]


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


def no_room(error: BaseException) -> DeployerError | None:
    """What a full disk makes of any write, as the user's matter and no bug of ours; None for another error."""
    if not isinstance(error, OSError) or error.errno not in NO_ROOM:
        return None
    if error.errno == errno.EROFS:
        return DeployerError(
            f"{error.filename or 'a file'}: {error.strerror}",
            hint="Its folder can only be read: this verb writes there.",
        )
    return DeployerError(
        f"{error.filename or 'a file'}: {error.strerror}", hint="Make room there, then run this again."
    )
