"""An edit of files: whole or not at all, never over what somebody else wrote."""

from __future__ import annotations

import pytest

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.scaffold.edit import Edit
from small_fleet import cluster, files, fleet_of, hub

BEFORE = {"a/one.yaml": b"one\n", "a/two.yaml": b"two\n"}


@pytest.fixture
def root(tmp_path):
    for path, content in BEFORE.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def tree(root):
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_new_and_changed_files(root):
    (root / "a/one.yaml").chmod(0o640)
    Edit({"b/c/new.yaml": b"new\n"}, {"a/one.yaml": (b"one\n", b"one\nmore\n")}).write(root)
    assert tree(root) == {**BEFORE, "b/c/new.yaml": b"new\n", "a/one.yaml": b"one\nmore\n"}
    assert (root / "a/one.yaml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("made", "changed"),
    [
        ({"b/new.yaml": b"", "a/one.yaml": b"over it"}, {}),  # there already
        (
            {"b/new.yaml": b""},
            {"a/one.yaml": (b"one\n", b"1\n"), "a/two.yaml": (b"other\n", b"2\n")},
        ),  # edited meanwhile
        ({"b/new.yaml": b"", "a/one.yaml/under": b""}, {}),  # a file where a folder would have to be
        ({"b/new.yaml": b""}, {"a/gone.yaml": (b"", b"x")}),
    ],
)
def test_nothing_is_half_written(root, made, changed):
    with pytest.raises(DeployerError):
        Edit(made, changed).write(root)
    assert tree(root) == BEFORE
    assert not (root / "b").exists()


def test_a_link_stays_one(root):
    (root / "link.yaml").symlink_to("a/one.yaml")
    Edit({}, {"link.yaml": (b"one\n", b"more\n")}).write(root)
    assert (root / "link.yaml").is_symlink()
    assert (root / "a/one.yaml").read_bytes() == b"more\n"


FLEET = fleet_of(files(cluster("reef", [hub("staging"), hub("ocean")])))
PATH = "config/clusters/reef/cluster.yaml"


def test_an_error_that_is_new_stops_it_and_one_that_was_there_does_not():
    edit = Edit({"config/clusters/reef/lagoon.values.yaml": b"{}\n"})
    assert [one.rule for one in edit.check(FLEET, [ReleaseId("reef", "ocean")])] == ["unused-values-file"]
    before = FLEET.tree.read(PATH)
    broken = Edit({}, {PATH: (before, before.replace(b"ocean.values", b"nowhere.values"))})
    with pytest.raises(DeployerError, match="nowhere"):
        broken.check(FLEET, [ReleaseId("reef", "ocean")])
    with pytest.raises(DeployerError, match="there already"):
        Edit({PATH: b""}).check(FLEET, [])
