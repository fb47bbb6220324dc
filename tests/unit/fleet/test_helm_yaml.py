"""YAML means to us what it means to Helm.

The two tables were taken from Helm's YAML library itself (sigs.k8s.io/yaml 1.6): for each text the JSON that it gives,
or null where it refuses the text. In ``helm_scalars.jsonl`` a scalar stands once as a value and once as a key.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import FleetError
from deployer.fleet.helm_yaml import MAX_BYTES, later_at, load, locate, resolve

HERE = Path(__file__).parent

# Where we refuse on purpose what Helm takes.
STRICTER = {
    "a: 1\na: 2\n": "key 'a' stands twice",
    "a: 1\n'a': 2\n": "key 'a' stands twice",
    "1: a\n'1': b\n": "key '1' stands twice",
    "{a: 1, a: 2}\n": "key 'a' stands twice",
    "a: !!binary /w==\n": "bytes that are no text",
}


def table(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def parsed(text: str) -> Any:
    return load(text.encode(), "f.yaml").data


def ours(text: str) -> Any:
    """What we read, tagged with types; None where we refuse."""
    try:
        return tagged(parsed(text))
    except FleetError:
        return None


def tagged(value: Any) -> Any:
    """A value that tells 1 from true. JSON has no integers beyond 2**53 that can be told from floats."""
    if isinstance(value, dict):
        return {key: tagged(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [tagged(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) >= 2**53:
        value = float(value)
    return f"{type(value).__name__} {value!r}"


def helms(answer: str | None) -> Any:
    return None if answer is None else tagged(json.loads(answer))


def differing(rows: list[tuple[str, str | None]]) -> list[tuple[str, str | None, Any]]:
    return [(text, answer, ours(text)) for text, answer in rows if ours(text) != helms(answer)]


def test_scalars_as_values_are_what_helm_makes_of_them() -> None:
    assert differing([(f"v: {row['text']}\n", row["value"]) for row in table("helm_scalars.jsonl")]) == []


def test_scalars_as_keys_are_what_helm_makes_of_them() -> None:
    assert differing([(f"? {row['text']}\n: 1\n", row["key"]) for row in table("helm_scalars.jsonl")]) == []


def test_documents_are_what_helm_makes_of_them() -> None:
    rows = [(row["text"], row["json"]) for row in table("helm_documents.jsonl")]
    assert differing([row for row in rows if row[0] not in STRICTER]) == []


@pytest.mark.parametrize(("text", "message"), STRICTER.items())
def test_stricter_than_helm_on_purpose(text: str, message: str) -> None:
    with pytest.raises(FleetError, match=message):
        parsed(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("y", True),
        ("014", 12),
        ("0o14", 12),
        ("0b101", 5),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1:30", "1:30"),  # no sexagesimals
        ("2001-01-01", "2001-01-01"),
        ("1.0", 1),
        ("1e3", 1000),
        ("1.29", 1.29),
        ("08", 8),  # no octal, so a float, and a whole one
        ("~", None),
        ("tRue", "tRue"),
    ],
)
def test_scalars_that_surprise(text: str, value: object) -> None:
    assert tagged(resolve(text)) == tagged(value)


@pytest.mark.parametrize(
    ("raw", "place", "message"),
    [
        (b"a:\n\tb: 1\n", "f.yaml:2:1", "Tabs cannot indent"),
        (b"a: 1\nb: 2\na: 3\n", "f.yaml:3:1", "'a' stands twice"),
        (b"a:\n  b: 1\n  c: {b: 1, b: 2}\n", "f.yaml:3:13", "'b' stands twice"),
        (b"a: 1\nb: caf\xe9\n", "f.yaml:2", "not UTF-8: byte 0xe9"),
        (b"a: [1\nb: 2\n", "f.yaml:2:2", "not YAML"),
        (b"a: *nope\n", "f.yaml:1:4", "unknown anchor 'nope'"),
        (b"a: &a [*a]\n", "f.yaml:1:8", "unknown anchor 'a'"),
        (b"a: 1\nb: .inf\n", "f.yaml:2:4", "no equivalent in JSON"),
        (b"a:\n  <<: 3\n", "f.yaml:2:7", "takes a map"),
        (b"? [a]\n: 1\n", "f.yaml:1:3", "a key must be"),
        (b"a: 1\n\x00b: 1\n", "f.yaml", "not YAML"),
        (b"%YAML 1.2\n---\na: 1\n", "f.yaml:1:1", "%YAML"),
        (b"a: 1\n}\n", "f.yaml:2:1", "not YAML"),  # behind what was read: it must be YAML too
    ],
)
def test_errors_say_where(raw: bytes, place: str, message: str) -> None:
    with pytest.raises(FleetError) as caught:
        load(raw, "f.yaml")
    assert str(caught.value.place) == place
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # Tried with Helm 3.22 and 4.3, as values of a chart: the one ignores what is after the first document, the
        # other merges it. 0: neither reads more than the first.
        ("a: 2\n---\nb: 3\n", 3),
        ("a: 2\r\n---\r\nb: 3\r\n", 3),
        ("a: 1\n--- # why\nb: 2", 3),
        ("a: 1\n...\n---\nb: 2", 4),
        ("a: 1\n---\n# none\n---\n\nb: 2", 6),
        ("---\n---\nb: 3\n", 3),  # the first is empty
        ("# x\n---\n# y\n---\nb: 3\n", 5),
        ("a: 2\n---#:\nb: 1\n", 3),  # a key to a parser, and an end of the document to Helm 4
        ("a: 2\n---\n# x\rb: 3\n", 3),  # the comment ends at that character
        ("a: 1\n---\n{", 3),
        ("\u00e9: \u00fc\n---\nb: 1\n", 3),
        ("a: 1\n...\nb: 2\n", 3),  # Helm 4 ignores it too, but nobody can mean it
        ("", 0),
        ("---\na: 2\n", 0),
        ("# x\n---\na: 2\n", 0),
        ("a: 2\n---\n", 0),
        ("a: 2\n...\n", 0),
        ("a: 2\n---\n# nothing\r\n---\n\n", 0),
        ("a: |\n  ---\n  b: 1\n", 0),
    ],
)
def test_where_a_later_document_says_something(text: str, line: int) -> None:
    document = load(text.encode(), "f.yaml")
    assert document.later_at == later_at(text.encode(), "f.yaml") == line
    assert document.later == ("\n".join(text.split("\n")[line - 1 :]) if line else "")


def test_a_file_that_is_too_large() -> None:
    with pytest.raises(FleetError, match=r"f\.yaml: the file has 6\.0 MiB, more than the 5 MiB"):
        load(b"#" * (6 * 2**20), "f.yaml")
    assert load(b"#" * MAX_BYTES, "f.yaml").data is None


@pytest.mark.parametrize("text", ["[" * 200 + "]" * 200, "{a: " * 200 + "}" * 200, "- " * 200 + "x"])
def test_a_file_that_is_too_deep(text: str) -> None:
    with pytest.raises(FleetError, match="nested more than 100 levels"):
        parsed(text)


def test_aliases_that_explode() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    with pytest.raises(FleetError, match="more than 1,000,000 values once its aliases are expanded"):
        parsed("\n".join(lines))


def test_merged_maps_that_explode() -> None:
    lines = ["a0: &a0 {x: [1, 2, 3, 4, 5, 6, 7, 8, 9]}"]
    lines += [f"a{n}: &a{n} {{l: *a{n - 1}, r: *a{n - 1}}}" for n in range(1, 30)]
    with pytest.raises(FleetError, match="more than 1,000,000 values"):
        parsed("\n".join([*lines, "b: {<<: *a29}"]))


def test_very_long_numbers_are_read_quickly_or_left_alone() -> None:
    assert parsed("v: " + "1" * 100_000) == {"v": "1" * 100_000}  # too large for a float, so text, as in Go
    assert parsed("v: " + "0" * 5000 + "7") == {"v": 7}


def test_a_byte_order_mark_and_windows_line_ends() -> None:
    assert parsed("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n") == {"a": 1, "b": "x\ny\n"}


def test_the_line_of_each_key() -> None:
    lines = locate("a:\n  - b: 1\n\n  - c: 2\nd: {e: 1}\n", "f.yaml")
    assert lines == {
        ("a",): 1,
        ("a", 0): 2,
        ("a", 0, "b"): 2,
        ("a", 1): 4,
        ("a", 1, "c"): 4,
        ("d",): 5,
        ("d", "e"): 5,
    }
    assert lines.get_nearest(("a", 1, "nothing", "here")) == 4
    assert lines.get_nearest(("nothing",)) == 0


# What a file can hold as it is: control characters and lone surrogates need escapes that YAML and JSON do not share.
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff\u2028\u2029"))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FLOATS | PRINTABLE
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PRINTABLE, inner, max_size=4)
)


@given(VALUES)
def test_json_is_yaml(value: object) -> None:
    assert tagged(parsed(json.dumps(value, ensure_ascii=False))) == tagged(value)


@given(st.recursive(PRINTABLE, lambda inner: st.lists(inner) | st.dictionaries(PRINTABLE, inner), max_leaves=8))
def test_what_a_yaml_writer_wrote_is_read_back(value: object) -> None:
    """Texts only, all in quotes: what PyYAML leaves plain, it resolves by other rules than ours."""
    assert parsed(yaml.safe_dump(value, allow_unicode=True, default_style='"')) == value


@given(st.text(st.sampled_from("0123456789_+-.eExXobB:afinNTyY~<= "), max_size=12))
def test_any_scalar_gives_a_value_of_json_or_an_error(text: str) -> None:
    try:
        value = resolve(text)
    except ValueError:
        return
    assert value is None or isinstance(value, (bool, int, float, str))
    assert not isinstance(value, float) or math.isfinite(value)


@given(st.binary(max_size=60) | st.text(st.sampled_from("ab:-[]{},&*!|>'\"%#? \n\t<~1.")).map(str.encode))
def test_any_bytes_give_a_value_or_an_error_that_says_where(raw: bytes) -> None:
    try:
        load(raw, "f.yaml")
    except FleetError as error:
        where = error.place
    else:
        return
    assert where is not None
    assert where.path == "f.yaml"
