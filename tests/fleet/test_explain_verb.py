"""`deployer explain`: what the user sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fleet_world import World

from small_fleet import hub

REEF = "config/clusters/reef"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path / "fleet")
    path = world.root / REEF / "cluster.yaml"
    data = json.loads(path.read_text())
    data["hubs"][1] |= hub("ocean", helm_chart_values_files=["ocean.values.yaml", "enc-ocean.secret.yaml"])
    path.write_text(json.dumps(data))
    world.write(f"{REEF}/enc-ocean.secret.yaml", "sops: {}\n")
    world.write(
        f"{REEF}/ocean.values.yaml",
        "jupyterhub:\n  cull: {enabled: false}\n  hub:\n    config: {A: {client_secret: hunter2}}\n"
        "    extraConfig: {a: 'c.A.password = \"hunter2\"'}\n",
    )
    return world


def test_one_key(world: World) -> None:
    said = world.run("explain", "reef/ocean", "jupyterhub.cull.enabled")
    assert said == (
        0,
        (
            "jupyterhub.cull.enabled: false\n"
            "  helm-charts/basehub/values.yaml:1: true (the chart's default)\n"
            f"  {REEF}/ocean.values.yaml:2: false (wins)\n"
            f"  {REEF}/enc-ocean.secret.yaml: may set it (encrypted)\n"
            "  chart jupyterhub 4.3.3 may have a default for it, which counts where nothing here sets it\n"
        ),
        "",
    )


def test_a_second_document_is_said_not_to_be_looked_at(world: World) -> None:
    path = f"{REEF}/ocean.values.yaml"
    world.write(path, "jupyterhub: {cull: {enabled: false}}\n---\njupyterhub: {cull: {enabled: true}}\n")
    said = world.run("explain", "reef/ocean", "jupyterhub.cull.enabled")
    assert f"{path}:1: false (wins)" in said.out
    assert said.err == f"{path}:3: a second document is not looked at: Helm 3 ignores it, Helm 4 merges it\n"


def test_all_keys(world: World) -> None:
    said = world.run("explain", "reef/ocean")
    assert said.out.splitlines() == [
        f"jupyterhub.cull.enabled: false  ← {REEF}/ocean.values.yaml:2",
        f"jupyterhub.hub.config.A.client_secret: ***  ← {REEF}/ocean.values.yaml:4",
        f"jupyterhub.hub.extraConfig.a: ***  ← {REEF}/ocean.values.yaml:5",
    ]
    assert world.run("explain", "reef/staging").out == (
        "jupyterhub.cull.enabled: true  ← helm-charts/basehub/values.yaml:1\n"
    )


@pytest.mark.parametrize("key", [[], ["jupyterhub.hub"], ["jupyterhub.hub.config.A.client_secret"]])
def test_no_face_shows_a_secret(world: World, key: list[str]) -> None:
    for words in ([], ["--format", "json"]):
        said = world.run("explain", "reef/ocean", *key, *words)
        assert said.code == 0
        assert "client_secret" in said.out or "***" in said.out
        assert "hunter2" not in said.out


def test_as_json(world: World) -> None:
    said = world.run("explain", "reef/ocean", "jupyterhub.cull.enabled", "--format", "json")
    (key,) = json.loads(said.out)["keys"]
    assert (key["key"], key["set"], key["value"]) == ("jupyterhub.cull.enabled", True, False)
    assert [(one["line"], one["wins"], one["encrypted"]) for one in key["setters"]] == [
        (1, False, False),
        (2, True, False),
        (None, False, True),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reef/ocean", "jupyterhub.cull.enable"], "reef/ocean: nothing sets jupyterhub.cull.enable\nDid you mean "),
        (["reef/oceam"], "cluster reef has no hub 'oceam'"),
        (["reef"], "reef: a hub is to be named"),
    ],
)
def test_what_the_user_can_mend(world: World, words: list[str], message: str) -> None:
    said = world.run("explain", *words)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"deployer: {message}")


def test_nothing_sets_it(world: World) -> None:
    said = world.run("explain", "reef/staging", "jupyterhub.hub.image.tag")
    assert said.code == 0
    assert said.out.startswith("jupyterhub.hub.image.tag: not set\n  nothing in the fleet sets it\n  chart jupyterhub")
