"""Who may change what: by the effective values that a commit changes, however it goes about it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from fleet_world import World

from deployer.cli.main import main
from small_fleet import CHARTS

REEF = "config/clusters/reef"
OCEAN, COMMON, CORAL = f"{REEF}/ocean.values.yaml", f"{REEF}/common.values.yaml", f"{REEF}/coral.values.yaml"
CLUSTER, README = f"{REEF}/cluster.yaml", f"{REEF}/ocean.README.md"
MIDDLE, LATE = f"{REEF}/middle.values.yaml", f"{REEF}/late.values.yaml"  # between them an encrypted file

CLUSTER_TEXT = """\
name: reef
provider: gcp
gcp: {project: p, cluster: c, zone: z}
support: {helm_chart_values_files: [support.values.yaml]}
hubs:
  - name: staging
    domain: staging.reef.example.org
    helm_chart: basehub
    helm_chart_values_files: [common.values.yaml, staging.values.yaml]
  - name: ocean
    domain: ocean.reef.example.org
    helm_chart: basehub
    helm_chart_values_files: [common.values.yaml, middle.values.yaml, ocean.values.yaml, enc-ocean.secret.values.yaml,
      late.values.yaml]
    owners:
      - who: [Ada, Our-Org/ocean-leads]
        files: [ocean.README.md]
      - who: [bob]
        keys: [jupyterhub.singleuser]
      - who: [carol]
        keys:
          - jupyterhub.singleuser.extraFiles
          - jupyterhub.hub.config.Authenticator
          - jupyterhub.singleuser.profileList.*.display_name
          - jupyterhub.singleuser.nodeSelector."a.b/c"
  - name: coral
    domain: coral.reef.example.org
    helm_chart: daskhub
    helm_chart_values_files: [coral.values.jsonnet, coral.values.yaml]
    owners:
      - who: [ada]
"""
OCEAN_TEXT = """\
jupyterhub:
  singleuser:
    image: {name: quay.io/ocean, tag: "1"}
    defaultUrl: /lab
    profileList:
      - {display_name: Small, slug: small, kubespawner_override: {mem_limit: 1G}}
      - {display_name: Large, slug: large, kubespawner_override: {mem_limit: 4G, extra_pod_config: {hostNetwork: true}}}
  hub:
    config:
      Authenticator:
        admin_users: [ada]
    allowNamedServers: true
"""
FILES = CHARTS | {
    CLUSTER: CLUSTER_TEXT,
    "deployer.yaml": "owners: {maintainers: [Engineer, our-org/engineers]}\n",
    COMMON: "jupyterhub: {singleuser: {memory: {limit: 1G}, defaultUrl: /tree}}\n",
    OCEAN: OCEAN_TEXT,
    CORAL: "basehub: {jupyterhub: {singleuser: {image: {tag: '1'}}}}\n",
    f"{REEF}/coral.values.jsonnet": "{basehub: {jupyterhub: {singleuser: {defaultUrl: '/lab'}}}}\n",
    f"{REEF}/staging.values.yaml": "jupyterhub: {singleuser: {defaultUrl: /lab}}\n",
    f"{REEF}/support.values.yaml": "{}\n",
    MIDDLE: "{}\n",
    LATE: "jupyterhub: {debug: {enabled: true}}\n",
    f"{REEF}/enc-ocean.secret.values.yaml": "jupyterhub: ENC[x]\nsops: {mac: m}\n",
    README: "A hub.\n",
    ".gitattributes": "*.png binary\n",
    ".github/workflows/owners.yaml": "name: owners\n",
}

Edit = Callable[[World], None]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("owners") / "fleet", contents=FILES)


@pytest.fixture
def world(origin: World) -> Iterator[World]:
    """One repository for all: each test leaves it as it was."""
    yield origin
    origin.git("reset", "-q", "--hard", origin.base)
    origin.git("clean", "-qffd")


def owners(world: World, *words: str, author: str = "ada") -> tuple[int, dict[str, Any]]:
    """The verb's code and its JSON, in this process: a table is long."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(said):
        rest = ["--since", world.base, "--author", author, "--format", "json", *words]
        code = main(["--fleet", str(world.root), "owners", *rest])
    said.seek(0)
    return code, json.loads(said.read())


