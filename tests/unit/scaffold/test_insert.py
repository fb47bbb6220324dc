"""Entries that are added to cluster.yaml: every other byte stays, whatever the file looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import FleetError
from deployer.fleet.helm_yaml import load
from deployer.scaffold.insert import Entry, insert_hubs

ENTRY = Entry({"name": "new", "helm_chart": "basehub", "helm_chart_values_files": ["a.yaml", "b.yaml"]})
REAL = sorted((Path(__file__).parents[4] / "shared/data/real-fleet/config/clusters").glob("*/cluster.yaml"))

FILES = {
    "as the template writes it": ("hubs:\n  - name: a\n    files:\n      - x\n", "  - name: new\n"),
    "dashes at the key's own place": ("hubs:\n- name: a\n  files:\n  - x\n", "- name: new\n"),
    "something behind it": ("hubs:\n- name: a\nmetadata: {x: 1}\n", "- name: new\n"),
    "comments": ("hubs:\n  - name: a # one\n    # the hub's own\n  # not its\n\n# the end\nz: 1\n", "  - name: new\n"),
    "no end of line": ("hubs:\n- name: a", "- name: new\n"),
    "dos": ("hubs:\r\n- name: a\r\nz: 1\r\n", "- name: new\r\n"),
    "a byte order mark": ("\ufeffname: é\nhubs:\n- name: a\n", "- name: new\n"),
    "several lines last": ("hubs:\n- name: a\n  silence:\n    x: |\n      one\n\n      t\nz: 1\n", "- name: new\n"),
    "a long line folded": ("hubs:\n- name: a\n  display_name: one\n    two\nz: 1\n", "- name: new\n"),
    "an empty list": ("hubs: []\n", "  - name: new\n"),
    "an empty list with a comment": ("hubs: []  # none yet\nz: 1\n", "  - name: new\n"),
    "nothing": ("hubs:\nz: 1\n", "  - name: new\n"),
    "null": ("hubs: null # none\nz: 1\n", "  - name: new\n"),
    "no list": ("name: reef\n", "  - name: new\n"),
    "in brackets": ("hubs: [{name: a}]\n", '{"name": "new"'),
    "json": ('{"name": "reef", "hubs": [{"name": "a"}], "z": 1}', '{"name": "new"'),
    "json, empty": ('{"name": "reef", "hubs": [], "z": 1}', '{"name": "new"'),
    "dash on a line of its own": ("hubs:\n  -\n    name: a\nz: 1\n", "  - name: new\n"),
    "anchors": ("x-f: &f {helm_chart: b}\nhubs:\n- <<: *f\n  name: a\n- *f\nz: 1\n", "- name: new\n"),
    "brackets over lines": ("hubs: [\n  {name: a},\n]\nz: 1\n", '{"name": "new"'),
    "brackets last": ("hubs:\n- name: a\n  files: [\n    x]  # y\nz: 1\n", "- name: new\n"),
    "documents": ("---\nhubs:\n- name: a\n...\n", "- name: new\n"),
}  # fmt: skip


def added(before: bytes, after: bytes) -> bytes:
    """What was put in, where that is one piece."""
    start = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
    while after[:start] + before[start:] != before:
        start -= 1
    rest = before[start:]
    assert after.endswith(rest), "something else was changed"
    return after[start : len(after) - len(rest)]


@pytest.mark.parametrize("name", FILES)
def test_the_entry_is_the_last_hub_and_all_else_is_as_it_was(name):
    text, told = FILES[name]
    made = insert_hubs(text.encode(), "cluster.yaml", [ENTRY, Entry({**ENTRY.data, "name": "other"}, "Why.")])
    old, new = (load(raw, "x").data for raw in (text.encode(), made))
    assert [hub["name"] for hub in new["hubs"][-2:]] == ["new", "other"]
    assert new["hubs"][:-2] == (old.get("hubs") or [])
    assert {**new, "hubs": 0} == {**old, "hubs": 0}
    assert told.encode() in made
    if name not in ("an empty list", "an empty list with a comment", "null"):
        assert b"name: new" in (piece := added(text.encode(), made)) or b'"new"' in piece
    lines = made.decode().splitlines()
    gone = [line for line in text.splitlines() if line not in lines]
    assert all("hubs" in line or "{" in line for line in gone), gone


def test_comments_stay_with_their_hub():
    made = insert_hubs(FILES["comments"][0].encode(), "cluster.yaml", [ENTRY]).decode()
    assert made.index("the hub's own") < made.index("name: new") < made.index("not its")


@pytest.mark.parametrize("text", ["hubs: &h []\nother: *h\n", "x: &h\n- name: a\nhubs: *h\n", "{name: reef}\n"])
def test_what_a_program_cannot_do_is_said_with_what_to_add(text):
    with pytest.raises(FleetError, match="Add this yourself") as error:
        insert_hubs(text.encode(), "cluster.yaml", [ENTRY])
    assert "- name: new" in error.value.hint


@pytest.mark.skipif(not REAL, reason="the real fleet's data is not here")
def test_the_files_of_a_real_fleet():
    for file in REAL:
        before = file.read_bytes()
        made = insert_hubs(before, "cluster.yaml", [ENTRY])
        assert b"name: new" in added(before, made), file
