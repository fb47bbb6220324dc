"""A state file that is none: what is said of it."""

from __future__ import annotations

import pytest

from deployer.changes.deployed import Deployed, dumps, loads
from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "state.json:1:2: not JSON: Expecting property name enclosed in double quotes"),
        ("[" * 100_000, "state.json: not a state file: it is nested too deep"),
        ("[]", "state.json: not a state file: it must be a JSON object"),
        ("{}", "state.json: not a state file: version is missing; it must be 1"),
        ('{"version": 2}', "state.json: not a state file: version 2 is not known; it must be 1"),
        ('{"version": 1}', "state.json: not a state file: releases is missing"),
        ('{"version": 1, "releases": []}', "state.json: not a state file: releases must be a JSON object"),
        ('{"version": 1, "releases": {"a/b": []}}', "state.json: not a state file: releases.a/b must be a JSON object"),
        (
            '{"version": 1, "releases": {"a/b": {"revision": ""}}}',
            "state.json: not a state file: releases.a/b.digest is missing",
        ),
        (
            '{"version": 1, "releases": {"a/b": {"revision": 1, "digest": ""}}}',
            "state.json: not a state file: releases.a/b.revision must be text",
        ),
        (
            '{"version": 1, "releases": {"a": {"revision": "", "digest": ""}}}',
            "state.json: not a state file: 'a' is not of the form CLUSTER/HUB",
        ),
    ],
)
def test_what_is_no_state_file(text: str, said: str) -> None:
    with pytest.raises(DeployerError) as error:
        loads(text, "state.json")
    assert error.value.headline.startswith(said)
    assert "--since REV" in error.value.hint


def test_what_is_written_is_read() -> None:
    state = {ReleaseId("reef", "ocean"): Deployed("0" * 40, "abc")}
    assert loads(dumps(state), "state.json") == state
