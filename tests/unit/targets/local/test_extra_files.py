from __future__ import annotations

import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from deployer.errors import DeployerError
from deployer.targets.local.extra_files import read_files
from deployer.targets.local.homes import prepare_home, safe_name

HOME = PurePosixPath("/home/jovyan")


@pytest.mark.parametrize(
    ("entry", "content", "mode"),
    [
        ({"mountPath": "/a.txt", "stringData": "hi\n"}, b"hi\n", 0o644),
        ({"mountPath": "/a.bin", "binaryData": "AAEC\n"}, b"\x00\x01\x02", 0o644),
        ({"mountPath": "/a.json", "data": {"b": [1, None]}, "mode": 256}, b'{"b": [1, null]}', 0o400),
        ({"mountPath": "/a.yaml", "data": {"b": {"c": True}}, "mode": "0700"}, b"b:\n  c: true\n", 0o700),
    ],
)
def test_content_and_mode(entry: dict[str, Any], content: bytes, mode: int) -> None:
    (file,) = read_files({"x": entry}, "hub.extraFiles")
    assert (file.content, file.mode) == (content, mode)


def test_toml_reads_back() -> None:
    data = {"a": 1, "b": {"c": ["x", {"d": True}], "e f": {"g": 1.5}}, "h": 'quote " and \\'}
    (file,) = read_files({"x": {"mountPath": "/a.toml", "data": data}}, "hub.extraFiles")
    assert tomllib.loads(file.content.decode()) == data


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"stringData": "x"}, "hub.extraFiles.x: needs a mountPath"),
        ({"mountPath": "a/b", "stringData": "x"}, "is not an absolute path"),
        ({"mountPath": "/a/../../etc/passwd", "stringData": "x"}, "is not an absolute path without '..'"),
        ({"mountPath": "/a"}, "needs one of data, stringData, binaryData"),
        ({"mountPath": "/a.ini", "data": {}}, "not as a.ini"),
        ({"mountPath": "/a", "binaryData": "%"}, "is not base64"),
        ({"mountPath": "/a", "stringData": "", "mode": "rw"}, "'rw' is no file mode"),
    ],
)
def test_what_cannot_be_written(entry: dict[str, Any], told: str) -> None:
    with pytest.raises(DeployerError) as caught:
        read_files({"x": entry}, "hub.extraFiles")
    assert told in str(caught.value)


def test_files_below_the_home_are_written_at_each_start_and_read_only_ones_again(tmp_path: Path) -> None:
    written = {
        "in": {"mountPath": "/home/jovyan/a/b.txt", "stringData": "1", "mode": 0o400},
        "out": {"mountPath": "/etc/motd", "stringData": "2"},
    }
    for _ in range(2):
        prepare_home(tmp_path / "ada", read_files(written, "x"), HOME, keep=True)
    assert [path.name for path in (tmp_path / "ada").rglob("*") if path.is_file()] == ["b.txt"]


def test_a_link_in_a_home_leads_no_file_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "a").symlink_to(tmp_path / "else")
    files = read_files({"in": {"mountPath": "/home/jovyan/a/b.txt", "stringData": "1"}}, "x")
    prepare_home(tmp_path / "ada", files, HOME, keep=True)
    assert not list((tmp_path / "else").iterdir())


def test_a_home_that_is_not_kept_is_new_each_time(tmp_path: Path) -> None:
    prepare_home(tmp_path / "ada", (), HOME, keep=True)
    (tmp_path / "ada" / "work").touch()
    prepare_home(tmp_path / "ada", (), HOME, keep=False)
    assert not list((tmp_path / "ada").iterdir())


@pytest.mark.parametrize("name", ["ada", "../x", ".", "..", "a/b", "ada@reef.org", "ä" * 200, "A", "a", "%41"])
def test_names_stay_one_segment_and_differ(name: str) -> None:
    others = {"ada", "../x", ".", "..", "a/b", "ada@reef.org", "ä" * 200, "A", "a", "%41"} - {name}
    safe = safe_name(name)
    assert "/" not in safe
    assert safe not in (".", "..")
    assert len(safe) < 250
    assert safe not in {safe_name(other) for other in others}
