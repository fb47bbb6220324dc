"""Values on show: in one short line, and never one that may be a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

MASK = "***"
SHOWN = 40  # characters of a value
# Rather one word too many: what is masked without need costs a look at the file.
_SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|(?<!letsen)(?<!lets-en)crypt|key(?![a-z])|dsn|connection_?-?string|salt|authorization"
    r"|pwd|webhook|jwt|dockerconfig|hmac|cookie",
    re.IGNORECASE,
)
# Only as a word of its own within a key: `auth`, `DB_PASS`, `ghPat`, but not `author`, `compass` or `path`.
_WORDS = frozenset(
    {"auth", "bearer", "key", "keys", "licence", "license", "otp", "pass", "pat", "pem", "sas", "seed", "sig", "totp"}
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ENDS_IN_PASS = re.compile(r"(?<!com)(?<!by)(?<!over)(?<!under)(?<!sur)(?<!tres)pass$", re.IGNORECASE)  # `dbpass`
# What is a secret wherever it stands.
SHAPES = re.compile(
    r"""\bgh[opusr]_\w{4} | \bgithub_pat_ | \bglpat- | \bxox[a-z]- | \bxapp- | \bA[KS]IA[A-Z0-9]{8} | \bAIza[\w-]{8}
    | \bsk-(?=[\w-]*\d)[\w-]{6} | \bsk-[\w-]{16} | \b[rsw]?[skh]+_(?:live|test)_ | \bhf_\w{8} | \bnpm_\w{8} | \bya29\.
    | hooks\.slack\.com | discord(?:app)?\.com/api/webhooks | webhook\.office\.com | [?&]sig=
    | \beyJ[\w-]+\.[\w-]+ | -----BEGIN | \$(?:2[abxy]|apr1|argon2\w*|[156])\$
    | \b(?:bearer|basic)\s+[\w.~+/-]{4} | (?:^|[\s"'])(?:-u|--user)[\s=]*["']?[^\s:]+:\S""",
    re.VERBOSE | re.IGNORECASE,
)
USER = re.compile(
    r"([a-z][\w+.-]{0,20}://)([^\s\"']{0,2000})@", re.IGNORECASE
)  # greedy: a password may hold "/" and "@"
_ASSIGNED = re.compile(r"(?<![\w.-])([\w.-]+)[\"']?\s*[:=]|(?<![\w-])--?([A-Za-z][\w-]*)\s")
_NAME = re.compile(r"-{0,2}[A-Za-z][\w.-]*")
_FILE = re.compile(r"(?=.*[./])[\w./-]{1,200}")
_NAMES_FILES = re.compile(r"(file|files)$", re.IGNORECASE)
_INDEX = re.compile(r"\[?\d+\]?")
_ARGUMENTS = re.compile(r"(args?|arguments|argv|cmd|command)$", re.IGNORECASE)


def may_be_secret(path: Iterable[str]) -> bool:
    """Whether a key, or one above it, has a name under which secrets stand."""
    parts = list(path)
    # A file that names clusters has a block of this name; the text itself is a secret.
    return any(map(_says_secret, parts)) or (bool(parts) and "kubeconfig" in parts[-1].lower())


def _says_secret(name: str) -> bool:
    if _SECRET.search(name):
        return True
    words = _WORD.findall(name.replace("OAuth", "Oauth"))
    return any(word.lower() in _WORDS or _ENDS_IN_PASS.search(word) for word in words)


def shown(value: Any, path: Iterable[str] = (), limit: int = SHOWN) -> str:
    """A value in one line of at most ``limit`` characters; masked where it, or the key it stands at, may be secret."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    if _to_be_masked(value, text, list(path)):
        return MASK
    line = printable(" ".join(_without_passwords(text).split()))
    return f"{line[: limit - 1]}…" if len(line) > limit else line or "''"


def _to_be_masked(value: Any, text: str, path: list[str]) -> bool:
    if SHAPES.search(text):
        return True
    if _names_files(value, path):
        return False
    # Within lists, maps and code, a word that looks like a secret's name has its secret beside it.
    return may_be_secret(path) or _stands_alone(path, text) or bool(_SECRET.search(text)) or _names_a_secret(value)


def masked(value: Any, path: Iterable[str] = ()) -> Any:
    """The value with what may be secret in it masked, and all else as it is."""
    parts = list(path)
    if isinstance(value, dict):
        return _masked_map(value, parts)
    if isinstance(value, list):
        before = [None, *value[:-1]] if value else []
        return [MASK if announces(flag, one) else masked(one, parts) for flag, one in zip(before, value, strict=True)]
    if value is None or isinstance(value, bool):
        return value
    return MASK if shown(value, parts) == MASK else _without_passwords(value) if isinstance(value, str) else value


def _masked_map(value: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """A map; of an entry such as ``{name: API_TOKEN, value: …}`` all but the name."""
    said = next((key for key in ("name", "key") if isinstance(value.get(key), str)), "")
    hidden = bool(said) and may_be_secret([value[said]])
    return {
        key: inner if key == said and hidden else masked(inner, [*path, value[said] if hidden else "", str(key)])
        for key, inner in value.items()
    }


def announces(flag: Any, value: Any) -> bool:
    """Whether a list's entry is an option whose argument, the next entry, is secret."""
    if not isinstance(flag, str) or not isinstance(value, (str, int, float)) or not _NAME.fullmatch(flag):
        return False
    return may_be_secret([flag]) or (flag in ("-u", "--user") and ":" in str(value))


def _stands_alone(path: list[str], text: str) -> bool:
    """Whether what says that it is a secret stands beside it: an argument, the value of an environment variable."""
    if len(path) < 2:
        return False
    if _INDEX.fullmatch(path[-1]):
        return bool(_ARGUMENTS.search(path[-2])) and not text.startswith("-")
    return path[-1] == "value" and bool(_INDEX.fullmatch(path[-2]))


def _names_files(value: Any, path: list[str]) -> bool:
    names = [part for part in path if not _INDEX.fullmatch(part)]
    texts = value if isinstance(value, list) else [value]
    said = bool(names) and bool(_NAMES_FILES.search(names[-1]))
    return said and all(isinstance(text, str) and _FILE.fullmatch(text) for text in texts)


def _names_a_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(may_be_secret([str(key)]) or _within(inner) for key, inner in value.items())
    if isinstance(value, list):
        return any(map(_within, value)) or any(map(announces, value, value[1:]))
    return isinstance(value, str) and any(
        may_be_secret([name]) for found in _ASSIGNED.findall(value) for name in found if name
    )


def _within(value: Any) -> bool:
    named = isinstance(value, str) and _NAME.fullmatch(value) and may_be_secret([value])
    return bool(named) or _names_a_secret(value)


def _without_passwords(text: str) -> str:
    """The text without the passwords of its addresses: ``https://user:***@host``."""
    return USER.sub(lambda found: f"{found[1]}{_user(found[1], found[2])}@", text)


def _user(scheme: str, said: str) -> str:
    name, colon, _ = said.partition(":")
    if colon:
        return f"{name}:{MASK}"
    return MASK if scheme.lower().startswith("http") else name  # a token; elsewhere a user, as in ssh://git@host


def printable(text: str) -> str:
    """The text with nothing in it that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
