"""What ``validate`` says of ``owners``: entries that give nothing, those that give much, and CODEOWNERS."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.errors import DeployerError, FleetError, Place
from deployer.fleet import codeowners
from deployer.fleet.cluster import Hub, Owners
from deployer.fleet.findings import Finding, finding, of_error
from deployer.fleet.helm_yaml import Path
from deployer.fleet.ids import ReleaseId
from deployer.fleet.owners import is_broad, leaves_folder, name_of, parse_pattern, patterns_of, powers_of
from deployer.fleet.repository import Fleet
from deployer.fleet.schema import dotted


def check_owners(fleet: Fleet, folder: str, hub: Hub) -> Iterator[Finding]:
    """What is wrong with a hub's owners, or may not be meant."""
    if hub.retire:
        return
    document, release = fleet.documents[folder], ReleaseId(folder, hub.name)
    for entry in hub.owners:
        for rule, at, message in _of(fleet, entry):
            yield finding(rule, document.place((*entry.at, *at)), dotted((*entry.at, *at)), message, release=release)


def _of(fleet: Fleet, entry: Owners) -> Iterator[tuple[str, Path, str]]:
    if not entry.who:
        yield "owners", ("who",), "names nobody"
    for index, who in enumerate(entry.who):
        if not name_of(who):
            yield "owners", ("who", index), f"{who!r} is neither a user of GitHub's nor ORGANISATION/TEAM"
    for index, key in enumerate(patterns_of(entry, fleet)):
        at: Path = ("keys", index) if entry.keys is not None else ()
        yield from ((rule, at, message) for rule, message in _of_key(key))
    for index, file in enumerate(entry.files):
        if leaves_folder(file):
            yield "owners", ("files", index), f"{file} is not in the cluster's folder"


def _of_key(key: str) -> Iterator[tuple[str, str]]:
    pattern = parse_pattern(key)
    if not pattern:
        yield "owners", f"{key!r} is no key: parts with dots between them, in quotes where they hold one"
    elif powers := powers_of(pattern):
        yield "owners-power", f"{key} gives {', '.join(powers)}"
    elif is_broad(pattern):
        yield "owners-broad", f"{key} gives all below it but what must be named by itself"
    if pattern and not key.isascii():
        yield "owners", f"{key.encode('ascii', 'backslashreplace').decode()}: a key of no chart has such letters"


def check_codeowners(fleet: Fleet) -> Iterator[Finding]:
    """Whether .github/CODEOWNERS has the section that follows from owners."""
    place = Place(codeowners.FILE)
    try:
        text = fleet.tree.read(codeowners.FILE).decode() if fleet.tree.is_file(codeowners.FILE) else ""
        if codeowners.wanted(fleet) and (line := codeowners.line_after(text)):
            yield finding("codeowners-overridden", Place(codeowners.FILE, line), "", "it wins over those of owners")
        elif codeowners.as_it_should_be(text, fleet) != text:
            what = "has not the lines" if text else "is missing: it should have lines"
            yield finding("codeowners", place, "", f"{what} that follow from owners")
    except FleetError as error:
        yield of_error(error, "codeowners")
    except (UnicodeDecodeError, DeployerError):
        yield finding("codeowners", place, "", "cannot be read")
