"""Whatever stands in the files of a fleet: an answer or a message, and never a report of a bug."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fleet_world import default_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.cli.main import main

REEF = "config/clusters/reef"
FILES = {
    f"{REEF}/cluster.yaml": (
        "name: reef\nprovider: gcp\ngcp: {project: p, cluster: c, zone: z}\n"
        "support: {helm_chart_values_files: [s.yaml]}\n"
        "hubs:\n- name: staging\n  domain: a.b\n  helm_chart: basehub\n  helm_chart_values_files: [v.yaml, v.jsonnet]\n"
        "- name: ocean\n  domain: c.d\n  helm_chart: daskhub\n  helm_chart_values_files: [v.yaml]\n"
        "  canary: [staging]\n"
        "  stage: production\n  chart_override: Chart.yaml\n  health: http\n  retire: false\n"
    ),
    f"{REEF}/v.yaml": "jupyterhub: &a {hub: {config: {}}}\nother: {<<: *a}\n",
    f"{REEF}/v.jsonnet": "{jupyterhub: {name: std.extVar('NAME')}}",
    f"{REEF}/Chart.yaml": "name: daskhub\ndependencies: [{name: basehub, repository: file://../basehub}]\n",
    "deployer.yaml": (
        "charts: helm-charts\nextra_keys: [aws.billing]\nrebuild_all_on: ['*.lock']\n"
        "limits: {parallel: 3, timeout: 60}\n"
        "jsonnet: {chart_values: values.jsonnet, ext_vars: {NAME: hub.name}}\nhealth: {user: u, attempts: 2}\n"
    ),
    "helm-charts/basehub/Chart.yaml": "name: basehub\ndependencies: [{name: jupyterhub, version: 4.3.3}]\n",
    "helm-charts/basehub/values.jsonnet": "{a: std.extVar('NAME')}",
}
# What stands in such files with a meaning, so that more than the parser is reached.
WORDS = """
null ~ [] {} true 3 1.5 .inf '' "x" - : ? & * ! | > % @ ` # / .. ../.. $ hubs: name: canary: stage: [staging]
support staging ocean <<: *a &a !!int !!binary import error std.extVar('X') 0x 1e999
"""
MEANINGFUL = [*WORDS.split(), "\t", "\n", "\\", " ", "\x00", "\x7f", "\u2028"]
BITS = st.sampled_from(MEANINGFUL) | st.text(max_size=3)


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, bytes]:
    """One file, with a few pieces cut out or put in."""
    path = draw(st.sampled_from(sorted(FILES)))
    text = FILES[path].encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(BITS.map(lambda bit: bit.encode("utf-8", "surrogatepass")) | st.binary(max_size=3))
        text = text[:start] + piece + text[end:]
    return path, text


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("any") / "fleet"
    for path, text in (default_files() | FILES).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(mutations(), st.sampled_from(["validate", "plan --all", "plan helm-charts/basehub/x deployer.yaml"]))
def test_no_file_makes_a_bug(
    root: Path, capsys: pytest.CaptureFixture[str], mutation: tuple[str, bytes], words: str
) -> None:
    path, text = mutation
    (root / path).write_bytes(text)
    try:
        code = main(["--fleet", str(root), *words.split()])
    finally:
        (root / path).write_text(FILES[path])
    said = capsys.readouterr()
    assert code in (0, 1), said.err
    assert "Traceback" not in said.err


def test_folders_where_files_should_be(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted(FILES):
        copy = tmp_path / path.replace("/", "-")
        shutil.copytree(root, copy)
        (copy / path).unlink()
        (copy / path).mkdir()
        for words in (["validate"], ["plan", "--all"], ["plan", f"{REEF}/v.yaml", path]):
            assert main(["--fleet", str(copy), *words]) in (0, 1), capsys.readouterr().err


def test_files_that_may_not_be_read(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sorted(FILES):
        copy = tmp_path / path.replace("/", "-")
        shutil.copytree(root, copy)
        (copy / path).unlink()
        (copy / path).symlink_to(path.rpartition("/")[2])  # a link to itself: no user can read it, not even root
        for words in (["validate"], ["plan", "--all"], ["plan", f"{REEF}/v.yaml", path]):
            assert main(["--fleet", str(copy), *words]) in (0, 1), capsys.readouterr().err
