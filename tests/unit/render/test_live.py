"""What a release holds against what it would get: differences that are, and that only seem to be."""

from __future__ import annotations

import pytest

from deployer.render.compare import deltas
from deployer.render.live import live_pair, values_pair
from deployer.render.mask import Masker

MASKER = Masker(b"k" * 32)


def release(cookie: str, title: str = "Hello", given: str = "x") -> str:
    """A Secret with a value that is found or made at random and one that is given, and a checksum over both."""
    return (
        f"kind: Secret\nmetadata: {{name: hub}}\ndata: {{cookie: {cookie}, given: {given}}}\n---\n"
        f"kind: ConfigMap\nmetadata: {{name: home}}\ndata: {{title: {title}}}\n---\n"
        "kind: Deployment\nmetadata: {name: hub}\nspec: {template: {metadata: {annotations: "
        f"{{checksum/secret: {cookie}{given}}}}}}}}}\n"
    )


@pytest.mark.parametrize(
    ("held", "would_be", "blindly", "differ"),
    [
        (release("one"), release("one"), release("any"), []),
        # What the chart found is not what it had made when it was installed: only its checksum tells.
        (release("one"), release("two"), release("any"), []),
        (release("one"), release("one", title="New"), release("any", title="New"), ["ConfigMap home"]),
        (release("one"), release("one", given="y"), release("any", given="y"), ["Secret hub"]),
        (release("one"), release("two"), None, ["Deployment hub", "Secret hub"]),  # of a chart that makes none
        ("", release("one"), release("any"), ["ConfigMap home", "Deployment hub", "Secret hub"]),
        (release("one"), "", "", ["ConfigMap home", "Deployment hub", "Secret hub"]),
    ],
)
def test_what_differs(held: str, would_be: str, blindly: str | None, differ: list[str]) -> None:
    again = None if blindly is None else lambda: blindly
    pair = live_pair(held, would_be, again, MASKER)
    assert [str(delta.object) for delta in deltas(pair.before, pair.after)] == differ
    assert pair.equal is not bool(differ)


def test_what_is_the_same_is_not_rendered_again() -> None:
    def never() -> str:
        raise AssertionError

    assert live_pair(release("one"), release("one"), never, MASKER).equal


def test_values_in_the_place_of_manifests() -> None:
    pair = values_pair("ocean", {"hub": {"a": 1, "password": "one"}}, {"hub": {"a": 2, "password": "two"}}, MASKER)
    (delta,) = deltas(pair.before, pair.after)
    assert str(delta.object) == "Values ocean"
    assert "-  a: 1" in delta.lines
    assert "+  password: *** (after)" in delta.lines
    assert values_pair("ocean", None, {}, MASKER).before.objects == {}
