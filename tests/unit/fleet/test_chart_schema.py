"""Values against values.schema.json, as Helm holds them against it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.fleet.validation import validate
from small_fleet import cluster, files, fleet_of, hub

REEF = "config/clusters/reef"
SOUND = {"singleuser": {"memory": {"limit": "1G"}}, "hub": {"config": {
    "JupyterHub": {"authenticator_class": "github"}, "OAuthenticator": {"allowed_users": ["ada"]},
}}}  # fmt: skip
SCHEMA = {
    "type": "object",
    "required": ["contact"],
    "properties": {
        "contact": {"type": "string"},
        "size": {"type": "integer"},
        "password": {"type": "integer"},
        "jupyterhub": {},
    },
    "additionalProperties": False,
}


def found(
    values: dict[str, Any], schema: Any = SCHEMA, contents: dict[str, str] | None = None, **keys: Any
) -> list[str]:
    reef = cluster("reef", [hub("ocean", stage="staging", **keys)])
    whole = files(reef) | {
        "helm-charts/basehub/values.yaml": json.dumps({"jupyterhub": SOUND, "size": None}),
        "helm-charts/basehub/values.schema.json": schema if isinstance(schema, str) else json.dumps(schema),
        f"{REEF}/ocean.values.yaml": json.dumps(values),
        **(contents or {}),
    }
    return [str(one).split("\n")[0] for one in validate(fleet_of(whole))]


WHERE = f"{REEF}/ocean.values.yaml:1"


def test_what_is_as_it_should_be() -> None:
    assert found({"contact": "ada"}) == []  # `size: null` of the chart stands for no default


def test_what_is_not_is_said_where_it_is_set() -> None:
    assert found({"contact": "ada", "size": "3"}) == [
        f"{WHERE}: size: '3' is not of type 'integer' (schema of helm-charts/basehub) [values-schema]"
    ]
    (one,) = found({})
    assert one.startswith(f"{REEF}/ocean.values.yaml: 'contact' is a required property")


def test_unknown_keys_are_named_each_at_its_line_with_the_nearest_that_is_known() -> None:
    # Beside what may be secret, too: the keys of a map can be said where its values cannot.
    file = f"{REEF}/ocean.values.yaml"
    of = "(schema of helm-charts/basehub) [values-schema]"
    assert found({}, contents={file: "contact: ada\npassword: 3\nsizes: 3\ncolour: 1\n"}) == [
        f"{file}:3: sizes: unknown key; did you mean size? {of}",
        f"{file}:4: colour: unknown key {of}",
    ]


def test_what_may_be_secret_is_not_shown() -> None:
    (one,) = found({"contact": "ada", "password": "hunter2"})
    assert "hunter2" not in one
    assert 'password: must be "integer" by type' in one


def test_what_is_missing_may_be_in_an_encrypted_file() -> None:
    sealed = {f"{REEF}/enc-a.secret.values.yaml": "sops: {mac: x}\n"}
    listed = ["ocean.values.yaml", "enc-a.secret.values.yaml"]
    assert found({}, contents=sealed, helm_chart_values_files=listed) == []
    assert len(found({"size": "3"}, contents=sealed, helm_chart_values_files=listed)) == 1


@pytest.mark.parametrize(("condition", "count"), [("", 1), ("basehub.on", 0), ("nothing.there,basehub.on", 0)])
def test_charts_within_charts_under_their_key(condition: str, count: int) -> None:
    dependency = {"name": "basehub", "repository": "file://../basehub", "condition": condition}
    chart = {"helm-charts/daskhub/Chart.yaml": json.dumps({"name": "daskhub", "dependencies": [dependency]})}
    said = found(
        {"basehub": {"contact": 3, **({"on": False} if condition else {})}}, contents=chart, helm_chart="daskhub"
    )
    assert len(said) == count
    assert all("basehub.contact: 3 is not of type 'string'" in one for one in said)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("{", "not JSON: "),
        ('{"type": "objekt"}', "not a JSON Schema: "),
        ('{"$ref": "https://nowhere.example.org/schema.json"}', "a reference leads out of the file: "),
        ('{"$ref": "#"}', "cannot be used: RecursionError"),
        ('{"patternProperties": {"(": {}}}', "not a JSON Schema: "),
    ],
)
def test_a_schema_that_is_none(schema: str, said: str) -> None:
    (one,) = found({"contact": "ada"}, schema)
    assert one.startswith("helm-charts/basehub/values.schema.json")
    assert said in one
