"""Running helm for one release: in the cluster's session, with a log of its own, and errors that say where."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from shlex import join
from typing import NamedTuple

from deployer.errors import CommandError, DeployerError, TargetError
from deployer.fleet.ids import ReleaseId
from deployer.helm.commands import Commands
from deployer.plan.steps import Step
from deployer.process import Result, redact
from deployer.targets.credentials.session import Session
from deployer.targets.helm.history import History
from deployer.targets.helm.kubectl import transient_command
from deployer.targets.helm.messages import explained
from deployer.targets.helm.pods import Watched, watched
from deployer.targets.helm.retry import is_transient, retried

LOOK = 60.0  # seconds for a look at what Helm holds
ENDING = 60.0  # seconds that a cancelled helm gets to go back by itself
LATE = 0.9  # of its time: a helm that took so long has waited, whatever it says
LOGS_KEPT = 30  # of each release
_DEPLOYED = re.compile(r"^STATUS: deployed\nREVISION: (\d+)$", re.MULTILINE)


class Acted(NamedTuple):
    """What became of a step: its log, and what it said."""

    log: Path
    said: str

    @property
    def deployed(self) -> int | None:
        """The revision that Helm says is deployed now; None where it does not say so."""
        found = _DEPLOYED.search(self.said)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs the commands of one release, in the folder that is named with each. ``logs`` takes what they say, redacted.

    ``busy`` is a locked file that children hold open: while one of them lives, even without us, nobody else starts.
    """

    release: ReleaseId
    session: Session
    env: Mapping[str, str] = field(repr=False)
    logs: Path
    cancelled: threading.Event
    busy: int
    charts: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = lambda _text: None

    def history(self, commands: Commands) -> History:
        """What Helm holds of the release.

        :raises TargetError: it cannot be read.
        """
        return read_history(self.session, commands, env=self.env, cancelled=self.cancelled)

    def look(self, argv: tuple[str, ...]) -> bytes:
        """What a command that changes nothing writes; nothing where Helm has no such release.

        :raises TargetError: it failed.
        """
        return look(self.session, argv, env=self.env, cancelled=self.cancelled)

    def act(
        self,
        step: Step,
        *,
        seconds: float,
        cwd: Path | None = None,
        notes: Iterable[str] = (),
        for_pods: bool = False,
    ) -> Acted:
        """Carry out one step.

        :param cwd: where paths in it start from.
        :param notes: what whoever reads the log must know of them.
        :param for_pods: it waits for pods: where it fails, those that are not ready are told.
        :raises TargetError: it failed; the error names the chart's file and line where they are the cause.
        """
        log = self._log_file(step)
        self.say(f"$ {step.shown()}")
        began = time.monotonic()
        with watched(self.session, self.release, seconds) if for_pods else nullcontext(Watched()) as pods:
            done = self._run(step, log, seconds=seconds, cwd=cwd, notes=notes)
        said = f"{done.stdout}{done.stderr}\nexit code {done.returncode}\n"
        if not done.ok and pods.told:
            said += f"pods that were not ready: {pods.told}\n"
        self._write(log, step, notes, said)
        if not done.ok:
            said = done.stderr.strip() or done.stdout.strip()
            timed_out = time.monotonic() - began > seconds * LATE
            error = explained(self.release, said, self.charts, log=str(log), waited_for=pods.told)
            raise _FailedError.of(error, said, timed_out=timed_out)
        return Acted(log, done.stdout)

    def _run(self, step: Step, log: Path, *, seconds: float, cwd: Path | None, notes: Iterable[str]) -> Result:
        """
        :raises TargetError: it did not come to an end by itself.
        """
        try:
            return self.session.run(
                step.argv(),
                env={**self.env, **step.environment},
                cwd=cwd,
                timeout=seconds + ENDING,
                cancelled=self.cancelled,
                check=False,
                grace=ENDING,
                keep_open=(self.busy,),
            )
        except CommandError as error:
            self._write(log, step, notes, f"{error.message}\n{error.hint}\n")
            raise TargetError(f"{self.release}: {error.message}", hint=error.hint, log=str(log)) from None

    def act_with_retries(
        self, prepare: Callable[[], Step | None], *, seconds: float, cwd: Path | None = None, notes: Iterable[str] = ()
    ) -> Acted | None:
        """As :meth:`act`, once more after what passes by itself; ``prepare`` makes the step anew for each try.

        Where it makes none, nothing is left to be done.

        :raises TargetError: as there.
        """
        deadline = time.monotonic() + seconds

        def once() -> Acted | None:
            step = prepare()
            left = max(deadline - time.monotonic(), 1.0)
            return self.act(step, seconds=left, cwd=cwd, notes=notes, for_pods=True) if step else None

        return retried(once, _is_transient, cancelled=self.cancelled, deadline=deadline, say=self.say)

    def _log_file(self, step: Step) -> Path:
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in sorted(self.logs.glob("*.log"))[:-LOGS_KEPT]:
            old.unlink(missing_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        return self.logs / f"{stamp}-{step.title.split()[0]}.log"

    def _write(self, log: Path, step: Step, notes: Iterable[str], said: str) -> None:
        told = "".join(f"# {note}\n" for note in notes)
        text = redact(f"{told}$ {step.shell()}\n{said}", self.session.redactions())
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)


