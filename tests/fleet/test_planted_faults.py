"""Faults planted in copies of a cluster of a real fleet: `validate` finds each, where it is."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from test_real_fleet import DATA, SETTINGS

from deployer.cli.main import main
from deployer.errors import DeployerError, flattened
from deployer.fleet import json_schema
from deployer.fleet.findings import Finding, of_error
from deployer.fleet.helm_yaml import load
from deployer.fleet.repository import load_fleet
from deployer.fleet.validation import validate
from deployer.git import WorkTree

pytestmark = pytest.mark.skipif(
    not (DATA / "real-fleet").is_dir(),
    reason=f"no real fleet in {DATA}: set DEPLOYER_TEST_DATA to the folder that has it",
)

LEAP = "config/clusters/leap"
YAML = f"{LEAP}/cluster.yaml"
VALUES = f"{LEAP}/staging.values.yaml"
SECRET = f"{LEAP}/enc-new.secret.yaml"
Plant = Callable[[Path], object]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("planted") / "fleet"
    for part in ("helm-charts", LEAP):  # one cluster of it, that a copy costs little
        shutil.copytree(DATA / "real-fleet" / part, root / part, copy_function=shutil.copyfile)
    for folder in (root, *(one for one in root.rglob("*") if one.is_dir())):
        folder.chmod(0o755)
    (root / "deployer.yaml").write_text(SETTINGS)
    return root


@pytest.fixture(scope="module")
def known(sound: Path) -> Counter[tuple[str, str]]:
    return found(sound)


def found(root: Path) -> Counter[tuple[str, str]]:
    return Counter((one.rule, one.place.path) for one in validate(load_fleet(WorkTree(root))))


def sub(path: str, old: str, new: str) -> Plant:
    def plant(root: Path) -> None:
        text = (root / path).read_text()
        assert old in text, (path, old)
        (root / path).write_text(text.replace(old, new, 1))

    return plant


def put(path: str, text: str | bytes) -> Plant:
    def plant(root: Path) -> None:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(text if isinstance(text, bytes) else text.encode())

    return plant


def append(path: str, text: str) -> Plant:
    return lambda root: (root / path).write_text((root / path).read_text() + text)


def line_of(root: Path, path: str, word: str) -> int:
    return next(i for i, line in enumerate((root / path).read_text().splitlines(), 1) if word in line)


# Fault → rule, file, and a word of the line that the finding must name ("" for a file with no line).
FAULTS: list[tuple[Plant, str, str, str]] = [
    (sub(YAML, "name: leap", "name: leaped"), "cluster-name", YAML, "name: leaped"),
    (sub(YAML, "- name: prod", "- name: Prod"), "hub-name", YAML, "name: Prod"),
    (sub(YAML, "helm_chart: ", "helm_chrat: 1\n  helm_chart: "), "unknown-key", YAML, "helm_chrat"),
    (sub(YAML, "- name: prod", "- canary: [stagin]\n  name: prod"), "canary", YAML, "canary"),
    (sub(YAML, "staging.values.yaml", "gone.values.yaml"), "missing-file", YAML, "gone.values.yaml"),
    (sub(YAML, "helm_chart: ", "helm_chart: x"), "chart", YAML, "helm_chart: x"),
    (sub(YAML, "provider: gcp", "provider: aws"), "provider-block", YAML, "provider: aws"),
    (put(VALUES, "a: b\n  c: d\n"), "unreadable", VALUES, "c: d"),
    (put(VALUES, "a: 1\nb: 2\na: 3\n"), "unreadable", VALUES, "a: 3"),
    (put(VALUES, "a:\n\tb: 1\n"), "unreadable", VALUES, "\tb"),
    (put(VALUES, "- a\n"), "unreadable", VALUES, "- a"),
    (put(VALUES, b"a: 1\nb: \xff\n"), "unreadable", VALUES, ""),
    (put(SECRET, "token: hunter2\n"), "secret-not-encrypted", SECRET, "token"),
    (put(f"{LEAP}/old.values.yaml", "{}\n"), "unused-values-file", f"{LEAP}/old.values.yaml", ""),
    (put("config/clusters/gone/hub.values.yaml", "{}\n"), "no-cluster-yaml", "config/clusters/gone", ""),
    (sub(YAML, "- staging.values.yaml", "- staging.values.yaml\n  - staging.values.yaml # twice"), "values-file-twice",
     YAML, "# twice"),
    (append("helm-charts/support/Chart.yaml", "  - {name: x, version: ^1, repository: 'https://x.example.org'}\n"),
     "no-chart-lock", "helm-charts/support/Chart.yaml", "^1"),
    (put("helm-charts/support/values.schema.json", '{"properties": {"grafana": {"type": "string"}}}'), "values-schema",
     f"{LEAP}/support.values.yaml", "grafana:"),
    (append("deployer.yaml", "silence: {no-canari: why}\n"), "silence-unknown-rule", "deployer.yaml", "no-canari"),
    (append("deployer.yaml", "silence: {culling-off: why}\n"), "silence-of-nothing", "deployer.yaml", "culling-off"),
]  # fmt: skip


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "fleet"
    shutil.copytree(sound, root)
    yield root
    shutil.rmtree(root)


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{number}-{fault[1]}" for number, fault in enumerate(FAULTS)])
def test_a_planted_fault_is_found(
    copy: Path, known: Counter[tuple[str, str]], fault: tuple[Plant, str, str, str]
) -> None:
    plant, rule, path, word = fault
    plant(copy)
    new = [one for one in told(copy) if (one.rule, one.place.path) not in known]
    (match,) = [one for one in new if (one.rule, one.place.path) == (rule, path)]
    assert not word or match.place.line == line_of(copy, path, word)
    assert "hunter2" not in str(match)


def told(copy: Path) -> list[Finding]:
    """What `validate` says, be it that the fleet cannot be read."""
    try:
        return validate(load_fleet(WorkTree(copy)))
    except DeployerError as error:
        return [of_error(single) for single in flattened(error)]


# A policy fault: values of leap/staging, that lists an encrypted file last or not.
POLICY: list[tuple[dict[str, Any], str]] = [
    ({"cull": {"enabled": False}}, "culling-off"),
    ({"hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"}}}}, "dummy-authenticator"),
    ({"singleuser": {"image": {"tag": "latest"}}}, "image-latest"),
    ({"hub": {"config": {"JupyterHub": {"authenticator_class": "tmp"}, "Authenticator": {"allow_all": True}}}},
     "everybody-can-log-in"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "rule"), POLICY, ids=[rule for _, rule in POLICY])
def test_a_planted_fault_of_policy_is_found(copy: Path, values: dict[str, Any], rule: str) -> None:
    fleet = load_fleet(WorkTree(copy))
    release = next(one for one in fleet.releases.values() if one.id == ("leap", "staging"))
    below: dict[str, Any] = values
    for key in reversed(fleet.charts.hub_values_path(release.chart) or ()):
        below = {key: below}
    (copy / release.values_files[-1]).with_name("planted.yaml").write_text(json.dumps(below))
    text = (copy / YAML).read_text()
    last = f"  - {release.values_files[-1].rpartition('/')[2]}\n"
    (copy / YAML).write_text(text.replace(last, f"{last}  - planted.yaml\n"))
    found = [one for one in validate(load_fleet(WorkTree(copy)), [release.id]) if one.rule == rule]
    assert found, rule


def test_a_large_file_and_others_that_no_one_should_read(copy: Path) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{after}: &{after} [{','.join([f'*{before}'] * 10)}]\n"
        for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
    for text, said in (
        (b"a: '" + b"x" * 50 * 2**20 + b"'\n", "50.0 MiB"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "levels deep"),
        (bomb.encode(), "aliases are expanded"),
    ):
        (copy / VALUES).write_bytes(text)
        (one,) = [one for one in validate(load_fleet(WorkTree(copy))) if one.place.path == VALUES]
        assert (one.rule, said in one.message) == ("unreadable", True)


def test_a_link_out_of_the_fleet(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / VALUES).unlink()
    (copy / VALUES).symlink_to("/etc/hostname")
    assert main(["--fleet", str(copy), "validate"]) == 1
    assert f"{VALUES}: leads out of the fleet, to /etc/hostname [outside-fleet]" in capsys.readouterr().out


def test_its_cluster_yaml_files_are_valid_by_the_schema() -> None:
    validator = Draft202012Validator(json_schema.cluster_schema(["aws.billing", "gcp.billing"]))
    for path in sorted((DATA / "real-fleet").glob("config/clusters/*/cluster.yaml")):
        data = load(path.read_bytes(), str(path)).data
        assert [error.message for error in validator.iter_errors(data)] == [], path
        data["hubs"][0]["helm_chart_value_files"] = []
        assert not validator.is_valid(data)
