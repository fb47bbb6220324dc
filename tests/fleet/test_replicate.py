"""A hub taken out of a fleet: what is in the directory, and that bare Helm makes of it what the deployer sends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from fleet_world import Said
from render_world import OCEAN, REEF, HelmWorld
from test_render_charts import Repository, repository  # noqa: F401 - a fixture

from age_keys import AgeKey, make_age_key
from deployer.replicate.proof import PROGRAMS
from helm_world import helm_folder, reef
from small_fleet import cluster, files, hub

SEALED = f"{REEF}/enc-ocean.secret.values.yaml"
SOPS = Path(sys.executable).parent
SECRET = "jupyterhub: {hub: {dbPassword: planted-0123456789}}\n"
COMMENTED = "# Why: the course needs it\njupyterhub:  # upper\n  singleuser: {memory: {limit: 3G}}\n\n# end\n"
OUTER = """\
apiVersion: v2
name: daskhub   # a comment that stays
version: 0.2.0
dependencies:
  - name: basehub
    version: 0.1.0
    repository: "file://../basehub"   # beside it
"""


class World(HelmWorld):
    """A fleet with a cluster more, so that there are names that a replicate must not know."""

    def __init__(self, folder: Path, more: Mapping[str, str] | None = None, **keys: object) -> None:
        other = files(cluster("atoll", [hub("staging"), hub("motu")], "aws"))
        contents = (
            reef() | {path: text for path, text in other.items() if path.startswith("config/")} | dict(more or {})
        )
        if keys:
            path = f"{REEF}/cluster.yaml"
            data = json.loads(contents[path])
            data["hubs"] = [{**one, **(keys if one["name"] == "ocean" else {})} for one in data["hubs"]]
            contents[path] = json.dumps(data)
        super().__init__(folder, contents)
        self.out = folder / "out"
        self.key = make_age_key()

    def encrypt(self, path: str, text: str, key: AgeKey | None = None) -> None:
        self.write(path, text)
        recipient = (key or self.key).recipient
        words = [
            SOPS / "sops",
            "--disable-version-check",
            "--encrypt",
            "--age",
            recipient,
            "--in-place",
            self.root / path,
        ]
        subprocess.run(words, check=True, capture_output=True, env=self.env, timeout=60)

    def take(self, *options: str, **env: str) -> Said:
        return self.run("replicate", "reef", "ocean", str(self.out), *options, **env)

    def taken(self, *options: str, **env: str) -> Path:
        said = self.take(*options, **env)
        assert said.code == 0, said
        return self.out

    def text(self, path: str) -> str:
        return (self.out / path).read_text()

    def render(self, *programs: str, **env: str) -> Said:
        """``deploy.sh --render`` by somebody who has these programs and nothing of ours."""
        bare = self.out.parent / "bare"
        shutil.rmtree(bare, ignore_errors=True)
        bare.mkdir()
        for name in (*PROGRAMS, *programs):
            found = shutil.which(name, path=f"{helm_folder()}:{SOPS}:{self.env['PATH']}")
            (bare / name).symlink_to(str(found))
        clean = {"PATH": str(bare), "HOME": str(bare), **env}
        words = ["/bin/sh", self.out / "deploy.sh", "--render"]
        done = subprocess.run(words, env=clean, capture_output=True, text=True, timeout=120, check=False)
        return Said(done.returncode, done.stdout, done.stderr)

    def check(self, *words: str) -> Said:
        return self.run("replicate", "--check", *words)


def configmap(said: Said, name: str) -> dict[str, str]:
    assert said.code == 0, said
    found = [one for one in yaml.safe_load_all(said.out) if one and one["metadata"]["name"] == name]
    return dict(found[0]["data"])


# The proof


def test_every_hub_can_go(tmp_path: Path) -> None:
    world = World(tmp_path, {OCEAN: COMMENTED})
    said = world.check()
    assert (said.code, said.err) == (0, ""), said
    assert said.out == "6 of 6 hubs can go: Helm alone makes of its replicate what the deployer sends.\n"
    assert world.check("reef").out.startswith("4 of 4 hubs")
    assert world.check("reef/ocean").out == world.check("reef", "ocean").out
    assert "no hub 'pond'" in world.check("reef", "pond").err


def test_what_cannot_be_fetched_cannot_be_proved(tmp_path: Path) -> None:
    chart = "apiVersion: v2\nname: basehub\nversion: 0.1.0\ndependencies:\n"
    chart += "  - {name: remote, version: 1.0.0, repository: 'http://127.0.0.1:9/'}\n"
    said = World(tmp_path, {"helm-charts/basehub/Chart.yaml": chart}).check("reef")
    assert said.code == 1
    assert "Cannot be proved: reef/coral, reef/lagoon, reef/ocean, reef/staging: " in said.out
    assert "0 of 4 hubs" in said.out


def test_a_difference_is_shown(tmp_path: Path) -> None:
    """A template that looks at where its chart stands: the one thing that a replicate cannot have as it was."""
    template = "kind: ConfigMap\nmetadata: {name: where}\ndata:\n  deps: {{ .Chart.Dependencies | toJson | quote }}\n"
    world = World(tmp_path, {"helm-charts/basehub/templates/where.yaml": template})
    said = world.check("reef", "ocean")
    assert said.code == 1
    assert "ConfigMap where: changed" in said.out
    assert "file://../jupyterhub" in said.out


def test_stand_ins_for_secrets_are_told_of_and_no_key_is_needed(tmp_path: Path) -> None:
    world = World(tmp_path, helm_chart_values_files=[SEALED.rsplit("/", 1)[-1], "ocean.values.yaml"])
    world.encrypt(SEALED, SECRET)
    said = world.check("reef", "ocean")
    assert said.code == 0, said
    assert f"Encrypted, so both sides had the same stand-ins: {SEALED}" in said.out
    world.write(SEALED, SECRET)
    assert "named a secret, but not encrypted" in world.check("reef", "ocean").out


# What is in it


def test_the_directory_knows_this_hub_only(tmp_path: Path) -> None:
    world = World(tmp_path, {OCEAN: COMMENTED}, display_name="Ocean sciences")
    said = world.take("--vendor")
    assert said.code == 0, said
    assert said.out.startswith("reef/ocean is now in ")
    names = re.compile(r"reef(?!\.example)|atoll|staging|coral|lagoon|motu|config/clusters|helm-charts|cluster\.yaml")
    for file in world.out.rglob("*"):
        found = names.search(str(file.relative_to(world.out)))
        assert not found, file
        if file.is_file() and "chart/" not in str(file) and "values/" not in str(file):
            text = file.read_text()
            assert str(world.root) not in text
            assert not (hit := names.search(text)), f"{file}: {hit}"
    assert (world.out / "values" / "01-ocean.values.yaml").read_text() == COMMENTED
    assert os.access(world.out / "deploy.sh", os.X_OK)
    assert os.access(world.out / "check.sh", os.X_OK)
    readme = world.text("README.md")
    assert readme.startswith("# Ocean sciences\n")
    assert "https://ocean.reef.example.org/" in readme


def test_files_called_after_others_are_not_here(tmp_path: Path) -> None:
    world = World(tmp_path, helm_chart_values_files=["staging.values.yaml", "reef.yaml", "ocean.values.yaml"])
    world.write(f"{REEF}/reef.yaml", "motd: by the cluster\n")
    out = world.taken()
    assert sorted(file.name for file in (out / "values").iterdir()) == [
        "01-values.yaml",
        "02-values.yaml",
        "03-ocean.values.yaml",
    ]


def test_only_a_new_or_empty_folder_is_filled_and_nothing_is_half_done(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.out.mkdir()
    same = world.out.stat().st_ino
    world.taken()
    assert world.out.stat().st_ino == same  # somebody may stand in it, or it may be a mount point
    before = sorted(file.name for file in tmp_path.iterdir())
    refused = world.take()
    assert refused.code == 1
    assert "is not empty" in refused.err
    world.out = tmp_path / "new" / "out"
    world.write(OCEAN, "a: [\n")
    assert world.take().code == 1
    assert not (tmp_path / "new").exists()
    assert sorted(file.name for file in tmp_path.iterdir()) == before


def test_charts_that_are_named_by_path_stand_inside(tmp_path: Path) -> None:
    ignored = {"helm-charts/basehub/.helmignore": "*.txt\n", "helm-charts/basehub/notes.txt": "of the fleet\n"}
    outer = {
        "helm-charts/daskhub/Chart.yaml": OUTER,
        "helm-charts/daskhub/values.yaml": "basehub: {motd: from above}\n",
        "helm-charts/daskhub/notes.txt": "kept\n",
    }
    world = World(tmp_path, {**ignored, **outer, OCEAN: "basehub: {motd: mine}\n"}, helm_chart="daskhub")
    out = world.taken()
    assert world.text("chart/Chart.yaml") == OUTER.replace('"file://../basehub"', '""')
    assert (out / "chart" / "charts" / "basehub" / "charts" / "jupyterhub" / "Chart.yaml").is_file()
    assert sorted(file.name for file in out.rglob("notes.txt")) == ["notes.txt"]
    assert configmap(world.render(), "motd")["motd"] == "mine"
    assert world.check("reef", "ocean").code == 0


def test_a_chart_override_is_the_chart(tmp_path: Path) -> None:
    override = "apiVersion: v2\nname: basehub\nversion: 0.9.0\n"  # without the hub's own chart
    world = World(tmp_path, {f"{REEF}/special.yaml": override}, chart_override="special.yaml")
    world.taken()
    assert world.text("chart/Chart.yaml") == override
    assert "kind: Deployment" not in world.render().out
    assert world.check("reef", "ocean").code == 0


def test_computed_values_are_plain_yaml_in_their_place(tmp_path: Path) -> None:
    settings = "jsonnet: {chart_values: values.jsonnet, ext_vars: {HUB: hub.name, DOMAIN: hub.domain}}\n"
    more = {
        "deployer.yaml": settings,
        "helm-charts/basehub/values.jsonnet": "{motd: 'chart of ' + std.extVar('HUB'), all: import 'all.libsonnet'}",
        "helm-charts/basehub/all.libsonnet": "{n: 1}",
        f"{REEF}/ocean.jsonnet": "{motd: std.extVar('DOMAIN'), yes: 'yes', n: '1e3', text: 'a\\nb\\n', empty: {}}",
    }
    world = World(tmp_path, more, helm_chart_values_files=["ocean.jsonnet", "ocean.values.yaml"])
    out = world.taken()
    assert sorted(file.name for file in (out / "values").iterdir()) == [
        "00-chart.computed.yaml",
        "01-ocean.computed.yaml",
        "02-ocean.values.yaml",
    ]
    assert 'motd: "chart of ocean"\n' in world.text("values/00-chart.computed.yaml")
    assert "text: |\n  a\n  b\n" in world.text("values/01-ocean.computed.yaml")
    assert not list(out.rglob("*sonnet"))
    assert configmap(world.render(), "motd")["motd"] == "ocean.reef.example.org"
    assert world.check().code == 0


def test_custom_resource_definitions_come_along(tmp_path: Path) -> None:
    crd = "kind: CustomResourceDefinition\nmetadata: {name: x}\n"
    world = World(tmp_path, {"deployer.yaml": "crds: {basehub: [crds/x.yaml]}\n", "crds/x.yaml": crd})
    world.taken()
    assert world.text("crds/00.yaml") == crd
    applied = "kubectl apply --server-side --force-conflicts --filename crds/00.yaml\n"
    assert applied in world.text("deploy.sh")


def test_what_is_upgraded_is_what_is_rendered(tmp_path: Path) -> None:
    """The two commands of deploy.sh have the same chart and the same values, in the same order."""
    world = World(tmp_path, helm_chart_values_files=["staging.values.yaml", "ocean.values.yaml"])
    world.taken()
    script = world.text("deploy.sh").replace("\\\n", " ")
    given = [re.findall(r"--values (\S+)", line) for line in script.splitlines() if "--values" in line]
    assert given == [["values/01-values.yaml", "values/02-ocean.values.yaml"]] * 2


# Secrets


@pytest.fixture
def sealed(tmp_path: Path) -> World:
    """The encrypted file stands between two plain ones, and sets what is above and below it."""
    given = ["staging.values.yaml", "enc-ocean.secret.values.yaml", "ocean.values.yaml"]
    more = {f"{REEF}/staging.values.yaml": "motd: low\niniPassword: low\n", OCEAN: "motd: high\n"}
    world = World(tmp_path, more, helm_chart_values_files=given)
    world.encrypt(SEALED, "# a comment\nmotd: planted-0123456789\niniPassword: planted-0123456789\nn: 1\nlist: [a]\n")
    return world


def test_secrets_are_asked_about(sealed: World) -> None:
    said = sealed.take()
    assert said.code == 1
    assert SEALED in said.err
    assert "--recipient KEY" in said.err
    assert "--without-secrets" in said.err
    both = sealed.take("--without-secrets", "--recipient", sealed.key.recipient)
    assert "do not go together" in both.err
    assert "neither an age key" in sealed.take("--recipient", "me@example.org").err
    cannot = sealed.take("--recipient", sealed.key.recipient, SOPS_AGE_KEY=make_age_key().secret)
    assert "cannot be decrypted here" in cannot.err
    assert not sealed.out.exists()


def test_no_secret_from_outside_the_fleet_is_given_away(sealed: World, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    (sealed.root / SEALED).rename(other)
    (sealed.root / SEALED).symlink_to(other)
    said = sealed.take("--recipient", make_age_key().recipient, SOPS_AGE_KEY=sealed.key.secret)
    assert said.code == 1
    assert "leads out of the fleet" in said.err
    assert not sealed.out.exists()


def test_secrets_are_for_the_recipient_alone(sealed: World) -> None:
    theirs, others = make_age_key(), make_age_key()
    ours = {"SOPS_AGE_KEY": sealed.key.secret, "SOPS_AGE_RECIPIENTS": others.recipient}
    sealed.taken("--recipient", theirs.recipient, **ours)
    text = sealed.text("values/02-ocean.secret.values.yaml")
    assert "planted" not in text
    assert re.findall(r"recipient: (\S+)", text) == [theirs.recipient]
    found = configmap(sealed.render("sops", SOPS_AGE_KEY=theirs.secret), "motd")
    assert found["motd"] == "high"
    assert "planted-0123456789" in found["settings.ini"]
    refused = sealed.render("sops", SOPS_AGE_KEY=sealed.key.secret)
    assert refused.code != 0
    assert not refused.out


@pytest.mark.parametrize("encrypted", [False, True])
def test_secrets_that_are_left_out_are_provided_later(sealed: World, encrypted: bool) -> None:
    said = sealed.take("--without-secrets")
    path = "values/02-ocean.secret.values.yaml"
    assert f"to be provided in {path}: motd, iniPassword, n, list[0]" in said.out
    assert "`iniPassword`" in sealed.text("README.md")
    assert "ENC[" not in sealed.text(path)
    refused = sealed.render()
    assert refused.code == 1
    assert f'{path}: still to be filled in:\n- "iniPassword"\n- "list[0]"\n- "motd"\n- "n"\n' in refused.err
    lines = [line.removeprefix("# ") for line in sealed.text(path).split("#\n", 1)[1].splitlines()]
    assert lines[:2] == ["motd:", "iniPassword:"]
    assert lines[2:] == ['"n":', "list:", "  -"]
    filled = 'motd: mine\niniPassword: mine\n"n": 0\nlist:\n  - mine\n'
    (sealed.out / path).write_text(filled)
    key = make_age_key()
    if encrypted:
        shutil.copy(sealed.out / path, sealed.root / "x.yaml")
        sealed.encrypt("x.yaml", sealed.text(path), key)
        shutil.copy(sealed.root / "x.yaml", sealed.out / path)
    found = configmap(sealed.render(*(["sops"] if encrypted else []), SOPS_AGE_KEY=key.secret), "motd")
    assert found["motd"] == "high"
    assert "password = mine" in found["settings.ini"]


@pytest.mark.parametrize(
    ("written", "empty"),
    [
        ("---\n", ["iniPassword", "list[0]", "motd", "n"]),
        ("motd:\niniPassword: ''\n'n': 0\nlist: []\n", ["iniPassword", "list[0]", "motd"]),
        ("motd: false\niniPassword: '  '\n'n': ~\nlist: [a, b, c]\n", ["iniPassword", "n"]),
        ("motd: {}\niniPassword: {a: 1}\n'n': 1 # one\nlist: {a: b}\n", ["list[0]", "motd"]),
        ('{"motd": "a", "iniPassword": "b", "n": 1, "list": ["a"]}', []),
    ],
)
def test_each_secret_that_was_left_out_must_have_a_value(sealed: World, written: str, empty: list[str]) -> None:
    sealed.taken("--without-secrets")
    (sealed.out / "values/02-ocean.secret.values.yaml").write_text(written)
    said = sealed.render()
    assert re.findall(r'^- "(.*)"$', said.err, re.MULTILINE) == empty
    assert bool(said.code) == bool(empty), said
    assert bool(said.out) != bool(empty)


@pytest.mark.parametrize("how", ["recipient", "without"])
def test_a_domain_that_is_not_public_stays_so(tmp_path: Path, how: str) -> None:
    callback = "{jupyterhub: {hub: {config: {X: {oauth_callback_url: 'https://' + std.extVar('D')}}}}}"
    more = {
        "deployer.yaml": "jsonnet: {chart_values: values.jsonnet, ext_vars: {D: hub.domain}}\n",
        "helm-charts/basehub/values.jsonnet": callback,
        f"{REEF}/o.jsonnet": "{motd: std.extVar('D')} + {jupyterhub: {hub: {config: {JupyterHub: "
        "{authenticator_class: 'github'}}}}}",
    }
    keys = {"domain_override_file": "enc-domain.secret.yaml", "helm_chart_values_files": ["o.jsonnet"]}
    world = World(tmp_path, more, **keys)
    world.encrypt(f"{REEF}/enc-domain.secret.yaml", "domain: hidden.example.org\n")
    if how == "recipient":
        world.taken("--recipient", world.key.recipient, SOPS_AGE_KEY=world.key.secret)
        found = configmap(world.render("sops", SOPS_AGE_KEY=world.key.secret), "motd")
        assert found["motd"] == "hidden.example.org"
    else:
        said = world.take("--without-secrets")
        assert "the hub's domain" in said.out
        assert "write the domain" in world.render().err
        for path in (world.out / "values").iterdir():
            path.write_text(path.read_text().replace("to-be-provided.invalid", "new.example.org"))
        assert configmap(world.render(), "motd")["motd"] == "new.example.org"
    for file in world.out.rglob("*"):
        assert file.is_dir() or "hidden.example.org" not in file.read_text()
    assert world.check("reef", "ocean").code == 0


def test_an_interrupt_leaves_no_secret(sealed: World, tmp_path: Path) -> None:
    """A helm that never ends stands in for a long upgrade."""
    sealed.taken("--recipient", sealed.key.recipient, "--vendor", SOPS_AGE_KEY=sealed.key.secret)
    bare, temporary, mark = (tmp_path / name for name in ("owner", "private", "begun"))
    for folder in (bare, temporary):
        folder.mkdir()
    for name in (*PROGRAMS, "sops", "sleep"):
        if name != "helm":
            (bare / name).symlink_to(str(shutil.which(name, path=f"{SOPS}:{os.environ['PATH']}")))
    (bare / "helm").write_text(f"#!/bin/sh\n: > {mark}\nexec sleep 600\n")
    (bare / "helm").chmod(0o755)
    env = {"PATH": str(bare), "TMPDIR": str(temporary), "SOPS_AGE_KEY": sealed.key.secret}
    child = subprocess.Popen(["/bin/sh", sealed.out / "deploy.sh"], env=env, start_new_session=True)
    try:
        while not mark.exists():
            assert child.poll() is None
            time.sleep(0.05)
        assert list(temporary.rglob("*secret*"))
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(timeout=60)
    assert list(temporary.iterdir()) == []


# Charts from elsewhere


def remote(url: str, version: str = ">=1.0.0") -> dict[str, str]:
    """A chart that depends on one beside it, which depends on one from a repository."""
    inner = (
        f"apiVersion: v2\nname: basehub\nversion: 0.1.0\ndependencies:\n  - name: remote\n    version: '{version}'\n"
    )
    return {
        "helm-charts/daskhub/Chart.yaml": OUTER
        + f"  - {{name: remote, alias: two, version: 1.0.0, repository: '{url}'}}\n",
        "helm-charts/basehub/Chart.yaml": f"{inner}    repository: {url}\n",
    }


def test_vendored_charts_need_no_network(tmp_path: Path, repository: Repository) -> None:  # noqa: F811
    world = World(tmp_path, remote(repository.url), helm_chart="daskhub")
    out = world.taken("--vendor")
    assert sorted(str(file.relative_to(out)) for file in out.rglob("*.tgz")) == [
        "chart/charts/basehub/charts/remote-1.1.0.tgz",
        "chart/charts/remote-1.0.0.tgz",
    ]
    repository.asked.clear()
    assert world.render().out.count("# Source: daskhub/charts/") > 2
    assert repository.asked == []
    assert "helm dependency" not in world.text("deploy.sh")
    assert world.check("reef", "ocean").code == 0


@pytest.mark.parametrize("complete", [False, True])
def test_charts_that_the_fleet_has_packed(tmp_path: Path, repository: Repository, complete: bool) -> None:  # noqa: F811
    """Where nothing has to be fetched Helm takes what is packed, however old; else it packs anew."""
    world = World(tmp_path, remote(repository.url, "1.0.0"), helm_chart="daskhub")
    charts = world.root / "helm-charts"
    for name in ("basehub", "daskhub"):
        repository.helm("dependency", "update", str(charts / name))
    if not complete:
        (charts / "daskhub" / "charts" / "remote-1.0.0.tgz").unlink()
    (charts / "basehub" / "values.yaml").write_text("motd: newer\n")
    out = world.taken("--vendor")
    assert (out / "chart" / "charts" / "basehub-0.1.0.tgz").exists() is complete
    assert (out / "chart" / "charts" / "basehub").exists() is not complete
    assert configmap(world.render(), "motd")["motd"] == ("hello" if complete else "newer")
    said = world.check("reef", "ocean")
    assert said.code == 0, said


@pytest.mark.parametrize("locked", [False, True])
def test_charts_that_are_not_vendored_are_fetched_as_locked(
    tmp_path: Path,
    repository: Repository,  # noqa: F811
    locked: bool,
) -> None:
    world = World(tmp_path, remote(repository.url, "1.0.0" if locked else ">=1.0.0"), helm_chart="daskhub")
    charts = world.root / "helm-charts"
    if locked:  # locks that Helm itself wrote; then one range is widened, and the lock holds
        for name in ("basehub", "daskhub"):
            repository.helm("dependency", "update", str(charts / name))
            shutil.rmtree(charts / name / "charts")
    out = world.taken()
    assert (out / "chart" / "Chart.lock").exists() is locked
    assert not list(out.rglob("*.tgz"))
    said = world.render()
    assert said.code == 0, said
    version = "1.0.0" if locked else "1.1.0"
    assert (out / "chart" / "charts" / "basehub" / "charts" / f"remote-{version}.tgz").is_file()
    assert "file://" not in "".join(file.read_text() for file in out.rglob("Chart.*"))


def test_a_stale_lock_stays_stale(tmp_path: Path, repository: Repository) -> None:  # noqa: F811
    world = World(tmp_path, remote(repository.url, "1.0.0"), helm_chart="daskhub")
    charts = world.root / "helm-charts"
    for name in ("basehub", "daskhub"):
        repository.helm("dependency", "update", str(charts / name))
        shutil.rmtree(charts / name / "charts")
    chart = charts / "daskhub" / "Chart.yaml"
    chart.write_text(chart.read_text().replace("alias: two, ", ""))
    world.taken()
    assert "out of sync" in world.render().err
    assert "does not fit" in world.check("reef", "ocean").out


def test_charts_behind_a_log_in_must_be_taken_along(tmp_path: Path, repository: Repository) -> None:  # noqa: F811
    logins = f"chart_logins: [{{repository: '{repository.url}', username: us, password_env: CHARTS}}]\n"
    world = World(tmp_path, {**remote(repository.url), "deployer.yaml": logins}, helm_chart="daskhub")
    refused = world.take(CHARTS="planted-0123456789")
    assert refused.code == 1
    assert "where one must log in" in refused.err
    assert "--vendor" in refused.err
    out = world.taken("--vendor", CHARTS="planted-0123456789")
    assert not any(b"planted" in file.read_bytes() for file in out.rglob("*") if file.is_file())


# A cluster of its own

TFVARS = """\
# What is different in reef.
name    = "reef"
project = "sea-of-others"

