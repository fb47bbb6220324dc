"""What a release holds, and what an upgrade would make of it: asked of Helm and the cluster, with nothing changed.

Helm renders against the cluster itself (``--dry-run=server``): for the Kubernetes that it is, and with the secrets that
the chart finds there and keeps.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

from deployer.errors import CommandError, TargetError
from deployer.fleet.helm_yaml import load
from deployer.fleet.repository import Release
from deployer.fleet.values import Values, merge
from deployer.helm.commands import Commands
from deployer.targets.credentials.session import Session
from deployer.targets.helm.desired import Desired
from deployer.targets.helm.helm import look, read_history
from deployer.targets.helm.history import Revision
from deployer.targets.helm.kubectl import transient_command
from deployer.targets.helm.layout import LaidOut, lay_out
from deployer.targets.helm.messages import explained
from deployer.targets.helm.retry import retried
from deployer.targets.helm.workshop import Workshop

RENDERING = 180.0  # seconds


@dataclass(frozen=True)
class Live:
    """One release, there and as it would be. Texts are manifests as Helm writes them, hooks included, secrets too."""

    release: Release
    desired: Desired
    workshop: Workshop
    session: Session
    commands: Commands
    env: Mapping[str, str] = field(repr=False)
    cancelled: threading.Event | None = None

    @cached_property
    def current(self) -> Revision | None:
        """The revision that is deployed, from which an upgrade starts.

        :raises TargetError: it cannot be read.
        """
        return read_history(self.session, self.commands, env=self.env, cancelled=self.cancelled).current

    def held(self) -> str:
        """The manifests of that revision; "" where nothing is deployed.

        :raises TargetError: they cannot be read.
        """
        if self.current is None:
            return ""
        argvs = (self.commands.manifest(self.current.number), self.commands.hooks(self.current.number))
        return _joined(look(self.session, argv, env=self.env, cancelled=self.cancelled).decode() for argv in argvs)

    def given_values(self) -> Values:
        """The values that whoever made the deployed revision gave, without the chart's defaults.

        :raises TargetError: they cannot be read.
        """
        if self.current is None:
            return {}
        argv = self.commands.values(self.current.number)
        return _values(look(self.session, argv, env=self.env, cancelled=self.cancelled) or b"{}")

    def wanted_values(self) -> Values:
        """The values that an upgrade would give, merged as Helm does; secrets too.

        :raises DeployerError: they cannot be read or decrypted.
        """
        decrypt = partial(self.desired.decrypted, session=self.session)
        return merge(
            _values(layer.content) for layer in self.desired.sources.source(self.release, decrypt=decrypt).values
        )

    @property
    def may_differ(self) -> bool:
        """Whether the chart makes secrets at random, unless it finds them.

        :raises DeployerError: the chart cannot be prepared.
        """
        return self._laid_out.random

    def would_be(self, *, lookup: bool = True) -> str:
        """The manifests that an upgrade would send.

        :param lookup: whether the chart sees what is there; else it makes its secrets at random.
        :raises DeployerError: the release's inputs cannot be read, or Helm cannot render them.
        """
        laid = self._laid_out
        step = self.commands.preview(laid.chart, laid.values, lookup=lookup)

        def render() -> bytes:
            return self.session.run(
                step.argv(), env=self.env, cwd=laid.root, timeout=RENDERING, cancelled=self.cancelled
            ).raw

        try:
            raw = retried(
                render,
                lambda error: isinstance(error, CommandError) and transient_command(error),
                cancelled=self.cancelled,
            )
        except CommandError as error:
            raise explained(self.release.id, error.hint, self.desired.chart_folders(self.release)) from None
        return _manifests(raw)

    @cached_property
    def _laid_out(self) -> LaidOut:
        return lay_out(self.desired, self.workshop, self.release, self.session)


def _manifests(raw: bytes) -> str:
    """Of what Helm writes of a release as JSON.

    :raises TargetError: it is something else.
    """
    try:
        found = json.loads(raw)
        return _joined([found["manifest"], *(hook["manifest"] for hook in found.get("hooks") or ())])
    except (ValueError, KeyError, TypeError):
        raise TargetError("helm did not say what it would do, as this version of it should") from None


def _values(raw: bytes) -> Values:
    data = load(raw, "values").data
    return data if isinstance(data, dict) else {}


def _joined(texts: Iterable[str]) -> str:
    return "\n---\n".join(texts)
