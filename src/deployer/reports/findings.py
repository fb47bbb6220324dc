"""What ``validate`` finds, as text, as JSON, for code scanning (SARIF), and as annotations of a GitHub workflow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from deployer.errors import Place
from deployer.fleet.findings import RULES, Finding, Rule, Severity

_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_MADE_BY = "jupyterhub-deployer"


def as_text(findings: Iterable[Finding]) -> str:
    """``file:line: key: message [rule]``, below it what to do."""
    return "".join(f"{finding}\n" for finding in findings)


def as_json(findings: Iterable[Finding]) -> str:
    """A list, in the order of the text."""
    return json.dumps([row(finding) for finding in findings], indent=2) + "\n"


def row(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "file": finding.place.path or None,
        "line": finding.place.line,
        "column": finding.place.column,
        "key": finding.key,
        "message": finding.message,
        "hint": finding.hint,
        "releases": [str(release) for release in finding.releases],
    }


def as_github(findings: Iterable[Finding]) -> str:
    """Workflow commands: GitHub shows each beside the line that it is about."""
    return "".join(map(_annotation, findings))


def _annotation(finding: Finding) -> str:
    title = f"{RULES[finding.rule].what} ({finding.rule})"
    return annotation(finding.severity, finding.place, title, _whole(finding))


def annotation(severity: str, place: Place, title: str, text: str) -> str:
    """A workflow command: GitHub shows the text beside the line that it is about."""
    given: Mapping[str, Any] = {"file": place.path, "line": place.line, "col": place.column, "title": title}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in given.items() if value)
    return f"::{severity} {properties}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _whole(finding: Finding) -> str:
    head = f"{finding.key}: {finding.message}" if finding.key else finding.message
    return "\n".join(filter(None, [head, finding.hint]))


def as_sarif(findings: Sequence[Finding], version: str) -> str:
    """SARIF 2.1.0, the log of one run."""
    used = sorted({finding.rule for finding in findings})
    driver = {
        "name": _MADE_BY,
        "semanticVersion": version,
        "rules": [_sarif_rule(RULES[name]) for name in used],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, used.index(finding.rule)) for finding in findings],
    }
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.what[0].upper()}{rule.what[1:]}."},
        "fullDescription": {"text": rule.reason},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": _level(rule.severity)},
    }


def _level(severity: Severity) -> str:
    return {Severity.ERROR: "error", Severity.WARNING: "warning"}[severity]


def _result(finding: Finding, index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.place.path, errors="surrogateescape")}}
    if finding.place.line:
        place["region"] = {"startLine": finding.place.line}
        if finding.place.column:
            place["region"]["startColumn"] = finding.place.column
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _level(finding.severity),
        "message": {"text": _whole(finding)},
        "locations": [{"physicalLocation": place}],
        # The line moves with each edit above it: the same finding is known by its key and its words.
        "partialFingerprints": {"finding/v1": _fingerprint(finding)},
    }


def _fingerprint(finding: Finding) -> str:
    from hashlib import sha256

    whole = repr((finding.rule, finding.place.path, finding.key, finding.message))
    return sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()
