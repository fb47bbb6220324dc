"""Files that values carry (``extraFiles``): their content, and where they come to lie on this machine."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from deployer.errors import DeployerError

DEFAULT_MODE = 0o644


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A file of ``extraFiles``: where a container would have it, its bytes and its mode."""

    key: str
    mount_path: PurePosixPath
    content: bytes
    mode: int = DEFAULT_MODE

    def below(self, folder: PurePosixPath) -> PurePosixPath | None:
        """The path relative to ``folder``, None where the file is not in it."""
        inside = self.mount_path.is_relative_to(folder) and ".." not in self.mount_path.parts
        return self.mount_path.relative_to(folder) if inside else None

    def write(self, path: Path) -> None:
        """Write the file, and the folders above it; only where it differs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != self.content:
            path.unlink(missing_ok=True)
            path.write_bytes(self.content)
        path.chmod(self.mode)


def read_files(written: Any, key: str) -> tuple[ExtraFile, ...]:
    """Read an ``extraFiles`` map; ``key`` names it in errors.

    :raises DeployerError: a file has no absolute path without "..", no content, or content that cannot be written.
    """
    entries = written.items() if isinstance(written, Mapping) else ()
    return tuple(_read(str(name), entry, f"{key}.{name}") for name, entry in entries if entry is not None)


def _read(name: str, entry: Any, key: str) -> ExtraFile:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("mountPath"), str):
        raise DeployerError(f"{key}: needs a mountPath")
    path = PurePosixPath(entry["mountPath"])
    if not path.is_absolute() or ".." in path.parts:
        raise DeployerError(f"{key}.mountPath: {path} is not an absolute path without '..'")
    return ExtraFile(name, path, _content(entry, path, key), _mode(entry.get("mode"), key))


def _mode(written: Any, key: str) -> int:
    """A number as the YAML reader gave it: ``0400`` and ``256`` are the same to it; text is octal."""
    if written is None:
        return DEFAULT_MODE
    try:
        mode = int(written, 8) if isinstance(written, str) else int(written)
    except (TypeError, ValueError):
        raise DeployerError(f"{key}.mode: {written!r} is no file mode") from None
    return mode & 0o777


def _content(entry: Mapping[str, Any], path: PurePosixPath, key: str) -> bytes:
    if entry.get("stringData") is not None:
        return str(entry["stringData"]).encode()
    if entry.get("binaryData") is not None:
        try:
            return base64.b64decode("".join(str(entry["binaryData"]).split()), validate=True)
        except binascii.Error:
            raise DeployerError(f"{key}.binaryData: is not base64") from None
    if isinstance(entry.get("data"), Mapping):
        return _rendered(entry["data"], path, key).encode()
    raise DeployerError(f"{key}: needs one of data, stringData, binaryData")


def _rendered(data: Mapping[str, Any], path: PurePosixPath, key: str) -> str:
    match path.suffix:
        case ".yaml" | ".yml":
            return yaml.safe_dump(data, sort_keys=True)
        case ".json":
            return json.dumps(data, sort_keys=True)
        case ".toml":
            return "\n".join(_toml(data, ())) + "\n"
    raise DeployerError(f"{key}.mountPath: data can be written as .yaml, .yml, .json and .toml, not as {path.name}")


def _toml(data: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Lines of a table, plain values first; null has no form in TOML and is left out."""
    tables = {key: value for key, value in data.items() if isinstance(value, Mapping)}
    yield from (
        f"{_toml_key(key)} = {_toml_value(value)}"
        for key, value in data.items()
        if key not in tables and value is not None
    )
    for key, value in tables.items():
        yield f"[{'.'.join(map(_toml_key, (*path, key)))}]"
        yield from _toml(value, (*path, key))


def _toml_key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else json.dumps(key, ensure_ascii=False)


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml_key(k)} = {_toml_value(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value if item is not None) + "]"
    return json.dumps(value, ensure_ascii=False, default=os.fspath)
