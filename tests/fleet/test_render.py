"""`plan --exact` and `diff` with the real Helm: what is rendered, what is the same, what is shown, what it costs."""

from __future__ import annotations

import json
import shutil
import stat
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from render_world import CORAL, LAGOON, MORE_MEMORY, OCEAN, REEF, STAGING, UNUSED, HelmWorld, named

from helm_world import reef
from small_fleet import cluster, hub


@pytest.fixture
def world(tmp_path: Path) -> HelmWorld:
    return HelmWorld(tmp_path)


def test_what_renders_the_same_is_dropped_and_canaries_are_those_of_what_is_left(world: HelmWorld) -> None:
    world.write(OCEAN, UNUSED)
    assert world.plan("--since", world.base) == ["reef/staging", "reef/ocean"]
    assert world.exact() == ([], ["reef/ocean"])
    world.write(CORAL, MORE_MEMORY)
    assert world.exact() == (["reef/staging", "reef/coral"], ["reef/ocean"])


def test_a_canary_that_renders_the_same_is_brought_along_and_not_listed_as_dropped(world: HelmWorld) -> None:
    world.write(STAGING, UNUSED)
    world.write(CORAL, MORE_MEMORY)
    assert world.exact() == (["reef/staging", "reef/coral"], [])


def test_a_template_rewritten_to_the_same_effect_drops_all(world: HelmWorld) -> None:
    path = world.root / "helm-charts/basehub/templates/configmap.yaml"
    path.write_text(
        "# now with a comment\n" + path.read_text().replace("metadata: {name: motd,", "metadata: {name: 'motd',")
    )
    planned, dropped = world.exact()
    assert planned == []
    assert dropped == ["reef/coral", "reef/lagoon", "reef/ocean", "reef/staging"]


def test_the_table_says_what_was_dropped_and_why(world: HelmWorld) -> None:
    world.write(OCEAN, UNUSED)
    said = world.run("plan", "--since", world.base, "--exact")
    assert said.out.splitlines() == [
        "Dropped: renders the same: reef/ocean",
        "Nothing to upgrade.",
    ]
    assert world.run("plan", "--since", world.base, "--exact", "--exit-code").code == 0


@pytest.mark.parametrize(
    "edit",
    [
        "jupyterhub: {hub: {cookieSecret: given-by-hand}}\n",  # was generated
        "jupyterhub: {hub: {dbPassword: hunter22}}\n",
        "motd: good morning\n",
    ],
)
def test_what_renders_otherwise_stays(world: HelmWorld, edit: str) -> None:
    world.write(OCEAN, edit)
    assert world.exact() == (["reef/staging", "reef/ocean"], [])


def test_a_secret_that_changes_by_hand_is_a_difference(tmp_path: Path) -> None:
    world = HelmWorld(tmp_path, reef() | {OCEAN: "jupyterhub: {hub: {cookieSecret: one}}\n"})
    world.write(OCEAN, "jupyterhub: {hub: {cookieSecret: two}}\n")
    assert world.exact() == (["reef/staging", "reef/ocean"], [])


def test_a_second_run_costs_nothing(world: HelmWorld) -> None:
    world.write(OCEAN, UNUSED)
    world.write(CORAL, MORE_MEMORY)
    first = world.exact()
    words = [call.split()[0] for call in world.helm.calls()]
    # Two hubs at two times, each twice, for the chart makes secrets at random; the chart's dependencies once.
    assert sorted(words) == ["dependency", *["template"] * 8, "version"]
    assert world.exact() == first
    shown = world.diff()
    assert "4G" in shown.out
    assert world.helm.calls() == []


def test_a_chart_with_nothing_at_random_is_rendered_once(world: HelmWorld) -> None:
    world.write(f"{REEF}/support.values.yaml", "v: 2\n")
    assert world.exact() == (["reef/support"], [])
    assert [call.split()[0] for call in world.helm.calls()] == ["version", "template", "template"]


