"""Who may import whom, and who may touch the outside: the table of the design, held over the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import deployer

SOURCE = Path(deployer.__file__).parent

ALL = frozenset({"*"})
HOW = frozenset({"fleet", "plan", "process", "secrets"})  # the rooms that say how, not what or when
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "errors": frozenset(),
    "fleet": frozenset(),
    "changes": frozenset({"fleet"}),
    "plan": frozenset({"fleet", "changes"}),
    "rollout": frozenset({"fleet", "plan"}),
    "process": frozenset(),
    "git": frozenset({"process", "fleet"}),
    "secrets": HOW,
    "health": HOW,
    "helm": HOW,
    "render": HOW | {"helm"},
    "targets": HOW | {"helm"},
    "reports": frozenset({"fleet", "changes", "plan", "rollout", "render", "health"}),
    "actions": frozenset({"fleet", "plan"}),
    "replicate": frozenset({"fleet", "plan", "render", "secrets", "process", "helm"}),
    "scaffold": frozenset({"fleet", "plan", "render", "secrets", "process"}),
    "cli": ALL,
    "": frozenset(),  # deployer/__init__.py
}
FREE = frozenset({"errors", ""})  # for all: the errors, and the package's own version
# Of plan, those who act need no more than what a step is and the protocols they implement.
PLAN_OF_TARGETS = frozenset({"deployer.plan.steps", "deployer.plan.ports"})

PURE = frozenset({"fleet", "changes", "plan"})
IMPURE_MODULES = frozenset({"time", "subprocess", "socket", "random", "secrets", "tempfile", "threading"})
IMPURE_CALLS = frozenset(
    {"print", "input", "os.getcwd", "os.getenv", "Path.cwd", "Path.home", "datetime.now", "date.today", "sys.exit"}
)
THREADING_ALLOWED = frozenset({"deployer.plan.ports"})  # its protocols hand on the event that cancels
MAY_START_PROCESSES = frozenset({"deployer.process", "deployer.targets.local.daemon"})
STARTERS = frozenset(
    {
        "subprocess.",
        "os.system",
        "os.popen",
        "os.spawn",
        "os.exec",
        "os.fork",
        "os.posix_spawn",
        "asyncio.create_subprocess",
    }
)
ENVIRON_WRITERS = frozenset(
    {"os.putenv", "os.unsetenv"}
    | {f"os.environ.{name}" for name in ("update", "setdefault", "pop", "popitem", "clear")}
)


class Module:
    """One source file: its dotted name, its room, and what it imports, at the top or within functions."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.tree = ast.parse(text)
        self.room = ([*name.split("."), ""])[1]

    def imports(self) -> Iterator[tuple[str, int]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}:{node.lineno}: a relative import"
                yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)

    def uses(self) -> Iterator[tuple[str, int]]:
        """Every dotted name, with what it was imported from in its place: ``environ`` becomes ``os.environ``."""
        known = {name.rpartition(".")[2]: name for name, _ in self.imports() if not name.startswith("deployer")}
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Name, ast.Attribute)) and (dotted := _dotted(node)):
                head, dot, rest = dotted.partition(".")
                yield known.get(head, head) + dot + rest, node.lineno

    def environ_writes(self) -> Iterator[int]:
        for node in ast.walk(self.tree):
            written = node.target if isinstance(node, ast.AugAssign) else node
            if isinstance(written, ast.Subscript) and isinstance(written.ctx, (ast.Store, ast.Del)):
                written = written.value
            elif written is node:
                continue
            if _dotted(written).endswith("environ"):
                yield node.lineno


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value)):
        return f"{head}.{node.attr}"
    return ""


def modules() -> list[Module]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        if "template" not in parts:  # the fleet that the scaffold copies is data
            name = ".".join(parts).removesuffix(".__init__")
            found.append(Module(name, path.read_text(encoding="utf-8")))
    return found


def forbidden_imports(module: Module) -> list[str]:
    allowed = MAY_IMPORT[module.room]
    wrong = []
    for name, line in module.imports():
        room = ([*name.split("."), ""])[1] if name.split(".")[0] == "deployer" else None
        if room is None or room == module.room or room in FREE or "__" in room or allowed == ALL:
            continue
        if room not in allowed:
            wrong.append(f"{module.name}:{line}: {module.room} must not import {name}")
        elif room == "plan" and allowed >= HOW and not any(name.startswith(f"{of}.") for of in PLAN_OF_TARGETS):
            wrong.append(f"{module.name}:{line}: of plan, {module.room} may import steps and ports only, not {name}")
    return wrong


def impurities(module: Module) -> list[str]:
    if module.room not in PURE:
        return []
    ignored = {"threading"} if module.name in THREADING_ALLOWED else set()
    found = [
        f"{module.name}:{line}: imports {name}"
        for name, line in module.imports()
        if name.split(".")[0] in IMPURE_MODULES - ignored
    ]
    for name, line in module.uses():
        if name in IMPURE_CALLS or name.startswith("os.environ") or name.endswith(("datetime.now", "Path.cwd")):
            found.append(f"{module.name}:{line}: uses {name}")
    return found


