"""Laws of what decides that a release is in the plan, over random small fleets and random edits of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from deployer.changes.affected import Affected
from deployer.changes.deployed import Deployed, outdated
from deployer.changes.difference import KeyChange, key_changes
from deployer.changes.digest import digest
from deployer.changes.inputs import InputReader
from deployer.changes.paths import affected_by_paths
from deployer.fleet.ids import ReleaseId
from deployer.fleet.masking import MASK
from deployer.fleet.repository import Release, load_fleet
from deployer.fleet.tree import DictTree
from deployer.plan.build import build_plan
from small_fleet import cluster, files, fleet_of, hub

SETTINGS = "jsonnet: {chart_values: values.jsonnet, ext_vars: {NAME: cluster.name}}\nrebuild_all_on: [versions.yaml]\n"
NAMES = ("staging", "ocean", "coral")
SHARED = ["common.values.yaml", "other.values.yaml"]
VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.5, "1", "true", "", "text"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)
LAYERS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
PATHS = [
    *(f"config/clusters/{name}/{file}" for name in ("reef", "atoll")
      for file in (*SHARED, *(f"{hub}.values.yaml" for hub in NAMES), "support.values.yaml")),
    *(f"helm-charts/{chart}/{file}" for chart in ("basehub", "daskhub", "support")
      for file in ("values.yaml", "templates/one.yaml", "README.md", "charts/x/values.yaml", "skip.orig")),
    "versions.yaml", "unrelated.yaml",
]  # fmt: skip

Files = dict[str, str]


@st.composite
def entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    return [
        hub(
            name,
            helm_chart=draw(st.sampled_from(["basehub", "daskhub"])),
            display_name=draw(st.sampled_from(["", "One"])),
            helm_chart_values_files=[*draw(st.permutations(SHARED)), f"{name}.values.yaml"],
        )
        for name in names
    ]


@st.composite
def fleets(draw: st.DrawFn) -> Files:
    made = files(
        *(cluster(name, draw(entries())) for name in ("reef", "atoll") if name == "reef" or draw(st.booleans()))
    )
    return made | {"deployer.yaml": SETTINGS, "helm-charts/basehub/.helmignore": "*.orig\n", "versions.yaml": "a: 1\n"}


@st.composite
def edits(draw: st.DrawFn) -> tuple[Files, Files]:
    """A fleet before and after: files written, files taken away, a cluster's hubs changed."""
    before = draw(fleets())
    for path in draw(st.lists(st.sampled_from(PATHS), max_size=4)):
        before[path] = json.dumps(draw(LAYERS))
    after = dict(before)
    for path in draw(st.lists(st.sampled_from(PATHS), max_size=4)):
        if path in after and "templates" in path and draw(st.booleans()):
            del after[path]
        else:
            after[path] = json.dumps(draw(LAYERS), indent=draw(st.sampled_from([None, 2])))
    if draw(st.booleans()):
        after |= {
            path: text for path, text in draw(fleets()).items() if path.startswith("config/") and path not in after
        }
    if draw(st.integers(0, 3)) == 0:
        path = "config/clusters/reef/cluster.yaml"
        after |= files(cluster("reef", draw(entries()))) | {k: v for k, v in after.items() if k != path}
    return before, after


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


# An independent oracle: values merged by another implementation, chart bytes as they are


def naive(layers: list[Any]) -> dict[str, Any]:
    """Merged values as leaves by their paths: a later leaf takes away all that stands above or below it."""
    flat: dict[tuple[str, ...], Any] = {}
    for path, value in (leaf for layer in layers for leaf in leaves(layer or {}, ())):
        kept = {
            known: old
            for known, old in flat.items()
            if known[: len(path)] != path and (path[: len(known)] != known or old == {})
        }
        flat = {**kept, path: value} if value != {} or not below(flat, path) else flat
    return {json.dumps(path): json.dumps(value, sort_keys=True) for path, value in flat.items()}


def below(flat: Mapping[tuple[str, ...], Any], path: tuple[str, ...]) -> bool:
    return any(known[: len(path)] == path and len(known) > len(path) for known in flat)


def leaves(value: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict) or not value:
        return [(path, value)] if path else []
    return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]


def effective(contents: Mapping[str, str], release: Release) -> tuple[Any, ...]:
    """What reaches Helm of a release."""
    layers = [yaml.safe_load(contents[path]) for path in release.values_files if path in contents]
    folders = [release.chart, *(["helm-charts/basehub"] if release.chart.endswith("daskhub") else [])]
    inside = [path for path in contents if any(path.startswith(f"{folder}/") for folder in folders)]
    counted = [path for path in inside if "README" not in path and "helmignore" not in path]
    chart = {path: says(path, contents[path]) for path in counted if not ("basehub" in path and path.endswith(".orig"))}
    return naive(layers), chart


def says(path: str, text: str) -> str:
    parsed = path.endswith(".yaml") and "/templates/" not in path
    return json.dumps(yaml.safe_load(text), sort_keys=True) if parsed else text


@given(edits())
def test_what_differs_for_helm_is_planned_and_what_is_planned_reads_a_changed_path(case: tuple[Files, Files]) -> None:
    before, after = map(fleet_of, case)
    paths = changed(*case)
    found = Affected(before, after).reasons()
    for release in after.releases.values():
        earlier = before.releases.get(release.id)
        if earlier is None or effective(case[0], earlier) != effective(case[1], release):
            assert release.id in found
    narrowed = Affected(before, after, paths).reasons()
    assert narrowed == found
    either = affected_by_paths(before, paths).keys() | affected_by_paths(after, paths).keys()
    assert found.keys() <= either | (after.releases.keys() - before.releases.keys())