node_pools = {  # for users
  user = { machine_type = "n2-highmem-4", max = 20, labels = { for = "staging" } }
}
hubs = {
  # staging is tried first
  staging = { buckets = { scratch = {} } }
  ocean = {
    buckets = { scratch = { note = "a } in a text" } }
  }
}
ci = {
  state_bucket = "state-of-reef"
  deploy_subjects = ["repo:sea/fleet"]
}
"""
TERRAFORM = {
    "terraform/clusters/reef/main.tf": 'module "cluster" {\n  source = "../../modules/gcp"\n\n  name = var.name\n}\n',
    "terraform/clusters/reef/terraform.tfvars": TFVARS,
    "terraform/clusters/reef/backend.tf": 'terraform {\n  backend "gcs" {\n    bucket = "state-of-reef"\n  }\n}\n',
    "terraform/clusters/reef/more.tf": 'terraform {\n  required_version = "1"\n  backend "s3" { bucket = "b" }\n}\n',
    "terraform/clusters/reef/terraform.tfstate": "a secret",
    "terraform/clusters/atoll/main.tf": "",
    "terraform/modules/gcp/main.tf": 'module "names" {\n  source = "../names"\n}\n',
    "terraform/modules/names/main.tf": "",
    "terraform/modules/aws/main.tf": "",
}
OURS = """\
# What is different in yours.
name    = "ocean"
project = "" # yours

