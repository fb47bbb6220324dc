"""Who may change what of a hub: the rights that ``owners`` in cluster.yaml gives, and what no broad one includes.

A key's pattern gives what stands there and all below it. Some things must be named by the pattern itself, for whoever
may set them can run code as the hub or gain rights: the names in :func:`is_power`, images of other things than users'
servers, the keys of ``hub``, the settings in ``hub.config``, and HTML in the texts of profiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from posixpath import normpath

from deployer.fleet.cluster import Hub, Owners
from deployer.fleet.helm_yaml import Path
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, Release, cluster_path
from deployer.fleet.settings import OWNED_KEYS

ANY = "*"
Pattern = tuple[str, ...]

_PART = re.compile(r'"([^"]+)"|([^."\s]+)')
_PATTERN = re.compile(rf"({_PART.pattern})(\.({_PART.pattern}))*")
_LOGIN = re.compile(r"[a-z0-9](-?[a-z0-9_]){0,38}(\[bot\])?", re.IGNORECASE | re.ASCII)
_TEAM = re.compile(r"[a-z0-9](-?[a-z0-9]){0,38}/[a-z0-9_.-]+", re.IGNORECASE | re.ASCII)

# By these, as chart values or KubeSpawner's settings, pods get code, rights or volumes, and pages HTML.
# Without "_", in lower case.
_POWER_WORDS = """
    extraconfig extrafiles extracontainers initcontainers lifecyclehooks cloudmetadata serviceaccount
    serviceaccountname extrapodconfig extracontainerconfig extrapodspec extravolumes extravolumemounts volumes
    volumemounts storage securitycontext podsecuritycontext containersecuritycontext uid gid fsgid fsgroup
    runasuser runasgroup supplementalgids privileged privilegeescalationallowed allowprivilegeescalation
    privilegeescalation networkpolicy cmd args command poststartcmd prestopcmd services loadroles extraenv
    environment templatepaths existingsecret existingclaim imagepullsecret imagepullsecrets pullsecrets
    annotations labels extraannotations extralabels extraresources extratolerations tolerations
    extranodeaffinity hostnetwork hostpid hostipc runtimeclassname schedulername priorityclassname db ingress
    proxy rbac custom networktools podnametemplate extraimages templatevars
    """
_POWERS = frozenset(_POWER_WORDS.split())
_POWERFUL_ENDS = ("hook", "hooks", "class", "command")
_OVERRIDE = "kubespawner_override"
# What of KubeSpawner's settings a profile may set; all others must be named.
_PROFILE_WORDS = """
    image image_pull_policy mem_limit mem_guarantee cpu_limit cpu_guarantee default_url start_timeout http_timeout
    node_selector extra_resource_limits extra_resource_guarantees
    """
_OF_A_PROFILE = frozenset(_PROFILE_WORDS.split())
_PROFILES = "profileList"
_HTML = frozenset({"display_name", "description", "display_name_in_choices"})  # of a profile, an option or a choice
_NAMES_FOLLOW = frozenset({"profile_options", "choices"})  # keys below which people choose names
_DEEPEST_HUB = 3  # where the keys of the chart's `hub:` stand at most: a chart in a chart in ours
_SECTIONS_OF_POWER = frozenset({"JupyterHub", "KubeSpawner", "Spawner"})  # of hub.config
# Where much stands that only some of it was meant.
_BROAD: tuple[Pattern, ...] = (
    ("jupyterhub", "hub", "extraConfig"),
    ("jupyterhub", "singleuser", "extraFiles"),
    ("jupyterhub", "proxy", "chp"),
    ("jupyterhub", "hub", "config", ANY, ANY),
    ("jupyterhub", "cull", "enabled"),
)


@dataclass(frozen=True, slots=True)
class Right:
    """One key that people may change, with all below it."""

    who: frozenset[str]  # in lower case; with a slash: a team
    key: Pattern


def name_of(text: str) -> str:
    """A user or team as names are compared: GitHub's know no case. "" for what can be none."""
    plain = text.removeprefix("@")
    return plain.lower() if _LOGIN.fullmatch(plain) or _TEAM.fullmatch(plain) else ""


def is_team(name: str) -> bool:
    return "/" in name


def parse_pattern(text: str) -> Pattern:
    """``jupyterhub.singleuser.nodeSelector."a.b/c"`` in its parts; empty where it is none."""
    if not _PATTERN.fullmatch(text):
        return ()
    return tuple(quoted or plain for quoted, plain in _PART.findall(text))


def patterns_of(entry: Owners, fleet: Fleet) -> tuple[str, ...]:
    """The keys that an entry gives, as they are written."""
    if entry.keys is not None:
        return entry.keys
    given = fleet.settings.owners.keys
    return OWNED_KEYS if given is None else given


def rights_of(fleet: Fleet, hub: Hub) -> list[Right]:
    """What people may change of a hub's values. Names and keys that are none give nothing: ``validate`` tells."""
    found = []
    for entry in hub.owners:
        who = frozenset(filter(None, map(name_of, entry.who)))
        keys = filter(None, map(parse_pattern, patterns_of(entry, fleet)))
        found += [Right(who, key) for key in keys if who]
    return found