@given(edits())
def test_every_member_has_a_chain_that_ends_in_a_changed_file(case: tuple[Files, Files]) -> None:
    before, after = map(fleet_of, case)
    paths = changed(*case)
    plan = build_plan(after, Affected(before, after, paths).reasons(), before=before.releases)
    for release in plan.releases:
        assert release.reasons
        for reason in release.reasons:
            assert reason.text
            assert not reason.files or set(reason.files) & paths, reason


@given(edits(), st.randoms())
def test_the_order_of_files_clusters_and_keys_changes_nothing(case: tuple[Files, Files], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return [shuffled(one) for one in value] if isinstance(value, list) else value
        keys = random.sample(list(value), len(value))
        return {key: shuffled(value[key]) for key in keys}

    def turned(contents: Files) -> Files:
        parsed = {"values.yaml", "cluster.yaml"}
        return {
            path: json.dumps(shuffled(json.loads(text)))
            if path.rpartition("/")[2].split(".", 1)[-1] in parsed | {"yaml"}
            and text.startswith("{")
            and "templates" not in path
            and path != "versions.yaml"
            and "/charts/" not in path
            else text
            for path, text in random.sample(list(contents.items()), len(contents))
        }

    before, after = case
    straight = Affected(fleet_of(before), fleet_of(after)).reasons()
    assert Affected(fleet_of(before), fleet_of(turned(after))).reasons() == straight
    assert Affected(fleet_of(after), fleet_of(turned(after))).reasons() == {}


@given(fleets())
def test_where_all_is_deployed_nothing_is_planned(contents: Files) -> None:
    fleet = fleet_of(contents)
    assert Affected(fleet, fleet_of(contents)).reasons() == {}
    assert Affected(fleet, fleet_of(contents), []).reasons() == {}
    reader = InputReader(fleet)
    state = {one.id: Deployed("", reader.inputs(one).digest) for one in fleet.releases.values()}
    assert outdated(fleet, state, lambda _: None) == {}
    assert outdated(fleet, {}, lambda _: None).keys() == fleet.releases.keys()


@given(edits())
def test_by_records_is_the_same_as_by_revision(case: tuple[Files, Files]) -> None:
    before, after = map(fleet_of, case)
    reader = InputReader(before)
    state = {one.id: Deployed("base", reader.inputs(one).digest) for one in before.releases.values()}
    found = outdated(after, state, lambda _: before)
    assert found.keys() == Affected(before, after).reasons().keys()


@given(VALUES, VALUES)
@example(1, True)
@example(0, False)
@example([1], [True])
@example({"a": None}, {})
def test_a_difference_is_named_just_where_digests_differ(one: Any, other: Any) -> None:
    assert (digest(one) != digest(other)) is any(key_changes(one, other))


SECRET_KEYS = st.sampled_from(
    ["password", "clientSecret", "client_secret", "api_token", "apiToken", "CookieSecret", "private_key", "privateKey",
     "AWS_SECRET_ACCESS_KEY", "secretToken", "keys.CryptKeeper", "apiKey", "api-key", "tls.key", "passphrase", "key"]
)  # fmt: skip
HIDDEN = st.text("XYZ", min_size=6, max_size=80)


@given(SECRET_KEYS, HIDDEN, HIDDEN, st.lists(st.sampled_from(["hub", "config", "a"]), max_size=3), st.integers(0, 3))
def test_no_message_holds_the_value_of_a_key_that_names_a_secret(
    key: str, one: str, other: str, above: list[str], shape: int
) -> None:
    def wrapped(secret: str) -> Any:
        value: Any = [secret, {"v": secret}, [secret], f"c.{key} = {secret}"][shape]
        value = {key: value} if shape < 3 else value
        for name in above:
            value = {name: value}
        return value

    sides = [
        ({}, {"top": wrapped(other)}),
        ({"top": wrapped(one)}, {}),
        ({"top": wrapped(one)}, {"top": wrapped(other)}),
    ]
    for before, after in sides:
        for change in key_changes(before, after):
            assert one[:6] not in str(change)
            assert other[:6] not in str(change)
    assert MASK in str(KeyChange(("hub", key), one, other))


def test_a_message_holds_nothing_that_a_terminal_obeys() -> None:
    assert str(KeyChange(("a\x1b[31m",), "b\x1b]0;x\x07", "\u202etxet")) == (r"a\x1b[31m b\x1b]0;x\x07 → \u202etxet")


def test_lists_of_one_length_are_compared_entry_by_entry() -> None:
    changes = key_changes({"a": [{"v": 1}, 2]}, {"a": [{"v": 3}, 2]})
    assert list(map(str, changes)) == ["a[0].v 1 → 3"]
    long = "x" * 60
    assert str(KeyChange(("a",), long + "1", long + "2")) == "a differs in what is too long to show"


def test_a_file_that_the_base_had_as_a_folder() -> None:
    before = load_fleet(DictTree({path: text.encode() for path, text in (files(cluster("reef", [hub("ocean")])) | {
        "helm-charts/basehub/x/y": "1"}).items()}))  # fmt: skip
    after = fleet_of(files(cluster("reef", [hub("ocean")])) | {"helm-charts/basehub/x": "1"})
    assert Affected(before, after).reasons().keys() == {ReleaseId("reef", "ocean")}
