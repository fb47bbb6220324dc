"""Configuring a hub from values without starting it: what it would run with, as plain data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traitlets.config import Config

from deployer.targets.local.context import HubContext, Secrets
from deployer.targets.local.environment import hub_environment
from deployer.targets.local.hub_config import apply
from deployer.targets.local.report import Report
from deployer.targets.local.treatments import with_defaults


@dataclass(frozen=True)
class Configured:
    config: Config
    report: Report
    context: HubContext

    def mark(self) -> str:
        """All that a change of a value can show in."""
        files = {
            str(path.relative_to(self.context.files)): (path.read_text(), oct(path.stat().st_mode))
            for path in sorted(self.context.files.rglob("*"))
            if path.is_file()
        }
        environment = hub_environment(with_defaults(self.context.values()), self.context)
        return repr((self.config, files, environment, self.report.not_applied))


def configured(folder: Path, values: dict[str, Any]) -> Configured:
    folder.mkdir(exist_ok=True)
    secrets = Secrets("ab" * 32, "cd" * 32, "proxy-token", "health-token", "local password")
    secrets.write(folder / "secrets.json")
    (folder / "values.json").write_text(json.dumps(values))
    context = HubContext(
        cluster="reef",
        hub="ocean",
        hub_dir=folder,
        values_path=folder / "values.json",
        secrets_path=folder / "secrets.json",
        report_path=folder / "report.json",
        hub_port=8081,
        proxy_port=8000,
        proxy_api_url="http://127.0.0.1:8001",
    )
    config, report = Config(), Report()
    apply(config, context, report)
    return Configured(config, report, context)
