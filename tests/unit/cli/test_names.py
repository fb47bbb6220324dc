"""``CLUSTER HUB`` and ``CLUSTER/HUB`` mean the same, whatever the verb."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.cli.context import Context
from deployer.cli.main import main
from deployer.cli.names import asked_releases, one_release, release_and_rest, split_names
from deployer.cli.shell import _split
from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from small_fleet import cluster, files, fleet_of, hub

OCEAN = ReleaseId("reef", "ocean")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["reef"], ("reef", [])),
        (["reef/"], ("reef", [])),
        (["reef", "ocean"], ("reef", ["ocean"])),
        (["reef/ocean"], ("reef", ["ocean"])),
        (["reef", "reef/ocean"], ("reef", ["ocean"])),
        (["reef/ocean", "coral"], ("reef", ["ocean", "coral"])),
        (["reef/ocean", "reef/coral"], ("reef", ["ocean", "coral"])),
    ],
)
def test_a_cluster_and_hubs(words: list[str], named: tuple[str, list[str]]) -> None:
    assert split_names(words[0], words[1:]) == named


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (["reef", "ocean", None], []),
        (["reef/ocean", None, None], []),
        (["reef", "ocean", "3"], ["3"]),
        (["reef/ocean", "3", None], ["3"]),
        (["reef", "reef/ocean", "a.b"], ["a.b"]),
    ],
)
def test_a_release_and_what_follows(words: list[str | None], rest: list[str]) -> None:
    assert release_and_rest(words) == (OCEAN, rest)


@pytest.mark.parametrize("words", [["reef"], ["reef/"], ["/ocean"], ["reef", ""], ["reef", "atoll/"]])
def test_a_release_must_be_named(words: list[str]) -> None:
    if words != ["reef", "atoll/"]:
        with pytest.raises(DeployerError, match="to be named"):
            release_and_rest(words)
    with pytest.raises(DeployerError):
        one_release(*(words if len(words) == 2 else [*words, None]))


def test_hubs_of_two_clusters_are_not_named_at_once() -> None:
    with pytest.raises(DeployerError, match="no hub of cluster reef"):
        split_names("reef/ocean", ["atoll/bay"])


def test_what_is_asked_for() -> None:
    fleet = fleet_of(files(cluster("reef", [hub("ocean"), hub("coral")]), cluster("atoll", [hub("bay")])))
    assert asked_releases(fleet, None, []) == list(fleet.releases)
    assert {one.cluster for one in asked_releases(fleet, "reef", [])} == {"reef"}
    assert asked_releases(fleet, "reef", ["ocean", "ocean"]) == [OCEAN]
    with pytest.raises(DeployerError, match="no hub 'bay'"):
        asked_releases(fleet, "reef", ["bay"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in files(cluster("reef", [hub("ocean"), hub("staging")], "local")).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "split"),
    [
        (["reef"], ("reef", "", [])),
        (["reef", "--", "ls", "--", "x"], ("reef", "", ["ls", "--", "x"])),
        (["reef", "ls"], ("reef", "", ["ls"])),
        (["reef", "ls", "-l"], ("reef", "", ["ls", "-l"])),
        (["reef", "ocean"], ("reef", "ocean", [])),
        (["reef/ocean", "ls"], ("reef", "ocean", ["ls"])),
        (["reef", "ocean", "--", "ls"], ("reef", "ocean", ["ls"])),
        (["reef/ocean", "--", "ls"], ("reef", "ocean", ["ls"])),
    ],
)
def test_a_shell_takes_a_hub_or_a_command(root: Path, words: list[str], split: tuple[str, str, list[str]]) -> None:
    assert _split(Context.open(root, {}), words[0], words[1:]) == split


# What each verb says of a hub that is not there, in both forms.
@pytest.mark.parametrize("form", [["reef", "pond"], ["reef/pond"]])
@pytest.mark.parametrize(
    "verb", ["status", "validate", "explain", "diff", "check", "preview", "rollback", "retire", "logs", "deploy"]
)
def test_every_verb_takes_both_forms(
    root: Path, verb: str, form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--fleet", str(root), verb, *form])
    said = capsys.readouterr()
    assert code == 1
    assert "pond" in said.err
    assert "unrecognized" not in said.err
