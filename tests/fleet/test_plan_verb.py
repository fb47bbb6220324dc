"""`deployer plan` on real git repositories: what the user sees."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fleet_world import World, default_files

from small_fleet import cluster, files, hub

REEF = "config/clusters/reef"
OCEAN = f"{REEF}/ocean.values.yaml"
ALL = [
    "atoll/support", "atoll/staging", "atoll/lagoon", "reef/support", "reef/staging", "reef/coral", "reef/ocean"
]  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "fleet")


def reason_files(plan: dict[str, Any]) -> dict[str, set[str]]:
    """The files that the reasons of each release name."""
    return {
        f"{one['cluster']}/{one['hub'] or 'support'}": {file for why in one["why"] for file in why["files"]}
        for one in plan["releases"]
    }


def test_a_table_with_reasons(world: World) -> None:
    said = world.run("plan", OCEAN)
    assert said.code == 0
    assert said.err == ""
    lines = [line.rstrip() for line in said.out.splitlines()]
    assert lines[0].split() == ["release", "stage", "why"]
    assert lines[2].split(maxsplit=2) == ["reef/staging", "staging", "canary of ocean"]
    assert lines[3].startswith("reef/ocean")
    assert "values ← " in lines[3]
    assert lines[3].endswith("ocean.values.yaml")
    assert lines[-1] == "2 releases on 1 cluster to upgrade: 1 staging, 1 production."


def test_nothing_to_upgrade(world: World) -> None:
    assert world.run("plan", "docs/index.md").out == "Nothing to upgrade.\n"
    assert world.run("plan", "--since", "HEAD") == (0, "Nothing to upgrade.\n", "")


def test_json(world: World) -> None:
    whole = world.plan_json(OCEAN)
    assert [
        {key: one[key] for key in ("cluster", "hub", "stage", "provider", "reasons")} for one in whole["releases"]
    ] == [
        {"cluster": "reef", "hub": "staging", "stage": "staging", "provider": "gcp", "reasons": ["canary of ocean"]},
        {"cluster": "reef", "hub": "ocean", "stage": "production", "provider": "gcp", "reasons": [f"values ← {OCEAN}"]},
    ]
    assert whole["retired"] == []
    assert whole["revision"] == world.base


def test_json_is_the_same_bytes_each_time(world: World) -> None:
    first, second = (world.run("plan", "--all", "--format", "json", PYTHONHASHSEED=seed) for seed in "12")
    assert first == second
    assert world.plan("--all") == ALL
    assert json.loads(first.out)["releases"][0]["hub"] is None  # support


@pytest.mark.parametrize("committed", [True, False])
def test_since_sees_what_was_edited_added_deleted_and_renamed(world: World, committed: bool) -> None:
    templates = "helm-charts/support/templates"
    for name in ("gone.yaml", "old.yaml"):
        world.write(f"{templates}/{name}", f"a: {name}\n")
    world.base = world.commit()
    world.write(OCEAN, "a: 1\n")
    world.write(f"{templates}/new.yaml", "b: 1\n")
    (world.root / templates / "gone.yaml").unlink()
    (world.root / templates / "old.yaml").rename(world.root / templates / "renamed.yaml")
    if committed:
        world.commit()
    plan = world.plan_json("--since", world.base)
    support = {f"{templates}/{name}.yaml" for name in ("new", "gone", "old", "renamed")}  # untracked, or committed
    assert reason_files(plan) == {
        "reef/ocean": {OCEAN},
        "reef/staging": set(),  # a canary
        **dict.fromkeys(("reef/support", "atoll/support"), support),
    }
    assert plan["revision"] == (world.git("rev-parse", "HEAD") if committed else "")


def test_ignored_files_are_no_change(world: World) -> None:
    world.write(".gitignore", "*.orig\n")
    world.commit()
    world.write("helm-charts/support/x.orig", "")
    assert world.plan("--since", "HEAD") == []


def test_a_user_s_git_settings_change_nothing(world: World) -> None:
    for key, value in [
        ("diff.renames", "copies"), ("diff.external", "false"), ("status.showUntrackedFiles", "no"),
        ("core.quotePath", "true"), ("diff.noprefix", "true"), ("color.ui", "always"), ("diff.relative", "false"),
    ]:  # fmt: skip
        world.git("config", key, value)
    world.write(f"{REEF}/new é.yaml", "")
    world.write(OCEAN, "a: 1\n")
    plan = world.plan_json("--since", "HEAD")
    assert [one["hub"] for one in plan["releases"]] == ["staging", "ocean"]
    assert plan["revision"] == ""


def test_a_git_hook_s_environment_changes_nothing(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other", contents={"x": ""})
    world.write(OCEAN, "a: 1\n")
    hook = {"GIT_DIR": str(other.top / ".git"), "GIT_WORK_TREE": str(other.top), "GIT_INDEX_FILE": str(tmp_path / "i")}
    assert world.plan("--since", "HEAD", **hook) == ["reef/staging", "reef/ocean"]


def test_hubs_and_clusters_that_are_gone_are_listed_and_left_alone(world: World) -> None:
    for path in (world.root / "config/clusters/atoll").iterdir():
        path.unlink()
    world.write(f"{REEF}/cluster.yaml", files(cluster("reef", [hub("staging"), hub("coral")]))[f"{REEF}/cluster.yaml"])
    world.commit()
    plan = world.plan_json("--since", world.base)
    gone = [f"{one['cluster']}/{one['hub'] or 'support'}" for one in plan["retired"]]
    assert gone == ["atoll/lagoon", "atoll/staging", "atoll/support", "reef/ocean"]
    said = world.run("plan", "--since", world.base)
    words = " ".join(said.out.split())
    assert "Retired, and left alone: atoll/lagoon, atoll/staging, atoll/support, reef/ocean" in words


def test_a_base_that_cannot_be_read_stops_nobody_who_mends_it(world: World) -> None:
    good = (world.root / REEF / "cluster.yaml").read_text()
    world.write(f"{REEF}/cluster.yaml", "name: [\n")
    broken = world.commit()
    world.write(f"{REEF}/cluster.yaml", good)
    said = world.run("plan", "--since", broken)
    assert said.code == 0
    assert "reef/ocean" in said.out
    assert said.err.startswith(
        f"deployer: the fleet at {broken} cannot be read, so what is gone since is not listed:\n"
    )
    assert f"{REEF}/cluster.yaml:2:1: not YAML" in said.err


def test_a_base_from_before_the_fleet(tmp_path: Path) -> None:
    world = World(tmp_path / "fleet", contents={"README.md": "x"})
    for path, text in default_files().items():
        world.write(path, text)
    assert world.plan("--since", world.base) == ALL


class TestInASubfolder:
    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        return World(tmp_path / "repository", "infra [1]/fleet")

    def test_since(self, world: World) -> None:
        world.write(OCEAN, "a: 1\n")
        (world.top / "other.txt").write_text("x")
        world.write(f"{REEF}/coral.values.yaml", "b: 1\n")
        plan = world.plan_json("--since", "HEAD")
        changed = {"reef/coral": {f"{REEF}/coral.values.yaml"}, "reef/ocean": {OCEAN}}
        assert reason_files(plan) == {"reef/staging": set(), **changed}
        assert plan["retired"] == []

    def test_what_happens_elsewhere_in_the_repository_does_not_matter(self, world: World) -> None:
        (world.top / "other.txt").write_text("x")
        plan = world.plan_json("--since", "HEAD")
        assert plan["releases"] == []
        assert plan["revision"] == world.base

    @pytest.mark.parametrize("path", [OCEAN, f"infra [1]/fleet/{OCEAN}"])
    def test_paths_as_the_fleet_or_as_git_lists_them(self, world: World, path: str) -> None:
        for gone in (False, True):
            if gone:
                (world.root / OCEAN).unlink()  # a file that is not there cannot show which is meant
            assert world.plan(path) == ["reef/staging", "reef/ocean"]
            assert world.plan("--files-from", "-", stdin=path.encode()) == ["reef/staging", "reef/ocean"]

    def test_from_the_repository_s_top(self, world: World) -> None:
        said = world.run("--fleet", "infra [1]/fleet", "plan", f"infra [1]/fleet/{OCEAN}", cwd=world.top)
        assert "2 releases on 1 cluster" in said.out

    def test_from_within_a_cluster(self, world: World) -> None:
        here = world.root / REEF
        assert world.plan("ocean.values.yaml", cwd=here) == ["reef/staging", "reef/ocean"]
        assert world.plan(OCEAN, cwd=here) == ["reef/staging", "reef/ocean"]
        assert world.plan(str(here / "ocean.values.yaml"), cwd=here) == ["reef/staging", "reef/ocean"]


ODD = ["with space.yaml", 'it\'s "quoted".yaml', "new\nline.yaml", "*.yaml", "é日本.yaml", b"caf\xe9.yaml"]


def test_file_names_with_anything_in_them(world: World) -> None:
    for name in ODD:
        world.write(b"helm-charts/basehub/" + (name if isinstance(name, bytes) else name.encode()), "x")
    said = world.run("plan", "--since", "HEAD", "--format", "json")
    assert (said.code, said.err) == (0, "")
    whole = json.loads(said.out)
    assert reason_files(whole)["reef/ocean"] == {f"helm-charts/basehub/{_text(name)}" for name in ODD}
    assert world.run("plan", "--since", "HEAD").code == 0
    assert world.run("plan", "--since", "HEAD", "--save", "p.json").code == 0
    saved = json.loads((world.root / "p.json").read_text())["releases"]
    assert all(release.pop("digest") for release in saved)
    assert saved == whole["releases"]


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name


def test_file_names_from_a_list(world: World) -> None:
    odd = b"helm-charts/basehub/new\nline.yaml"
    assert len(world.plan("--files-from", "-", "-0", stdin=odd + b"\0README.md\0")) == 5
    # As git quotes them, unless it is told -z:
    assert len(world.plan("--files-from", "-", stdin=b'"helm-charts/basehub/caf\\303\\251\\n.yaml"\n')) == 5
    assert world.plan("--files-from", "-", stdin=OCEAN.encode() + b"\r\n") == ["reef/staging", "reef/ocean"]
    assert world.plan("--files-from", "-", stdin=b"\n\n") == []
    (world.top / "list").write_text(f"{OCEAN}\nREADME.md\n")
    assert world.plan("--files-from", "list") == ["reef/staging", "reef/ocean"]
    assert world.plan("--files-from", "list", f"{REEF}/coral.values.yaml") == [
        "reef/staging",
        "reef/coral",
        "reef/ocean",
    ]


def test_a_hundred_thousand_paths(world: World) -> None:
    paths = "".join(f"docs/{n // 100}/{n}.md\n" for n in range(100_000)) + OCEAN
    assert world.plan("--files-from", "-", stdin=paths.encode()) == ["reef/staging", "reef/ocean"]


def test_labels(world: World) -> None:
    assert world.plan(OCEAN, "--label", "deployer:skip-deploy") == []
    assert world.plan("--label", "deployer:deploy-support") == ["atoll/support", "reef/support"]
    assert world.plan("--since", "HEAD", "--label", "bug", "--label", "deployer:deploy-hubs") == [
        name for name in ALL if "support" not in name
    ]


def test_exit_code(world: World) -> None:
    assert world.run("plan", OCEAN, "--exit-code").code == 2
    assert world.run("plan", "README.md", "--exit-code").code == 0
    assert world.run("plan", "--exit-code", "--bogus").code == 1  # 2 would mean: changes


def test_save(world: World, tmp_path: Path) -> None:
    said = world.run("plan", OCEAN, "--save", "plan.json")
    assert "2 releases" in said.out
    saved = (world.root / "plan.json").read_text()
    assert [one["hub"] for one in json.loads(saved)["releases"]] == ["staging", "ocean"]
    (tmp_path / "folder").mkdir()
    for place, why in [("no/such/plan.json", "No such file or directory"), (str(tmp_path / "folder"), "directory")]:
        said = world.run("plan", OCEAN, "--save", place)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith(f"deployer: --save {place}: ")
        assert why in said.err
    for place in (".", "/"):
        assert world.run("plan", OCEAN, "--save", place).code == 1
    assert [path.name for path in world.root.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plan", OCEAN, "--all"], "name files, or use "),
        (["plan", OCEAN, "--since", "HEAD"], "name files, or use "),
        (["plan", "--all", "--since", "HEAD"], "argument --since: not allowed with argument --all\nSee: deployer plan"),
        (["plan", "--since", "nope"], "revision 'nope' is not in this repository\nSee `git log`"),
        (["plan", "--since", ""], "revision '' is not in this repository"),
        (["plan", "--since", "--all"], "argument --since: expected one argument"),
        (["plan", "--since=--output=x"], "revision '--output=x' is not in this repository"),
        (["plan", "--files-from", "gone"], "--files-from "),
        (["plan", "--format", "xml", OCEAN], "argument --format: invalid choice: 'xml'"),
        (["--fleet", "gone", "plan", "--all"], "--fleet gone: no such folder"),
        (["paln"], "no verb 'paln'\nDid you mean plan?"),
        (["xyzzy"], "no verb 'xyzzy'\nThere are: init, new, "),
        (["--bogus"], "unrecognized arguments: --bogus"),
    ],
)  # fmt: skip
def test_what_the_user_can_mend(world: World, words: list[str], message: str) -> None:
    said = world.run(*words)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"deployer: {message}")


def test_no_fleet_here(tmp_path: Path) -> None:
    world = World(tmp_path / "empty", contents={"README.md": ""})
    said = world.run("plan", "--all")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("deployer: no fleet here")
    assert "deployer init DIR" in said.err
    said = world.run("--fleet", ".", "plan", "--all")
    assert said.err.startswith("deployer: no fleet here: there is no config/clusters/<cluster>/cluster.yaml\n")


def test_bad_yaml_in_two_clusters(world: World) -> None:
    world.write(f"{REEF}/cluster.yaml", "name: reef\n\tprovider: gcp\n")
    world.write("config/clusters/atoll/cluster.yaml", "name: atoll\nprovider: gcp\nhubs: 3\n")
    said = world.run("plan", "--all")
    assert (said.code, said.out) == (1, "")
    assert f"{REEF}/cluster.yaml:2:1: not YAML" in said.err
    assert "config/clusters/atoll/cluster.yaml:3: hubs: must be a list of maps, not 3" in said.err


def test_without_git(world: World, tmp_path: Path) -> None:
    for path in sorted((world.top / ".git").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    (world.top / ".git").rmdir()
    assert world.plan("--all", GIT_CEILING_DIRECTORIES=str(tmp_path)) == ALL
    said = world.run("plan", "--since", "HEAD", GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert said.code == 1
    assert "is not in a git repository\nOnly git knows what changed" in said.err
    assert world.plan("--all", PATH="/nowhere") == ALL  # nor is the command needed
    said = world.run("plan", "--since", "HEAD", PATH="/nowhere")
    assert said.err == "deployer: git: No such file or directory\nIs 'git' installed and on PATH?\n"


def test_a_shallow_clone_says_what_to_do(world: World, tmp_path: Path) -> None:
    world.write(OCEAN, "a: 1\n")
    world.commit()
    world.git("clone", "-q", "--depth", "1", f"file://{world.top}", str(tmp_path / "shallow"))
    said = world.run("plan", "--since", world.base, cwd=tmp_path / "shallow")
    assert said.code == 1
    assert said.err.startswith(f"deployer: revision '{world.base}' is not in this repository\nThis is a shallow clone")


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    world = World(tmp_path / "fleet")
    world.git("checkout", "-q", "--orphan", "new")
    assert world.plan_json("--all")["revision"] == ""
    assert world.run("plan", "--since", "HEAD").err.startswith("deployer: revision 'HEAD' is not in this repository")


def test_a_reader_that_has_gone(world: World) -> None:
    many = cluster("reef", [hub(f"hub{n}") for n in range(2000)])
    for path, text in files(many).items():
        world.write(path, text)
    for last in ("| head -n 1", "| true"):
        for form in ("table", "json"):
            script = f'set -o pipefail; "{sys.executable}" -m deployer.cli.main plan --all --format {form} {last}'
            done = subprocess.run(
                ["bash", "-c", script], cwd=world.root, env=world.env, capture_output=True, check=False
            )
            assert (done.returncode, done.stderr) == (0, b""), (last, form)


def test_help_and_no_arguments(world: World, tmp_path: Path) -> None:
    said = world.run(cwd=tmp_path)
    assert said.code == 0
    assert said.out.startswith("usage: deployer [--fleet DIR] VERB …")
    assert re.search(r"^  plan +which releases a change touches, and why$", said.out, re.MULTILINE)
    assert world.run("--help", cwd=tmp_path).out == said.out
    assert world.run("--version", cwd=tmp_path).out.startswith("deployer ")
    assert "--since REV" in world.run("plan", "--help", cwd=tmp_path).out


def test_a_table_of_eighty_columns_has_no_colour_and_breaks_no_word_it_need_not(world: World) -> None:
    long = cluster("a-cluster-with-a-long-name", [hub("a-hub-with-a-long-name"), hub("staging-of-a-long-name")])
    for path, text in files(long).items():
        world.write(path, text)
    said = world.run("plan", "--since", "HEAD")
    lines = said.out.splitlines()
    assert "\x1b" not in said.out
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("a-cluster-with-a-long-name/a-hub-with-a-long-name ") for line in lines)
    assert not any(line.endswith("…") for line in lines)
    whole = world.run("plan", "--since", "HEAD", COLUMNS="200")
    assert max(len(line.rstrip()) for line in whole.out.splitlines()) > 80


def test_a_label_that_is_nearly_ours_is_told(world: World) -> None:
    """It has no effect, and whoever wanted to skip a deployment must see that."""
    done = world.run("plan", "--all", "--label", "deployer:skipdeploy", "--label", "bug")
    told = "deployer: label 'deployer:skipdeploy' is unknown and has no effect; did you mean deployer:skip-deploy?\n"
    assert (done.code, done.err) == (0, told)
