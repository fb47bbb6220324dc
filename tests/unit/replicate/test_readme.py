"""The README of a replicate: it says what fits the hub, and its commands are ones that a shell takes."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from deployer.errors import FleetError
from deployer.fleet.ids import ReleaseId
from deployer.helm.sources import SourceReader
from deployer.render.cache import Cache
from deployer.render.renderer import Renderer
from deployer.replicate.bundle import Replicator
from deployer.replicate.layers import LeftOut
from small_fleet import cluster, files, fleet_of, hub

SINGLE = {"storage": {"type": "static", "static": {"pvcName": "home-nfs"}}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, ["for one in $(on OLD get pvc", "take a copy while the", "the chart's own"]),
        ({"singleuser": SINGLE}, ["rsync --archive"]),
        ({"singleuser": {"storage": {"type": "none"}}}, ["This hub keeps none"]),
        ({"hub": {"db": {"type": "postgres"}}}, ["It is a postgres database"]),
        ({"hub": {"db": {"type": "sqlite-memory"}}}, ["in memory only"]),
        ({"hub": {"config": {"JupyterHub": {"authenticator_class": "cilogon"}}}}, ["cilogon.org/oauth2/register"]),
        ({"singleuser": {"profileList": [{"display_name": "A | B"}]}}, ["| A \\| B |"]),
        ({"singleuser": {"nodeSelector": {"pool": "big"}}}, ["- [ ] nodes with the label pool=big"]),
    ],
)
def test_the_readme_fits_the_hub(values: dict[str, Any], told: list[str]) -> None:
    contents = files(cluster("reef", [hub("ocean")]))
    contents["config/clusters/reef/ocean.values.yaml"] = json.dumps({"jupyterhub": values})
    fleet = fleet_of(contents)
    with Renderer({}, Cache(None)) as without_helm:
        by = Replicator(SourceReader(fleet), without_helm)
        made = by.make(fleet.releases[ReleaseId("reef", "ocean")], LeftOut(fleet.tree.read))
    readme = made.files["README.md"].decode()
    for text in told:
        assert text in readme
    assert "could not be computed where this was made: helm is not installed" in readme
    assert not [line for line in readme.splitlines() if len(line) > 160]
    scripts = "\n".join(line[4:] for line in readme.splitlines() if line.startswith("    "))
    subprocess.run(["/bin/sh", "-n"], input=scripts, check=True, text=True, timeout=60)


def test_a_name_that_would_be_a_command_in_a_script_is_refused() -> None:
    name = "x\ntouch here"
    fleet = fleet_of(files(cluster("reef", [hub(name)])))
    with Renderer({}, Cache(None)) as without_helm, pytest.raises(FleetError, match="no name that Kubernetes takes"):
        Replicator(SourceReader(fleet), without_helm).make(
            fleet.releases[ReleaseId("reef", name)], LeftOut(fleet.tree.read)
        )
