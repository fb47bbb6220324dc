"""What became of a hub's settings when its process read them: for the notices of a deployment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deployer.errors import DeployerError


class HubConfigError(DeployerError):
    """A setting that the hub cannot start with."""


@dataclass
class Report:
    """Filled while a hub is configured.

    ``skipped``: snippets not run, by name, with what they need. ``login``: the class that the local log-in stands in
    for. ``undecided``: its rules that need facts from outside. ``not_applied``: settings without effect, and why.
    """

    skipped: dict[str, str] = field(default_factory=dict)
    login: str = ""
    undecided: list[str] = field(default_factory=list)
    not_applied: dict[str, str] = field(default_factory=dict)

    def leave_out(self, key: str, why: str) -> None:
        self.not_applied.setdefault(key, why)

    def leave_out_all(self, keys: Iterable[str], why: str) -> None:
        for key in keys:
            self.leave_out(key, why)

    def notices(self) -> tuple[str, ...]:
        """One line each."""
        rules = ", ".join(self.undecided)
        return tuple(
            filter(
                None,
                (
                    f"{self.login} is replaced by a local log-in with the same allow and admin rules"
                    * bool(self.login),
                    f"{rules} cannot be decided here: whoever has the local password is let in" * bool(rules),
                    *(
                        f'hub.extraConfig["{name}"] is not run: it needs {needs}'
                        for name, needs in self.skipped.items()
                    ),
                ),
            )
        )

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({**asdict(self), "notices": self.notices()}, indent=2, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path: Path) -> Report:
        raw = json.loads(path.read_text())
        raw.pop("notices", None)
        return cls(**raw)