def outside(world: World, *words: str, author: str = "ada") -> list[str]:
    """``file: key`` of all that is outside, after what is there was committed."""
    world.commit()
    code, data = owners(world, *words, author=author)
    found = [f"{one['file']}: {one['key'] or one['what']}" for one in data["changes"] if not one["within"]]
    assert (code, data["within"]) == ((2, False) if found else (0, True))
    return found


def swap(path: str, *pairs: tuple[str, str]) -> Edit:
    def edit(world: World) -> None:
        text = FILES[path]
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        world.write(path, text)

    return edit


def write(path: str, text: str) -> Edit:
    return lambda world: world.write(path, text)


def more(path: str, text: str) -> Edit:
    return write(path, FILES[path] + text)


def remove(path: str) -> Edit:
    return lambda world: (world.root / path).unlink()


def all_of(*edits: Edit) -> Edit:
    def edit(world: World) -> None:
        for one in edits:
            one(world)

    return edit


def link(path: str, to: str) -> Edit:
    def edit(world: World) -> None:
        (world.root / path).unlink(missing_ok=True)
        (world.root / path).symlink_to(to)

    return edit


def can_be_run(path: str) -> Edit:
    return lambda world: (world.root / path).chmod(0o755)


def module(path: str) -> Edit:
    return lambda world: world.git("clone", "-q", ".", path) and None


def profiles(*lines: str) -> Edit:
    return swap(OCEAN, (f"      - {SMALL}\n      - {LARGE}\n", "".join(f"      - {line}\n" for line in lines)))


SINGLE, KS = "jupyterhub.singleuser", "kubespawner_override"
SMALL = "{display_name: Small, slug: small, kubespawner_override: {mem_limit: 1G}}"
POWER = "extra_pod_config: {hostNetwork: true}"
LARGE = f"{{display_name: Large, slug: large, kubespawner_override: {{mem_limit: 4G, {POWER}}}}}"
PROFILE = "profileList[0]"
OF_LARGE = f"{KS}.extra_pod_config.hostNetwork"
SERVERS = "    allowNamedServers: true\n"
CHOICE = f"{{choices: {{c: {{{KS}: {{uid: 0}}}}}}}}"
POWERS = """extraFiles extraContainers initContainers lifecycleHooks cloudMetadata extraEnv extraPodConfig storage cmd
    networkTools serviceAccountName"""
POWERS_OF_A_PROFILE = "service_account privileged volumes extra_pod_config environment cmd modify_pod_hook no_such"


@pytest.mark.parametrize(
    ("author", "edit"),
    [
        ("ada", swap(OCEAN, ('"1"', '"2"'), ("/lab", "/tree"), ("[ada]", "[ada, bob]"))),
        ("ADA", swap(OCEAN, ('"1"', '"2"'))),  # GitHub's names know no case
        # Nothing that is deployed differs, so it is anybody's.
        ("mallory", more(OCEAN, "# a comment\n")),
        ("mallory", swap(OCEAN, ('{name: quay.io/ocean, tag: "1"}', "{'tag': '1', name: quay.io/ocean}"))),
        ("mallory", swap(OCEAN, ('tag: "1"}', 'tag: &a "1"}'))),
        ("mallory", all_of(swap(OCEAN, (SERVERS, "")), write(MIDDLE, f"jupyterhub: {{hub: {{{SERVERS.strip()}}}}}\n"))),
        ("ada", swap(OCEAN, ("mem_limit: 1G", "mem_limit: 2G, cpu_limit: 2, node_selector: {a.b/storage: x}"))),
        ("ada", profiles(LARGE, SMALL)),  # what may not be set only moved
        ("ada", profiles("{display_name: New, slug: new}", SMALL, LARGE)),
        ("ada", profiles("{slug: n, profile_options: {storage: {choices: {labels: {display_name: L}}}}}", LARGE)),
        ("ada", swap(CORAL, ("'1'", "'2'"))),  # below a chart in a chart
        ("ada", write(README, "More.\n")),
        ("ada", remove(README)),
        ("bob", swap(OCEAN, ('"1"', '"2"'), ("/lab", "/lab\n    startTimeout: 9"))),
        ("bob", swap(OCEAN, ("/lab", "/lab\n    memory: null"))),
        ("carol", swap(OCEAN, ("/lab", "/lab\n    extraFiles: {a: {mountPath: /a}}"))),
        ("carol", swap(OCEAN, ("display_name: Small", "display_name: Tiny"))),
        ("carol", swap(OCEAN, ("/lab", "/lab\n    nodeSelector: {a.b/c: x}"))),
        ("ada", swap(OCEAN, ("display_name: Small", "display_name: 'Small & \"fast\"', description: 1 > 0"))),
        ("carol", swap(OCEAN, ("display_name: Small", "display_name: <b>Small</b>"))),  # named, so it may be HTML
        ("engineer", swap(OCEAN, ("true", "false"))),
        ("engineer", remove(CLUSTER)),
    ],
)
def test_what_is_within(world: World, author: str, edit: Edit) -> None:
    edit(world)
    assert outside(world, author=author) == []


