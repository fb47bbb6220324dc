"""``deployer new hub`` as a user calls it: with options, at a terminal, with secrets, and with what cannot be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pexpect
import pytest

from age_keys import make_age_key
from deployer.cli.main import main
from deployer.scaffold.create import new_fleet

PATIENCE = 120  # seconds; only a guard
# From Python 3.12 on, where the tests run in parallel: the child becomes another program at once.
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")
CLIENT_SECRET = "9f8e7d6c5b4a-of-no-use"
REEF = ["new", "cluster", "reef", "--provider", "gcp", "--project", "p", "--zone", "z", "--domain", "reef.example.org"]


def run(root, *words, stdin="", env=None):
    argv = [sys.executable, "-m", "deployer.cli.main", "--fleet", str(root), *words]
    whole = {**os.environ, **(env or {})}
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False, env=whole)


def files(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    fleet = tmp_path_factory.mktemp("template") / "fleet"
    new_fleet(fleet)
    assert run(fleet, *REEF).returncode == 0
    chart = fleet / "helm-charts/basehub/values.yaml"
    if "userServiceAccount" not in chart.read_text():
        chart.write_text(f"{chart.read_text()}userServiceAccount: {{enabled: true}}\n")
    return fleet


@pytest.fixture
def root(template, tmp_path):
    return shutil.copytree(template, tmp_path / "fleet")


def test_the_first_hub_has_a_canary_and_the_second_shares_it(root):
    options = ["--login", "github", "--allow-org", "our-org", "--admin", "ada"]
    made = run(root, "new", "hub", "reef", "ocean", *options)
    assert made.returncode == 0, made.stderr
    assert "https://ocean.reef.example.org/hub/oauth_callback" in made.stdout
    assert "https://staging.reef.example.org/hub/oauth_callback" in made.stdout
    assert run(root, "validate", "--strict").returncode == 0
    before = (root / "config/clusters/reef/cluster.yaml").read_text()
    second = run(root, "new", "hub", "reef/lagoon", "--kind", "class", "--people", "30", *options)
    assert second.returncode == 0, second.stderr
    after = (root / "config/clusters/reef/cluster.yaml").read_text()
    assert after.startswith(before)
    assert "staging" not in after.removeprefix(before)
    assert run(root, "validate", "--strict").returncode == 0


def test_data_and_what_it_needs(root):
    words = ["--login", "tmp", "--data", "gs://ocean-data", "--requester-pays", "--no-staging"]
    made = run(root, "new", "hub", "reef", "ocean", *words)
    assert made.returncode == 0, made.stderr
    assert "roles/storage.objectViewer on gs://ocean-data" in made.stdout
    assert "p.svc.id.goog[ocean/user-sa]" in made.stdout


BASE = ["new", "hub", "reef", "ocean"]
URLS = [word for name in ("authorize", "token", "userdata") for word in (f"--{name}-url", f"https://x.org/{name}")]
GENERIC = [*BASE, "--login", "generic", *URLS]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["new", "hub"], "missing: CLUSTER, NAME, --login"),
        (["new", "hub", "reef"], "missing: NAME, --login"),
        (BASE, "missing: --login"),
        ([*BASE, "--login", "github"], "missing: --allow-org or --allow-user or --allow-all"),
        ([*BASE, "--login", "cilogon"], "missing: --idp, --allow-domain or --allow-user or --allow-all"),
        ([*BASE, "--login", "generic", "--allow-all"], "missing: --authorize-url, --token-url, --userdata-url"),
        ([*BASE, "--login", "cilogon", "--idp", "orcid", "--admin", "ada"], "'ada' is no mail address"),
        ([*BASE, "--login", "google", "--allow-user", "ada"], "'ada' is no mail address"),
        ([*GENERIC, "--username-claim", "email", "--admin", "ada"], "'ada' is no mail address"),
        ([*BASE, "--login", "native"], "missing: --allow-user or --allow-all"),
        ([*BASE, "--login", "dummy"], "for clusters of provider local only"),
        ([*BASE, "--login", "githb"], "did you mean github?"),
        ([*BASE, "--login", "github", "--kind", "klass"], "did you mean class?"),
        ([*BASE, "--login", "github", "--allow-domain", "x.org"], "log-in github has no such rule"),
        ([*BASE, "--login", "github", "--allow-all", "--idp", "orcid"], "--idp: not for log-in github"),
        ([*BASE, "--login", "tmp", "--domain", "https://x"], "is no domain"),
        ([*BASE, "--login", "tmp", "--chart", "bashub"], "no chart 'bashub'"),
        ([*BASE, "--login", "tmp", "--data", "s3://x-y"], "no identity in that cloud"),
        ([*BASE, "--login", "tmp", "--write"], "go with --data"),
        ([*BASE, "--login", "tmp", "--client-id", "x"], "log-in tmp has none"),
        ([*BASE, "--login", "tmp", "--people", "0"], "is no number of people"),
        (["new", "hub", "rif", "ocean", "--login", "tmp"], "no cluster 'rif' in this fleet"),
        (["new", "hub", "reef", "Ocean", "--login", "tmp"], "cannot name a hub"),
        (["new", "hub", "local", "first", "--login", "tmp"], "there is a hub local/first already"),
        (["new", "hug"], "invalid choice: 'hug'"),
    ],
)
def test_what_cannot_be_leaves_nothing(template, words, told, capsys):
    before = files(template)
    assert main(["--fleet", str(template), *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert files(template) == before


@pytest.mark.parametrize(
    "words",
    [
        ["--login", "native", "--admin", "ada"],
        ["--login", "firstuse", "--admin", "ada"],
        ["--login", "cilogon", "--idp", "orcid", "--admin", "ada@example.org"],
        ["--login", "cilogon", "--idp", "orcid", "--username-claim", "name", "--admin", "Ada L."],
        ["--login", "generic", *URLS, "--admin", "ada"],
    ],
)
def test_administrators_alone_may_use_a_hub(root, words):
    made = run(root, *BASE, *words, "--no-staging")
    assert made.returncode == 0, made.stderr
    checked = run(root, "validate")
    assert "nobody" not in checked.stdout


def test_the_log_ins_secret_is_encrypted_and_shown_nowhere(root):
    key = make_age_key()
    (root / ".sops.yaml").write_text(f"creation_rules:\n  - path_regex: /enc-[^/]*$\n    age: {key.recipient}\n")
    words = ["--login", "github", "--allow-org", "our-org", "--no-staging", "--client-id", "Iv1.id"]
    ran = run(root, *BASE, *words, "--client-secret-file", "-", stdin=f"{CLIENT_SECRET}\n")
    assert ran.returncode == 0, ran.stderr
    assert CLIENT_SECRET not in ran.stdout + ran.stderr
    assert not [path for path, raw in files(root).items() if CLIENT_SECRET.encode() in raw]
    assert "enc-ocean.secret.values.yaml" in (root / "config/clusters/reef/cluster.yaml").read_text()
    checked = run(root, "secrets", "check", env={"SOPS_AGE_KEY": key.secret})
    assert checked.returncode == 0, checked.stdout
    assert run(root, "validate").returncode == 0
    shown = run(root, "new", "hub", "reef", "b", *words, "--client-secret-file", "-", "--dry-run", stdin=CLIENT_SECRET)
    assert CLIENT_SECRET not in shown.stdout


def test_without_a_key_to_encrypt_with_nothing_is_written(root):
    (root / ".sops.yaml").unlink(missing_ok=True)
    before = files(root)
    words = ["--login", "github", "--allow-org", "o", "--client-id", "x", "--client-secret-file", "-"]
    ran = run(root, *BASE, *words, stdin=CLIENT_SECRET)
    assert ran.returncode == 1
    assert "cannot be encrypted here" in ran.stderr
    assert files(root) == before


def test_at_a_terminal(root):
    argv = ["-m", "deployer.cli.main", "--fleet", str(root), "new", "hub"]
    child = pexpect.spawn(sys.executable, argv, env=dict(os.environ), encoding="utf-8", timeout=PATIENCE)
    try:
        for question, answer in [
            (r"Its cluster \(local, reef\): ", "reef"),
            ("The hub's name: ", "ocean"),
            (r"The name that people read \[Ocean\]: ", "The ocean: a hub"),
            (r"What it is for .* \[research\]: ", "class"),
            (r"Where users find it \[ocean.reef.example.org\]: ", ""),
            (r"How people log in .*: ", "github"),
            (r"organisations of GitHub.*\[none\]: ", ""),
            (r"users, by name.*\[none\]: ", ""),
            (r"Its administrators.*\[none\]: ", ""),
            (r"Everybody who can log in\? \[y/N\]: ", ""),
            (r"nobody could. Once more(.|\n)*organisations of GitHub.*\[none\]: ", "our/org"),
            ("neither ORG nor ORG:TEAM(.|\n)*: ", "our-org our-org:teachers"),
            (r"users, by name.*\[none\]: ", ""),
            (r"Its administrators.*\[none\]: ", "ada"),
            (r"A staging hub beside it.*\[Y/n\]: ", ""),
            (r"The id of the log-in's application \[none\]: ", ""),
        ]:
            child.expect(question)
            child.sendline(answer)
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0
    finally:
        child.close(force=True)
    text = (root / "config/clusters/reef/cluster.yaml").read_text()
    assert 'display_name: "The ocean: a hub"' in text
    assert "name: staging" in text
    values = (root / "config/clusters/reef/ocean.values.yaml").read_text()
    assert '- "our-org:teachers"' in values or "- our-org:teachers" in values
    assert run(root, "validate", "--strict").returncode == 0
