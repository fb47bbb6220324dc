"""Terraform's outputs as the fleet reads them: typed, refused with what is wrong, and never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployer.errors import DeployerError
from deployer.fleet.cluster import Provider
from deployer.scaffold import terraform_join
from deployer.scaffold.cluster import common_settings
from deployer.scaffold.terraform import Account, Bucket, Store, parse

RECORDED = Path(__file__).parents[2] / "terraform/outputs"
CLOUDS = ("gcp", "aws", "azure")


def recorded(cloud):
    return json.loads((RECORDED / f"{cloud}.json").read_text())


def parsed(data, name="outputs.json"):
    return parse(json.dumps(data), name)


def with_value(cloud, output, value):
    data = recorded(cloud)
    data[output]["value"] = value
    return data


@pytest.mark.parametrize("cloud", CLOUDS)
def test_recorded_outputs_are_read(cloud):
    outputs = parsed(recorded(cloud))
    assert outputs.provider is Provider(cloud)
    assert outputs.hubs == ["ocean"]
    assert outputs.homes is not None
    assert outputs.homes.server
    assert outputs.account("ocean") is not None


def test_what_is_read():
    outputs = parsed(recorded("aws"))
    assert outputs.stores == (
        Store(name="homes", server="fs-0123456789abcdef0.efs.eu-west-1.amazonaws.com", path="/"),
        Store(name="old", volume="vol-0123456789abcdef0"),
    )
    assert outputs.buckets == (Bucket(hub="ocean", name="scratch", url="s3://atoll-ocean-scratch-123456789012"),)
    assert outputs.account("ocean") == Account(
        hub="ocean",
        role="user",
        name="user-sa",
        annotations={"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/atoll-ocean"},
        pod_labels={},
    )
    assert outputs.connection["oidc"] == {"role": "arn:aws:iam::123456789012:role/atoll-deployer"}
    assert outputs.key


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_secret_is_kept(cloud):
    outputs = parsed(recorded(cloud))
    assert "NOT-A-REAL" not in repr(outputs)
    assert outputs.key is ("deployer_key" in recorded(cloud))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "outputs.json: not JSON"),
        ('{"private_key": "NOT-A-REAL-KEY', "outputs.json: not JSON"),
        ("[]", "not the outputs of Terraform"),
        ('{"format_version": "1.0", "values": {}}', "not the outputs of Terraform"),  # `terraform show -json`
        ("{}", "no outputs: nothing was applied there yet"),
    ],
)
def test_what_is_no_output_of_terraform_is_refused_and_not_quoted(text, told):
    with pytest.raises(DeployerError) as caught:
        parse(text, "outputs.json")
    assert told in str(caught.value)
    assert "NOT-A-REAL" not in str(caught.value)
    assert "terraform output -json" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.pop("cluster"), "output cluster: is missing"),
        (lambda data: data["cluster"].update(sensitive=True), "output cluster: is marked sensitive"),
        (lambda data: data["cluster"].update(value=[]), "output cluster: must be a map"),
        (lambda data: data["cluster"]["value"].pop("name"), "output cluster.name: must be a text"),
        (lambda data: data["cluster"]["value"].update(provider="local"), "output cluster.provider: no provider"),
        (lambda data: data["cluster"]["value"].update(connection=None), "output cluster.connection: must be a map"),
        (lambda data: data["cluster"]["value"]["connection"].update(zone=7), "output cluster.connection.zone: must be"),
        (lambda data: data["home_storage"]["value"]["homes"].update(kind="tape"), "neither nfs nor disk: 'tape'"),
        (
            lambda data: data["home_storage"]["value"]["homes"].pop("server"),
            "home_storage[homes].server: must be a text",
        ),
        (lambda data: data["home_storage"].update(sensitive=True), "output home_storage: is marked sensitive"),
        (lambda data: data["service_accounts"].update(value={"a/b": 1}), "service_accounts[a/b]: must be a map"),
    ],
)
def test_outputs_of_other_modules_are_refused_by_name(change, told):
    data = recorded("gcp")
    change(data)
    with pytest.raises(DeployerError) as caught:
        parsed(data)
    assert told in str(caught.value)
    assert "outputs.json" in str(caught.value)


def test_what_is_left_out_or_empty_is_nothing():
    data = recorded("gcp")
    for name in ("home_storage", "buckets", "service_accounts", "node_pools", "registry"):
        del data[name]
    data["deployer_key"]["value"] = None
    outputs = parsed(data)
    assert (outputs.homes, outputs.hubs, outputs.key) == (None, [], False)


@pytest.mark.parametrize(
    ("stores", "homes"),
    [
        ({}, None),
        ({"a": "10.0.0.1"}, "10.0.0.1"),
        ({"a": "10.0.0.1", "homes": "10.0.0.2"}, "10.0.0.2"),
        ({"a": "10.0.0.1", "b": "10.0.0.2"}, None),  # which of them, only a person can say
    ],
)
def test_the_share_that_hubs_use_where_they_say_nothing(stores, homes):
    value = {name: {"kind": "nfs", "server": server, "path": "/homes"} for name, server in stores.items()}
    found = parsed(with_value("gcp", "home_storage", value)).homes
    assert (found.server if found else None) == homes


def test_a_cluster_keeps_the_name_it_was_built_with():
    with pytest.raises(DeployerError, match="outputs of reef, not of atoll"):
        terraform_join.facts(parsed(recorded("gcp")), name="atoll")


def test_hubs_keep_to_nodes_for_users_only_where_there_are_some():
    assert terraform_join.facts(parsed(recorded("gcp"))).node_purposes
    workers = {"dask": {"machine_type": "m", "labels": {"k8s.dask.org/node-purpose": "worker"}, "taints": []}}
    assert not terraform_join.facts(parsed(with_value("gcp", "node_pools", workers))).node_purposes


def settings(cloud, hub, data=None, **how):
    outputs = parsed(data or recorded(cloud))
    return {".".join(setting.key): setting.value for setting in terraform_join.hub_settings(outputs, hub, **how)}


def test_settings_of_a_hub():
    assert settings("gcp", "ocean") == {
        "userServiceAccount.enabled": True,
        "userServiceAccount.annotations": {
            "iam.gke.io/gcp-service-account": "reef-ocean@our-project.iam.gserviceaccount.com"
        },
        "jupyterhub.singleuser.cloudMetadata.blockWithIptables": False,
        "jupyterhub.singleuser.networkPolicy.egressAllowRules.cloudMetadataServer": True,
        "jupyterhub.singleuser.extraEnv.SCRATCH_BUCKET": "gs://our-project-reef-ocean-scratch/$(JUPYTERHUB_USER)",
    }
    labels = settings("azure", "ocean")["jupyterhub.singleuser.extraLabels"]
    assert labels == {"azure.workload.identity/use": "true"}
    assert settings("aws", "another") == {}


def with_role(cloud, role, name):
    """The recorded outputs with one more identity of the hub ocean."""
    data = recorded(cloud)
    accounts = data["service_accounts"]["value"]
    accounts[f"ocean/{role}"] = {**accounts["ocean/user"], "role": role, "name": name, "annotations": {"a": role}}
    return data


def test_settings_for_administrators():
    found = settings("aws", "ocean", with_role("aws", "admin", "admin-sa"))
    assert found["adminServiceAccount.enabled"] is True
    assert found["adminServiceAccount.annotations"] == {"a": "admin"}
    assert found["jupyterhub.custom.singleuserAdmin.serviceAccountName"] == "admin-sa"
    assert "eks.amazonaws.com/role-arn" in found["userServiceAccount.annotations"]
    assert not any("a" in value for key, value in settings("aws", "ocean").items() if key.endswith("annotations"))


WORKERS = {"dask": {"labels": {"k8s.dask.org/node-purpose": "worker"}, "taints": []}}
ONLY_THERE = (
    "dask-gateway.gateway.backend.worker.extraPodConfig.affinity.nodeAffinity"
    ".requiredDuringSchedulingIgnoredDuringExecution"
)


def test_workers_of_dask_keep_to_nodes_for_them_where_there_are_some():
    data = with_value("gcp", "node_pools", WORKERS)
    (term,) = settings("gcp", "ocean", data, dask=True)[ONLY_THERE]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "k8s.dask.org/node-purpose", "operator": "In", "values": ["worker"]}]
    assert ONLY_THERE not in settings("gcp", "ocean", data)
    assert ONLY_THERE not in settings("gcp", "ocean", dask=True)


def test_pods_of_dask_have_the_label_that_azure_asks_for():
    snippet = "dask-gateway.gateway.extraConfig.identity"
    text = settings("azure", "ocean", dask=True)[snippet]
    for pods in ("scheduler", "worker"):
        assert f"c.KubeClusterConfig.{pods}_extra_pod_labels" in text
    assert text.count("azure.workload.identity/use") == 2
    assert snippet not in settings("aws", "ocean", dask=True)


@pytest.mark.parametrize(
    ("cloud", "some"), [("gcp", ()), ("aws", ("nfsvers=4.1", "noresvport")), ("azure", ("vers=4", "sec=sys"))]
)
def test_homes_are_mounted_as_the_cloud_asks(cloud, some):
    values = common_settings(terraform_join.facts(parsed(recorded(cloud))))
    options = [setting.value for setting in values if setting.key[-1] == "mountOptions"]
    assert [set(some) <= set(found) and "noatime" in found for found in options] == ([True] if some else [])


@pytest.mark.parametrize(
    ("taints", "tolerated"),
    [
        (["hub.jupyter.org_dedicated=user:NoSchedule"], False),
        (["hub.jupyter.org_dedicated=user:NoSchedule", "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"], True),
    ],
)
def test_servers_may_run_on_azures_spot_nodes_where_pools_for_users_have_them(taints, tolerated):
    pools = {"user": {"labels": {"hub.jupyter.org/node-purpose": "user"}, "taints": taints}}
    values = common_settings(terraform_join.facts(parsed(with_value("azure", "node_pools", pools))))
    assert any(setting.key[-1] == "extraTolerations" for setting in values) is tolerated