@pytest.mark.parametrize(
    ("author", "edit", "found"),
    [
        ("mallory", swap(OCEAN, ('"1"', '"2"')), ["image.tag"]),
        ("ada", swap(OCEAN, ("Servers: true", "Servers: false")), ["hub.allowNamedServers"]),
        # What anchors and merge keys give counts where it arrives.
        ("ada", swap(OCEAN, ("/lab", "&a /lab"), ("Servers: true", "Servers: *a")), ["hub.allowNamedServers"]),
        ("ada", swap(OCEAN, ("image: {", "image: &a {extraEnv: {A: b}, ")), ["image.extraEnv.A"]),
        ("ada", swap(OCEAN, ("  hub:\n", "  <<: {debug: {enabled: true}}\n  hub:\n")), ["debug.enabled"]),
        (
            "ada",
            swap(OCEAN, ("  hub:\n    config", "  hub:\n    <<: {extraConfig: {a: import os}}\n    config")),
            ["hub.extraConfig.a"],
        ),
        # What is not given with the key above it.
        *(("bob", swap(OCEAN, ("/lab", f"/lab\n    {key}: {{x: 1}}")), [f"{key}.x"]) for key in POWERS.split()),
        *(
            ("ada", swap(OCEAN, ("1G}", f"1G, {key}: x}}")), [f"profileList[0].{KS}.{key}"])
            for key in POWERS_OF_A_PROFILE.split()
        ),
        ("ada", swap(OCEAN, (POWER, "extra_pod_config: {}")), [f"profileList[1].{OF_LARGE}"]),
        # Whole profiles that come, go or change places, with what they may not have in them.
        ("ada", profiles(SMALL, f"{{slug: n, {KS}: {{uid: 0}}}}", LARGE), [f"profileList[1].{KS}.uid"]),
        ("ada", profiles(f"{{slug: n, {KS}: [{{uid: 0}}]}}", LARGE), [f"profileList[0].{KS}[0].uid"]),
        (
            "ada",
            profiles(f"{{slug: n, profile_options: {{o: {CHOICE}}}}}", LARGE),
            [f"profileList[0].profile_options.o.choices.c.{KS}.uid"],
        ),
        ("ada", profiles(SMALL, LARGE, LARGE), [f"profileList[2].{OF_LARGE}"]),
        (
            "ada",
            profiles(SMALL.replace("small", "large"), LARGE.replace("large", "small")),
            [f"profileList[0].{OF_LARGE}", f"profileList[1].{OF_LARGE}"],
        ),
        ("carol", profiles(LARGE), ["profileList", f"profileList[0].{KS}.mem_limit", "profileList[0].slug"]),
        # The form of profiles shows texts without escaping them: a script there is each user's who opens it.
        ("ada", swap(OCEAN, ("display_name: Small", "display_name: <script>x</script>")), [f"{PROFILE}.display_name"]),
        ("ada", swap(OCEAN, ("slug: small", "slug: small, description: a <img>")), [f"{PROFILE}.description"]),
        ("ada", swap(OCEAN, ("slug: small", "slug: 's\" onclick=x y=\"'")), [f"{PROFILE}.slug"]),
        (
            "ada",
            swap(OCEAN, ("slug: small", "slug: small, profile_options: {'<b>': {choices: {c: {display_name: C}}}}")),
            [f"{PROFILE}.profile_options.<b>.choices.c.display_name"],
        ),
        # Of hub.config section and setting must be named, not the section alone.
        ("carol", swap(OCEAN, ("[ada]", "[carol]")), ["hub.config.Authenticator.admin_users"]),
        # What stands above a key that is given, and what null takes away.
        ("ada", swap(OCEAN, ("  singleuser:", "  singleuser: null\n  x:")), None),
        ("ada", swap(OCEAN, ("/lab", "/lab\n    memory: null")), ["memory", "memory.limit"]),
        # Keys that only look like one that is given.
        ("ada", swap(OCEAN, ("    defaultUrl", "    im\u0430ge: x\n    defaultUrl")), ["im\\u0430ge"]),
        ("ada", swap(OCEAN, ("    defaultUrl", "    Image: x\n    defaultUrl")), ["Image"]),
        ("ada", more(OCEAN, "jupyterhub.singleuser.image: x\n"), ["/jupyterhub.singleuser.image"]),
        # In a file of several hubs, each counts that reads it, also where it says otherwise itself.
        ("ada", swap(COMMON, ("/tree", "/x")), ["defaultUrl"]),
        ("bob", swap(COMMON, ("1G", "2G")), ["memory.limit"]),
        # In vain for now: it counts once the file that overrides it does not.
        ("bob", swap(COMMON, ("memory:", "profileList: [], memory:")), ["profileList"]),
        # A key moved across an encrypted file, which may or may not override it.
        (
            "mallory",
            all_of(
                swap(OCEAN, (SERVERS, "")), swap(LATE, ("jupyterhub: {", f"jupyterhub: {{hub: {{{SERVERS.strip()}}}, "))
            ),
            ["hub.allowNamedServers"],
        ),
    ],
)
def test_what_is_outside_by_its_values(world: World, author: str, edit: Edit, found: list[str] | None) -> None:
    edit(world)
    keys = {one.partition(": ")[2] for one in outside(world, author=author)}
    if found is None:
        assert f"{SINGLE}" in keys
        return
    assert keys == {_whole(key) for key in found}


