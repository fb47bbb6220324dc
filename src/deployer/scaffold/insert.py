"""A new entry below ``hubs:`` of a cluster.yaml, as text: every other byte of the file stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from deployer.errors import FleetError
from deployer.fleet.helm_yaml import Document, load
from deployer.scaffold.yaml_text import commented, lines

_BOM = b"\xef\xbb\xbf"
_KEY = "hubs"


class Entry(NamedTuple):
    """A hub's entry, with what stands above it as a comment."""

    data: Mapping[str, Any]
    about: str = ""


def insert_hubs(raw: bytes, path: str, entries: list[Entry]) -> bytes:
    """The file with the entries behind its last hub, written as its other hubs are.

    :raises FleetError: the file cannot be edited so that nothing else changes: it says what to add by hand.
    """
    before = load(raw, path)
    bom = _BOM if raw.startswith(_BOM) else b""
    text = raw[len(bom) :].decode()
    newline = "\r\n" if "\r\n" in text else "\n"
    made = bom + _inserted(text, entries, newline).encode()
    try:
        only_added = _is_only_added(before, load(made, path), entries)
    except FleetError:
        only_added = False
    if not only_added:
        raise _by_hand(path, entries)
    return made


def _inserted(text: str, entries: list[Entry], newline: str) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    hubs = _hubs_node(root)
    in_brackets = isinstance(root, yaml.MappingNode) and root.flow_style
    if isinstance(hubs, yaml.SequenceNode) and hubs.flow_style and (hubs.value or in_brackets):
        return _in_flow(text, hubs, entries)
    if isinstance(hubs, yaml.SequenceNode) and hubs.value:
        return _in_block(text, hubs, entries, newline)
    block = newline.join([*_block(entries, "  ", "  "), ""])
    if hubs is None:
        return f"{_ended(text, newline)}{_KEY}:{newline}{block}"
    return _instead_of_nothing(text, hubs, block, newline)


def _hubs_node(root: yaml.Node | None) -> yaml.Node | None:
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == _KEY), None)


def _in_block(text: str, hubs: yaml.SequenceNode, entries: list[Entry], newline: str) -> str:
    dash, item = hubs.start_mark.column, hubs.value[0]
    end = _last_end(text, hubs.start_mark.index)
    # A literal block ends behind its line end.
    at = _after_own_comments(text, end if text[end - 1 : end] == "\n" else _next_line(text, end), dash)
    block = newline.join([*_block(entries, " " * dash, _step(item)), ""])
    head: str = text[:at]
    return f"{_ended(head, newline)}{block}{text[at:]}"


def _last_end(text: str, start: int) -> int:
    """Behind the last character of the block list that starts there; its own end is where the next thing begins."""
    last, open_ = start, 0
    flow: list[bool] = []  # whether each collection that is open stands in brackets
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            flow.append(bool(event.flow_style))
            open_ = len(flow) if not open_ and _index(event.start_mark) == start else open_
        elif isinstance(event, yaml.CollectionEndEvent):
            if open_ and len(flow) == open_:
                break
            if flow.pop():
                last = _index(event.end_mark)
        elif open_:
            last = _index(event.end_mark)
    return last


def _index(mark: Any) -> int:
    return int(mark.index)


def _next_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _after_own_comments(text: str, at: int, dash: int) -> int:
    """Behind the comments that stand deeper than the dashes: they are the last hub's."""
    while at < len(text):
        end = _next_line(text, at)
        line = text[at:end]
        if not line.lstrip(" ").startswith("#") or len(line) - len(line.lstrip(" ")) <= dash:
            break
        at = end
    return at


def _step(item: yaml.Node) -> str:
    """How much deeper than its key a list stands in the hubs that are there."""
    for key, value in item.value if isinstance(item, yaml.MappingNode) else ():
        if isinstance(value, yaml.SequenceNode) and value.value and not value.flow_style:
            deeper: int = value.start_mark.column - key.start_mark.column
            return " " * max(deeper, 0)
    return "  "


def _block(entries: list[Entry], indent: str, step: str) -> list[str]:
    text: list[str] = []
    for entry in entries:
        first, *rest = lines(entry.data, f"{indent}  ", step=step)
        text += [*commented(entry.about, indent), f"{indent}- {first.lstrip(' ')}", *rest]
    return text


def _in_flow(text: str, hubs: yaml.SequenceNode, entries: list[Entry]) -> str:
    """Before the bracket that ends the list."""
    at = int(hubs.end_mark.index) - 1
    before: str = text[:at].rstrip()
    comma = "," if hubs.value and not before.endswith(",") else ""
    blank = " " if hubs.value else ""
    return before + comma + blank + ", ".join(json.dumps(entry.data) for entry in entries) + text[len(before) :]


def _instead_of_nothing(text: str, hubs: yaml.Node, block: str, newline: str) -> str:
    """``hubs: []`` or ``hubs:``: the brackets go, a comment behind them stays."""
    start, end = hubs.start_mark.index, hubs.end_mark.index
    head, line_end = text[:start].rstrip(" "), _next_line(text, end)
    rest = text[end:line_end].strip()
    return f"{head}{f'  {rest}' if rest else ''}{newline}{block}{text[line_end:]}"


def _ended(text: str, newline: str) -> str:
    return text if not text or text.endswith("\n") else text + newline


def _is_only_added(before: Document, after: Document, entries: list[Entry]) -> bool:
    old = before.data.get(_KEY) or []
    wanted = {**before.data, _KEY: [*old, *(json.loads(json.dumps(entry.data)) for entry in entries)]}
    return bool(after.data == wanted)


def _by_hand(path: str, entries: list[Entry]) -> FleetError:
    text = "\n".join(_block(entries, "  ", "  "))
    return FleetError(f"{path}: its list of hubs cannot be added to by a program", hint=f"Add this yourself:\n{text}")
