"""`deployer schema`, and what `deployer init` writes for editors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fleet_world import World
from jsonschema import Draft202012Validator

from deployer.fleet.chart_options import BEGIN, END
from deployer.fleet.helm_yaml import load


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "fleet")


@pytest.mark.parametrize("name", ["cluster", "deployer"])
def test_it_prints_a_schema(world: World, name: str) -> None:
    said = world.run("schema", name)
    assert (said.code, said.err) == (0, "")
    Draft202012Validator.check_schema(json.loads(said.out))


def test_outside_any_fleet_too(world: World, tmp_path: Path) -> None:
    assert world.run("schema", "cluster", cwd=tmp_path).code == 0
    assert world.run("schema", cwd=tmp_path).err.startswith("deployer: say which: cluster, deployer or charts\n")
    assert world.run("schema", "--write", cwd=tmp_path).code == 1


def test_write_and_check(world: World) -> None:
    missing = world.run("schema", "--check")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == "deployer: schemas/cluster.schema.json: is missing\nRun: deployer schema --write\n"
    said = world.run("schema", "--write")
    assert said == (0, "wrote schemas/cluster.schema.json\nwrote schemas/deployer.schema.json\n", "")
    assert world.run("schema", "--check") == (0, "", "")
    world.write("deployer.yaml", "extra_keys: [aws.billing]\n")
    assert "is not what this version of the deployer and deployer.yaml make" in world.run("schema", "--check").err
    assert world.run("schema", "--check", "deployer").code == 0
    assert world.run("schema", "--write", "--check").code == 1


def test_a_fleet_s_own_keys(world: World) -> None:
    world.write("deployer.yaml", "extra_keys: [aws.billing]\n")
    schema = json.loads(world.run("schema", "cluster").out)
    assert "billing" in schema["$defs"]["Aws"]["properties"]


@pytest.mark.parametrize("words", [[], ["--example"]])
def test_a_new_fleet_has_them_and_nothing_is_wrong_with_it(world: World, tmp_path: Path, words: list[str]) -> None:
    assert world.run("init", "new", *words, cwd=tmp_path).code == 0
    new = tmp_path / "new"
    assert world.run("schema", "--check", cwd=new) == (0, "", "")
    assert world.run("validate", "--strict", cwd=new).code == 0
    for file in (new / "deployer.yaml", *new.glob("config/clusters/*/cluster.yaml")):
        pointed = file.read_text().splitlines()[0].partition("$schema=")[2]
        schema = json.loads((file.parent / pointed).read_text())
        assert Draft202012Validator(schema).is_valid(load(file.read_bytes(), file.name).data)


SCHEMA = {
    "properties": {
        "a": {
            "type": "object",
            "description": "What a | is.",
            "properties": {"b": {"type": ["string", "null"], "description": "What\n b is."}, "own": {"type": "string"}},
        },
        "many": {"type": "array", "description": "A long one."},
    }
}
README = f"# c\n\nfirst\n\n{BEGIN}\nold\n{END}\n\nlast\n"
TABLE = """\
| key | type | default | meaning |
|---|---|---|---|
| `a` | map |  | What a \\| is. |
| `a.b` | text | `"x"` | What b is. |
| `many` | list | see values.yaml | A long one. |
"""


def test_tables_of_options_in_the_readmes_of_charts(world: World) -> None:
    world.run("schema", "--write")
    world.write("helm-charts/c/values.schema.json", json.dumps(SCHEMA))
    world.write("helm-charts/c/values.yaml", json.dumps({"a": {"b": "x"}, "many": ["0123456789"] * 9}))
    world.write("helm-charts/c/README.md", README)
    world.write("helm-charts/without-a-schema/README.md", README)
    old = world.run("schema", "--check")
    assert old.code == 1
    assert old.err.startswith("deployer: helm-charts/c/README.md: is not what ")
    assert "values.schema.json" in old.err
    assert world.run("schema", "--check", "cluster").code == 0
    assert world.run("schema", "--write", "charts") == (0, "wrote helm-charts/c/README.md\n", "")
    assert world.run("schema", "charts") == (0, f"## helm-charts/c\n\n{TABLE}", "")
    made = (world.root / "helm-charts/c/README.md").read_text()
    assert made == README.replace("old\n", f"\n{TABLE}\n")
    assert world.run("schema", "--check") == (0, "", "")
    world.write("helm-charts/c/README.md", "# No place for a table\n")
    assert world.run("schema", "--check") == (0, "", "")
    world.write("helm-charts/c/README.md", README)
    world.write("helm-charts/c/values.schema.json", "{")
    assert "helm-charts/c/values.schema.json:1:2: not JSON" in world.run("schema", "--check").err
