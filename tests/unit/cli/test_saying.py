"""Text for a terminal: broken at blanks only."""

from __future__ import annotations

import pytest

from deployer.cli.saying import wrapped

PATH = "config/clusters/reef/ocean.values.yaml:12"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("short\n", "short\n"),
        ("  one two three four five\n", "  one two three\n      four five\n"),
        (f"{PATH}: no such key\nnext\n", f"{PATH}:\n    no such key\nnext\n"),  # a path stays whole
        ("a well-known-hyphenated-word\n", "a\n    well-known-hyphenated-word\n"),
    ],
)
def test_lines_break_at_blanks(text: str, shown: str) -> None:
    assert wrapped(text, 16) == shown