def process_starts(module: Module) -> list[str]:
    if module.name in MAY_START_PROCESSES:
        return []
    names = [*module.uses(), *module.imports()]
    return [
        f"{module.name}:{line}: {name}"
        for name, line in names
        if name == "subprocess" or any(name.startswith(starter) for starter in STARTERS)
    ]


def environ_writes(module: Module) -> list[str]:
    lines = [*module.environ_writes(), *(line for name, line in module.uses() if name in ENVIRON_WRITERS)]
    return [f"{module.name}:{line}: changes os.environ" for line in lines]


def cycle(these: list[Module]) -> list[str]:
    """Modules that import each other in a ring, [] where there is none."""
    names = {module.name for module in these}
    graph = {module.name: _imported(module, names) for module in these}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _imported(module: Module, names: set[str]) -> set[str]:
    found = set()
    for name, _ in module.imports():
        target = name if name in names else name.rpartition(".")[0]
        if target in names and target != module.name:
            found.add(target)
    return found


ALL_MODULES = modules()


def test_rooms_are_those_of_the_design() -> None:
    assert {module.room for module in ALL_MODULES} <= MAY_IMPORT.keys()


def test_each_room_imports_only_what_it_may() -> None:
    assert [line for module in ALL_MODULES for line in forbidden_imports(module)] == []


def test_no_module_imports_itself_through_others() -> None:
    assert cycle(ALL_MODULES) == []


def test_the_middle_is_pure() -> None:
    assert [line for module in ALL_MODULES for line in impurities(module)] == []


def test_processes_are_started_in_one_place() -> None:
    assert [line for module in ALL_MODULES for line in process_starts(module)] == []


def test_nothing_changes_the_environment_of_this_process() -> None:
    assert [line for module in ALL_MODULES for line in environ_writes(module)] == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("deployer.fleet.x", "from deployer.plan.build import build_plan", 1),
        ("deployer.fleet.x", "def f():\n    from deployer.git import Repository", 1),  # within a function too
        ("deployer.fleet.x", "from deployer.errors import FleetError", 0),
        ("deployer.fleet.x", "from deployer import __version__", 0),
        ("deployer.fleet.x", "from deployer import git", 1),
        ("deployer.rollout.x", "import deployer.targets.local", 1),
        ("deployer.targets.x", "from deployer.plan.ports import Target", 0),
        ("deployer.targets.x", "from deployer.plan.build import build_plan", 1),
        ("deployer.git", "from deployer.fleet.tree import Tree", 0),
        ("deployer.cli.x", "from deployer.targets.local import target", 0),
    ],
)
def test_a_planted_import_is_found(name: str, text: str, found: int) -> None:
    assert len(forbidden_imports(Module(name, text))) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import time", 1),
        ("from time import monotonic", 1),
        ("import os\nos.environ['A']", 1),
        ("from os import environ\nenviron.get('A')", 1),
        ("print('x')", 1),
        ("from datetime import datetime\ndatetime.now()", 1),
        ("import datetime\ndatetime.datetime.now()", 1),
        ("from pathlib import Path\nPath.cwd()", 1),
        ("from datetime import datetime\n\ndef f(now: datetime) -> None: ...", 0),
    ],
)
def test_a_planted_impurity_is_found(text: str, found: int) -> None:
    assert bool(impurities(Module("deployer.plan.x", text))) == bool(found)
    assert impurities(Module("deployer.health.x", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess",
        "def f():\n    from subprocess import run",
        "import os\nos.system('x')",
        "from os import execvp\nexecvp('x', [])",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
    ],
)
def test_a_planted_process_is_found(text: str) -> None:
    assert process_starts(Module("deployer.git", text))
    assert process_starts(Module("deployer.process", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.environ['A'] = 'b'",
        "import os\ndel os.environ['A']",
        "from os import environ\nenviron.update(A='b')",
        "import os\nos.environ.setdefault('A', 'b')",
        "import os\nos.environ |= {}",
        "import os\nos.putenv('A', 'b')",
    ],
)
def test_a_planted_change_of_the_environment_is_found(text: str) -> None:
    assert environ_writes(Module("deployer.cli.x", text))


def test_reading_the_environment_is_no_change() -> None:
    assert environ_writes(Module("deployer.cli.x", "import os\nenv = dict(os.environ)\nx = os.environ['A']")) == []


def test_a_planted_cycle_is_found() -> None:
    ring = [
        Module("deployer.fleet.a", "from deployer.fleet.b import x"),
        Module("deployer.fleet.b", "def f():\n    from deployer.fleet import c"),
        Module("deployer.fleet.c", "import deployer.fleet.a"),
    ]
    assert len(cycle(ring)) == 4
    assert cycle(ring[:2]) == []