def _whole(key: str) -> str:
    """Most stand below ``jupyterhub.singleuser``."""
    if key.startswith("/"):
        return key[1:]
    return f"jupyterhub.{key}" if key.startswith(("hub.", "debug.")) else f"{SINGLE}.{key}"


@pytest.mark.parametrize(
    ("edit", "file", "what"),
    [
        (swap(CLUSTER, ("[Ada, ", "[Ada, mallory, ")), CLUSTER, "who owns them"),
        (swap(CLUSTER, ("late.values.yaml]", "late.values.yaml, more.values.yaml]")), CLUSTER, "who owns them"),
        (more(CLUSTER, "# a comment\n"), CLUSTER, "who owns them"),
        (write("deployer.yaml", "owners: {maintainers: [ada]}\n"), "deployer.yaml", "who owns them"),
        (write(f"{REEF}/more.values.yaml", "{}\n"), f"{REEF}/more.values.yaml", "does not know"),
        (write(f"{REEF}/Ocean.values.yaml", "{}\n"), f"{REEF}/Ocean.values.yaml", "does not know"),
        (remove(OCEAN), OCEAN, "cannot be read: no such values file"),
        (
            all_of(remove(OCEAN), write(f"{REEF}/sea.values.yaml", OCEAN_TEXT)),
            f"{REEF}/sea.values.yaml",
            "does not know",
        ),
        (link(OCEAN, "late.values.yaml"), OCEAN, "a symbolic link"),
        (link(README, "enc-ocean.secret.values.yaml"), README, "a symbolic link"),
        (can_be_run(OCEAN), OCEAN, "can be run"),
        (can_be_run(README), README, "can be run"),
        (module(f"{REEF}/sub"), f"{REEF}/sub", "a submodule"),
        (write(".gitattributes", "* -text\n"), ".gitattributes", "does not know"),
        (write(".gitmodules", "[submodule]\n"), ".gitmodules", "does not know"),
        (write(".github/workflows/owners.yaml", "on: push\n"), ".github/workflows/owners.yaml", "a workflow"),
        (write(".github/CODEOWNERS", "* @ada\n"), ".github/CODEOWNERS", "a workflow"),
        (
            write(f"{REEF}/enc-ocean.secret.values.yaml", "a: b\nsops: {mac: m}\n"),
            f"{REEF}/enc-ocean.secret.values.yaml",
            "an encrypted file",
        ),
        (write(f"{REEF}/coral.values.jsonnet", "{}\n"), f"{REEF}/coral.values.jsonnet", "a program"),
        (write(f"{REEF}/support.values.yaml", "a: 1\n"), f"{REEF}/support.values.yaml", ": a"),
        (write("helm-charts/basehub/values.yaml", "{}\n"), "helm-charts/basehub/values.yaml", "touches reef/coral"),
        (
            write("helm-charts/basehub/templates/x.yaml", "a: b\n"),
            "helm-charts/basehub/templates/x.yaml",
            "touches reef",
        ),
        (write("README.md", "x\n"), "README.md", "does not know"),
        (write("tools/x.py", "x\n"), "tools/x.py", "does not know"),
        (swap(OCEAN, ("    defaultUrl: /lab", "    defaultUrl: /lab\n    defaultUrl: /x")), OCEAN, "stands twice"),
        (write(OCEAN, "a: [\n"), OCEAN, "cannot be read: not YAML"),
        # Helm 3 ignores a second document, Helm 4 merges it over the first.
        (more(OCEAN, "---\njupyterhub: {hub: {extraConfig: {z: evil}}}\n"), OCEAN, "a document after the first"),
        (more(COMMON, "---\njupyterhub: {singleuser: {defaultUrl: /x}}\n"), COMMON, "a document after the first"),
        (write(CLUSTER, "a: [\n"), CLUSTER, "cannot be read: not YAML"),
    ],
)
def test_what_is_outside_whatever_its_values(world: World, edit: Edit, file: str, what: str) -> None:
    edit(world)
    found = outside(world)
    assert [one for one in found if one.startswith(file) and what in one], found


