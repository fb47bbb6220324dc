"""The files of a fleet: encrypted where they say so, read by somebody, locked."""

from __future__ import annotations

import json

import pytest

from deployer.fleet.validation import validate
from small_fleet import cluster, files, fleet_of, hub

REEF = "config/clusters/reef"
CHART = {"helm-charts/basehub/values.yaml": json.dumps({"jupyterhub": {
    "singleuser": {"memory": {"limit": "1G"}},
    "hub": {"config": {
        "JupyterHub": {"authenticator_class": "github"}, "OAuthenticator": {"allowed_users": ["ada"]},
    }},
}})}  # fmt: skip
SOPS = "data: ENC[AES256_GCM,data:x]\nsops: {mac: x, version: 3.9.0}\n"


def found(contents: dict[str, str], **keys: object) -> list[str]:
    reef = cluster("reef", [hub("staging"), hub("ocean", **keys)])
    whole = {path: text for path, text in files(reef).items() if ".." not in path} | CHART | contents
    return [f"{one.rule} {one.place.path.rpartition('/')[2]}" for one in validate(fleet_of(whole))]


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("enc-key.secret.json", '{"sops": {"mac": "x"}, "data": "ENC[]"}', False),
        ("enc-key.secret.json", '{"private_key": "x"}', True),
        ("enc-key.secret.yaml", SOPS, False),
        ("enc-key.secret.yaml", "password: x\n", True),
        ("enc-key.secret.yaml", "", True),
        ("enc-key.secret.yaml", "a: [\n", True),
        ("enc-key.secret.bin", "\x00\x01", True),
        ("enc-token.secret.env", "A=ENC[x]\nsops_version=3.9.0\n", False),
        ("enc-token.secret.ini", "[a]\nb = ENC[x]\n[sops]\nmac = x\n", False),
        ("my-secrets.yaml", "a: b\n", True),
        ("secret.yaml", "sops: encrypted, honestly\n", True),
        ("external-secrets.yaml", "a: b\n", False),
        ("about-secrets.md", "how we encrypt", False),
        ("secretary.yaml", "a: b\n", False),
    ],
)
def test_a_file_whose_name_says_secret_is_encrypted(name: str, text: str, wrong: bool) -> None:
    assert found({f"{REEF}/{name}": text}) == ([f"secret-not-encrypted {name}"] if wrong else [])


def test_a_listed_file_elsewhere_too() -> None:
    files_ = ["ocean.values.yaml", "../../secret.values.yaml"]
    assert found({"config/secret.values.yaml": "a: b\n"}, helm_chart_values_files=files_) == [
        "secret-not-encrypted secret.values.yaml"
    ]
    assert found({f"{REEF}/domain.secret.yaml": "domain: x\n"}, domain_override_file="domain.secret.yaml") == [
        "secret-not-encrypted domain.secret.yaml"
    ]


def test_what_is_in_it_is_never_shown() -> None:
    reef = files(cluster("reef", [hub("staging")])) | CHART | {f"{REEF}/enc-a.secret.yaml": "hunter2: {hunter2: [\n"}
    assert "hunter2" not in "\n".join(map(str, validate(fleet_of(reef))))


def test_a_fleet_may_silence_it() -> None:
    silence = {"deployer.yaml": "silence: {secret-not-encrypted: a copy without secrets}\n"}
    assert found({f"{REEF}/enc-a.secret.yaml": "a: b\n"} | silence) == []


@pytest.mark.parametrize(
    "path", [f"{REEF}/ocean.values.yaml", "helm-charts/basehub/values.yaml", "helm-charts/basehub/Chart.yaml",
             f"{REEF}/cluster.yaml", "deployer.yaml"]
)  # fmt: skip
def test_a_second_document(path: str) -> None:
    whole = files(cluster("reef", [hub("staging"), hub("ocean")])) | CHART
    text = whole.get(path, "{}\n").rstrip("\n")
    assert found({path: f"---\n{text}\n---\n# no more\n"}) == []
    (one,) = validate(fleet_of(whole | {path: f"{text}\n---\nevil: true\n"}))
    line = text.count("\n") + 3
    assert (one.rule, one.severity, str(one.place)) == ("several-documents", "error", f"{path}:{line}")


def test_credentials_that_are_not_there() -> None:
    whole = files(cluster("reef", [hub("staging")], "kubeconfig")) | CHART
    (one,) = validate(fleet_of(whole))
    assert (one.rule, one.severity, one.key) == ("missing-credentials", "warning", "kubeconfig.file")
    assert one.message == f"no such file: {REEF}/enc-kubeconfig.secret.yaml"
    assert validate(fleet_of(whole | {f"{REEF}/enc-kubeconfig.secret.yaml": SOPS})) == []


def test_values_files_that_nobody_reads() -> None:
    assert found({f"{REEF}/old.values.yaml": "{}", f"{REEF}/notes.yaml": "{}"}) == [
        "unused-values-file old.values.yaml"
    ]
    computed = {f"{REEF}/part.values.jsonnet": "{}", f"{REEF}/whole.jsonnet": "(import 'part.values.jsonnet')"}
    assert found(computed, helm_chart_values_files=["whole.jsonnet", "ocean.values.yaml"]) == []
    retired = hub("old", retire=True)
    contents = files(cluster("reef", [hub("staging"), retired])) | CHART
    assert validate(fleet_of(contents)) == []


@pytest.mark.parametrize(
    ("version", "lock", "wrong"),
    [("4.3.3", False, False), ("4.3.3-0.dev.git.1.h2", False, False), ("^4.3", False, True), ("~4", True, False),
     ("", False, True), (">=4, <5", False, True)],
)  # fmt: skip
def test_ranges_of_versions_need_a_lock(version: str, lock: bool, wrong: bool) -> None:
    dependency = {"name": "jupyterhub", "version": version, "repository": "https://charts.example.org"}
    chart = {"helm-charts/basehub/Chart.yaml": json.dumps({"name": "basehub", "dependencies": [dependency]})}
    contents = chart | ({"helm-charts/basehub/Chart.lock": "{}"} if lock else {})
    assert found(contents) == (["no-chart-lock Chart.yaml"] if wrong else [])
