"""What a hub is for, and what it is given for that: tables of settings, each with its reason.

Keys begin with ``jupyterhub`` where they are the community's chart's; any other key is the fleet's own chart's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from deployer.scaffold.yaml_text import Setting

_USER = ("jupyterhub", "singleuser")
_HUB = ("jupyterhub", "hub")


class Kind(StrEnum):
    """What a hub is for."""

    RESEARCH = "research"
    CLASS = "class"
    EVENT = "event"
    DASK = "dask"
    PLAIN = "plain"


class Use(NamedTuple):
    """One kind: what it is for, in a few words, how many people are expected, and the log-in that goes with it."""

    about: str
    people: int = 0  # of whom a share is made room for beforehand
    login: str = ""


USES: Mapping[Kind, Use] = {
    Kind.RESEARCH: Use("People who work on something for months: they choose how large their server is."),
    Kind.CLASS: Use("A course: everybody has the same, and comes at the same time.", people=60),
    Kind.EVENT: Use("A workshop of a day or two: visitors come without an account, and nothing is kept.", 100, "tmp"),
    Kind.DASK: Use("Research whose computations outgrow one machine: with clusters of Dask workers."),
    Kind.PLAIN: Use("Nothing but the chart's own defaults."),
}
PLACEHOLDERS = 5  # one for so many people


def settings_of(kind: Kind, people: int = 0) -> list[Setting]:
    """The settings of a kind; ``people`` are those who are expected, 0 for the kind's own number."""
    return _SETTINGS[kind](people or USES[kind].people)


def _limits(memory: tuple[str, str], cpu: tuple[float, float], why: str) -> list[Setting]:
    return [
        Setting((*_USER, "memory", "guarantee"), memory[0], why),
        Setting((*_USER, "memory", "limit"), memory[1]),
        Setting((*_USER, "cpu", "guarantee"), cpu[0]),
        Setting((*_USER, "cpu", "limit"), cpu[1]),
    ]


def _profile(name: str, slug: str, about: str, memory: tuple[str, str], cpu: tuple[float, float]) -> dict[str, Any]:
    return {
        "display_name": name,
        "description": about,
        "slug": slug,
        **({"default": True} if slug == "small" else {}),
        "kubespawner_override": {
            "mem_guarantee": memory[0],
            "mem_limit": memory[1],
            "cpu_guarantee": cpu[0],
            "cpu_limit": cpu[1],
        },
    }


def _culling(timeout: int, why: str, **more: Any) -> list[Setting]:
    return [
        Setting(("jupyterhub", "cull", "timeout"), timeout, why),
        *(Setting(("jupyterhub", "cull", key), value) for key, value in more.items()),
    ]


def _research(_people: int) -> list[Setting]:
    return [
        Setting((*_USER, "defaultUrl"), "/lab", "What people see first: /lab, /tree, or an application of the image."),
        *_limits(("1G", "2G"), (0.1, 2), "What a server has for sure, and at most, where no profile says otherwise."),
        Setting(
            (*_USER, "profileList"),
            [
                _profile("Small", "small", "For most work: up to 2 GB of memory", ("1G", "2G"), (0.1, 2)),
                _profile("Medium", "medium", "Up to 8 GB of memory", ("4G", "8G"), (0.5, 4)),
                _profile(
                    "Large", "large", "Up to 16 GB of memory: please stop it when you are done", ("12G", "16G"), (1, 4)
                ),
            ],
            "What people choose from. A node must be as large as the largest guarantee.",
        ),
        Setting(
            (*_HUB, "allowNamedServers"), value=True, why="A second server beside the first, for a long computation."
        ),
        Setting((*_HUB, "namedServerLimitPerUser"), 2),
        *_culling(3600, "Seconds without activity until a server is stopped. What runs in a kernel is activity."),
    ]