def text_of(world: World, *words: str, **env: str) -> tuple[int, str, str]:
    return world.run("owners", "--since", world.base, *words, **env)


def test_teams_let_in_those_who_are_in_them(world: World) -> None:
    swap(OCEAN, ('"1"', '"2"'))(world)
    world.commit()
    assert owners(world, author="dora")[0] == 2
    assert owners(world, "--team", "OUR-ORG/Ocean-Leads", author="dora")[0] == 0
    assert owners(world, "--team", "other/ocean-leads", author="dora")[0] == 2
    swap(OCEAN, ("true", "false"))(world)
    world.commit()
    assert owners(world, "--team", "our-org/ocean-leads", author="dora")[0] == 2
    assert owners(world, "--team", "our-org/engineers", author="dora")[0] == 0


def test_of_several_each_must_be_allowed_all_of_it(world: World, tmp_path: Path) -> None:
    swap(OCEAN, ('"1"', '"2"'))(world)
    world.commit()
    assert owners(world, "--author", "mallory")[0] == 2  # who pushed to another's branch
    assert owners(world, "--author", "engineer")[0] == 0
    teams = tmp_path / "teams"
    teams.write_text("mallory our-org/ocean-leads\n")
    assert owners(world, "--author", "mallory", "--teams-from", str(teams))[0] == 0
    said = world.run("owners", "--since", world.base, "--author", "a", "--author", "b", "--team", "o/t")
    assert said.err.startswith("deployer: --team does not say whose team it is")


def test_whoever_git_names_as_author_or_committer_does_not_count(world: World) -> None:
    swap(OCEAN, ('"1"', '"2"'))(world)
    world.git("add", "-A")
    world.git("-c", "user.name=ada", "commit", "-q", "--author", "ada <ada@example.org>", "-m", "As ada")
    assert owners(world, author="mallory")[0] == 2


def test_owners_are_read_where_the_change_goes(world: World) -> None:
    """Who makes themselves an owner and uses it in the next commit is none."""
    swap(CLUSTER, ("[Ada, ", "[Ada, mallory, "))(world)
    world.commit()
    swap(OCEAN, ('"1"', '"2"'))(world)
    assert {one.partition(": ")[0] for one in outside(world, author="mallory")} == {CLUSTER, OCEAN}


def test_only_commits_are_looked_at(world: World) -> None:
    swap(OCEAN, ("true", "false"))(world)
    assert owners(world) == (
        0,
        {"within": True, "maintainers": False, "authors": [{"name": "ada", "teams": []}], "changes": []},
    )


