"""YAML as Helm reads it: through the C parser, with the scalars of Go's YAML library.

Helm parses with sigs.k8s.io/yaml, which resolves plain scalars by go-yaml v2's rules: ``yes`` and ``y`` are true,
``014`` and ``0o14`` are twelve, ``1_000`` is a thousand, while ``1:30`` and dates stay strings. Then everything passes
through JSON, so keys become strings and ``1.0`` becomes ``1``. The tables in
``tests/unit/fleet/test_helm_yaml.py`` were taken from that library.

Stricter than Helm on purpose: a key that stands twice in one map is an error, for one of the two is a mistake.

Only the first document of a file counts. So it is with Helm 3, which never reads a later one; Helm 4 merges those of
values files over it. What is in them is therefore no value here, but :attr:`Document.later`.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import yaml
from yaml._yaml import CParser

from deployer.errors import FleetError, Place

MAX_BYTES = 5 * 1024 * 1024  # what Helm itself takes of a chart's file
MAX_DEPTH = 100
MAX_DIGITS = 4000  # longer ones are floats to Go anyhow, and Python refuses to read them as integers
MAX_NODES = 1_000_000  # after aliases are expanded: a few lines of anchors can stand for billions

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
}
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)")
_SIGNED_BINARY = re.compile(r"0b([-+][01]+)")  # Go reads the sign behind the prefix too
_STRAY_UNDERSCORE = re.compile(r"(?<![0-9])_|_(?![0-9])")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_STARTS_NUMBER = frozenset("+-.0123456789")
_SEPARATOR = re.compile(r"^(---|\.\.\.(?=\s|\Z))", re.MULTILINE)  # `---x` too: so Helm 4 splits, by lines
# YAML knows more ends of a line, and so of a comment, than Python's `.` does.
_EMPTY = re.compile(r"(---|\.\.\.)?\s*(#[^\r\x85\u2028\u2029]*\r?)?")
_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_TEXT_TAGS = frozenset({_TAG + "str", _TAG + "timestamp"})
_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}


def resolve(text: str) -> Any:
    """The value of a plain scalar.

    :raises ValueError: infinities and NaN, which JSON (and so Helm) has no word for.
    """
    value = _resolve(text)
    return _json_number(value, text) if isinstance(value, float) else value


def _resolve(text: str) -> Any:
    """The same before JSON: a float is still told from an integer, and may be infinite."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _STARTS_NUMBER:
        return text
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    if text[0] == "." and _STRAY_UNDERSCORE.search(text):
        return text
    number = _number(text.replace("_", ""))
    return text if number is None else number


def _number(plain: str) -> int | float | None:
    if match := len(plain) < MAX_DIGITS and _INTEGER.fullmatch(plain):
        whole = _integer(match[2]) * (-1 if match[1] == "-" else 1)
        if -(2**63) <= whole < (2**63 if match[1] else 2**64):
            return whole
    elif match := _SIGNED_BINARY.fullmatch(plain):
        return int(match[1], 2)
    if _FLOAT.fullmatch(plain) and math.isfinite(number := float(plain)):
        return number
    return None


def _integer(digits: str) -> int:
    if len(digits) > 1 and digits[0] == "0":
        prefix = digits[1].lower()
        return int(digits[2:], {"x": 16, "b": 2, "o": 8}[prefix]) if prefix in "xbo" else int(digits, 8)
    return int(digits)


def _json_number(value: float, text: str) -> int | float:
    """A float that is whole is written without a point in JSON, and cannot be told from an integer afterwards."""
    if not math.isfinite(value):
        raise ValueError(f"{text} has no equivalent in JSON, so Helm refuses it")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


Path = tuple[str | int, ...]


class Document(NamedTuple):
    """A parsed file: plain dicts, lists, strings, numbers, booleans, None."""

    data: Any
    text: str
    path: str
    later_at: int = 0  # the first line after the first document that says anything; 0: there is none

    @property
    def later(self) -> str:
        """What stands after the first document, from the line on that says something; mostly nothing."""
        return "\n".join(self.text.split("\n")[self.later_at - 1 :]) if self.later_at else ""

    def place(self, key: Path) -> Place:
        """Where the value at ``key`` (or the nearest thing above it) stands. Parses again: only errors need it."""
        return Place(self.path, locate(self.text, self.path).get_nearest(key))


