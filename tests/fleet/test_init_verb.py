"""``deployer init``: a whole fleet, valid at once, with all that its operators and its communities need."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
import yaml

from age_keys import make_age_key
from deployer.cli.main import main
from deployer.secrets.seal import seal
from deployer.secrets.sops import SecretError, decrypt

FILES = {
    ".editorconfig", ".gitattributes", ".gitignore", ".sops.yaml", ".vscode/extensions.json", ".vscode/settings.json",
    "CONTRIBUTING.md", "README.md", "deployer.yaml", "renovate.json", "schemas/cluster.schema.json",
    ".github/workflows/deploy-hubs.yaml", "helm-charts/basehub/Chart.yaml", "helm-charts/support/Chart.yaml",
}  # fmt: skip
SECRET = "config/clusters/local/enc-first.secret.values.yaml"


def init(tmp_path, *words):
    root = tmp_path / "fleet"
    assert main(["init", str(root), *words]) == 0
    return root


@pytest.mark.parametrize("words", [(), ("--example",)])
def test_it_is_whole_and_valid(tmp_path, words, capsys):
    root = init(tmp_path, *words)
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert found >= FILES
    assert not [name for name in found if "dot-" in name]
    assert main(["--fleet", str(root), "validate", "--strict"]) == 0
    assert "nothing wrong" in capsys.readouterr().err
    said = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True)
    assert said.stdout == ""


def test_editors_are_told_of_schemas_that_are_there(tmp_path):
    root = init(tmp_path, "--no-git")
    settings = json.loads((root / ".vscode/settings.json").read_text())
    for schema, files in settings["yaml.schemas"].items():
        assert (root / schema).is_file()
        assert list(root.glob(files))


def test_secrets_are_encrypted_to_the_key_that_was_named(tmp_path):
    key = make_age_key()
    root = init(tmp_path, "--no-git", "--recipient", key.recipient)
    env = {**os.environ, "SOPS_AGE_KEY": key.secret}
    (root / SECRET).write_bytes(seal(b"a: hidden\n", SECRET, root=root, env=env))
    assert b"hidden" not in (root / SECRET).read_bytes()
    assert decrypt(root / SECRET, env=env) == b"a: hidden\n"


def test_without_a_key_it_is_said_where_to_name_one(tmp_path):
    root = init(tmp_path, "--no-git")
    assert yaml.safe_load((root / ".sops.yaml").read_text()) is None
    with pytest.raises(SecretError, match=r"Name your key in \.sops\.yaml"):
        seal(b"a: hidden\n", SECRET, root=root, env=os.environ)


@pytest.mark.parametrize(
    ("recipient", "key"),
    [
        ("arn:aws:kms:us-west-2:012345678901:key/abc", "kms"),
        ("projects/p/locations/global/keyRings/r/cryptoKeys/k", "gcp_kms"),
        ("https://hubs.vault.azure.net/keys/sops/1", "azure_keyvault"),
    ],
)
def test_keys_of_clouds(tmp_path, recipient, key):
    root = init(tmp_path, "--no-git", "--recipient", recipient)
    (rule,) = yaml.safe_load((root / ".sops.yaml").read_text())["creation_rules"]
    assert rule[key] == recipient


def test_a_file_in_its_place_and_a_folder_with_blanks(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert main(["init", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"deployer: {tmp_path}/file is a file\nName a folder that is new or empty.\n"
    assert main(["init", "--no-git", str(tmp_path / "our hubs")]) == 0
    assert f"  cd '{tmp_path}/our hubs'\n" in capsys.readouterr().out


def test_what_is_no_key(tmp_path, capsys):
    assert main(["init", str(tmp_path / "fleet"), "--recipient", "key"]) == 1
    assert "neither an age key" in capsys.readouterr().err
    assert not (tmp_path / "fleet").exists()