def test_the_cache_is_private_holds_no_secret_and_survives_what_is_done_to_it(world: HelmWorld) -> None:
    world.write(OCEAN, "jupyterhub: {hub: {dbPassword: hunter22}}\niniPassword: hunter33\n")
    first = world.diff()
    folder = world.cache / "jupyterhub-deployer" / "renders"
    entries = sorted(folder.glob("*.z"))
    assert len(entries) == 2
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    for file in entries:
        text = zlib.decompress(file.read_bytes())
        assert b"hunter" not in text
        assert b"aHVudGVy" not in text  # the same in base64
    entries[0].write_bytes(b"torn")
    assert world.diff() == first
    folder.chmod(0o500)  # cannot be written: for root it can, and nothing is different
    (folder / "key").unlink(missing_ok=True)
    assert world.diff() == first


def test_several_processes_at_once_agree(world: HelmWorld) -> None:
    world.write(OCEAN, UNUSED)
    world.write(CORAL, MORE_MEMORY)
    with ThreadPoolExecutor(3) as pool:
        assert {str(one) for one in pool.map(lambda _: world.exact(), range(3))} == {
            str((["reef/staging", "reef/coral"], ["reef/ocean"]))
        }


# What cannot be rendered


def test_encrypted_values_keep_a_release_in_the_plan_unless_they_are_the_same_and_may_be_left_out(
    tmp_path: Path,
) -> None:
    secret = f"{REEF}/enc-ocean.secret.values.yaml"
    entry = hub("ocean", helm_chart_values_files=["ocean.values.yaml", "enc-ocean.secret.values.yaml"])
    contents = reef() | {secret: "sops: one\n"}
    hubs = [hub("staging", domain="s.example.org"), entry]
    contents[f"{REEF}/cluster.yaml"] = json.dumps(cluster("reef", hubs))
    world = HelmWorld(tmp_path, contents)
    world.write(OCEAN, UNUSED)
    said = world.run("plan", "--since", world.base, "--exact", "--format", "json")
    assert '"dropped": []' in said.out
    why = "it has encrypted values, which cannot be decrypted here"
    assert json.loads(said.out)["not_rendered"] == [{"cluster": "reef", "hub": "ocean", "reason": why}]
    assert said.err == (
        "deployer: stays planned, for it cannot be rendered: "
        "reef/ocean: it has encrypted values, which cannot be decrypted here\n"
    )
    assert world.helm.calls() == []
    skipping = world.plan_json("--since", world.base, "--exact", "--skip-secrets")
    assert [named(one) for one in skipping["dropped"]] == ["reef/ocean"]
    world.write(secret, "sops: two\n")
    said = world.run("plan", "--since", world.base, "--exact", "--skip-secrets")
    assert "cannot be decrypted" in said.err
    assert "\nreef/ocean " in said.out


def test_with_no_helm_all_stays_planned(world: HelmWorld, tmp_path: Path) -> None:
    world.write(OCEAN, UNUSED)
    only_git = tmp_path / "only-git"
    only_git.mkdir()
    git = shutil.which("git")
    assert git
    (only_git / "git").symlink_to(git)
    said = world.run("plan", "--since", world.base, "--exact", PATH=str(only_git))
    assert "helm is not installed" in said.err
    assert "reef/ocean" in said.out
    shown = world.diff(PATH=str(only_git))
    assert "Not rendered: reef/ocean: helm is not installed" in shown.out


def test_a_chart_that_does_not_render_says_what_helm_said(world: HelmWorld) -> None:
    world.write("helm-charts/basehub/templates/configmap.yaml", '{{ fail "no such colour" }}\n')
    world.commit()
    said = world.run("plan", "--since", world.base, "--exact")
    assert "4 releases on 1 cluster to upgrade" in said.out
    assert "reef/coral, reef/lagoon, reef/ocean, reef/staging: Error:" in said.err
    assert "no such colour" in said.err
    assert "deployer-render-" not in said.err


def test_a_local_cluster_has_no_manifests(tmp_path: Path) -> None:
    contents = reef()
    contents[f"{REEF}/cluster.yaml"] = json.dumps(cluster("reef", [hub("staging"), hub("ocean")], "local"))
    world = HelmWorld(tmp_path, contents)
    world.write(OCEAN, UNUSED)
    said = world.run("plan", "--since", world.base, "--exact")
    assert "reef/ocean: a local cluster runs processes, not manifests" in said.err
    assert "\nreef/ocean " in said.out


