"""Charts: what each is made of, and where in its values those of the community's chart stand."""

from __future__ import annotations

import pytest

from deployer.errors import FleetError
from deployer.fleet.charts import Charts
from deployer.fleet.tree import DictTree


def charts(**contents: str) -> Charts:
    """Charts by folder below ``c/``: the text of each Chart.yaml but its name."""
    return Charts(
        DictTree({f"c/{name}/Chart.yaml": f"name: {name}\n{text}".encode() for name, text in contents.items()})
    )


def needs(*entries: str) -> str:
    return f"dependencies: [{', '.join('{' + entry + '}' for entry in entries)}]\n"


COMMUNITY = "name: jupyterhub, version: 4.3.3, repository: https://example.org"
NESTED = {
    "base": needs(COMMUNITY),
    "dask": needs("name: base, repository: file://../base"),
    "deep": needs("name: dask, repository: file://../dask, alias: middle", "name: lib, repository: file://../lib"),
    "lib": "",
    "other": needs("name: prometheus, repository: https://example.org"),
    "aliased": needs("name: jupyterhub, alias: hub"),
}


@pytest.mark.parametrize(
    ("chart", "closure"),
    [
        ("base", ["c/base"]),
        ("dask", ["c/dask", "c/base"]),
        ("deep", ["c/deep", "c/dask", "c/base", "c/lib"]),
        ("other", ["c/other"]),
    ],
)
def test_closure(chart: str, closure: list[str]) -> None:
    assert [one.folder for one in charts(**NESTED).closure(f"c/{chart}")] == closure


def test_a_chart_that_two_depend_on_is_there_once() -> None:
    both = charts(
        a=needs("name: b, repository: file://../b", "name: c, repository: file://../c"),
        b=needs("name: c, repository: file://../c"),
        c="",
    )
    assert [one.folder for one in both.closure("c/a")] == ["c/a", "c/b", "c/c"]


def test_charts_that_depend_on_each_other_end() -> None:
    ring = charts(a=needs("name: b, repository: file://../b"), b=needs("name: a, repository: file://../a"))
    assert [one.folder for one in ring.closure("c/a")] == ["c/a", "c/b"]
    assert ring.hub_values_path("c/a") is None


@pytest.mark.parametrize(
    ("chart", "path"),
    [
        ("base", ("jupyterhub",)),
        ("dask", ("base", "jupyterhub")),
        ("deep", ("middle", "base", "jupyterhub")),  # below its alias
        ("aliased", ("hub",)),
        ("other", None),
    ],
)
def test_where_the_hubs_values_stand(chart: str, path: tuple[str, ...] | None) -> None:
    assert charts(**NESTED).hub_values_path(f"c/{chart}") == path


def test_the_community_chart_itself() -> None:
    assert charts(jupyterhub="").hub_values_path("c/jupyterhub") == ()


def test_another_file_may_stand_in_for_the_chart_yaml() -> None:
    tree = DictTree(
        {
            "c/base/Chart.yaml": b"name: base\n",
            "here/o.yaml": b"name: base\ndependencies: [{name: lib, repository: file://../lib}]\n",
            "c/lib/Chart.yaml": b"name: lib\n",
        }
    )
    closure = Charts(tree).closure("c/base", "here/o.yaml")
    assert [(one.folder, one.file) for one in closure] == [("c/base", "here/o.yaml"), ("c/lib", "c/lib/Chart.yaml")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- x\n", "c/bad/Chart.yaml: not a Chart.yaml"),
        ("version: 1\n", "c/bad/Chart.yaml: not a Chart.yaml"),
        ("name: bad\ndependencies: {}\n", None),
        ("name: bad\n\ndependencies: 3\n", "c/bad/Chart.yaml:3: dependencies: must be a list"),
        ("name: bad\ndependencies:\n- x\n", "c/bad/Chart.yaml:3: dependencies[0]: must be a map with a name"),
        ("name: bad\ndependencies: [{name: gone, repository: file://../gone}]\n", "c/gone/Chart.yaml: no such chart"),
        ("a: [\n", "c/bad/Chart.yaml:2:1: not YAML"),
    ],
)
def test_charts_that_cannot_be_read(text: str, message: str | None) -> None:
    read = Charts(DictTree({"c/bad/Chart.yaml": text.encode()}))
    if message is None:
        assert read.closure("c/bad")
        return
    with pytest.raises(FleetError) as caught:
        read.closure("c/bad")
    assert str(caught.value).startswith(message)