def load(raw: bytes, path: str) -> Document:
    """Parse one YAML file, its first document as Helm does.

    :raises FleetError: not UTF-8, not YAML, a key twice, too large, too deep, or exploding aliases; with its line.
    """
    text = decode(raw, path)
    builder = _Builder(text, path)
    data = builder.build()
    return Document(data, text, path, _later(text, builder.start))


def later_at(raw: bytes, path: str) -> int:
    """:attr:`Document.later_at` of a file that can be parsed; most need not be for that.

    :raises FleetError: as :func:`load`.
    """
    return load(raw, path).later_at if b"\n---" in raw or b"\n..." in raw else 0


def _later(text: str, start: int) -> int:
    """The line after the first document, which starts at ``start``, on which something is said; 0 for none."""
    if text.find("\n---", start) < 0 and text.find("\n...", start) < 0:
        return 0
    separator = _SEPARATOR.search(text, start)
    if separator is None:
        return 0
    first = text.count("\n", 0, separator.start()) + 1
    rest = enumerate(text[separator.start() :].split("\n"), first)
    return next((number for number, line in rest if not _EMPTY.fullmatch(line)), 0)


def decode(raw: bytes, path: str) -> str:
    """The text of a file.

    :raises FleetError: larger than Helm would take, or not UTF-8.
    """
    if len(raw) > MAX_BYTES:
        raise FleetError(
            f"the file has {len(raw) / 2**20:.1f} MiB, more than the {MAX_BYTES >> 20} MiB that Helm takes",
            Place(path),
            "Keep large data out of values files.",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FleetError(f"not UTF-8: byte 0x{raw[error.start]:02x}", Place(path, line), "Save it as UTF-8.") from None


class Lines(dict[Path, int]):
    """For each key path the line on which its key (or list entry) stands."""

    def get_nearest(self, key: Path) -> int:
        while key and key not in self:
            key = key[:-1]
        return self.get(key, 0)


def locate(text: str, path: str) -> Lines:
    """The line of every key and entry."""
    lines = Lines()
    _Builder(text, path, lines).build()
    return lines


class _Builder:
    """Builds plain data from the C parser's events: half the time of PyYAML's own constructor."""

    def __init__(self, text: str, path: str, lines: Lines | None = None) -> None:
        self.path = path
        self.lines = lines
        self.anchors: dict[str, Any] = {}
        self.sizes: dict[int, int] = {}  # nodes below an anchored container, by id
        self.nodes = 0
        self.depth = 0
        self.start = 0  # where the first document starts, after its `---`
        self.next = self._events(text).__next__

    def _events(self, text: str) -> Iterator[Any]:
        parser = CParser(text)
        try:
            while (event := parser.get_event()) is not None:
                yield event
        except yaml.YAMLError as error:
            raise self._syntax(error) from None

    def _syntax(self, error: yaml.YAMLError) -> FleetError:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        place = Place(self.path, mark.line + 1, mark.column + 1) if mark else Place(self.path)
        hint = "Tabs cannot indent YAML; use spaces." if "cannot start any token" in what else ""
        return FleetError(f"not YAML: {what}", place, hint)

    def build(self) -> Any:
        self.next()  # the stream's start
        start = self.next()
        if isinstance(start, yaml.StreamEndEvent):
            return None
        if start.version not in (None, (1, 1)):
            raise self._error(start, "a %YAML directive other than 1.1, which Helm does not read")
        self.start = start.end_mark.index
        value = self._value(self.next(), ())
        self.next()  # the document's end: what stands before it must be YAML too
        return value

    def _value(self, event: Any, key: Path) -> Any:
        kind = type(event)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._error(event, f"more than {MAX_NODES:,} values once its aliases are expanded")
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
            if event.anchor:
                self.anchors[event.anchor] = value
            return value
        if kind is yaml.AliasEvent:
            return self._alias(event)
        return self._container(event, key, self._mapping if kind is yaml.MappingStartEvent else self._sequence)

    def _container(self, event: Any, key: Path, fill: Callable[[Path], Any]) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._error(event, f"nested more than {MAX_DEPTH} levels deep")
        before = self.nodes
        value = fill(key)
        self.depth -= 1
        if event.anchor:
            self.anchors[event.anchor] = value
            self.sizes[id(value)] = self.nodes - before
        return value

    def _alias(self, event: Any) -> Any:
        try:
            value = self.anchors[event.anchor]
        except KeyError:
            raise self._error(event, f"unknown anchor {event.anchor!r}") from None
        self.nodes += self.sizes.get(id(value), 0)
        return value

    def _sequence(self, key: Path) -> list[Any]:
        items: list[Any] = []
        while type(event := self.next()) is not yaml.SequenceEndEvent:
            self._mark((*key, len(items)) if self.lines is not None else key, event)
            items.append(self._value(event, (*key, len(items)) if self.lines is not None else key))
        return items

    def _mapping(self, key: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own: set[str] = set()
        while type(event := self.next()) is not yaml.MappingEndEvent:
            if type(event) is yaml.ScalarEvent and event.value == "<<" and (event.implicit[0] or event.tag == _MERGE):
                result.update(self._merged(self.next(), key))  # as in Go's library, it replaces what stands above it
                continue
            name = self._key(event, key)
            if name in own:
                raise self._error(event, f"key {name!r} stands twice in this map")
            own.add(name)
            inner = (*key, name) if self.lines is not None else key
            self._mark(inner, event)
            result[name] = self._value(self.next(), inner)
        return result

    def _merged(self, event: Any, key: Path) -> dict[str, Any]:
        value = self._value(event, key)
        merged: dict[str, Any] = {}
        for layer in reversed(value) if isinstance(value, list) else [value]:
            if not isinstance(layer, dict):
                raise self._error(event, "'<<' takes a map or a list of maps")
            merged.update(layer)
        return merged

    def _key(self, event: Any, key: Path) -> str:
        value = self._float_key(event) or self._value(event, key)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return value
        if isinstance(value, (int, float)) and value < 2**63:
            return str(value)
        raise self._error(event, "a key must be a string, a number or a boolean")

    def _float_key(self, event: Any) -> str:
        """A plain key that is a float, as it is written in JSON; "" for any other."""
        if type(event) is not yaml.ScalarEvent or event.tag or not event.implicit[0]:
            return ""
        value = _resolve(event.value)
        return _go_key(value) if isinstance(value, float) else ""

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if event.implicit[0] and not tag:
            try:
                return resolve(event.value)
            except ValueError as error:
                raise self._error(event, str(error)) from None
        if tag and tag.startswith(_TAG) and tag not in _TEXT_TAGS:
            return self._tagged(event, tag.removeprefix(_TAG))
        return event.value

    def _tagged(self, event: Any, tag: str) -> Any:
        try:
            if tag == "binary":
                return base64.b64decode("".join(event.value.split()), validate=True).decode()
            value = resolve(event.value)
        except UnicodeDecodeError:
            raise self._error(event, "!!binary holds bytes that are no text") from None
        except ValueError as error:
            raise self._error(event, str(error)) from None
        if tag in _KINDS and not isinstance(value, _KINDS[tag]):
            raise self._error(event, f"{event.value!r} is no !!{tag}")
        return value

    def _mark(self, key: Path, event: Any) -> None:
        if self.lines is not None:
            self.lines.setdefault(key, event.start_mark.line + 1)

    def _error(self, event: Any, message: str) -> FleetError:
        mark = event.start_mark
        return FleetError(message, Place(self.path, mark.line + 1, mark.column + 1))


def _go_key(value: float) -> str:
    """How sigs.k8s.io/yaml writes a float that is a key: the shortest text that gives the same 32-bit float."""
    try:
        (single,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        single = math.copysign(math.inf, value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else "-.inf" if single < 0 else ".inf"
    tries = (f"{single:.{places}e}" for places in range(9))
    digits = next(text for text in tries if struct.pack("f", float(text)) == struct.pack("f", single))
    return f"{Decimal(digits):f}" if -4 <= int(digits.partition("e")[2]) < 6 else digits
