"""Sessions of every provider. The clouds' commands are small executables that check what they are given."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from age_keys import make_age_key
from deployer.errors import DeployerError
from deployer.fleet.cluster import Aws, Azure, Cluster, Gcp, Kubeconfig, Provider
from deployer.secrets.sops import find_sops
from deployer.targets.credentials.session import Redactions, Sessions

SECRET = "a-secret-0123456789"
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", "certificate-authority": "ca.crt"}}],
    "users": [{"name": "u", "user": {"token": SECRET}}],
    "contexts": [{"name": n, "context": {"cluster": "c", "user": "u"}} for n in ("first", "second")],
    "current-context": "first",
}
# Each writes what it was called with, and a kubeconfig where the real one would.
STAND_IN = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
env | grep -E '^(AWS|AZURE|CLOUDSDK|GOOGLE|KUBECONFIG)' >> "$CALLS.env"
for word; do
  case "$before" in --kubeconfig|--file) target=$word;; esac
  case "$word" in @*) cat "${word#@}" > "$CALLS.password";; esac
  before=$word
done
[ -z "$FAILS" ] || { echo "denied for $AWS_SECRET_ACCESS_KEY" >&2; exit 1; }
echo '{}' > "${target:-$KUBECONFIG}"
"""


class World:
    def __init__(self, root: Path) -> None:
        self.root, self.calls = root, root / "calls"
        self.key = make_age_key()
        tools = root / "bin"
        tools.mkdir()
        for name in ("gcloud", "aws", "az"):
            (tools / name).write_text(STAND_IN)
            (tools / name).chmod(0o755)
        kept = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
        path = f"{tools}:{Path(find_sops(os.environ)).parent}:/usr/bin:/bin"
        self.env = {**kept, "PATH": path, "SOPS_AGE_KEY": self.key.secret, "CALLS": str(self.calls)}

    def secret(self, name: str, data: object) -> str:
        path = self.root / name
        path.write_text(json.dumps(data))
        words = [find_sops(os.environ), "--disable-version-check", "--encrypt", "--age", self.key.recipient]
        subprocess.run([*words, "--in-place", path], check=True, capture_output=True, timeout=60)
        return name

    def said(self) -> str:
        return self.calls.read_text()


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def gcp(world, key=""):
    return Cluster(name="reef", provider=Provider.GCP, gcp=Gcp(project="p", cluster="c", zone="z-1-a", key=key))


def aws(world, key=""):
    return Cluster(name="reef", provider=Provider.AWS, aws=Aws(clusterName="c", region="r-1", key=key))


def azure(world, key=""):
    block = Azure(cluster="c", resource_group="g", subscription="s", key=key)
    return Cluster(name="reef", provider=Provider.AZURE, azure=block)


def plain(world, name="reef", **keys):
    (world.root / "kube.yaml").write_text(yaml.safe_dump(KUBECONFIG))
    block = Kubeconfig(file="kube.yaml", **keys)
    return Cluster(name=name, provider=Provider.KUBECONFIG, kubeconfig=block)


KEYS = {
    gcp: {"private_key": SECRET, "client_email": "x@y"},
    aws: {"AccessKey": {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET}},
    azure: {"appId": "app", "password": SECRET, "tenant": "t"},
}


@pytest.mark.parametrize(
    ("make", "called"),
    [
        (gcp, "gcloud container clusters get-credentials c --location z-1-a --project p"),
        (aws, "aws eks update-kubeconfig --name c --region r-1 --kubeconfig "),
        (azure, "az aks get-credentials --name c --resource-group g --subscription s --file "),
    ],
)
@pytest.mark.parametrize("with_key", [True, False])
def test_each_cloud_is_logged_in_to_with_its_own_command(world, make, called, with_key):
    cluster = make(world, world.secret("enc-key.secret.json", KEYS[make]) if with_key else "")
    with Sessions({**world.env, "KUBECONFIG": "/elsewhere"}) as sessions:
        session = sessions.of(cluster, world.root)
        assert called in world.said()
        assert Path(session.env["KUBECONFIG"]).parent == session.folder
        assert Path(session.env["KUBECONFIG"]).is_file()
        assert stat.S_IMODE(session.folder.stat().st_mode) == 0o700
        assert (SECRET in session.redactions()) == with_key
    assert SECRET not in world.said()  # no secret on a command line
    assert not session.folder.exists()


def test_an_access_key_stands_alone_among_the_identities_of_the_environment(world):
    cluster = aws(world, world.secret("enc-key.secret.json", KEYS[aws]))
    with Sessions({**world.env, "AWS_PROFILE": "mine", "AWS_SESSION_TOKEN": "t"}) as sessions:
        env = sessions.of(cluster, world.root).env
    assert env["AWS_SECRET_ACCESS_KEY"] == SECRET
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & env.keys()


