"""What counts as the same, and what never does."""

from __future__ import annotations

import pytest

from deployer.render.manifests import Manifests, Pair
from deployer.render.mask import Masker
from deployer.render.normalise import GENERATED, NORMALISATIONS, Objects, dump, objects, without_generated

MASKER = Masker(b"k" * 32)


def equal(before: Objects, after: Objects) -> bool:
    return Pair(Manifests.of(before, MASKER), Manifests.of(after, MASKER)).equal


ONE = "kind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}\n"
TWO = "kind: Service\nmetadata: {name: b, namespace: n}\nspec: {ports: [1, 2]}\n"


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (f"---\n# Source: c/a.yaml\n{ONE}---\n{TWO}", f"{TWO}\n---  \n\n--- # nothing\n{ONE}", True),
        (ONE, 'data:\n  "x": "1" # why\nmetadata:\n  name: a\nkind: ConfigMap\n', True),
        (ONE, ONE.replace("'1'", "1"), False),  # a text is no number
        (TWO, TWO.replace("[1, 2]", "[2, 1]"), False),  # the order of a list counts
        (ONE, ONE + "---\n" + ONE, False),  # twice is not once
        (ONE, TWO, False),
        (ONE, "", False),
        ("a: 1\na: 2\n", "a: 1\na: 2\n", True),  # what does not parse counts as text
        ("a: 1\na: 2\n", "a: 1\na: 3\n", False),
    ],
)
def test_form_and_order(before: str, after: str, same: bool) -> None:
    assert equal(objects(before), objects(after)) is same


def secret(value: str, checksum: str, other: str = "o") -> str:
    notes = f"checksum/secret: '{checksum}', note: '{checksum}'"
    return (
        f"kind: Secret\nmetadata: {{name: s}}\ndata: {{made: {value}, other: {other}}}\nstringData: {{made: {value}}}\n"
        f"---\nkind: Deployment\nmetadata: {{name: d, annotations: {{{notes}}}}}\n"
    )


def test_only_what_a_second_render_gives_otherwise_and_only_where_the_list_says_so() -> None:
    settled = without_generated(objects(secret("AAAA", "1")), objects(secret("BBBB", "2")))
    deployment, made = settled.values()
    assert made["data"] == {"made": GENERATED, "other": "o"}
    assert made["stringData"] == {"made": GENERATED}
    assert deployment["metadata"]["annotations"] == {"checksum/secret": GENERATED, "note": "1"}


def test_a_secret_that_both_renders_give_is_compared() -> None:
    first = without_generated(objects(secret("AAAA", "1")), objects(secret("BBBB", "1")))
    other = without_generated(objects(secret("CCCC", "1", "p")), objects(secret("DDDD", "1", "p")))
    assert not equal(first, other)
    assert equal(first, without_generated(objects(secret("EEEE", "1")), objects(secret("FFFF", "1"))))


def test_a_secret_given_by_hand_is_never_one_that_was_made() -> None:
    made = without_generated(objects(secret("AAAA", "1")), objects(secret("BBBB", "1")))
    by_hand = objects(secret("AAAA", "1"))
    assert not equal(made, without_generated(by_hand, by_hand))


def test_what_differs_elsewhere_stays_a_difference() -> None:
    first, second = (
        "kind: ConfigMap\nmetadata: {name: a}\ndata: {t: '1'}\n",
        "kind: ConfigMap\nmetadata: {name: a}\ndata: {t: '2'}\n",
    )
    assert without_generated(objects(first), objects(second)) == objects(first)


def test_several_lines_are_shown_as_several() -> None:
    assert dump({"a": "x \ny\n"}) == "a: |\n  x\n  y\n"
    assert dump({"b": 1, "a": "\x1b[2J"}) == 'a: "\\e[2J"\nb: 1\n'


def test_the_list_stands_in_the_docs() -> None:
    from pathlib import Path

    page = " ".join((Path(__file__).parents[3] / "docs" / "rendering.md").read_text(encoding="utf-8").split())
    for name, what in NORMALISATIONS.items():
        assert f"| {name} | {what} |" in page
