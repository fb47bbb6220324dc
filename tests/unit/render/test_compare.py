"""Which releases differ alike, and the cache's bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Release
from deployer.render.cache import Cache, cache_folder
from deployer.render.compare import deltas, group
from deployer.render.manifests import Manifests, Pair
from deployer.render.mask import Masker
from deployer.render.normalise import objects
from deployer.reports.diff import reasons, summary, title
from small_fleet import cluster, files, fleet_of, hub

MASKER = Masker(b"k" * 32)


def manifests(text: str) -> Manifests:
    return Manifests.of(objects(text), MASKER)


def config(name: str, memory: str, extra: str = "") -> str:
    data = f"url: '{name}.reef.example.org', m: {memory}{extra}"
    return f"kind: ConfigMap\nmetadata: {{name: hub, namespace: {name}}}\ndata: {{{data}}}\n"


def releases(*names: str) -> list[Release]:
    fleet = fleet_of(files(cluster("reef", [hub(name) for name in names])))
    return [fleet.releases[ReleaseId("reef", name)] for name in names]


def test_alike_but_for_their_own_names_and_what_stands_around() -> None:
    ocean, coral, lagoon, staging = releases("ocean", "coral", "lagoon", "staging")
    pairs = [
        (ocean, Pair(manifests(config("ocean", "1G")), manifests(config("ocean", "2G")))),
        (coral, Pair(manifests(config("coral", "1G", ", n: 9")), manifests(config("coral", "2G", ", n: 9")))),
        (lagoon, Pair(manifests(config("lagoon", "1G")), manifests(config("lagoon", "3G")))),
        (staging, Pair(manifests(config("staging", "1G")), manifests(config("staging", "1G")))),
    ]
    odd, alike = group(pairs)
    assert odd.releases == (lagoon.id,)
    assert alike.releases == (coral.id, ocean.id)
    assert title(odd) == "reef/lagoon"
    assert title(alike) == "the same on 2 hubs: reef/coral, reef/ocean (shown: those of the first)"
    assert summary([odd, alike], 1) == "3 releases differ, in 2 ways; 1 release could not be rendered."
    assert "+  m: 2G" in alike.deltas[0].lines


def test_added_removed_and_hidden() -> None:
    one = manifests(config("a", "1G"))
    assert [delta.what for delta in deltas(after=one)] == ["added"]
    assert [delta.what for delta in deltas(before=one)] == ["removed"]
    hidden = deltas(manifests('kind: A\ndata: {a: "x \\n"}\n'), manifests('kind: A\ndata: {a: "x\\n"}\n'))
    assert "what is not shown" in hidden[0].lines[0]


def test_reasons_are_told_once() -> None:
    ids = [ReleaseId("reef", f"hub-{number:02}") for number in range(14)]
    [line] = reasons(dict.fromkeys(ids, "no helm"))
    assert line.startswith("reef/hub-00, ")
    assert line.endswith("reef/hub-11 and 2 more: no helm")


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/jupyterhub-deployer/renders"),
        ({"HOME": "/h"}, "/h/.cache/jupyterhub-deployer/renders"),
        ({"XDG_CACHE_HOME": "relative"}, None),
        ({}, None),
    ],
)
def test_where_the_cache_is(env: dict[str, str], folder: str | None) -> None:
    assert cache_folder(env) == (Path(folder) if folder else None)


def test_the_cache_is_bounded_and_forgets_what_was_not_used_for_longest(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "renders", max_bytes=2000)
    for number in range(20):
        cache.put(f"e{number}", manifests(config("a", str(number))))
        os.utime(tmp_path / "renders" / f"e{number}.z", (number, number))
    assert cache.get("e0") is not None  # used just now
    cache.prune()
    kept = list((tmp_path / "renders").glob("*.z"))
    assert 0 < sum(file.stat().st_size for file in kept) <= 2000
    assert cache.get("e0") is not None
    assert cache.get("e1") is None
    assert cache.get("e19") == manifests(config("a", "19"))


def test_a_cache_has_one_key_and_none_without_a_place(tmp_path: Path) -> None:
    assert Cache(tmp_path / "a").key == Cache(tmp_path / "a").key != Cache(tmp_path / "b").key
    (tmp_path / "file").write_text("")
    for nowhere in (None, tmp_path / "file" / "below"):
        cache = Cache(nowhere)
        cache.put("x", manifests(config("a", "1")))
        assert cache.get("x") is None
        cache.prune()