def test_a_branch_without_the_base_is_no_change_of_it(world: World) -> None:
    world.git("checkout", "-q", "-b", "late")
    swap(OCEAN, ('"1"', '"2"'))(world)
    world.commit()
    world.git("checkout", "-q", "main")
    more(OCEAN, "# newer\n")(world)
    newer = world.commit()
    said = world.run("owners", "--since", newer, "--head", "late", "--author", "ada")
    assert said.code == 1
    assert "late does not contain" in said.err
    world.git("branch", "-qD", "late")


def test_an_owners_block_plans_no_upgrade(world: World) -> None:
    swap(CLUSTER, ("who: [bob]", "who: [bob, dora]"))(world)
    write("deployer.yaml", "owners: {maintainers: [x], keys: [a.b.c]}\n")(world)
    assert world.plan("--since", world.base) == []


def test_what_people_see(world: World) -> None:
    swap(OCEAN, ('"1"', '"2"'), ("/lab", "/lab\n    extraEnv: {A: b}"))(world)
    world.commit()
    code, out, err = text_of(world, "--author", "bob")
    why = f"extraEnv is no part of what {SINGLE} gives: it must be named in owners itself"
    assert (code, err) == (2, "Outside: bob may not change 1 of 2 changes.\n")
    assert out.splitlines() == [
        f"outside  {OCEAN}:5: reef/ocean: {SINGLE}.extraEnv.A added: b",
        f"         {why}; who may: engineer, our-org/engineers",
        f"within   {OCEAN}:3: reef/ocean: {SINGLE}.image.tag 1 → 2",
    ]


def test_what_github_shows(world: World, tmp_path: Path) -> None:
    swap(OCEAN, ("Servers: true", "Servers: false"))(world)
    world.commit()
    page = tmp_path / "summary.md"
    code, out, _ = text_of(world, "--author", "ada", "--format", "github", GITHUB_STEP_SUMMARY=str(page))
    assert code == 2
    assert out.startswith(
        f"::error file={OCEAN},line=12,title=Outside what its author may change::reef/ocean: jupyterhub.hub"
    )
    assert page.read_text().startswith("### Outside: ada may not change 1 of 1 change.\n")


def since_now(world: World, path: str, text: str) -> tuple[int, str]:
    """What is there is the base; then a file changes, and ada says that it is hers."""
    base = world.commit()
    world.write(path, text)
    world.commit()
    said = world.run("owners", "--since", base, "--author", "ada")
    assert said.code in (0, 2), said.err
    return said.code, said.out


def test_a_file_that_counts_in_another_way_too(world: World) -> None:
    world.write("deployer.yaml", f"rebuild_all_on: [{OCEAN}]\n")
    code, out = since_now(world, OCEAN, OCEAN_TEXT + "# a comment\n")
    assert code == 2
    assert f"outside  {OCEAN}: reef/ocean: an input that is no value of its own differs" in out


def test_a_file_that_is_also_a_chart_s_defaults(world: World) -> None:
    defaults = "helm-charts/basehub/values.yaml"
    swap(CLUSTER, ("middle.values.yaml", f"../../../{defaults}"))(world)
    image = "jupyterhub: {singleuser: {image: {tag: '3'}}}\n"
    code, out = since_now(world, defaults, image)
    assert code == 2
    assert "reef/coral" in out


def test_a_file_that_is_read_through_a_link(world: World) -> None:
    world.write(f"{REEF}/real/ocean.values.yaml", OCEAN_TEXT)
    link(OCEAN, "real/ocean.values.yaml")(world)
    code, out = since_now(world, f"{REEF}/real/ocean.values.yaml", OCEAN_TEXT.replace('"1"', '"2"'))
    assert code == 2
    assert f"outside  {REEF}/real/ocean.values.yaml: touches reef/ocean" in out


def test_who_may_change_what(world: World) -> None:
    said = world.run("owners")
    assert said.out.splitlines()[:3] == [
        "everything: engineer, our-org/engineers",
        "reef/coral: ada",
        f"  {SINGLE}.image",
    ]
    data = json.loads(world.run("owners", "--format", "json").out)
    assert data["teams"] == ["our-org/engineers", "our-org/ocean-leads"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--since", "HEAD"], "whose change is it?"),
        (["--author", "ada"], "--author goes with --since REV"),
        (["--since", "HEAD", "--author", "\u212aate"], "is no user's name on GitHub"),  # its lower case is "kate"
        (["--since", "HEAD", "--author", "our-org/engineers"], "is no user's name on GitHub"),
        (["--since", "HEAD", "--author", "ada", "--team", "engineers"], "is no team, ORG/TEAM on GitHub"),
        (["--since", "no-such", "--author", "ada"], "revision 'no-such' is not in this repository"),
    ],
)
def test_what_cannot_be_asked(world: World, words: list[str], message: str) -> None:
    said = world.run("owners", *words)
    assert said.code == 1
    assert message in said.err