def test_another_cluster_under_the_same_name_is_never_the_same(world: HelmWorld) -> None:
    path = world.root / REEF / "cluster.yaml"
    path.write_text(path.read_text().replace('"zone": "z"', '"zone": "elsewhere"'))
    planned, dropped = world.exact()
    assert len(planned) == 5
    assert dropped == []
    assert world.helm.calls() == []


@pytest.mark.parametrize("words", [("plan", "--all"), ("plan",), ("deploy", "reef"), ("deploy", "--all")])
def test_exact_needs_a_revision(world: HelmWorld, words: tuple[str, ...]) -> None:
    said = world.run(*words, "--exact")
    assert (said.code, said.err) == (1, "deployer: --exact compares with a revision\nAdd --since REV.\n")


def test_names_that_helm_would_take_for_something_else_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    files = reef() | {"helm-charts/support/templates/b.yaml": 'kind: B\nv: {{ .Files.Get "b.bin" | quote }}\n'}
    odd = 'a, "b".values.yaml'
    hubs = [hub("staging", helm_chart="support", helm_chart_values_files=[odd])]
    files[f"{REEF}/cluster.yaml"] = json.dumps(cluster("reef", hubs, support=None))
    files[f"{REEF}/{odd}"] = "v: 1\n"
    world = HelmWorld(tmp_path, files)
    (world.root / "helm-charts/support/b.bin").write_bytes(b"\xff")
    world.base = world.commit()
    world.write(f"{REEF}/{odd}", "v: 1\nunused: 1\n")
    assert world.exact() == ([], ["reef/staging"])
    (world.root / "helm-charts/support/b.bin").write_bytes(b"\xfe")
    assert world.exact() == (["reef/staging"], [])


# diff


def test_alike_differences_are_shown_once_and_the_odd_ones_first(world: HelmWorld) -> None:
    for path in (CORAL, LAGOON, OCEAN):
        world.write(path, MORE_MEMORY)
    world.write(STAGING, "motd: bye\n")
    lines = world.diff().out.splitlines()
    assert lines[0] == "reef/staging"
    titles = [line for line in lines if line.startswith(("reef/", "the same"))]
    assert titles[1:] == ["the same on 3 hubs: reef/coral, reef/lagoon, reef/ocean (shown: those of the first)"]
    assert lines[-1] == "4 releases differ, in 2 ways."
    assert {"    -  motd: hello", "    +  motd: bye", "    -          value: 2G", "    +          value: 4G"} <= set(
        lines
    )


def test_secrets_are_masked_wherever_they_stand_and_told_as_changed(world: HelmWorld) -> None:
    world.write(OCEAN, "jupyterhub: {hub: {dbPassword: hunter22, cookieSecret: hunter44}}\niniPassword: hunter33\n")
    said = world.diff()
    assert "hunter" not in said.out + said.err
    assert "MASKED" not in said.out
    assert "aHVudGVy" not in said.out
    lines = {line.strip() for line in said.out.splitlines()}
    assert {"-          value: *** (before)", "+          value: *** (after)"} <= lines
    assert {"-    password = *** (before)", "+    password = *** (after)"} <= lines
    assert "+      dbPassword: *** (after)" in lines  # within the Secret's values.yaml: the key, not the value


def test_one_cluster_one_hub(world: HelmWorld) -> None:
    world.write(OCEAN, MORE_MEMORY)
    world.write(CORAL, MORE_MEMORY)
    assert "reef/coral" not in world.diff("reef", "ocean").out
    assert world.diff("reef", "lagoon", "--exit-code") == (0, "No difference in what is rendered.\n", "")
    assert world.diff("reef", "--exit-code").code == 2
    assert "no cluster 'atoll'" in world.diff("atoll").err
    assert "no hub 'pond'" in world.diff("reef", "pond").err


def test_a_new_hub_is_all_added_and_one_that_is_gone_is_listed(world: HelmWorld) -> None:
    path = world.root / REEF / "cluster.yaml"
    path.write_text(path.read_text().replace('"name": "ocean"', '"name": "sea"'))
    lines = world.diff().out.splitlines()
    assert "  Deployment sea/hub: added" in lines
    assert "Gone from the fleet, and left alone: reef/ocean" in lines


