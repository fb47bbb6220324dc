"""``.helmignore``, as Helm's own package reads it."""

from __future__ import annotations

import pytest

from deployer.fleet.ignore import Ignore


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        ("", "templates/a.yaml", False),
        ("", "templates/.hidden", True),  # Helm's own rule, in every chart
        ("*.orig", "a.orig", True),
        ("*.orig", "deep/er/a.orig", True),
        ("*.orig", "a.orig.yaml", False),
        ("# *.orig", "a.orig", False),
        ("  *.orig  ", "a.orig", True),
        ("docs/", "docs/a.md", True),
        ("docs/", "deep/docs/a.md", True),  # without an inner slash: any folder of that name
        ("docs/", "docs", False),  # a file
        ("docs", "docs/a.md", True),
        ("/a.txt", "a.txt", True),
        ("/a.txt", "b/a.txt", False),
        ("b/*.txt", "b/a.txt", True),
        ("b/*.txt", "b/c/a.txt", False),  # an asterisk passes no slash
        ("b/*.txt", "c/b/a.txt", False),
        ("a?c", "abc", True),
        ("a[bc]d", "acd", True),
        ("a[^b]d", "abd", False),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        ("**/a", "b/a", False),  # Helm refuses it
        ("a[", "a[", False),  # and this
        # What git does not do: a negated rule ignores all that it does not match.
        ("!a.txt", "a.txt", False),
        ("!a.txt", "b.txt", True),
        ("*.txt\n!a.txt", "a.txt", True),  # the first that applies decides
        ("!a/", "b", True),
    ],
)
def test_what_is_ignored(rules: str, path: str, ignored: bool) -> None:
    assert Ignore(rules.splitlines()).ignores(path) is ignored