def maintainers_of(fleet: Fleet) -> frozenset[str]:
    """Who may change everything."""
    return frozenset(filter(None, map(name_of, fleet.settings.owners.maintainers)))


def owned_files(release: Release) -> Iterator[tuple[frozenset[str], str]]:
    """Files that people may change as they like, as paths of the fleet; only those of the cluster's folder."""
    for entry in release.hub.owners if release.hub else ():
        who = frozenset(filter(None, map(name_of, entry.who)))
        for file in entry.files:
            if not leaves_folder(file):
                yield who, cluster_path(release.id.cluster, file)


def leaves_folder(file: str) -> bool:
    return normpath(file).startswith(("..", "/")) or normpath(file) == "."


def in_terms_of(below: Path | None, path: Path) -> tuple[Path, ...]:
    """A key of a release's values as it stands, and as the community's chart knows it, below ``jupyterhub``."""
    if below is None or path[: len(below)] != below:
        return (path,)
    return tuple(dict.fromkeys((path, ("jupyterhub", *path[len(below) :]))))


def gives(pattern: Pattern, path: Path) -> bool:
    """Whether a pattern includes a key, whatever must be named."""
    return len(pattern) <= len(path) and all(map(_fits, pattern, path))


def unnamed(pattern: Pattern, path: Path) -> str:
    """The part of a key that the pattern includes but would have to name; "" where there is none."""
    named = [wanted if wanted != ANY else "" for wanted in pattern] + [""] * (len(path) - len(pattern))
    for index, part in enumerate(path):
        if isinstance(part, str) and part != named[index] and _must_be_named(path, index, part):
            return part
    return ""


def shows_html(path: Path, value: object) -> bool:
    """Whether it would stand as HTML on the form of profiles, which KubeSpawner fills in without escaping anything.

    Most texts and names stand between tags there. A slug, names of options and choices and what belongs to an unlisted
    choice stand in attributes in double quotes, too.
    """
    if _PROFILES not in path or _OVERRIDE in path[:-1]:
        return False
    below = path[path.index(_PROFILES) + 1 :]
    text = value if isinstance(value, str) else ""
    names = "".join(part for part in below if isinstance(part, str))
    return "<" in text + names or '"' in names or (bool(below) and below[-1] not in _HTML and '"' in text)


def names_html(pattern: Pattern) -> bool:
    """Whether a pattern names a text of profiles itself."""
    return _PROFILES in pattern and bool(pattern) and pattern[-1] in _HTML


def _must_be_named(path: Path, index: int, part: str) -> bool:
    before = path[index - 1] if index else ""
    if _section_or_trait(path, index) or (before == "hub" and index <= _DEEPEST_HUB):
        return True
    if before == _OVERRIDE:
        return part not in _OF_A_PROFILE
    if _OVERRIDE in path[:index]:  # there stand Kubernetes' words, such as labels of nodes; but it is no list
        return isinstance(path[path.index(_OVERRIDE) + 1], int)
    if before in _NAMES_FOLLOW:
        return False
    return is_power(part) or (part == "image" and before != "singleuser")


def _section_or_trait(path: Path, index: int) -> bool:
    """Whether it is the class or the setting in ``hub.config.Class.setting``."""
    return any(path[max(start - 2, 0) : start] == ("hub", "config") for start in (index, index - 1))


def is_power(name: str) -> bool:
    """Whether a key of this name gives code, rights or volumes."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return plain in _POWERS or plain.endswith(_POWERFUL_ENDS)


def _fits(wanted: str, part: str | int) -> bool:
    return wanted in (ANY, part)


def is_broad(pattern: Pattern) -> bool:
    """Whether it includes much that was hardly meant."""
    return len(pattern) == 1 or any(
        len(pattern) < len(one) and all(a == b or ANY in (a, b) for a, b in zip(pattern, one, strict=False))
        for one in _BROAD
    )


def powers_of(pattern: Pattern) -> list[str]:
    """What it names that gives code, rights or volumes."""
    named = [part for index, part in enumerate(pattern) if part != ANY and _names_power(pattern, index, part)]
    return [*named, *([f"HTML in {pattern[-1]}"] if names_html(pattern) else [])]


def _names_power(pattern: Pattern, index: int, part: str) -> bool:
    if _section_or_trait(pattern, index):
        return part in _SECTIONS_OF_POWER or is_power(part)
    before = pattern[index - 1] if index else ""
    if before == "hub" and index <= _DEEPEST_HUB:
        return part == "image" or is_power(part)
    return _must_be_named(pattern, index, part)


def owned_hubs(fleet: Fleet) -> dict[ReleaseId, Hub]:
    """Hubs that somebody owns."""
    return {one.id: one.hub for one in fleet.releases.values() if one.hub and one.hub.owners}


def everybody(fleet: Fleet) -> list[str]:
    """Every name that owns anything, sorted."""
    named: Iterable[str] = (who for hub in owned_hubs(fleet).values() for entry in hub.owners for who in entry.who)
    return sorted({*filter(None, map(name_of, named)), *maintainers_of(fleet)})
