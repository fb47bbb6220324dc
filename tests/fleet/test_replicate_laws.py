"""Laws of replicates over random fleets, held against the real Helm: layers of every kind, in every order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_render_laws import IGNORED, LAYER, PRINTS_ALL, PRINTS_VALUES, VALUES

from deployer.errors import DeployerError
from deployer.fleet.helm_yaml import load
from deployer.fleet.ids import ReleaseId
from deployer.helm.charts import dependency_entries
from deployer.helm.sources import SourceReader
from deployer.process import run
from deployer.render.cache import Cache
from deployer.render.renderer import Renderer
from deployer.replicate.bundle import Replicator
from deployer.replicate.chart import lock_digest
from deployer.replicate.layers import Kind, LeftOut
from deployer.replicate.plain import plain_yaml
from deployer.replicate.proof import Prover
from deployer.replicate.recipients import sealed_data, stand_in
from helm_world import helm_folder
from small_fleet import cluster, files, fleet_of, hub

# Each example starts Helm several times: few examples, each a fleet with much in it.
FEW = settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
REEF, OCEAN = "config/clusters/reef", ReleaseId("reef", "ocean")
COMMENTS = st.sampled_from(["", "# why\n", "\n# two\n# lines: {\n", "---\n"])


def sealed(data: Any) -> Any:
    """As sops leaves it."""
    if isinstance(data, dict):
        return {key: sealed(value) for key, value in data.items()}
    if isinstance(data, list):
        return [sealed(value) for value in data]
    kind = "bool" if isinstance(data, bool) else "int" if isinstance(data, int) else "str"
    return None if data is None else f"ENC[AES256_GCM,data:x,iv:x,tag:x,type:{kind}]"


@st.composite
def layer(draw: Any) -> tuple[str, str]:
    """The end of a file's name, and what is in it."""
    values = draw(LAYER)
    match draw(st.sampled_from(["yaml", "yaml", "json", "jsonnet", "sealed"])):
        case "yaml":
            body = yaml.safe_dump(values, default_flow_style=False) if values else ""
            return ".values.yaml", draw(COMMENTS) + body + "# end\n"
        case "json":
            return ".values.json.yaml", json.dumps(values)
        case "jsonnet":
            return ".jsonnet", f"local hub = std.extVar('HUB');\n{json.dumps(values)} + {{own: hub}}"
        case _:
            return ".secret.values.yaml", json.dumps({**sealed(values), "sops": {}})


IGNORE = st.lists(st.sampled_from(IGNORED), max_size=2).map("\n".join)
CHARTS = st.fixed_dictionaries({
    "helm-charts/outer/values.yaml": LAYER.map(json.dumps),
    "helm-charts/inner/values.yaml": LAYER.map(json.dumps),
    "helm-charts/inner/.helmignore": IGNORE,
    "helm-charts/outer/.helmignore": IGNORE,
    "helm-charts/inner/values.jsonnet": LAYER.map(json.dumps),
})  # fmt: skip
DEPENDENCY = st.sampled_from([
    "{name: inner, version: 0.1.0, repository: 'file://../inner'}",
    "{name: inner, version: '>=0.1.0', repository: file://../inner, alias: c}",
    "{name: inner, version: 0.1.0, repository: 'file://../inner', condition: on.on}",
])  # fmt: skip
FIXED = {
    "deployer.yaml": "jsonnet: {chart_values: values.jsonnet, ext_vars: {HUB: hub.name}}\n",
    "helm-charts/inner/Chart.yaml": "apiVersion: v2\nname: inner\nversion: 0.1.0\n",
    "helm-charts/inner/templates/values.yaml": PRINTS_VALUES.replace("{{ .Chart.Name }}", "inner-{{ .Chart.Name }}"),
    "helm-charts/inner/templates/files.yaml": PRINTS_ALL.replace("name: files", "name: inner-files"),
    "helm-charts/outer/templates/values.yaml": PRINTS_VALUES,
    "helm-charts/outer/templates/files.yaml": PRINTS_ALL,
    **{f"helm-charts/{chart}/{name}": name for chart in ("outer", "inner") for name in ("extra.txt", "sub/more.txt")},
}


@st.composite
def fleets(draw: Any) -> dict[str, str]:
    """Two hubs with up to four layers each, over two charts."""
    made, hubs = dict(FIXED) | draw(CHARTS), []
    for name in ("ocean", "pond"):
        layers = draw(st.lists(layer(), max_size=4))
        names = [f"{'enc-' if '.secret.' in end else ''}{name}{number}{end}" for number, (end, _) in enumerate(layers)]
        made |= {f"{REEF}/{file}": text for file, (_, text) in zip(names, layers, strict=True)}
        hubs.append(hub(name, helm_chart="outer", helm_chart_values_files=names))
    outer = f"apiVersion: v2\nname: outer\nversion: 0.1.0\ndependencies:\n  - {draw(DEPENDENCY)}\n"
    return files(cluster("reef", hubs, support=None)) | made | {"helm-charts/outer/Chart.yaml": outer}


