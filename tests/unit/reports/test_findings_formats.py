"""Findings as text, as JSON, for code scanning and as annotations of a workflow."""

from __future__ import annotations

import json
from dataclasses import replace

from deployer.errors import Place
from deployer.fleet.findings import Finding, Severity, finding, in_order
from deployer.fleet.ids import ReleaseId
from deployer.reports.findings import as_github, as_json, as_sarif, as_text

OCEAN, CORAL = ReleaseId("reef", "ocean"), ReleaseId("reef", "coral")
FILE = "config/clusters/reef/cluster.yaml"
ONE = finding("hub-name", Place(FILE, 12), "hubs[1].name", "'Ocean' cannot name a namespace", release=OCEAN)
WILD = Finding("unreadable", Severity.ERROR, Place("a,b: 50%/ü.yaml", 3, 7), "", "100%\nwrong: a, b", "Mend it.")
WARNING = finding("culling-off", Place("v.yaml", 2), "cull.enabled", "culling is off", hint="")
BARE = finding("chart", Place("helm-charts/x/Chart.yaml"), "", "missing", hint="")


def test_text() -> None:
    assert as_text([ONE, WARNING]) == (
        f"{FILE}:12: hubs[1].name: 'Ocean' cannot name a namespace [hub-name]\n"
        "Lower-case letters, digits and '-', the first and the last a letter or a digit.\n"
        "v.yaml:2: cull.enabled: culling is off [culling-off]\n"
    )
    assert as_text([]) == ""


def test_json() -> None:
    (row,) = json.loads(as_json([ONE]))
    assert row["releases"] == ["reef/ocean"]
    assert (row["file"], row["line"], row["rule"], row["severity"]) == (FILE, 12, "hub-name", "error")
    assert json.loads(as_json([])) == []


def test_annotations_are_escaped() -> None:
    assert as_github([WILD, WARNING, BARE]).splitlines() == [
        (
            "::error file=a%2Cb%3A 50%25/ü.yaml,line=3,col=7,title=a file cannot be read (unreadable)"
            "::100%25%0Awrong: a, b%0AMend it."
        ),
        (
            "::warning file=v.yaml,line=2,title=servers that nobody uses are not stopped (culling-off)"
            "::cull.enabled: culling is off"
        ),
        "::error file=helm-charts/x/Chart.yaml,title=a chart is not there%2C or cannot be used (chart)::missing",
    ]


def test_sarif() -> None:
    log = json.loads(as_sarif([ONE, WILD, WARNING, BARE], "1.2.3"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["chart", "culling-off", "hub-name", "unreadable"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert [result["level"] for result in run["results"]] == ["error", "error", "warning", "error"]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert places[1] == {
        "artifactLocation": {"uri": "a%2Cb%3A%2050%25/%C3%BC.yaml"},
        "region": {"startLine": 3, "startColumn": 7},
    }
    assert places[3] == {"artifactLocation": {"uri": "helm-charts/x/Chart.yaml"}}  # line 0 is no line
    assert json.loads(as_sarif([], "1.2.3"))["runs"][0]["results"] == []


def test_a_finding_is_known_again_when_lines_move() -> None:
    moved = replace(WARNING, place=Place("v.yaml", 9))
    (run,) = json.loads(as_sarif([WARNING, moved], "1"))["runs"]
    first, second = (result["partialFingerprints"] for result in run["results"])
    assert first == second


def test_order_and_what_is_the_same_for_several_releases() -> None:
    twins = [finding("culling-off", Place("v.yaml", 2), "k", "m", release=one) for one in (OCEAN, CORAL)]
    whole = in_order([BARE, *twins, WARNING, ONE])
    assert [one.place.path for one in whole] == [FILE, "helm-charts/x/Chart.yaml", "v.yaml", "v.yaml"]
    assert [one.releases for one in whole if one.key == "k"] == [(CORAL, OCEAN)]