def _room_for(people: int) -> list[Setting]:
    """All come within minutes: nodes are there before they do."""
    return [
        Setting(
            ("jupyterhub", "scheduling", "podPriority", "enabled"),
            value=True,
            why="So that people take the place of what only keeps it free.",
        ),
        Setting(
            ("jupyterhub", "scheduling", "userPlaceholder"),
            {"enabled": True, "replicas": max(people // PLACEHOLDERS, 1)},
            f"Room kept free for one in {PLACEHOLDERS} of {people} people. It costs as much as they do: "
            "set it to 0 when they are gone.",
        ),
        Setting(
            ("jupyterhub", "prePuller", "continuous", "enabled"),
            value=True,
            why="A new node has the image before somebody waits for it.",
        ),
        Setting((*_HUB, "concurrentSpawnLimit"), 64, "Servers that start at a time: everybody comes at once."),
        Setting((*_USER, "startTimeout"), 600, "Seconds until a start counts as failed: a new node takes minutes."),
    ]


def _class(people: int) -> list[Setting]:
    return [
        Setting((*_USER, "defaultUrl"), "/lab", "What people see first: /lab, or /tree for the classic notebook."),
        *_limits(("512M", "1G"), (0.05, 1), "What each server has for sure, and at most: the same for everybody."),
        *_room_for(people),
        *_culling(
            1800, "Seconds without activity until a server is stopped, and at most, whatever runs.", maxAge=28800
        ),
    ]


SHARED = "_shared"  # the folder beside users' homes
_MOUNT = "/home/jovyan/shared"
_WRITABLE = f"""\
def shared_is_writable_for_instructors(spawner, pod):
    if spawner.user.admin:
        for container in pod.spec.containers:
            for mount in container.volume_mounts or []:
                if mount.mount_path == "{_MOUNT}":
                    mount.read_only = False
    return pod

c.KubeSpawner.modify_pod_hook = shared_is_writable_for_instructors
"""


def shared_folder() -> list[Setting]:
    """A folder that everybody reads and administrators write, where homes are on a share."""
    volume = {"name": "home", "mountPath": _MOUNT, "subPath": SHARED, "readOnly": True}
    owner = {
        "name": "shared-folder-owner",
        "image": "docker.io/library/busybox:1.37.0",
        "command": ["chown", "1000:100", "/shared"],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "home", "mountPath": "/shared", "subPath": SHARED}],
    }
    return [
        Setting((*_USER, "storage", "extraVolumeMounts"), [volume], "What instructors hand out: ~/shared."),
        Setting((*_USER, "initContainers"), [owner], "The folder is root's when it is first mounted."),
        Setting((*_HUB, "extraConfig", "20-shared-folder"), _WRITABLE, "Instructors are the administrators."),
    ]


def _event(people: int) -> list[Setting]:
    return [
        Setting((*_USER, "defaultUrl"), "/lab", "What visitors see first."),
        *_limits(("512M", "1G"), (0.05, 1), "What each server has for sure, and at most."),
        Setting((*_USER, "storage", "type"), "none", "Nothing is kept: a visitor's files go with the server."),
        Setting(
            (*_HUB, "activeServerLimit"), people, "Servers at a time: what the event may cost is known beforehand."
        ),
        *_room_for(people),
        *_culling(
            900,
            "Servers go soon after visitors leave, at the latest after some hours, and the users with them.",
            every=60,
            maxAge=21600,
            users=True,
        ),
    ]


def _dask(people: int) -> list[Setting]:
    return [
        *_research(people),
        Setting(("dask-gateway", "enabled"), value=True, why="Users start clusters of Dask workers by `dask_gateway`."),
        Setting((*_HUB, "services", "dask-gateway"), {"display": False}, "They reach it through the hub."),
    ]


def _plain(_people: int) -> list[Setting]:
    return []


_SETTINGS: Mapping[Kind, Callable[[int], list[Setting]]] = {
    Kind.RESEARCH: _research,
    Kind.CLASS: _class,
    Kind.EVENT: _event,
    Kind.DASK: _dask,
    Kind.PLAIN: _plain,
}
