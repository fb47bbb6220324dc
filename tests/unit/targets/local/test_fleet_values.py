"""Values of a real fleet: each hub's can be explained, and configured or refused with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_values import configured

from deployer.errors import DeployerError
from deployer.targets.local.lookup import merged
from deployer.targets.local.treatments import Treatment, explain, notices

FLEET = Path(__file__).parents[5] / "shared" / "data" / "real-fleet" / "config" / "clusters"
pytestmark = pytest.mark.skipif(not FLEET.is_dir(), reason=f"no real fleet's data at {FLEET}")


def read(path: Path) -> dict[str, Any]:
    found = yaml.load(path.read_text(), Loader=yaml.CSafeLoader) if path.suffix == ".yaml" else {}
    return found if isinstance(found, dict) else {}


def hubs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each hub with the values of its plain files, of the section that the chart reads."""
    for cluster in sorted(FLEET.glob("*/cluster.yaml")):
        for hub in read(cluster).get("hubs", ()):
            files = [cluster.parent / name for name in hub["helm_chart_values_files"] if not name.startswith("enc-")]
            values: dict[str, Any] = {}
            for path in files:
                values = merged(values, read(path)) if path.is_file() else values
            section = values.get("jupyterhub") or values.get("basehub", {}).get("jupyterhub") or {}
            yield f"{cluster.parent.name}/{hub['name']}", section


def test_every_hub_is_explained_with_no_key_unknown() -> None:
    unknown = {
        f"{name}: {treated.path}"
        for name, values in hubs()
        for treated in explain(values)
        if treated.treatment is Treatment.UNKNOWN
    }
    assert not unknown
    assert any(notices(values, explain(values)) for _, values in hubs())


def test_every_hub_is_configured_or_refused_for_a_setting_of_its_own(tmp_path: Path) -> None:
    refused = {}
    for name, values in hubs():
        try:
            configured(tmp_path, values)
        except DeployerError as error:
            refused[name] = str(error)
    assert all(re.match(r"hub\.config\.\w+\.\w+: ", why) for why in refused.values()), refused
    assert len(refused) < sum(1 for _ in hubs()) / 10, refused