@pytest.fixture(scope="module")
def env() -> dict[str, str]:
    return {**os.environ, "PATH": f"{helm_folder()}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def renderer(env: dict[str, str]) -> Iterator[Renderer]:
    with Renderer(env, Cache(None)) as made:
        yield made


@FEW
@given(contents=fleets())
def test_a_replicate_renders_what_the_deployer_sends(
    renderer: Renderer, env: dict[str, str], contents: dict[str, str]
) -> None:
    fleet = fleet_of(contents)
    by = Replicator(SourceReader(fleet), renderer)
    for proof in Prover(by, env).prove(fleet.releases.values()):
        # What Helm cannot render for the deployer (values that no chart takes) it cannot for anybody.
        ours = _reason(by, proof.release)
        assert bool(proof.reason) is bool(ours), (proof, ours)
        assert proof.differences == ()


def _reason(by: Replicator, release: ReleaseId) -> str:
    try:
        by.renderer.objects(by.source(by.fleet.releases[release]))
    except DeployerError as error:
        return str(error)
    return ""


@settings(FEW, max_examples=50)
@given(contents=fleets())
def test_plain_layers_are_there_byte_by_byte_and_in_order(contents: dict[str, str]) -> None:
    fleet = fleet_of(contents)
    release = fleet.releases[OCEAN]
    with Renderer({}, Cache(None)) as without_helm:
        made = Replicator(SourceReader(fleet), without_helm).make(release, LeftOut(fleet.tree.read))
    files_ = [file for file in made.values if not file.path.startswith("values/00-")]
    assert [file.path[:9] for file in files_] == [f"values/{number:02}" for number in range(1, len(files_) + 1)]
    for path, file in zip(release.values_files, files_, strict=True):
        assert made.files[file.path] == file.content
        if path.endswith(".jsonnet"):
            assert load(file.content, "").data["own"] == "ocean"
        elif ".secret." in path:
            assert load(file.content, "").data is None  # a comment
            assert bool(file.missing) is (file.kind is Kind.PROVIDED)
        else:
            assert file.content == contents[path].encode()


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from([
    "1e3", "yes", "1:30", "014", "0x1", "null", "~", "-", "", " a", "a ", "a\nb", "a\n\n", "\n", "a: b", "# a", "1_000",
    "{", "é",
])  # fmt: skip
ANY = st.recursive(VALUES | TEXTS | st.floats(allow_nan=False, allow_infinity=False), lambda inner: (
    st.dictionaries(TEXTS, inner, max_size=3) | st.lists(inner, max_size=3)
), max_leaves=8)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(values=st.dictionaries(TEXTS, ANY, max_size=4))
def test_plain_yaml_is_read_as_what_it_was(values: dict[str, Any]) -> None:
    as_json = load(json.dumps(values, ensure_ascii=False).encode(), "").data
    assert json.dumps(load(plain_yaml(values), "").data, sort_keys=True) == json.dumps(as_json, sort_keys=True)


@given(values=LAYER)
def test_stand_ins_have_the_shape_of_what_was_sealed(values: dict[str, Any]) -> None:
    raw = json.dumps({**sealed(values), "sops": {}}).encode()
    made = stand_in(sealed_data(raw, "x"))
    assert _shape(made) == _shape(values)
    texts = [text for text in _leaves(made) if isinstance(text, str)]
    assert len(texts) == len(set(texts))  # another one at each key: none can stand in for another unseen


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    return [_shape(inner) for inner in value] if isinstance(value, list) else type(value)


def _leaves(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inner is None else [leaf for one in inner for leaf in _leaves(one)]


@pytest.mark.parametrize(
    "more",
    ["", ", alias: x", ", condition: 'a.b,c'", ", tags: [a, b]", ", import-values: [data, {child: a, parent: b.c}]"],
)
@pytest.mark.parametrize("version", ["0.1.0", '">=0.1.0 <2"', "~0.1"])
def test_the_digest_of_a_lock_is_helms(tmp_path: Any, env: dict[str, str], more: str, version: str) -> None:
    for name in ("inner", "outer"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n")
    entry = f"{{name: inner, version: {version}, repository: 'file://../inner'{more}}}"
    with (tmp_path / "outer" / "Chart.yaml").open("a") as file:
        file.write(f"dependencies:\n  - {entry}\n")
    run([helm_folder() / "helm", "dependency", "update", str(tmp_path / "outer")], env={"HOME": str(tmp_path)})
    lock, chart = (tmp_path / "outer" / name for name in ("Chart.lock", "Chart.yaml"))
    wanted, locked = (list(dependency_entries(file.read_bytes(), "")) for file in (chart, lock))
    assert load(lock.read_bytes(), "").data["digest"] == lock_digest(wanted, locked)
