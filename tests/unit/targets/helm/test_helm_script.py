"""The script of a dry run: what it says for each provider, and that it is stable."""

from __future__ import annotations

import json
import subprocess

import pytest
from helm_files import HUB, chart, desired, write

from deployer.fleet.ids import ReleaseId
from deployer.helm.commands import Commands
from deployer.targets.helm import script

OCEAN = ReleaseId("reef", "ocean")
BLOCKS = {
    "gcp": {"project": "p", "cluster": "c", "zone": "z", "key": "enc-key.secret.json"},
    "aws": {"clusterName": "c", "region": "r", "key": "enc-key.secret.json"},
    "azure": {"cluster": "c", "resource_group": "g", "key": "enc-key.secret.json"},
    "kubeconfig": {"file": "enc-key.secret.json", "context": "second"},
}
FILES = ["ocean.values.yaml", "more.jsonnet", "enc-ocean.secret.values.yaml"]


@pytest.fixture
def world(tmp_path):
    write(
        tmp_path,
        {
            "deployer.yaml": json.dumps(
                {
                    "jsonnet": {"chart_values": "values.jsonnet", "ext_vars": {"NAME": "hub.name", "AT": "hub.domain"}},
                    "crds": {"basehub": ["crds/one.yaml"]},
                }
            ),
            "crds/one.yaml": "{}",
            "config/clusters/reef/ocean.values.yaml": "x: 1\n",
            "config/clusters/reef/more.jsonnet": "{x: std.extVar('NAME')}",
            "config/clusters/reef/enc-ocean.secret.values.yaml": "sops: {}\n",
            "config/clusters/reef/enc-domain.secret.yaml": "sops: {}\n",
            "config/clusters/reef/enc-key.secret.json": '{"AccessKey": {}, "sops": {}}',
            "helm-charts/basehub/values.jsonnet": "{y: std.extVar('NAME')}",
            **chart("basehub"),
        },
    )
    return tmp_path


def made(root, provider="kubeconfig", **hub):
    hubs = [{**HUB, "helm_chart_values_files": FILES, **hub}]
    whole = {"name": "reef", "provider": provider, provider: BLOCKS[provider], "hubs": hubs}
    (root / "config/clusters/reef/cluster.yaml").write_text(json.dumps(whole))
    one = desired(root)
    return script.text(one, one.release(OCEAN), Commands("ocean", 3), 600)


@pytest.mark.parametrize("provider", BLOCKS)
def test_it_is_a_script_and_the_same_each_time(world, provider):
    text = made(world, provider)
    assert text == made(world, provider)
    checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert str(world) not in text
    assert script.PRIVATE not in text


@pytest.mark.parametrize(
    ("provider", "line"),
    [
        ("gcp", "gcloud container clusters get-credentials c --location z --project p"),
        ("gcp", """--decrypt config/clusters/reef/enc-key.secret.json > "$private"/gcp-key.json"""),
        ("aws", """AWS_SECRET_ACCESS_KEY=$(sops --disable-version-check --decrypt --extract '["AccessKey"]["""),
        ("aws", """aws eks update-kubeconfig --name c --region r --kubeconfig "$private"/kubeconfig"""),
        ("azure", """--password @"$private"/azure-password"""),
        ("kubeconfig", "kubectl config use-context second"),
    ],
)
def test_each_provider_is_logged_in_to(world, provider, line):
    assert line in made(world, provider)


def test_layers_stand_in_order_and_only_what_is_not_plain_is_private(world):
    text = made(world)
    last = text[text.index("# The release\n") :].removesuffix(")\n").replace(" \\\n ", "").split("\n")[-2]
    values = [word for word in last.split() if "config/clusters" in word or "values/" in word]
    assert values == [
        '"$private"/values/00-computed.yaml',
        "config/clusters/reef/ocean.values.yaml",
        '"$private"/values/02-more.jsonnet.yaml',
        '"$private"/values/03-enc-ocean.secret.values.yaml',
    ]
    assert last.endswith("--wait --timeout 400s --atomic")
    assert last.startswith('helm upgrade --install --create-namespace --namespace ocean ocean "$private"/charts/')


def test_custom_resource_definitions_come_before_the_release(world):
    text = made(world)
    assert "kubectl apply --server-side --force-conflicts --filename crds/one.yaml\nhelm upgrade" in text


def test_jsonnet_gets_its_variables_and_a_secret_domain_is_decrypted_there(world):
    text = made(world, domain_override_file="enc-domain.secret.yaml")
    assert "jsonnet --ext-str NAME=ocean --ext-str AT=" in text
    assert """--extract '["domain"]' config/clusters/reef/enc-domain.secret.yaml""" in text


def test_what_is_run_is_what_the_script_says(world):
    made(world)
    one = desired(world)
    steps = script.steps(one, one.release(OCEAN), Commands("ocean", 4), 60)
    assert [step.argv()[:2] for step in steps] == [("kubectl", "apply"), ("helm", "upgrade")]
    assert steps[-1].argv()[-1] == "--rollback-on-failure"