def test_without_a_revision_the_cluster_is_asked(world: HelmWorld) -> None:
    """There is none here; all that is said of it is said once, for all releases."""
    said = world.run("diff", "reef")
    assert said.code == 1
    assert "Comparing 5 releases with what is deployed" in said.err
    assert said.out.count("Not compared: ") == 1
    assert "Traceback" not in said.err
    assert "--since" in world.run("diff", "--kube-version", "1.30").err


def test_kubernetes_as_helm_takes_it_to_be(tmp_path: Path) -> None:
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: k}\n"
        "data: {v: {{ .Capabilities.KubeVersion.Minor | quote }}, "
        'has: {{ .Capabilities.APIVersions.Has "a/v1" | quote }}, w: {{ .Values.w | default 0 | quote }}}\n'
    )
    chart = {"Chart.yaml": "apiVersion: v2\nname: support\nversion: 0.1.0\n", "templates/c.yaml": template}
    world = HelmWorld(tmp_path, reef(support=chart))
    world.write(f"{REEF}/support.values.yaml", "w: 1\n")
    assert '   v: "31"' in world.diff("--kube-version", "1.31.2").out.replace("'", '"')
    assert '  has: "true"' in world.diff("--api-versions", "a/v1").out.replace("'", '"')
    assert world.helm.calls()
    world.diff("--api-versions", "a/v1")
    assert world.helm.calls() == []


def test_a_terminal_has_colours(world: HelmWorld) -> None:
    world.write(OCEAN, "motd: bye\n")
    world.env.pop("NO_COLOR")
    plain, coloured = world.diff(), world.diff(FORCE_COLOR="1", TERM="xterm")
    assert "\x1b" not in plain.out
    assert "\x1b[32m" in coloured.out


def test_an_override_and_computed_values_count(tmp_path: Path) -> None:
    contents = reef()
    contents["deployer.yaml"] = "jsonnet: {chart_values: values.jsonnet, ext_vars: {HUB: hub.name}}\n"
    contents["helm-charts/basehub/values.jsonnet"] = '{motd: "computed for " + std.extVar("HUB")}\n'
    contents["helm-charts/support/values.yaml"] = "{}\n"
    contents[f"{REEF}/override.yaml"] = contents["helm-charts/basehub/Chart.yaml"]
    entry = hub("ocean", chart_override="override.yaml", helm_chart_values_files=["ocean.values.jsonnet"])
    contents[f"{REEF}/ocean.values.jsonnet"] = "{jupyterhub: {unused: 1}}\n"
    contents[f"{REEF}/cluster.yaml"] = json.dumps(cluster("reef", [hub("staging", domain="s.example.org"), entry]))
    world = HelmWorld(tmp_path, contents)
    world.write(f"{REEF}/ocean.values.jsonnet", "{jupyterhub: {unused: 1 + 1}}\n")
    assert world.exact() == ([], ["reef/ocean"])
    world.write("helm-charts/basehub/values.jsonnet", '{motd: "worked out for " + std.extVar("HUB")}\n')
    said = world.diff("reef", "ocean").out
    assert "-  motd: computed for ocean" in said
    assert "+  motd: worked out for ocean" in said
    world.write(f"{REEF}/override.yaml", contents[f"{REEF}/override.yaml"].replace("0.1.0", "0.2.0"))
    world.write("helm-charts/basehub/values.jsonnet", contents["helm-charts/basehub/values.jsonnet"])
    assert world.exact()[1] == ["reef/ocean"]


def test_a_plain_file_of_a_domain_is_read_as_it_is(tmp_path: Path) -> None:
    entry = hub("ocean", helm_chart_values_files=["ocean.values.yaml"], domain_override_file="domain.yaml")
    contents = reef() | {f"{REEF}/domain.yaml": "domain: elsewhere.example.org\n"}
    contents[f"{REEF}/cluster.yaml"] = json.dumps(cluster("reef", [hub("staging", domain="s.example.org"), entry]))
    contents["deployer.yaml"] = contents.get("deployer.yaml", "") + "\njsonnet: {ext_vars: {DOMAIN: hub.domain}}\n"
    world = HelmWorld(tmp_path, contents)
    world.write(OCEAN, UNUSED)
    said = world.run("plan", "--since", world.base, "--exact", "--format", "json")
    assert (said.code, said.err) == (0, "")
    assert [named(one) for one in json.loads(said.out)["dropped"]] == ["reef/ocean"]
