"""The docs against the code: every verb, key and exit code is there, command lines work, links lead somewhere."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from deployer.changes.reasons import Reason, Rule
from deployer.cli.main import EXIT_CODES, VERBS, parser, verb_parser
from deployer.fleet.ids import ReleaseId, Stage
from deployer.fleet.schema import keys_of
from deployer.health.diagnose import Diagnosis
from deployer.plan.codec import plan_to_json
from deployer.plan.model import Plan, PlannedRelease
from deployer.rollout import wire
from deployer.targets.local.treatments import table

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
GENERATE = runpy.run_path(str(DOCS / "generate.py"))
TEMPLATE = ROOT / "src/deployer/scaffold/template/base/README.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    TEMPLATE,
    TEMPLATE.with_name("CONTRIBUTING.md"),
    *(page for page in sorted(DOCS.rglob("*.md")) if not {"_generated", "_build"} & set(page.parts)),
]
HELP = {"-h", "--help"}


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def options_of(made: argparse.ArgumentParser) -> set[str]:
    """``-n``, ``--lines`` and so on; those of the verbs below it, too."""
    own = set(made._option_string_actions)  # noqa: SLF001 - argparse has no other way to tell
    return own.union(*map(options_of, GENERATE["subcommands"](made)))


@cache
def part(name: str) -> str:
    """A generated part of the reference."""
    return str(GENERATE["PARTS"][name]())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cluster-keys", [key for _, model in GENERATE["CLUSTER_MODELS"] for key in keys_of(model)]),
        ("settings-keys", [key for _, model in GENERATE["SETTINGS_MODELS"] for key in keys_of(model)]),
        ("exit-codes", list(map(str, EXIT_CODES))),
        ("verb-table", list(VERBS)),
        ("events", list(wire.KINDS)),
        ("treatments", list(table())),
    ],
)
def test_every_fact_of_the_code_has_its_row(name, words):
    rows = [line.split("|")[1] for line in part(name).splitlines() if line.startswith("|")]
    assert {word for word in words if not any(f"`{word}`" in row for row in rows)} == set()


def test_every_model_of_the_schema_is_in_the_reference():
    """A model that another one's key leads to has a table of its own."""
    for models in (GENERATE["CLUSTER_MODELS"], GENERATE["SETTINGS_MODELS"]):
        listed = {model for _, model in models}
        assert {inner for model in listed for key in keys_of(model).values() for inner in key.kind.models} <= listed


def test_every_diagnosis_is_in_the_reference():
    assert [word for word in Diagnosis if f"| **{word}** |" not in part("diagnoses")] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_in_the_reference(verb):
    section = part("verbs").split(f"## `deployer {verb}`")[1].split("\n## ")[0]
    assert {option for option in options_of(verb_parser(verb)) - HELP if option not in section} == set()


def test_every_generated_part_is_included_in_a_page():
    included = set(re.findall(r"\{include\} (?:reference/)?_generated/([a-z-]+)\.md", "".join(map(_text, PAGES))))
    assert included == set(GENERATE["PARTS"])


def test_the_readme_has_every_verb():
    assert [verb for verb in VERBS if f"| `{verb}` |" not in _text(ROOT / "README.md")] == []


def test_every_key_of_a_plan_is_on_the_page_about_json():
    release = PlannedRelease(ReleaseId("reef", "ocean"), Stage.PRODUCTION, "local", (Reason(Rule.ASKED, "asked for"),))
    plan = plan_to_json(Plan((release,)))
    first = plan["releases"][0]
    text = _text(DOCS / "reference/json.md")
    assert {key for key in {*plan, *first, *first["why"][0]} if f'"{key}"' not in text} == set()


# Command lines


class Line(NamedTuple):
    """A command line of the docs. ``typed``: stands at a prompt, with nothing left open."""

    page: Path
    number: int
    text: str
    typed: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.number}: {self.text}"


_INLINE = re.compile(r"`(deployer [^`]+)`")


def command_lines() -> Iterator[Line]:
    for page in PAGES:
        fence, language = False, ""
        for number, line in enumerate(_text(page).splitlines(), 1):
            if line.startswith(("```", ":::")):
                fence, language = not fence, line.strip("`:{} ")
            elif fence and line.startswith("$ "):
                yield from (Line(page, number, text, typed=True) for text in _deployer(line.removeprefix("$ ")))
            elif fence and language in ("sh", "", "console"):
                yield from (Line(page, number, text, typed=language == "sh") for text in _deployer(line))
            else:
                yield from (Line(page, number, text, typed=False) for text in _INLINE.findall(line))
                if line.startswith("    "):
                    yield from (Line(page, number, text, typed=False) for text in _deployer(line.strip()))


def _deployer(line: str) -> Iterator[str]:
    """The calls of the deployer in a line of a shell."""
    for part_ in re.split(r" \| |\$\(|\)| && | & |;", line):
        if part_.strip().startswith("deployer "):
            yield part_.strip()


def _words(line: Line) -> list[str]:
    """The words behind ``deployer``; brackets around what may be left out do not count."""
    return [word.strip("[]") for word in shlex.split(line.text, comments=True)[1:]]


LINES = list(command_lines())


def test_command_lines_are_found_in_readme_tutorial_and_template():
    pages = {line.page.name for line in LINES}
    assert {"README.md", "tutorial.md", "how-it-works.md"} <= pages
    assert any(line.page == TEMPLATE for line in LINES)
    assert any(line.typed for line in LINES)


@pytest.mark.parametrize("line", LINES, ids=str)
def test_command_lines_use_verbs_and_options_that_exist(line):
    words = _words(line)
    if words[0] == "--fleet":
        words = words[2:]
    if words[0] in {"VERB", "…"} | options_of(parser()):
        return
    assert words[0] in VERBS
    made = verb_parser(words[0])
    ours = words[1 : words.index("--")] if "--" in words else words[1:]  # what follows is another command's
    given = {word.partition("=")[0] for word in ours if word.startswith("-") and word != "-"}
    assert given - options_of(made) == set()
    if line.typed:
        made.parse_args(words[1:])


# Links


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = re.sub(r"```.*?```", "", _text(page), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"[a-z]+:|#", target):
                yield page, target


def test_relative_links_lead_somewhere():
    lost = [
        f"{page.relative_to(ROOT)}: {to}" for page, to in links() if not (page.parent / to.partition("#")[0]).exists()
    ]
    assert lost == []
