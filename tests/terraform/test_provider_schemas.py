"""Every resource type, attribute and block of the modules is one that the real providers know.

The extracts of their schemas are committed, so that this needs neither provider nor network.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hcl import META, Body, Module, loads
from provider_schema import PROVIDERS, extract, problems, used_types
from test_modules import module

CLOUDS = list(PROVIDERS)
SOME = """
resource "google_storage_bucket" "it" {
  name     = "it"
  location = "EU"
  versioning {
    enabled = true
  }
}
output "it" {
  value = google_storage_bucket.it.url
}
"""


@cache
def schema(cloud):
    return extract(cloud)


def told(text, cloud="gcp"):
    return problems(replace(module(cloud), blocks=tuple(loads(text))), schema(cloud))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_providers_know_all_of_it(cloud):
    assert problems(module(cloud), schema(cloud)) == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_extract_holds_what_the_module_uses_and_no_more(cloud):
    used = used_types(module(cloud))
    assert sorted(schema(cloud)["resource_schemas"]) == used["resource"]
    assert sorted(schema(cloud)["data_source_schemas"]) == used["data"]


def test_some_that_is_right():
    assert told(SOME) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name     = "it"', 'nmae     = "it"', "no attribute: nmae"),
        ('name     = "it"', "", "name is required"),
        ("versioning {", "versionning {", "no block: versionning"),
        ("enabled = true", "enable = true", "no attribute: enable"),
        ("enabled = true", "", "enabled is required"),
        ('location = "EU"', 'location = "EU"\n  self_link = "x"', "self_link is the provider's to say"),
        ("  versioning {\n    enabled = true\n  }", "  versioning = true", "is a block, no attribute: versioning"),
        ('"google_storage_bucket" "it"', '"google_storage_bukcet" "it"', "no such resource"),
        ("google_storage_bucket.it.url", "google_storage_bucket.it.addres", "google_storage_bucket has no addres"),
        ("google_storage_bucket.it.url", "google_storage_bucket.at.url", "nothing declares"),
        ("versioning {\n    enabled = true\n  }", "versioning {\n    enabled = true\n  }\n" * 2, "at most 1 block"),
    ],
)
def test_mistakes_are_told(old, new, says):
    assert old in SOME
    found = told(SOME.replace(old, new))
    assert any(says in one for one in found), found


def misspelt(body: Body, path: str = "") -> list[Body]:
    """The body with one name in it misspelt, once for each name."""
    found = []
    for name, value in body.attributes.items():
        if name.startswith("dynamic ") or (not path and name in META):
            continue
        rest = {key: one for key, one in body.attributes.items() if key != name}
        found.append(replace(body, attributes={**rest, f"{name}_x": value}))
    for name, bodies in body.blocks.items():
        if not path and name == "lifecycle":
            continue
        rest = {key: one for key, one in body.blocks.items() if key != name}
        found.append(replace(body, blocks={**rest, f"{name}_x": bodies}))
        for index, inner in enumerate(bodies):
            around = bodies[:index], bodies[index + 1 :]
            found += [
                replace(body, blocks={**body.blocks, name: [*around[0], wrong, *around[1]]})
                for wrong in misspelt(inner, f"{path}.{name}")
            ]
    return found


@pytest.mark.parametrize("cloud", CLOUDS)
def test_not_one_misspelt_name_goes_by(cloud):
    """Each attribute and each block that the module sets, at any depth, wrong in one letter."""
    whole: Module = module(cloud)
    tried = 0
    for block in (*whole.of("resource"), *whole.of("data")):
        for body in misspelt(block.body):
            alone = replace(whole, blocks=(replace(block, body=body),))
            found = [one for one in problems(alone, schema(cloud)) if "_x" in one]
            assert found, f"{block.address}: a misspelt name is not told"
            tried += 1
    assert tried > 150