class _FailedError(TargetError):
    """A helm that failed, with whether another try is worth it."""

    transient = False

    @classmethod
    def of(cls, error: TargetError, said: str, *, timed_out: bool) -> _FailedError:
        failed = cls(error.message, error.place, error.hint, log=error.log)
        failed.transient = is_transient(said, timed_out=timed_out)
        return failed


def _is_transient(error: DeployerError) -> bool:
    if isinstance(error, _FailedError):
        return error.transient
    return is_transient(f"{error.message}\n{error.hint}")


def read_history(
    session: Session,
    commands: Commands,
    *,
    env: Mapping[str, str],
    cancelled: threading.Event | None = None,
) -> History:
    """What Helm holds of a release; an empty history where it holds nothing.

    :raises TargetError: it cannot be read.
    """

    raw = look(session, commands.history(), env=env, cancelled=cancelled)
    return History.parse(raw) if raw else History()


def look(
    session: Session, argv: tuple[str, ...], *, env: Mapping[str, str], cancelled: threading.Event | None
) -> bytes:
    """What a helm command that changes nothing writes; nothing where there is no such release.

    :raises TargetError: it failed.
    """

    def read() -> bytes:
        done = session.run(argv, env=env, timeout=LOOK, cancelled=cancelled, check=False)
        if done.ok or "release: not found" in done.stderr:
            return done.raw if done.ok else b""
        last = (done.stderr.strip() or "no answer").splitlines()[-1]
        verb = join(takewhile(lambda word: not word.startswith("-"), argv))  # `helm history`, `helm get manifest`
        raise CommandError(f"cluster {session.cluster}: {verb}: {last}", hint=done.stderr)

    try:
        return retried(
            read, lambda error: isinstance(error, CommandError) and transient_command(error), cancelled=cancelled
        )
    except CommandError as error:
        raise TargetError(error.message, hint="Are the credentials that cluster.yaml names still good?") from None


def read_revisions(session: Session, known: Iterable[str], *, env: Mapping[str, str]) -> dict[str, int]:
    """The newest revision of each release whose namespace has its name, where Helm calls it deployed.

    Where the account may not look everywhere: of the ``known`` ones.

    :raises CommandError: the cluster cannot be asked.
    """
    try:
        return _listed(session, ("--all-namespaces",), env)
    except CommandError as error:
        if "forbidden" not in error.hint:
            raise
    each = (_listed(session, ("--namespace", name), env) for name in known)
    return {name: revision for found in each for name, revision in found.items()}


def _listed(session: Session, where: tuple[str, ...], env: Mapping[str, str]) -> dict[str, int]:
    argv = ("helm", "list", *where, "--deployed", "--max", "0", "--output", "json")

    def read() -> dict[str, int]:
        found = json.loads(session.run(argv, env=env, timeout=LOOK).raw)
        return {one["name"]: int(one["revision"]) for one in found if one["name"] == one["namespace"]}

    return retried(read, lambda error: isinstance(error, CommandError) and transient_command(error))
