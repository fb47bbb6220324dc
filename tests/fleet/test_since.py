"""`deployer plan --since`: what an edit touches, decided by digests of each release's own inputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_world import ENV, World

from deployer.cli.main import main
from small_fleet import cluster, files, hub

REEF = "config/clusters/reef"
ATOLL = "config/clusters/atoll"
CHARTS = "helm-charts"
SETTINGS = """\
jsonnet: {chart_values: values.jsonnet, ext_vars: {HUB: hub.name, ACCOUNT: cluster.aws.account}}
rebuild_all_on: [versions.yaml]
"""
COMMON = "jupyterhub:\n  singleuser:\n    memory: {limit: 1G}\n  hub: {config: {JupyterHub: {a: 1}}}\n"
LOCK = "dependencies: [{name: jupyterhub, version: 4.3.3}]\ndigest: sha256:1\ngenerated: '2026-01-01'\n"


def contents() -> dict[str, str]:
    """reef: two canaries, one hub for each kind of file. atoll: one canary, one hub with a chart upon a chart."""
    reef = cluster(
        "reef",
        [
            hub("staging"),
            hub("ocean", helm_chart_values_files=["common.values.yaml", "ocean.values.yaml", "enc-ocean.secret.yaml"]),
            hub("coral", helm_chart_values_files=["common.values.yaml", "coral.values.yaml"]),
            hub("kelp", chart_override="kelp.Chart.yaml", domain_override_file="enc-domain.secret.yaml"),
            hub("tide", helm_chart="own", helm_chart_values_files=["tide.jsonnet"]),
            hub("link", helm_chart_values_files=["link.values.yaml"]),
        ],
        "aws",
        aws={"clusterName": "c", "region": "r", "account": "1", "key": "enc-key.secret.json"},
    )
    atoll = cluster("atoll", [hub("staging"), hub("lagoon", helm_chart="daskhub")])
    return files(reef, atoll) | {
        "deployer.yaml": SETTINGS,
        "versions.yaml": "helm: 4\n",
        f"{REEF}/common.values.yaml": COMMON,
        f"{REEF}/coral.values.yaml": "b: 1\nc: {d: 2, e: [1, {f: 1, g: 2}]}\n",
        f"{REEF}/enc-ocean.secret.yaml": "sops: 1\n",
        f"{REEF}/enc-domain.secret.yaml": "sops: 1\n",
        f"{REEF}/enc-key.secret.json": "{}",
        f"{REEF}/kelp.Chart.yaml": "name: basehub\ndependencies: [{name: jupyterhub, version: 4.2.0}]\n",
        f"{REEF}/tide.jsonnet": "local one = import 'lib/one.libsonnet'; one { hub: std.extVar('HUB') }",
        f"{REEF}/lib/one.libsonnet": "import '../../../../lib/two.libsonnet'",
        "lib/two.libsonnet": "{ two: 2 }",
        "shared/link.yaml": "linked: 1\n",
        "shared/other.yaml": "linked: 2\n",
        f"{CHARTS}/own/Chart.yaml": "name: own\ndependencies: [{name: jupyterhub, version: 4.3.3}]\n",
        f"{CHARTS}/own/values.jsonnet": "(import 'parts.libsonnet') { account: std.extVar('ACCOUNT') }",
        f"{CHARTS}/own/parts.libsonnet": "{ part: 1 }",
        f"{CHARTS}/basehub/Chart.lock": LOCK,
        f"{CHARTS}/basehub/README.md": "words\n",
        f"{CHARTS}/basehub/.helmignore": "# comment\n*.orig\ndocs/\n",
        f"{CHARTS}/basehub/docs/page.md": "words\n",
        f"{CHARTS}/basehub/templates/one.yaml": "kind: ConfigMap\n",
        f"{CHARTS}/basehub/templates/_helpers.tpl": "{{/* x */}}\n",
        "README.md": "words\n",
        ".gitignore": "*.tgz\n",
    }


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("since") / "fleet", contents=contents())
    shutil.copy(world.root / "shared/link.yaml", world.root / REEF / "plain.yaml")
    (world.root / REEF / "link.values.yaml").unlink()
    (world.root / REEF / "link.values.yaml").symlink_to("../../../shared/link.yaml")
    world.base = world.commit()
    return world


class InProcess(World):
    """A copy of a world, whose verbs run in this process: a table of edits has no time for a process each."""

    def __init__(self, template: World, top: Path, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.copytree(template.top, top, symlinks=True)
        self.top = self.root = top
        self.env, self.base, self.capsys = template.env, template.base, capsys

    def said(self, *words: str, code: int = 0) -> tuple[str, str]:
        assert main(["--fleet", str(self.root), *words]) == code, self.capsys.readouterr().err
        return self.capsys.readouterr()

    def planned(self, *words: str) -> list[str]:
        """The releases of the plan, then those that are retired."""
        plan = self.read(*words)
        names = [f"{one['cluster']}/{one['hub'] or 'support'}" for one in plan["releases"]]
        return names + [f"{one['cluster']}/{one['hub'] or 'support'}: retired" for one in plan["retired"]]

    def read(self, *words: str) -> dict[str, Any]:
        out, err = self.said("plan", "--format", "json", *(words or ("--since", self.base)))
        assert err == ""
        data: dict[str, Any] = json.loads(out)
        return data

    def reasons(self, *words: str) -> dict[str, list[str]]:
        plan = self.read(*words)
        return {f"{one['cluster']}/{one['hub'] or 'support'}": one["reasons"] for one in plan["releases"]}


@pytest.fixture
def world(
    template: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[InProcess]:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    return InProcess(template, tmp_path / "fleet", capsys)


def _text(world: World, file: str) -> str:
    return (world.root / REEF / file).read_text()


# Edits: each takes the world

Edit = Callable[[World], object]


def write(path: str, text: str) -> Edit:
    return lambda world: world.write(path, text)


def replace(path: str, old: str, new: str, count: int = -1) -> Edit:
    def edit(world: World) -> None:
        text = (world.root / path).read_text()
        assert old in text
        world.write(path, text.replace(old, new, count))

    return edit


def delete(path: str) -> Edit:
    return lambda world: (world.root / path).unlink()


def move(path: str, to: str) -> Edit:
    def edit(world: World) -> None:
        (world.root / to).parent.mkdir(parents=True, exist_ok=True)
        (world.root / path).rename(world.root / to)

    return edit


def point(path: str, to: str) -> Edit:
    def edit(world: World) -> None:
        (world.root / path).unlink()
        (world.root / path).symlink_to(to)

    return edit


def entry(name: str, change: Callable[[dict[str, Any]], object], file: str = f"{REEF}/cluster.yaml") -> Edit:
    """Change one hub's entry; with no name, the cluster's own."""

    def edit(world: World) -> None:
        data = json.loads((world.root / file).read_text())
        change(next((one for one in data["hubs"] if one["name"] == name), data))
        world.write(file, json.dumps(data))

    return edit


def put(*keys: str, to: object) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = to

    return change


def drop(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.pop(key)


def all_of(*edits: Edit) -> Edit:
    return lambda world: [edit(world) for edit in edits]


def hubs(change: Callable[[list[dict[str, Any]]], object]) -> Edit:
    return entry("", lambda data: change(data["hubs"]))


def reordered(world: World) -> None:
    def turned(data: Any) -> Any:
        if isinstance(data, dict):
            return {key: turned(data[key]) for key in reversed(data)}
        return data

    data = turned(json.loads((world.root / REEF / "cluster.yaml").read_text()))
    data["hubs"] = [turned(one) for one in reversed(data["hubs"])]
    world.write(f"{REEF}/cluster.yaml", json.dumps(data, indent=3))


BASE = f"{CHARTS}/basehub"
ALL_BASE = "atoll/staging atoll/lagoon reef/staging reef/coral reef/kelp reef/link reef/ocean"
BUT_KELP = "atoll/staging atoll/lagoon reef/staging reef/coral reef/link reef/ocean"
ALL_REEF = "reef/support reef/staging reef/coral reef/kelp reef/link reef/ocean reef/tide"
ALL = f"atoll/support atoll/staging atoll/lagoon {ALL_REEF}"
OCEAN = "reef/staging reef/ocean"
NAMES = ["staging", "ocean", "coral", "kelp", "tide", "link"]

TABLE: dict[str, tuple[Edit, str]] = {
    # cluster.yaml
    "one hub's entry": (entry("ocean", put("display_name", to="Ocean")), OCEAN),
    "a key of one's own in an entry": (entry("ocean", put("whatever", to=1)), OCEAN),
    "a canary's entry": (entry("staging", put("domain", to="new.example.org")), "reef/staging"),
    "metadata and x- keys": (
        all_of(entry("", put("metadata", to=1)), entry("", put("x-a", to=1)), entry("ocean", put("x-b", to=1))), ""
    ),
    "a default written out": (entry("ocean", put("stage", to="production")), ""),
    "support's entry": (entry("", put("support", "helm_chart_values_files", to=[])), "reef/support"),
    "a new hub": (
        all_of(hubs(lambda all_: all_.append(hub("new"))), write(f"{REEF}/new.values.yaml", "a: 1")),
        "reef/staging reef/new",
    ),
    "a removed hub": (hubs(lambda all_: all_.pop(1)), "reef/ocean: retired"),
    "a hub to retire": (entry("ocean", put("retire", to=True)), "reef/ocean: retired"),
    "a renamed hub": (entry("ocean", put("name", to="sea")), "reef/staging reef/sea reef/ocean: retired"),
    "a renamed cluster": (
        all_of(entry("", put("name", to="bay"), f"{ATOLL}/cluster.yaml"), move(ATOLL, "config/clusters/bay")),
        "bay/support bay/staging bay/lagoon atoll/lagoon: retired atoll/staging: retired atoll/support: retired",
    ),
    "hubs and keys in another order": (reordered, ""),
    "a comment in cluster.yaml": (replace(f"{ATOLL}/cluster.yaml", "{", "# comment\n{", 1), ""),
    "the connection": (entry("", put("aws", "region", to="r2")), ALL_REEF),
    "another credentials file": (entry("", put("aws", "key", to="enc-other.secret.json")), ALL_REEF),
    "a rotated key": (write(f"{REEF}/enc-key.secret.json", '{"new": 1}'), ""),
    "a bound variable": (entry("", put("aws", "account", to="2")), ALL_REEF),
    # Values
    "values": (write(f"{REEF}/ocean.values.yaml", "a: 1"), OCEAN),
    "shared values": (replace(f"{REEF}/common.values.yaml", "1G", "2G"), "reef/staging reef/coral reef/ocean"),
    "shared values that one hub overrides": (
        all_of(replace(f"{REEF}/common.values.yaml", "a: 1", "a: 2"), write(f"{REEF}/x", "")),
        "reef/staging reef/coral reef/ocean",
    ),
    "values of support": (write(f"{ATOLL}/support.values.yaml", "a: 1"), "atoll/support"),
    "a comment": (replace(f"{REEF}/common.values.yaml", "\n", " # comment\n"), ""),
    "keys in another order, otherwise written": (
        write(f"{REEF}/coral.values.yaml", 'c:\n  e:\n    - 1\n    - "g": 2\n      "f": 1\n  d: 2\n"b": 0x1\n'), ""
    ),
    "a type": (replace(f"{REEF}/coral.values.yaml", "b: 1", "b: true"), "reef/staging reef/coral"),
    "a list in another order": (
        replace(f"{REEF}/coral.values.yaml", "[1, {f: 1, g: 2}]", "[{f: 1, g: 2}, 1]"), "reef/staging reef/coral"
    ),
    "null for nothing": (write(f"{REEF}/ocean.values.yaml", "jupyterhub: {singleuser: null}"), OCEAN),
    "a key moved between files of a hub": (
        all_of(write(f"{REEF}/common.values.yaml", "{}"), write(f"{REEF}/ocean.values.yaml", COMMON),
               write(f"{REEF}/coral.values.yaml", COMMON + "b: 1\nc: {d: 2, e: [1, {f: 1, g: 2}]}\n")), ""
    ),
    "values moved to another name": (
        all_of(
            move(f"{REEF}/coral.values.yaml", f"{REEF}/parts/c.yaml"),
            entry("coral", put("helm_chart_values_files", to=["common.values.yaml", "parts/c.yaml"])),
        ),
        "reef/staging reef/coral",
    ),
    "files in another order": (
        entry("coral", put("helm_chart_values_files", to=["coral.values.yaml", "common.values.yaml"])),
        "reef/staging reef/coral",
    ),
    "encrypted values": (write(f"{REEF}/enc-ocean.secret.yaml", "sops: 1\n\n"), OCEAN),
    "jsonnet two imports down": (write("lib/two.libsonnet", "{ two: 3 }"), "reef/staging reef/tide"),
    "a comment in jsonnet two imports down": (write("lib/two.libsonnet", "// two\n{\n  two: 1 + 1,\n}"), ""),
    "a link's target": (write("shared/link.yaml", "linked: 3\n"), "reef/staging reef/link"),
    "a comment in a link's target": (write("shared/link.yaml", "linked: 1 # one\n"), ""),
    "a link elsewhere": (point(f"{REEF}/link.values.yaml", "../../../shared/other.yaml"), "reef/staging reef/link"),
    "a link elsewhere, to the same": (point(f"{REEF}/link.values.yaml", "plain.yaml"), ""),
    "a file in a link's place": (
        all_of(delete(f"{REEF}/link.values.yaml"), write(f"{REEF}/link.values.yaml", "linked: 1")), ""
    ),
    # Charts
    "a template": (write(f"{BASE}/templates/one.yaml", "kind: Secret\n"), ALL_BASE),
    "a deleted template": (delete(f"{BASE}/templates/_helpers.tpl"), ALL_BASE),
    "a renamed template": (move(f"{BASE}/templates/one.yaml", f"{BASE}/templates/two.yaml"), ALL_BASE),
    "defaults": (replace(f"{BASE}/values.yaml", "true", "false"), ALL_BASE),
    "a comment in defaults": (replace(f"{BASE}/values.yaml", "\n", " # comment\n"), ""),
    "a raised dependency": (replace(f"{BASE}/Chart.yaml", "4.3.3", "4.3.4"), BUT_KELP),
    "a raised lock": (replace(f"{BASE}/Chart.lock", "4.3.3", "4.3.4"), BUT_KELP),
    "a lock made anew": (replace(f"{BASE}/Chart.lock", "2026-01-01", "2026-02-02"), ""),
    "a chart upon it": (replace(f"{CHARTS}/daskhub/Chart.yaml", "name: d", "version: 1\nname: d"),
                        "atoll/staging atoll/lagoon"),
    "what a chart says of itself": (replace(f"{BASE}/Chart.yaml", "name: basehub", "# x\nname:   basehub"), ""),
    "the support chart": (write(f"{CHARTS}/support/values.yaml", "a: 1"), "atoll/support reef/support"),
    "a chart's README": (write(f"{BASE}/README.md", "other\n"), ""),
    "what .helmignore names": (
        all_of(write(f"{BASE}/docs/page.md", "x"), write(f"{BASE}/a.orig", "x"), delete(f"{BASE}/docs/page.md")), ""
    ),
    "a comment in .helmignore": (write(f"{BASE}/.helmignore", "*.orig\ndocs/\n"), ""),
    ".helmignore that lets in": (write(f"{BASE}/.helmignore", "*.orig\n"), ALL_BASE),
    "computed defaults": (write(f"{CHARTS}/own/parts.libsonnet", "{ part: 2 }"), "reef/staging reef/tide"),
    "a comment in computed defaults": (
        all_of(write(f"{CHARTS}/own/parts.libsonnet", "{ part: 1 } // x"),
               replace(f"{CHARTS}/own/values.jsonnet", "(", "/* x */ (", 1)), ""
    ),
    "an override": (replace(f"{REEF}/kelp.Chart.yaml", "4.2.0", "4.2.1"), "reef/staging reef/kelp"),
    "a comment in an override": (replace(f"{REEF}/kelp.Chart.yaml", "name", "# x\nname", 1), ""),
    "an override taken away": (entry("kelp", drop("chart_override")), "reef/staging reef/kelp"),
    "an override given": (entry("ocean", put("chart_override", to="kelp.Chart.yaml")), OCEAN),
    "the domain's override": (write(f"{REEF}/enc-domain.secret.yaml", "sops: 2"), "reef/staging reef/kelp"),
    # The fleet
    "a file that touches everything": (write("versions.yaml", "helm: 5\n"), ALL),
    "where charts stand": (
        all_of(lambda world: shutil.copytree(world.root / CHARTS, world.root / "charts2"),
            write("charts2/support/values.yaml", "b: 2"), write("deployer.yaml", SETTINGS + "charts: charts2\n")), ALL
    ),
    "a binding of jsonnet": (replace("deployer.yaml", "HUB: hub.name", "HUB: hub.domain"), "reef/staging reef/tide"),
    "limits": (write("deployer.yaml", SETTINGS + "limits: {parallel: 2}\n"), ""),
    "README and docs": (all_of(write("README.md", "x"), write("docs/x.md", "x"), write(f"{REEF}/x.txt", "x")), ""),
    "what git ignores": (all_of(write(f"{BASE}/charts/jupyterhub-4.3.3.tgz", "x"), write(f"{BASE}/Chart.yaml",
        "# x\nname: basehub\ndependencies: [{name: jupyterhub, version: 4.3.3}]\n")), ""),
    "nothing": (all_of(), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_what_an_edit_plans(world: InProcess, case: str) -> None:
    edit, planned = TABLE[case]
    edit(world)
    assert " ".join(world.planned()) == planned


def test_committed_or_not_is_the_same(world: InProcess) -> None:
    TABLE["shared values"][0](world)
    TABLE["a deleted template"][0](world)
    loose = world.read()
    world.commit()
    assert world.read() | {"revision": ""} == loose
    assert world.read("--since", "HEAD")["releases"] == []


REASONS: dict[str, tuple[Edit, str, str]] = {
    "the key and both its values": (
        TABLE["shared values"][0], "reef/ocean",
        f"values ← {REEF}/common.values.yaml: jupyterhub.singleuser.memory.limit 1G → 2G",
    ),
    "the file that made the difference": (
        all_of(replace(f"{REEF}/common.values.yaml", "1G", "2G"), write(f"{REEF}/ocean.values.yaml", "z: 1")),
        "reef/ocean", f"values ← {REEF}/ocean.values.yaml: z added: 1",
    ),
    "through an import": (
        TABLE["jsonnet two imports down"][0], "reef/tide",
        f"values ← {REEF}/tide.jsonnet ← lib/two.libsonnet: two 2 → 3",
    ),
    "through a link": (
        TABLE["a link's target"][0], "reef/link",
        f"values ← {REEF}/link.values.yaml ← shared/link.yaml: linked 1 → 3",
    ),
    "a lock": (
        TABLE["a raised lock"][0], "reef/ocean",
        f"chart ← {BASE}/Chart.lock: dependencies[0].version 4.3.3 → 4.3.4",
    ),
    "bytes": (TABLE["encrypted values"][0], "reef/ocean", f"values ← {REEF}/enc-ocean.secret.yaml"),
    "a file that came": (
        write(f"{BASE}/templates/x.yaml", ""), "reef/ocean", f"chart ← {BASE}/templates/x.yaml: added"
    ),
    "cluster.yaml": (
        TABLE["one hub's entry"][0], "reef/ocean", f"cluster.yaml ← {REEF}/cluster.yaml: display_name '' → Ocean"
    ),
    "what was taken away": (
        write(f"{REEF}/coral.values.yaml", "b: 1"), "reef/coral",
        f'values ← {REEF}/coral.values.yaml: c removed: was {{"d": 2, "e": [1, {{"f": 1, "g": 2}}]}}',
    ),
    "the order of files": (
        all_of(write(f"{REEF}/plain.yaml", "b: 2"), write(f"{REEF}/coral.values.yaml", "b: 1"),
               entry("coral", put("helm_chart_values_files", to=["plain.yaml", "coral.values.yaml"])),
               World.commit,
               entry("coral", put("helm_chart_values_files", to=["coral.values.yaml", "plain.yaml"]))),
        "reef/coral", f"values ← {REEF}/cluster.yaml: b 1 → 2",
    ),
    # Helm 3 ignores it, Helm 4 merges it.
    "a later document of values": (
        lambda world: world.write(f"{REEF}/ocean.values.yaml", f"{_text(world, 'ocean.values.yaml')}\n---\nx: 1\n"),
        "reef/ocean", f"values ← {REEF}/ocean.values.yaml: a later document, which Helm 4 reads",
    ),
    "a later document of a chart's defaults": (
        lambda world: world.write(f"{CHARTS}/basehub/values.yaml", "jupyterhub: {cull: {enabled: true}}\n---\nx: 1\n"),
        "reef/ocean", f"chart ← {CHARTS}/basehub/values.yaml: a later document, which Helm 4 reads",
    ),
    "a secret is masked": (
        write(f"{REEF}/ocean.values.yaml", "hub: {client_secret: hunter2}"), "reef/ocean",
        f"values ← {REEF}/ocean.values.yaml: hub added: ***",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REASONS)
def test_the_chain_that_led_to_a_release(world: InProcess, case: str) -> None:
    edit, release, reason = REASONS[case]
    edit(world)
    assert reason in world.reasons("--since", "HEAD")[release]


def test_why_names_every_key_and_why_not_what_is_the_same(world: InProcess) -> None:
    world.write(f"{REEF}/ocean.values.yaml", "".join(f"a{n}: 1\n" for n in range(9)))
    assert "and 6 more" in world.reasons()["reef/ocean"][0]
    why, _ = world.said("plan", "--since", world.base, "--why", "reef/ocean")
    assert why.startswith(f"reef/ocean: differs from {world.base} in:\n")
    assert "a8 added: 1" in why
    assert "more" not in why
    same, _ = world.said("plan", "--since", world.base, "--why-not", "reef/ocean")
    assert same.startswith(f"reef/ocean is planned: --why says what differs from {world.base}.\n")
    assert f"  cluster.yaml (entry) ← {REEF}/cluster.yaml\n  cluster.yaml (connection) ← " in same
    assert f"  chart ← {BASE}/templates/one.yaml\n" in same
    assert f"  values ← {REEF}/enc-ocean.secret.yaml\n" in same
    assert "common.values.yaml" not in same
    quiet, _ = world.said("plan", "--since", world.base, "--why", "reef/coral")
    assert quiet == f"reef/coral: nothing differs from {world.base}.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--why", "reef/ocean"], "--why and --why-not compare with a revision"),
        (["--since", "HEAD", "--why", "reef"], "'reef' is not of the form CLUSTER/HUB"),
        (["--since", "HEAD", "--why", "reef/nobody"], "cluster reef has no hub 'nobody'\nIt has: support, coral"),
        (["--since", "nope"], "revision 'nope' is not in this repository"),
        (["--state", "nope"], "--state nope: neither a file nor a ref whose tree holds state.json"),
    ],
)
def test_what_the_user_can_mend(world: InProcess, words: list[str], message: str) -> None:
    _, err = world.said("plan", *words, code=1)
    assert err.startswith(f"deployer: {message}")


def test_labels_after_digests(world: InProcess) -> None:
    world.write(f"{REEF}/ocean.values.yaml", "a: 1")
    assert world.planned("--since", "HEAD", "--label", "deployer:skip-deploy-hubs") == []
    assert world.planned("--since", "HEAD", "--label", "deployer:deploy-support") == [
        "atoll/support", "reef/support", "reef/staging", "reef/ocean"
    ]  # fmt: skip


def test_a_release_that_could_not_be_read_before_is_planned(world: InProcess) -> None:
    world.write(f"{REEF}/ocean.values.yaml", "a: [\n")
    broken = world.commit()
    world.write(f"{REEF}/ocean.values.yaml", "{}\n")
    assert world.planned("--since", broken) == OCEAN.split()
    assert world.reasons("--since", broken)["reef/ocean"] == ["could not be read before"]
    world.write(f"{REEF}/ocean.values.yaml", "a: [\n")
    world.write(f"{REEF}/coral.values.yaml", "a: 1\n")
    _, err = world.said("plan", "--since", world.base, code=1)
    assert f"{REEF}/ocean.values.yaml:2:1: not YAML" in err


def test_values_that_are_listed_and_missing(world: InProcess) -> None:
    path = world.root / REEF / "coral.values.yaml"
    path.unlink()
    for words in (["--since", world.base], ["--all"]):
        _, err = world.said("plan", *words, code=1)
        assert f"{REEF}/coral.values.yaml: no such values file: reef/coral lists it" in err
        assert "deployer validate" in err
    path.mkdir()
    (path / "x").touch()
    assert "is a folder, no values file" in world.said("plan", "--all", code=1)[1]
    (path / "x").unlink()
    path.rmdir()
    broken = world.commit()
    world.write(f"{REEF}/coral.values.yaml", "b: 1\n")
    assert world.reasons("--since", broken)["reef/coral"] == [f"values ← {REEF}/coral.values.yaml: b added: 1"]


OCEANS = ["common.values.yaml", "ocean.values.yaml", "enc-ocean.secret.yaml"]


@pytest.mark.parametrize(
    ("listed", "what"),
    [
        (["common.values.yaml", "enc-ocean.secret.yaml", "ocean.values.yaml"], "encrypted file moved"),
        (["common.values.yaml", "ocean.values.yaml"], "encrypted file removed"),
    ],
)
def test_an_encrypted_file_between_plain_ones_says_nothing_of_their_keys(
    world: InProcess, listed: list[str], what: str
) -> None:
    world.write(f"{REEF}/ocean.values.yaml", "a: 1\n")
    base = world.commit()
    entry("ocean", put("helm_chart_values_files", to=listed))(world)
    chain = f"values ← {REEF}/enc-ocean.secret.yaml ← {REEF}/cluster.yaml"
    cluster_reason, values_reason = sorted(world.reasons("--since", base)["reef/ocean"])
    assert values_reason == f"{chain}: {what}"
    names = [", ".join(OCEANS), ", ".join(listed)]
    assert "***" not in cluster_reason
    assert names[1] in cluster_reason or "helm_chart_values_files[" in cluster_reason


def test_types_and_names_of_files_are_shown(world: InProcess) -> None:
    entry("", put("aws", "key", to="enc-other.secret.json"))(world)
    world.write(f"{REEF}/coral.values.yaml", 'b: "1"\nc: {d: 2, e: [1, {f: 1, g: 2}]}\n')
    reasons = world.reasons()["reef/coral"]
    assert f"cluster.yaml ← {REEF}/cluster.yaml: key enc-key.secret.json → enc-other.secret.json" in reasons
    assert f'values ← {REEF}/coral.values.yaml: b 1 → "1"' in reasons


def test_a_readme_and_jsonnet_count_where_templates_read_files(world: InProcess) -> None:
    world.write(f"{CHARTS}/own/templates/x.yaml", '{{ .Files.Get "README.md" }}')
    world.write(f"{CHARTS}/own/README.md", "one")
    base = world.commit()
    for path in (f"{CHARTS}/own/README.md", f"{CHARTS}/own/parts.libsonnet"):
        world.write(path, (world.root / path).read_text() + "\n")
        assert world.planned("--since", base) == world.planned(path) == ["reef/staging", "reef/tide"]
        world.git("checkout", "-q", ".")


def test_dependencies_in_requirements(world: InProcess) -> None:
    world.write(f"{CHARTS}/own/Chart.yaml", "apiVersion: v1\nname: own\n")
    world.write(f"{CHARTS}/own/requirements.yaml", "dependencies: [{name: common, repository: 'file://../common'}]\n")
    world.write(f"{CHARTS}/common/Chart.yaml", "apiVersion: v1\nname: common\n")
    base = world.commit()
    world.write(f"{CHARTS}/common/templates/x.yaml", "kind: A\n")
    path = f"{CHARTS}/common/templates/x.yaml"
    assert world.planned("--since", base) == world.planned(path) == ["reef/staging", "reef/tide"]


def test_a_folder_is_all_that_is_below(world: InProcess) -> None:
    assert world.planned(f"{CHARTS}/own/") == world.planned(f"{CHARTS}/own/templates") == ["reef/staging", "reef/tide"]
    assert world.planned("lib") == ["reef/staging", "reef/tide"]
    assert " ".join(world.planned(str(world.root))) == ALL


def test_paths_that_end_in_nul(world: InProcess) -> None:
    listed = world.top.parent / "listed"
    listed.write_bytes(b"lib/two.libsonnet\0")
    assert "add -0" in world.said("plan", "--files-from", str(listed), code=1)[1]
    assert world.planned("--files-from", str(listed), "-0") == ["reef/staging", "reef/tide"]


class TestByState:
    """`--state`: what was deployed last is recorded, release by release."""

    def state(self, world: InProcess, revision: str | None = None) -> dict[str, Any]:
        from deployer.changes.inputs import InputReader
        from deployer.fleet.repository import load_fleet
        from deployer.git import WorkTree

        fleet = load_fleet(WorkTree(world.root))
        reader = InputReader(fleet)
        return {
            str(one.id): {"revision": world.base if revision is None else revision, "digest": reader.inputs(one).digest}
            for one in fleet.releases.values()
        }

    def keep(self, world: InProcess, releases: dict[str, Any]) -> str:
        path = world.top.parent / "state.json"
        path.write_text(json.dumps({"version": 1, "releases": releases}))
        return str(path)

    def test_all_is_deployed(self, world: InProcess) -> None:
        assert world.planned("--state", self.keep(world, self.state(world))) == []

    def test_an_edit(self, world: InProcess) -> None:
        file = self.keep(world, self.state(world))
        world.write(f"{REEF}/ocean.values.yaml", "a: 1")
        assert world.planned("--state", file) == OCEAN.split()
        assert world.reasons("--state", file)["reef/ocean"] == [
            f"not yet deployed: what was deployed last is {world.base[:10]}",
            f"values ← {REEF}/ocean.values.yaml: a added: 1",
        ]

    def test_what_failed_earlier_comes_again_whatever_the_next_change_touches(self, world: InProcess) -> None:
        state = self.state(world)
        world.write(f"{REEF}/coral.values.yaml", "a: 1")
        world.commit()
        state["reef/link"] |= self.state(world)["reef/link"]
        world.write("README.md", "x")
        world.commit()
        assert world.planned("--since", "HEAD~1") == []
        assert world.planned("--state", self.keep(world, state)) == ["reef/staging", "reef/coral"]

    def test_nothing_is_recorded_of_a_release(self, world: InProcess) -> None:
        state = self.state(world)
        del state["atoll/support"]
        file = self.keep(world, state)
        assert world.reasons("--state", file) == {"atoll/support": ["not yet deployed: nothing is recorded of it"]}

    def test_a_history_that_was_rewritten_is_all_said_aloud(self, world: InProcess) -> None:
        file = self.keep(world, self.state(world, "0" * 40))
        assert world.planned("--state", file) == []  # what is the same needs no history
        world.write(f"{BASE}/values.yaml", "a: 1")
        out, err = world.said("plan", "--state", file)
        assert "7 releases on 2 clusters" in out
        assert "what was deployed last is revision 0000000000" in " ".join(out.split())
        assert err.count("all that was deployed from 0000000000000000000000000000000000000000 is planned again") == 1

    def test_a_digest_of_another_version_of_the_deployer_is_no_change(self, world: InProcess) -> None:
        state = {name: one | {"digest": "other"} for name, one in self.state(world).items()}
        assert world.planned("--state", self.keep(world, state)) == []

    def test_what_is_recorded_and_gone_is_retired(self, world: InProcess) -> None:
        state = self.state(world) | {"gone/hub": {"revision": world.base, "digest": "x"}}
        assert world.planned("--state", self.keep(world, state)) == ["gone/hub: retired"]

    def test_a_ref_whose_tree_holds_a_state(self, world: InProcess) -> None:
        state = json.dumps({"version": 1, "releases": self.state(world)})
        world.git("checkout", "-q", "--orphan", "state")
        world.git("rm", "-rqf", "--cached", ".")
        (world.top / "state.json").write_text(state)
        world.git("add", "state.json")
        world.git("commit", "-qm", "state")
        world.git("checkout", "-qf", "main")
        assert world.planned("--state", "state") == []
        world.write(f"{REEF}/ocean.values.yaml", "a: 1")
        assert world.planned("--state", "state") == OCEAN.split()
        _, err = world.said("plan", "--state", "main", code=1)
        assert "neither a file nor a ref whose tree holds state.json" in err

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2, "releases": {}}', '{"version": 1, "releases": 3}',
                                      '{"version": 1, "releases": {"reef": {}}}'])  # fmt: skip
    def test_a_file_that_is_no_state(self, world: InProcess, text: str) -> None:
        path = world.top.parent / "state.json"
        path.write_text(text)
        _, err = world.said("plan", "--state", str(path), code=1)
        assert err.startswith(f"deployer: {path}:")
        assert "--all takes everything" in err


def test_files_that_git_converts_on_their_way_are_the_same_on_both_sides(world: InProcess) -> None:
    world.write(".gitattributes", "*.yaml text eol=crlf\n")
    base = world.commit()
    template = world.root / BASE / "templates/one.yaml"
    template.unlink()
    world.git("checkout", "-q", "--", ".")
    assert b"\r\n" in template.read_bytes()
    world.write(f"{BASE}/README.md", "x")
    world.write(f"{BASE}/Chart.lock", LOCK.replace("2026", "2027"))
    assert world.planned("--since", base) == []


def test_a_file_that_git_was_told_not_to_have_on_disk(world: InProcess) -> None:
    world.git("update-index", "--skip-worktree", f"{BASE}/templates/one.yaml")
    (world.root / BASE / "templates/one.yaml").unlink()
    world.write(f"{BASE}/Chart.lock", LOCK.replace("2026", "2027"))
    reasons = world.reasons("--since", world.base)
    assert reasons["reef/ocean"] == [f"chart ← {BASE}/templates/one.yaml: removed"]