node_pools = {  # for users
  user = { machine_type = "n2-highmem-4", max = 20, labels = { for = "yours" } }
}
hubs = {
  ocean = {
    buckets = { scratch = { note = "a } in a text" } }
  }
}
# ci was left out: variables.tf tells what it means
"""


def test_a_cluster_of_its_own_comes_without_whose_it_was(tmp_path: Path) -> None:
    world = World(tmp_path, TERRAFORM)
    out = world.taken("--with-terraform")
    found = {str(path.relative_to(out)) for path in (out / "terraform").rglob("*") if path.is_file()}
    ours = {f"terraform/cluster/{name}" for name in ("main.tf", "terraform.tfvars", "backend.tf", "more.tf")}
    assert found == ours | {"terraform/modules/gcp/main.tf", "terraform/modules/names/main.tf"}
    assert world.text("terraform/cluster/terraform.tfvars") == OURS
    assert '  source = "../modules/gcp"\n' in world.text("terraform/cluster/main.tf")
    assert "backend" not in world.text("terraform/cluster/more.tf")
    assert "required_version" in world.text("terraform/cluster/more.tf")
    assert not any("reef" in (out / path).read_text() for path in found)
    assert "## A cluster of its own" in world.text("README.md")


@pytest.mark.parametrize(
    "options",
    [
        ["--provider", "gcp", "--project", "the-sea", "--region", "europe-west1", "--zone", "europe-west1-b"],
        ["--provider", "aws", "--region", "eu-west-1"],
        [
            "--provider=azure",
            "--subscription=0-the-sea",
            "--tenant=1-the-sea",
            "--region=westeurope",
            "--suffix=thesea",
            "--state-group=thesea",
        ],
    ],
)
def test_what_the_deployer_makes_for_a_cloud_comes_along(tmp_path: Path, options: list[str]) -> None:
    world, fleet = World(tmp_path), str(tmp_path / "theirs")
    options += ["--state-bucket", "thesea", "--repository", "the-sea/fleet"]
    for words in (["init", fleet], ["--fleet", fleet, "new", "terraform", "local", *options]):
        made = world.run(*words)
        assert made.code == 0, made
    out = tmp_path / "out"
    taken = world.run("--fleet", fleet, "replicate", "local/first", str(out), "--with-terraform")
    assert taken.code == 0, taken
    texts = [path.read_text() for path in (out / "terraform" / "cluster").iterdir()]
    assert len(texts) == 6
    assert not [text for text in texts if re.search("the-?sea|staging", text)]
    if found := shutil.which("terraform") or shutil.which("tofu"):  # reads them all, and would only align columns
        words = [found, "fmt", "-check", "-list=false", "-recursive", str(out / "terraform" / "cluster")]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode in (0, 3), done


def test_without_terraform_in_the_fleet_there_is_none_to_take(tmp_path: Path) -> None:
    said = World(tmp_path).take("--with-terraform")
    assert said.code == 1
    assert "terraform/clusters/reef: no Terraform for cluster reef" in said.err


# Tried on this machine


@pytest.mark.parametrize("where", ["{}", "../out", "."])
def test_a_folder_that_is_no_replicate_is_told(tmp_path: Path, where: str) -> None:
    world = World(tmp_path)
    world.out.mkdir()
    said = world.run("preview", where.format(world.out), cwd=world.out if where == "." else world.root)
    assert said.code == 1
    assert "no replicate there: no replicate.json" in said.err
    assert "Name a folder" in said.err
    assert "no replicate there" in world.run("preview", "/nowhere/at/all").err
    assert "no hub 'pond'" in world.run("preview", "reef/pond").err


@pytest.mark.parametrize(
    ("text", "told"), [("{}", "no key 'version'"), ("[", "not that of a replicate: "), ("[]", "list")]
)
def test_a_broken_index_is_told(tmp_path: Path, text: str, told: str) -> None:
    world = World(tmp_path)
    world.out.mkdir()
    (world.out / "replicate.json").write_text(text)
    said = world.run("preview", str(world.out))
    assert said.code == 1
    assert told in said.err
    assert "Error" not in said.err
