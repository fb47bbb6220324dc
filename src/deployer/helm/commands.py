"""The commands of a release, as a stranger would type them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deployer.plan.steps import Step

FOR_HELM = 2 / 3  # of an upgrade's time: what is left is for the roll-back of an upgrade that failed
SHORTEST = 5  # seconds


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of one release with one Helm: ``major`` is 3 or 4."""

    name: str  # of the release and of its namespace
    major: int

    def upgrade(self, chart: str, values: Iterable[str], *, seconds: float, description: str = "") -> Step:
        """Install or upgrade, wait, and go back on failure.

        :param seconds: for the whole, roll-back included.
        """
        words = ["helm", "upgrade", "--install", "--create-namespace", *self._where, self.name, chart]
        for path in values:
            words += ["--values", path]
        words += ["--wait", "--timeout", helm_timeout(seconds), self._undo]
        record = ("--description", description) if description else ()
        return Step(f"upgrade {self.name}", tuple(words), record=record)

    def rollback(self, revision: int, *, seconds: float) -> Step:
        words = ("helm", "rollback", *self._where, self.name, str(revision))
        return Step(f"back to revision {revision}", (*words, "--wait", "--timeout", helm_timeout(seconds)))

    def uninstall(self, *, seconds: float) -> Step:
        words = ("helm", "uninstall", *self._where, self.name)
        return Step(f"uninstall {self.name}", (*words, "--wait", "--timeout", helm_timeout(seconds)))

    def history(self) -> tuple[str, ...]:
        return ("helm", "history", *self._where, self.name, "--max", "20", "--output", "json")

    def preview(self, chart: str, values: Iterable[str], *, lookup: bool = True) -> Step:
        """What an upgrade would send, as JSON; the cluster is asked, and not changed.

        :param lookup: whether the chart sees what is there.
        """
        words = ["helm", "upgrade", "--install", *self._where, self.name, chart]
        for path in values:
            words += ["--values", path]
        return Step(
            f"preview {self.name}", (*words, f"--dry-run={'server' if lookup else 'client'}", "--output", "json")
        )

    def manifest(self, revision: int = 0) -> tuple[str, ...]:
        """The manifest of a revision, by default the last."""
        return ("helm", "get", "manifest", *self._where, self.name, *_revision(revision))

    def hooks(self, revision: int) -> tuple[str, ...]:
        return ("helm", "get", "hooks", *self._where, self.name, *_revision(revision))

    def values(self, revision: int) -> tuple[str, ...]:
        """The values that were given to a revision."""
        return ("helm", "get", "values", *self._where, self.name, *_revision(revision), "--output", "json")

    def stop(self) -> Step:
        words = ("kubectl", "scale", *self._where, "--replicas", "0", "deployment,statefulset", "--all")
        return Step(f"stop {self.name}", words)

    @property
    def _where(self) -> tuple[str, str]:
        return ("--namespace", self.name)

    @property
    def _undo(self) -> str:
        return "--atomic" if self.major == 3 else "--rollback-on-failure"


def apply_crds(files: Iterable[str]) -> tuple[Step, ...]:
    """What Helm installs once and never upgrades. Helm owns what it installed, so its fields are taken over."""
    words = ("kubectl", "apply", "--server-side", "--force-conflicts", "--filename")
    return tuple(Step(f"custom resource definitions of {file}", (*words, file)) for file in files)


def _revision(number: int) -> tuple[str, ...]:
    return ("--revision", str(number)) if number else ()


def helm_timeout(seconds: float) -> str:
    return f"{max(int(seconds * FOR_HELM), SHORTEST)}s"
