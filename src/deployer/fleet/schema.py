"""The schema: each key of cluster.yaml and deployer.yaml is declared once, as a field of a model.

From that declaration come the parser, its messages, the JSON Schema for editors, and the reference in the docs. A
model is a frozen dataclass whose fields are made with :func:`declare`.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, TypeVar

from deployer.errors import CombinedError, DeployerError, FleetError, Place
from deployer.fleet.helm_yaml import Document, Path

T = TypeVar("T")


class Kind(NamedTuple):
    """A type of value: its name, how it is read (``None`` where it is not of that type), and its JSON Schema."""

    name: str
    read: Callable[[Any], Any]
    schema: Mapping[str, Any] = {}
    models: tuple[type, ...] = ()
    many: bool = False


TEXT = Kind(
    "text",
    lambda value: str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None,
    {"type": ["string", "integer"]},
)
FLAG = Kind("true or false", lambda value: value if isinstance(value, bool) else None, {"type": "boolean"})
COUNT = Kind(
    "a whole number above 0",
    lambda value: value if _is_number(value) and value == int(value) > 0 else None,
    {"type": "integer", "exclusiveMinimum": 0},
)
SECONDS = Kind(
    "a number of seconds above 0",
    lambda value: float(value) if _is_number(value) and value > 0 else None,
    {"type": "number", "exclusiveMinimum": 0},
)
TEXTS = Kind(
    "a list of texts",
    lambda value: tuple(value) if _is_texts(value) else None,
    {"type": "array", "items": {"type": "string"}},
)
TEXT_MAP = Kind(
    "a map of texts",
    lambda value: dict(value) if isinstance(value, dict) and _is_texts(list(value.values())) else None,
    {"type": "object", "additionalProperties": {"type": "string"}},
)
TEXTS_MAP = Kind(
    "a map of lists of texts",
    lambda value: (
        {key: tuple(texts) for key, texts in value.items()}
        if isinstance(value, dict) and all(map(_is_texts, value.values()))
        else None
    ),
    {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
)
ANYTHING = Kind("anything", lambda value: value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def choice(options: Iterable[StrEnum]) -> Kind:
    """One of a fixed set of words."""
    words = {str(option): option for option in options}
    return Kind(
        "one of " + ", ".join(words),
        lambda value: words.get(value) if isinstance(value, str) else None,
        {"enum": list(words)},
    )


def model(cls: type) -> Kind:
    """A map that is read as another model."""
    return Kind("a map", lambda value: value if isinstance(value, dict) else None, models=(cls,))


def models(cls: type) -> Kind:
    """A list of maps, each read as another model."""
    return Kind("a list of maps", lambda value: value if _is_maps(value) else None, models=(cls,), many=True)


def _is_maps(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


class Key(NamedTuple):
    """The declaration of one key."""

    kind: Kind
    doc: str
    required: bool
    example: str


_REQUIRED: Any = object()


def declare(kind: Kind, doc: str, *, default: Any = _REQUIRED, example: str = "") -> Any:
    """Declare a key: its type, what it means, and its default (without one it is required)."""
    metadata = {"key": Key(kind, doc, default is _REQUIRED, example)}
    if default is _REQUIRED:
        return dataclasses.field(metadata=metadata)
    if isinstance(default, (dict, list)):
        return dataclasses.field(default_factory=type(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


class Model:
    """What models have in common: ``at``, the place in the document that they were read from."""

    at: Path
    KEPT: ClassVar[frozenset[str]] = frozenset({"metadata"})


def keys_of(cls: type) -> dict[str, Key]:
    """The declared keys of a model, in order."""
    return {field.name: field.metadata["key"] for field in dataclasses.fields(cls) if "key" in field.metadata}


class SchemaError(FleetError):
    """What stands at ``key`` cannot be read as the models say; ``rule`` is the one that says so, where one does."""

    def __init__(
        self, message: str, place: Place | None = None, hint: str = "", *, key: str = "", rule: str = ""
    ) -> None:
        super().__init__(message, place, hint)
        self.key = key
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something in a file that is not as the models say.

    ``seen`` is the key at whose line it is told, where that is another: a map's first, for what is missing from it.
    """

    document: Document
    at: Path
    message: str
    seen: Path = ()

    def error(self) -> DeployerError:
        key, place = dotted(self.at), self.document.place(self.seen or self.at)
        return SchemaError(f"{key}: {self.message}" if key else self.message, place, key=key)