def test_codeowners_are_written_and_checked(world: World) -> None:
    assert world.run("owners", "--check").code == 1
    assert "[codeowners]" in world.run("validate").out
    world.write(".github/CODEOWNERS", "docs/ @writers")
    assert world.run("owners", "--write").out == "wrote .github/CODEOWNERS\n"
    text = (world.root / ".github/CODEOWNERS").read_text()
    assert text.splitlines() == [
        "docs/ @writers",
        "# Made by `deployer owners --write`; `deployer owners --check` fails where it was edited.",
        "* @engineer @our-org/engineers",
        f"/{CORAL} @ada @engineer @our-org/engineers",
        f"/{LATE} @ada @bob @carol @our-org/ocean-leads @engineer @our-org/engineers",
        f"/{MIDDLE} @ada @bob @carol @our-org/ocean-leads @engineer @our-org/engineers",
        f"/{README} @ada @our-org/ocean-leads @engineer @our-org/engineers",
        f"/{OCEAN} @ada @bob @carol @our-org/ocean-leads @engineer @our-org/engineers",
        "/.github/ @engineer @our-org/engineers",
        "# End of what `deployer owners --write` makes.",
    ]
    assert world.run("owners", "--check").code == 0
    assert "[codeowners]" not in world.run("validate").out
    world.write(".github/CODEOWNERS", text.replace("* @engineer", "* @mallory"))
    assert world.run("owners", "--check").err.startswith("deployer: .github/CODEOWNERS: is not what")
    assert world.run("owners", "--write").code == 0
    assert (world.root / ".github/CODEOWNERS").read_text() == text


def test_no_line_of_codeowners_stands_after_ours(world: World) -> None:
    assert world.run("owners", "--write").code == 0
    file = world.root / ".github/CODEOWNERS"
    text = file.read_text()
    world.write(".github/CODEOWNERS", f"{text}\n# Nobody reads on here.\n")
    assert world.run("owners", "--check").code == 0
    for line in ("* @mallory", f"/{OCEAN}", "  /.github/workflows/ @mallory"):
        world.write(".github/CODEOWNERS", f"{text}\n# Mine:\n{line}\n")
        number = text.count("\n") + 3
        said = world.run("owners", "--check")
        assert said.code == 1
        assert said.err.startswith(f"deployer: .github/CODEOWNERS:{number}: this line stands after")
        found = f".github/CODEOWNERS:{number}: it wins over those of owners [codeowners-overridden]"
        assert found in world.run("validate").out
        assert world.run("owners", "--write").code == 0
        assert file.read_text() == f"\n# Mine:\n{line}\n{text}"
        assert world.run("owners", "--check").code == 0


def test_uncommitted_changes_are_said_not_to_count(world: World) -> None:
    assert "ncommitted" not in text_of(world, "--author", "ada")[2]
    swap(OCEAN, (SERVERS, ""))(world)
    code, _, err = text_of(world, "--author", "ada")
    assert (code, err.splitlines()[0]) == (0, "Uncommitted changes are not looked at.")


def test_odd_names_in_codeowners(world: World) -> None:
    swap(CLUSTER, ("middle.values.yaml", "'in the middle.values.yaml'"))(world)
    world.write(f"{REEF}/in the middle.values.yaml", "{}\n")
    assert world.run("owners", "--write").code == 0
    assert f"/{REEF}/in\\ the\\ middle.values.yaml @ada" in (world.root / ".github/CODEOWNERS").read_text()
    for odd in ("#a.values.yaml", "a*.values.yaml", "a[b].values.yaml", "a?.values.yaml"):
        swap(CLUSTER, ("middle.values.yaml", f"'{odd}'"))(world)
        world.write(f"{REEF}/{odd}", "{}\n")
        said = world.run("owners", "--check")
        assert said.err.startswith(f"deployer: {REEF}/{odd}: its name cannot stand in CODEOWNERS")