def test_a_password_reaches_az_by_a_private_file(world):
    cluster = azure(world, world.secret("enc-key.secret.json", KEYS[azure]))
    with Sessions(world.env) as sessions:
        sessions.of(cluster, world.root)
    assert Path(f"{world.calls}.password").read_text() == SECRET


def test_a_kubeconfig_keeps_its_paths_and_gets_its_context(world):
    with Sessions({**world.env, "HELM_KUBECONTEXT": "other"}) as sessions:
        session = sessions.of(plain(world, context="second"), world.root)
        found = json.loads(Path(session.env["KUBECONFIG"]).read_text())
    assert found["current-context"] == "second"
    assert found["clusters"][0]["cluster"]["certificate-authority"] == str((world.root / "ca.crt").resolve())
    assert SECRET in session.redactions()
    assert "HELM_KUBECONTEXT" not in session.env


def test_an_unknown_context_names_those_there_are(world):
    with Sessions(world.env) as sessions, pytest.raises(DeployerError, match=r"(?s)no context 'third'.*first, second"):
        sessions.of(plain(world, context="third"), world.root)


def test_ten_clusters_at_once_and_each_is_logged_in_to_once(world):
    before = dict(os.environ)
    with Sessions(world.env) as sessions:
        clusters = [plain(world, f"cluster{number}") for number in range(10)]
        with ThreadPoolExecutor(20) as threads:
            opened = list(threads.map(lambda one: sessions.of(one, world.root), clusters * 2))
        assert len({session.folder for session in opened}) == 10
        assert len({session.env["KUBECONFIG"] for session in opened}) == 10
    assert not any(session.folder.exists() for session in opened)
    assert dict(os.environ) == before


def test_a_log_in_that_fails_is_tried_once_and_hides_the_key(world):
    cluster = aws(world, world.secret("enc-key.secret.json", KEYS[aws]))
    with Sessions({**world.env, "FAILS": "yes"}) as sessions:
        for _ in range(2):
            with pytest.raises(DeployerError) as error:
                sessions.of(cluster, world.root)
            assert "cluster reef: log-in failed" in str(error.value)
            assert SECRET not in str(error.value)
    assert len(world.said().splitlines()) == 1


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (Cluster(name="reef", provider=Provider.GCP), "no block gcp"),
        (Cluster(name="reef", provider=Provider.KUBECONFIG, kubeconfig=Kubeconfig(file="none.yaml")), "No such file"),
    ],
)
def test_what_is_missing_is_named(world, cluster, message):
    with Sessions(world.env) as sessions, pytest.raises(DeployerError, match=message):
        sessions.of(cluster, world.root)


def test_nothing_is_opened_once_all_is_closed(world):
    sessions = Sessions(world.env)
    sessions.close()
    with pytest.raises(DeployerError, match="cancelled"):
        sessions.of(plain(world), world.root)


def test_a_session_hides_what_it_learns_later(world):
    with Sessions(world.env) as sessions:
        session = sessions.of(plain(world), world.root)
        session.redactions.add(["learnt-later"])
        encoded = base64.b64encode(b"learnt-later").decode()
        done = session.run(["sh", "-c", f"echo learnt-later {encoded} {SECRET}"], cancelled=threading.Event())
    assert done.stdout.split() == ["[redacted]"] * 3


def test_redactions_take_the_trimmed_text_too():
    assert {"key\n", "key"} <= Redactions(["key\n"])()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x00\xff no text at all", "it is no YAML map"),
        (b"just words", "it is no YAML map"),
        (b"data: garbage that once was a kubeconfig\n", "it names no clusters"),
        (yaml.safe_dump({**KUBECONFIG, "current-context": ""}).encode(), "it has no current-context"),
        (yaml.safe_dump({**KUBECONFIG, "current-context": "third"}).encode(), "leads to no server"),
        (yaml.safe_dump({**KUBECONFIG, "clusters": []}).encode(), "leads to no server"),
    ],
)
def test_what_is_no_kubeconfig_is_named_and_never_taken_for_localhost(world, content, why):
    """With such a file kubectl would ask http://localhost:8080, whatever listens there."""
    cluster = plain(world)
    (world.root / "kube.yaml").write_bytes(content)
    with (
        Sessions(world.env) as sessions,
        pytest.raises(DeployerError, match=f"kube.yaml: not a kubeconfig: .*{why}") as told,
    ):
        sessions.of(cluster, world.root)
    assert "garbage" not in str(told.value)