def dotted(path: Path) -> str:
    """``hubs[0].domain`` for ``("hubs", 0, "domain")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Reader:
    """Reads models out of one document, and collects all that is wrong with it."""

    def __init__(self, document: Document, extra_keys: Iterable[str] = ()) -> None:
        self.document = document
        self.extra = frozenset(extra_keys)
        self.findings: list[Misfit] = []
        self.errors: list[Misfit] = []

    def read(self, cls: type[T], data: Any, at: Path = ()) -> T | None:
        """The model, or None where it cannot be made: then ``errors`` says why."""
        if not isinstance(data, dict):
            self.errors.append(Misfit(self.document, at, f"must be a map, not {_called(data)}"))
            return None
        declared = keys_of(cls)
        before = len(self.errors)
        self.findings += self._unknown(cls, data, declared, at)
        values = {name: self._value(name, spec, data, at) for name, spec in declared.items() if name in data}
        missing = {name: spec for name, spec in declared.items() if spec.required and data.get(name) is None}
        self.errors += self._missing(missing, data, at)
        if len(self.errors) > before:
            return None
        given = {name: value for name, value in values.items() if value is not None}
        return cls(**given, **({"at": at} if issubclass(cls, Model) else {}))

    def _value(self, name: str, spec: Key, data: dict[str, Any], at: Path) -> Any:
        raw, here = data[name], (*at, name)
        if raw is None:
            return None
        value = spec.kind.read(raw)
        if value is None:
            other = _called(raw)
            other += " of other things" if spec.kind.name.startswith(f"{other} of") else ""
            self.errors.append(
                Misfit(self.document, here, f"must be {spec.kind.name}, not {other}{_quoting(spec, raw)}")
            )
        elif spec.kind.models:
            return self._models(spec.kind, value, here)
        return value

    def _models(self, kind: Kind, value: Any, here: Path) -> Any:
        (cls,) = kind.models
        if not kind.many:
            return self.read(cls, value, here)
        return tuple(m for i, item in enumerate(value) if (m := self.read(cls, item, (*here, i))) is not None)

    def _unknown(self, cls: type, data: dict[str, Any], declared: dict[str, Key], at: Path) -> Iterator[Misfit]:
        for name in data.keys() - declared.keys():
            known = name in getattr(cls, "KEPT", ()) or name.startswith("x-")
            if not known and self._plain((*at, name)) not in self.extra:
                yield Misfit(self.document, (*at, name), "unknown key" + nearest(name, declared))

    def _missing(self, missing: Mapping[str, Key], data: Mapping[str, Any], at: Path) -> list[Misfit]:
        """Each missing key, at the line of the unknown one that was probably meant for it, where there is one."""
        unknown = {misfit.at[-1]: misfit for misfit in self.findings if misfit.at[:-1] == at and misfit.at}
        errors = []
        for name, spec in missing.items():
            near = difflib.get_close_matches(name, [str(key) for key in unknown], n=1, cutoff=NEAR)
            if near and near[0] in unknown:
                meant = unknown.pop(near[0])
                self.findings.remove(meant)
                errors.append(Misfit(self.document, meant.at, f"unknown key; did you mean {name}?"))
            else:
                errors.append(Misfit(self.document, at, f"{name} is missing: {spec.doc}", (*at, *list(data)[:1])))
        return errors

    @staticmethod
    def _plain(at: Path) -> str:
        return ".".join(part for part in at if isinstance(part, str))

    def require(self, value: T | None) -> T:
        """The model that was read.

        :raises CombinedError: it could not be made; all reasons at once.
        """
        if value is None or self.errors:
            # An unknown key may well be the missing one, misspelt.
            misfits = (*self.errors, *self.findings)
            raise CombinedError("the file cannot be used", errors=tuple(misfit.error() for misfit in misfits))
        return value


NEAR = 0.6  # how alike two names are, at least, where one is taken for the other misspelt


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean …?``, or "" where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=NEAR)
    return f"; did you mean {near[0]}?" if near else ""


def _quoting(spec: Key, raw: Any) -> str:
    """YAML takes ``no``, ``1.10`` and the like for other things than text."""
    return "; quote it if it is meant as text" if spec.kind is TEXT and isinstance(raw, (bool, int, float)) else ""


def _called(value: Any) -> str:
    names = {dict: "a map", list: "a list", type(None): "nothing", bool: f"{str(value).lower()}"}
    return names.get(type(value), repr(value))
