"""Texts of many lines on show: a file within a manifest, say. What may be secret is hidden, all else is as it is.

What :mod:`deployer.fleet.masking` would mask in a value is hidden here too, but not the whole text for its sake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from deployer.fleet.masking import SHAPES, USER, may_be_secret

Hide = Callable[[str], str]  # what stands in a secret's place

# A name and what assigns to it, or an option and what parts it from its argument.
_LEAD = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]+)["']?\s*(?:[:=]+|=>|,)[ \t]*|(?<![\w-])--?(?P<option>[A-Za-z][\w-]*)[ \t]+"""
)
_VALUE = re.compile(r"""[\[{(].*|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s"',;{}\[\]()][^,;}"')]*""")
_WORD = re.compile(r"""["']?([\w.-]+)["']?""")
_BLOCK = re.compile(r"""^[ \t-]*["']?(?P<name>[\w.-]+)["']?[ \t]*[:=][ \t]*(?:[|>][-+\d]*|[\[({]|"{3}|'{3})?[ \t]*$""")
_TOKEN = re.compile(r"[^\s\"'<>]+")
_PEM = re.compile(r"-----BEGIN[^\n]*-----.*?(?:-----END[^\n]*-----|\Z)", re.DOTALL)
_LOGIN = re.compile(r"""((?:^|[\s"'])(?:-u|--user)(?:["'],)?[\s=]*["']?[^\s:"']+:)([^\s"']+)""")
_SCHEME = re.compile(r"\b((?:bearer|basic)\s+)([\w.~+/=-]{4,})", re.IGNORECASE)


def hide_in_text(text: str, hide: Hide, harmless: re.Pattern[str]) -> str:
    """The text with what may be secret replaced.

    :param harmless: names that say nothing of a secret, though they sound like it.
    """
    text = _PEM.sub(lambda found: hide(found[0]), text)
    text = USER.sub(lambda found: _without_user(found, hide), text)
    text = _LOGIN.sub(lambda found: found[1] + hide(found[2]), text)
    text = _SCHEME.sub(lambda found: found[1] + hide(found[2]), text)
    text = _TOKEN.sub(lambda found: hide(found[0]) if SHAPES.search(found[0]) else found[0], text)
    return "\n".join(_lines(text.split("\n"), hide, harmless))


def _without_user(found: re.Match[str], hide: Hide) -> str:
    name, colon, password = found[2].partition(":")
    if colon:
        return f"{found[1]}{name}:{hide(password)}@"
    return f"{found[1]}{hide(name) if found[1].lower().startswith('http') else name}@"


def _lines(lines: Iterable[str], hide: Hide, harmless: re.Pattern[str]) -> Iterator[str]:
    """Lines with what is given to a secret's name hidden, and all that is indented below such a name."""
    below = -1  # the indent of a name whose value stands in the lines that follow
    for line in lines:
        indent = len(line) - len(line.lstrip(" \t"))
        if below >= 0 and (indent > below or not line.strip()):
            yield line[:indent] + hide(line[indent:]) if line.strip() else line
            continue
        found = _BLOCK.match(line)
        below = indent if found and _is_secret(found["name"], harmless) else -1
        yield _line(line, hide, harmless)


def _line(line: str, hide: Hide, harmless: re.Pattern[str]) -> str:
    shown, at = [], 0
    for found in _LEAD.finditer(line):
        name = found["name"] or found["option"]
        if found.start() < at:
            continue
        if _is_secret(name, harmless):
            if given := _VALUE.match(line, found.end()):
                shown += [line[at : given.start()], hide(given[0])]
                at = given.end()
        elif name in ("name", "key") and (said := _WORD.match(line, found.end())) and may_be_secret([said[1]]):
            # As `{name: API_TOKEN, value: …}`: what belongs to the name stands behind it.
            shown += [line[at : said.end()], hide(line[said.end() :])] if said.end() < len(line) else []
            at = len(line) if said.end() < len(line) else at
    return "".join([*shown, line[at:]])


def _is_secret(name: str, harmless: re.Pattern[str]) -> bool:
    return may_be_secret([name]) and harmless.search(name) is None
