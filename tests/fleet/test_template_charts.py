"""The charts of a new fleet: every option rendered by the real Helm, and what it is that it renders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from chart_repository import TEMPLATE, chart_repository
from deployer.fleet.values import merge
from deployer.health.probe import SCOPES
from deployer.targets.helm.repair import KEEP, unkept_claims
from deployer.targets.helm.target import HelmTarget
from deployer.targets.local.treatments import Treatment, explain
from template_charts import CHARTS, Charts, Objects, Values, helm, materialise

TOOLS = ("helm3", "helm4")

ON_SHARE = {"jupyterhub": {"singleuser": {"storage": {"type": "static", "static": {"pvcName": "home-nfs"}}}}}
NFS = merge([ON_SHARE, {"nfs": {"enabled": True, "pv": {"serverIP": "10.0.0.2"}}}])
DASK = {"dask-gateway": {"enabled": True}, "jupyterhub": {"hub": {"services": {"dask-gateway": {"display": False}}}}}
ADMINS = {
    "adminServiceAccount": {"enabled": True},
    "jupyterhub": {"custom": {"singleuserAdmin": {"serviceAccountName": "admin-sa"}}},
}
GOOGLE = {"userServiceAccount": {"annotations": {"iam.gke.io/gcp-service-account": "a@b.iam.gserviceaccount.com"}}}
METADATA = {
    "jupyterhub": {
        "singleuser": {
            "cloudMetadata": {"blockWithIptables": False},
            "networkPolicy": {"egressAllowRules": {"cloudMetadataServer": True}},
        }
    }
}
AWS = {"userServiceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/ocean"}}}
DOMAIN = {"jupyterhub": {"ingress": {"enabled": True, "hosts": ["ocean.example.org"]}}}
GRAFANA = {
    "grafana": {
        "ingress": {
            "enabled": True,
            "hosts": ["grafana.example.org"],
            "tls": [{"secretName": "grafana-tls", "hosts": ["grafana.example.org"]}],
        }
    }
}
ALL = merge([NFS, DASK, ADMINS, AWS, DOMAIN, METADATA])
PARTS = ("traefik", "cert-manager", "prometheus", "grafana")
LONELY = {name: {"enabled": False} for name in PARTS}


def only(name: str) -> dict[str, Any]:
    return merge([LONELY, {name: {"enabled": True}}])


@pytest.fixture(scope="module")
def charts(tmp_path_factory) -> Iterator[Charts]:
    with chart_repository(tmp_path_factory.mktemp("repository")) as url:
        yield Charts(materialise(tmp_path_factory.mktemp("charts"), url))


JOB, VOLUME, CLAIM = "Job/nfs-share-creator", "PersistentVolume/ocean-home-nfs", "PersistentVolumeClaim/home-nfs"
CLOSED, MONITORING = "NetworkPolicy/basehub-closed", "NetworkPolicy/basehub-monitoring"
POD = ("spec", "template", "spec")
CLUSTERS = "NetworkPolicy/basehub-dask-clusters"
METADATA_RULE = {"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}, {"ipBlock": {"cidr": "169.254.169.252/32"}}]}

# What is rendered: by object and path its value. `...` is "whatever"; None instead of a map is "not there at all".
Expected = Mapping[str, Mapping[tuple[str | int, ...], Any] | None]
BASEHUB: dict[str, tuple[Values, Expected]] = {
    "nothing set": (
        {},
        {
            "ServiceAccount/user-sa": {("automountServiceAccountToken",): False},
            "ServiceAccount/admin-sa": None,
            VOLUME: None,
            CLAIM: None,
            JOB: None,
            "PersistentVolumeClaim/hub-db-dir": {("metadata", "annotations", KEEP[0]): "keep"},
            CLOSED: {
                ("spec",): {
                    "podSelector": {
                        "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["jupyterhub"]}]
                    },
                    "policyTypes": ["Ingress"],
                }
            },
            MONITORING: {("spec", "podSelector", "matchLabels", "release"): "ocean"},
            CLUSTERS: None,
            "Deployment/ocean-dask-gateway": None,
            "Service/proxy-public": {("spec", "type"): "LoadBalancer"},
            "Ingress/jupyterhub": None,
        },
    ),
    "nfs.enabled, nfs.pv.serverIP": (
        NFS,
        {
            VOLUME: {
                ("spec", "nfs"): {"server": "10.0.0.2", "path": "/export/homes/ocean"},
                ("spec", "mountOptions"): ["noatime"],
                ("spec", "persistentVolumeReclaimPolicy"): "Retain",
                ("metadata", "annotations", KEEP[0]): "keep",
            },
            CLAIM: {
                ("spec", "volumeName"): "ocean-home-nfs",
                ("spec", "storageClassName"): "",
                ("spec", "accessModes"): ["ReadWriteMany"],
                ("metadata", "annotations", KEEP[0]): "keep",
            },
            JOB: {
                ("metadata", "annotations", "helm.sh/hook"): "pre-install,pre-upgrade",
                (*POD, "containers", 0, "command"): ["mkdir", "-p", "/share/ocean"],
                (*POD, "containers", 0, "image"): "docker.io/library/busybox:1.37.0",
                (*POD, "volumes", 0, "nfs"): {"server": "10.0.0.2", "path": "/export/homes"},
            },
        },
    ),
    "nfs.pv.baseShareName, shareNameOverride, mountOptions": (
        merge(
            [
                NFS,
                {"nfs": {"pv": {"baseShareName": "/", "shareNameOverride": "sea", "mountOptions": ["nfsvers=4.1"]}}},
            ]
        ),
        {
            VOLUME: {("spec", "nfs", "path"): "/sea", ("spec", "mountOptions"): ["nfsvers=4.1"]},
            JOB: {(*POD, "containers", 0, "command", 2): "/share/sea", (*POD, "volumes", 0, "nfs", "path"): "/"},
        },
    ),
    "nfs.shareCreator": (
        merge(
            [
                NFS,
                {
                    "nfs": {
                        "shareCreator": {
                            "image": {"name": "example.org/tools", "tag": "2"},
                            "nodeSelector": {"pool": "core"},
                            "tolerations": [{"key": "core", "operator": "Exists"}],
                        }
                    }
                },
            ]
        ),
        {
            JOB: {
                (*POD, "containers", 0, "image"): "example.org/tools:2",
                (*POD, "nodeSelector"): {"pool": "core"},
                (*POD, "tolerations"): [{"key": "core", "operator": "Exists"}],
            }
        },
    ),
    "nfs.shareCreator.enabled": (merge([NFS, {"nfs": {"shareCreator": {"enabled": False}}}]), {JOB: None, VOLUME: {}}),
    "nfs.enabled, of a hub that keeps no homes": (
        merge([NFS, {"jupyterhub": {"singleuser": {"storage": {"type": "none"}}}}]),
        {VOLUME: {}, CLAIM: {}},
    ),
    "userServiceAccount.annotations": (
        AWS,
        {"ServiceAccount/user-sa": {("metadata", "annotations"): AWS["userServiceAccount"]["annotations"]}},
    ),
    "userServiceAccount.annotations, on Google Cloud": (
        merge([GOOGLE, METADATA]),
        {"ServiceAccount/user-sa": {("metadata", "annotations"): GOOGLE["userServiceAccount"]["annotations"]}},
    ),
    "userServiceAccount.automountServiceAccountToken": (
        {"userServiceAccount": {"automountServiceAccountToken": True}},
        {"ServiceAccount/user-sa": {("automountServiceAccountToken",): True}},
    ),
    "userServiceAccount.enabled": (
        {"userServiceAccount": {"enabled": False}, "jupyterhub": {"singleuser": {"serviceAccountName": None}}},
        {"ServiceAccount/user-sa": None},
    ),
    "adminServiceAccount": (
        merge(
            [
                ADMINS,
                {"adminServiceAccount": {"annotations": {"a": "b"}, "automountServiceAccountToken": True}},
            ]
        ),
        {
            "ServiceAccount/admin-sa": {
                ("metadata", "annotations"): {"a": "b"},
                ("automountServiceAccountToken",): True,
            }
        },
    ),
    "networkPolicy.supportNamespace": (
        {"networkPolicy": {"supportNamespace": "shared"}},
        {
            name: {
                ("spec", "ingress", 0, "from", 0, "namespaceSelector", "matchLabels"): {
                    "kubernetes.io/metadata.name": "shared"
                }
            }
            for name in (MONITORING, "NetworkPolicy/basehub-certificates")
        },
    ),
    "networkPolicy.enabled": (
        merge([DASK, {"networkPolicy": {"enabled": False}}]),
        {CLOSED: None, MONITORING: None, CLUSTERS: None, "NetworkPolicy/basehub-certificates": None},
    ),
    # A policy of ours alone would close what the hub's chart leaves open.
    "no policies of the hub's chart": (
        merge(
            [
                DASK,
                {
                    "jupyterhub": {
                        "hub": {"networkPolicy": {"enabled": False}},
                        "singleuser": {"networkPolicy": {"enabled": False}},
                    }
                },
            ]
        ),
        {
            MONITORING: None,
            "NetworkPolicy/basehub-dask-hub": None,
            "NetworkPolicy/basehub-dask-users": None,
            CLOSED: {},
        },
    ),
    "dask-gateway.enabled": (
        DASK,
        {
            "Deployment/ocean-dask-gateway": {},
            "Service/traefik-ocean-dask-gateway": {("spec", "type"): "ClusterIP"},
            "NetworkPolicy/basehub-dask-users": {
                ("spec", "podSelector", "matchLabels"): {
                    "app": "jupyterhub",
                    "component": "singleuser-server",
                    "release": "ocean",
                },
            },
            "NetworkPolicy/basehub-dask-door": {
                ("spec", "ingress", 0, "from", 0, "podSelector", "matchLabels", "component"): "proxy",
                ("spec", "ingress", 0, "from", 1, "podSelector", "matchLabels", "component"): "singleuser-server",
            },
            "NetworkPolicy/basehub-dask-hub": {("spec", "ingress", 0, "ports", 0, "port"): 8081},
            "NetworkPolicy/basehub-dask-gateway": {},
            CLUSTERS: {
                ("spec", "policyTypes"): ["Ingress", "Egress"],
                ("spec", "egress", 2, "to", 0, "ipBlock", "cidr"): "0.0.0.0/0",
            },
        },
    ),
    "dask-gateway.enabled, with the metadata server": (
        merge([DASK, METADATA]),
        {CLUSTERS: {("spec", "egress", 3): METADATA_RULE}},
    ),
    "jupyterhub.ingress": (
        DOMAIN,
        {"Ingress/jupyterhub": {("spec", "rules", 0, "host"): "ocean.example.org"}},
    ),
}
ISSUER = "ClusterIssuer/letsencrypt-prod"
SUPPORT: dict[str, tuple[Values, Expected]] = {
    "nothing set": (
        {},
        {
            **{f"Deployment/support-{name}": {(*POD, "priorityClassName"): "support"} for name in PARTS},
            "PriorityClass/support": {("globalDefault",): False},
            "IngressClass/traefik": {},
            "Service/support-traefik": {("spec", "type"): "LoadBalancer"},
            "CustomResourceDefinition/clusterissuers.cert-manager.io": {("metadata", "annotations", KEEP[0]): "keep"},
            ISSUER: {
                ("metadata", "annotations", "helm.sh/hook"): "post-install,post-upgrade",
                ("spec", "acme", "server"): "https://acme-v02.api.letsencrypt.org/directory",
                ("spec", "acme", "privateKeySecretRef", "name"): "letsencrypt-prod-account",
                ("spec", "acme", "solvers", 0, "http01", "ingress", "ingressClassName"): "traefik",
            },
            "Service/prometheus-server": {},
            "PersistentVolumeClaim/prometheus-server": {("metadata", "annotations", KEEP[0]): "keep"},
            "PersistentVolumeClaim/support-grafana": {("metadata", "annotations", KEEP[0]): "keep"},
            "ConfigMap/grafana-dashboards": {("data", "hubs.json"): ...},
            "Ingress/support-grafana": None,
            "NetworkPolicy/support-closed": {("spec", "ingress"): [{"from": [{"podSelector": {}}]}]},
            "NetworkPolicy/support-ingress": {
                ("spec", "ingress", 0, "ports"): [{"protocol": "TCP", "port": port} for port in (8000, 8443)]
            },
            "NetworkPolicy/support-webhook": {("spec", "ingress", 0, "ports", 0, "port"): 10250},
        },
    ),
    "clusterIssuer": (
        {
            "clusterIssuer": {
                "name": "trial",
                "server": "https://acme-staging-v02.api.letsencrypt.org/directory",
                "email": "operator@example.org",
                "ingressClassName": "other",
            }
        },
        {
            ISSUER: None,
            "ClusterIssuer/trial": {
                ("spec", "acme", "server"): "https://acme-staging-v02.api.letsencrypt.org/directory",
                ("spec", "acme", "email"): "operator@example.org",
                ("spec", "acme", "privateKeySecretRef", "name"): "trial-account",
                ("spec", "acme", "solvers", 0, "http01", "ingress", "ingressClassName"): "other",
            },
        },
    ),
    "clusterIssuer.enabled": ({"clusterIssuer": {"enabled": False}}, {ISSUER: None}),
    "networkPolicy.enabled": (
        {"networkPolicy": {"enabled": False}},
        {f"NetworkPolicy/support-{name}": None for name in ("closed", "ingress", "webhook")},
    ),
    "dashboards.enabled": (
        {"dashboards": {"enabled": False}, "grafana": {"dashboardsConfigMaps": {"support": ""}}},
        {"ConfigMap/grafana-dashboards": None},
    ),
    "grafana.ingress": (
        GRAFANA,
        {
            "Ingress/support-grafana": {
                ("metadata", "annotations", "cert-manager.io/cluster-issuer"): "letsencrypt-prod",
                ("spec", "ingressClassName"): "traefik",
                ("spec", "tls", 0, "secretName"): "grafana-tls",
                ("spec", "rules", 0, "host"): "grafana.example.org",
            }
        },
    ),
    "traefik.enabled, alone": (
        only("traefik"),
        {
            "Deployment/support-traefik": {},
            "Deployment/support-cert-manager": None,
            ISSUER: None,
            "NetworkPolicy/support-ingress": {},
            "NetworkPolicy/support-webhook": None,
            "ConfigMap/grafana-dashboards": None,
        },
    ),
    "cert-manager.enabled, alone": (
        only("cert-manager"),
        {"Deployment/support-cert-manager": {}, ISSUER: {}, "NetworkPolicy/support-ingress": None},
    ),
    "prometheus.enabled, alone": (
        only("prometheus"),
        {"Deployment/support-prometheus": {}, "Deployment/support-grafana": None},
    ),
    "grafana.enabled, alone": (
        only("grafana"),
        {"Deployment/support-grafana": {}, "ConfigMap/grafana-dashboards": {}, "Deployment/support-prometheus": None},
    ),
    "none of them": (LONELY, {"PriorityClass/support": {}, "NetworkPolicy/support-closed": {}}),
}
ROWS = [(chart, name) for chart, rows in (("basehub", BASEHUB), ("support", SUPPORT)) for name in rows]
TABLES = {"basehub": BASEHUB, "support": SUPPORT}


@pytest.mark.parametrize(("chart", "row"), ROWS)
def test_what_an_option_renders(charts, chart, row):
    values, expected = TABLES[chart][row]
    made = charts.render(chart, values)
    for name, inside in expected.items():
        assert (name in made.all()) is (inside is not None), (name, sorted(made.all()))
        for path, value in (inside or {}).items():
            assert value is ... or made.at(name, path) == value, (name, path)


@pytest.mark.parametrize(("chart", "values"), [("basehub", {}), ("basehub", ALL), ("support", GRAFANA)])
def test_both_versions_of_helm_lint_and_render_the_same(charts, chart, values, tmp_path):
    given = tmp_path / "values.json"
    given.write_text(json.dumps(values))
    for tool in TOOLS:
        linted = helm("lint", "--strict", str(charts.root / chart), "--values", str(given), home=tmp_path, tool=tool)
        assert linted.returncode == 0, linted.stdout + linted.stderr
    three, four = (without_secrets(charts.render(chart, values, tool=tool)) for tool in TOOLS)
    assert three == four


def without_secrets(objects: Objects) -> dict[str, Any]:
    """The stand-in of the hub's chart makes them at random, and says so to who reads them."""
    return {
        name: one
        for name, one in objects.all().items()
        if name not in ("Secret/hub", "Deployment/hub", "Deployment/proxy")
    }


@pytest.mark.parametrize(("chart", "values"), [("basehub", {}), ("basehub", ALL), ("support", {})])
def test_to_retire_it_deletes_no_volume_claim(charts, chart, values):
    made = charts.render(chart, values)
    assert made.names("PersistentVolumeClaim")
    assert list(unkept_claims(made.text.encode())) == []


@pytest.mark.parametrize(
    ("chart", "values", "said"),
    [
        ("basehub", merge([NFS, {"nfs": {"pv": {"serverIP": ""}}}]), "nfs.pv.serverIP must name the NFS server"),
        ("basehub", {"nfs": {"enabled": True, "pv": {"serverIP": "a"}}}, "singleuser.storage.type: static"),
        ("basehub", ON_SHARE, "home-nfs is made only where nfs.enabled is true"),
        ("basehub", {"userServiceAccount": {"enabled": False}}, "user-sa is made only where"),
        (
            "basehub",
            merge([AWS, {"jupyterhub": {"singleuser": {"serviceAccountName": "own"}}}]),
            "annotations would have no effect",
        ),
        ("basehub", {"adminServiceAccount": {"enabled": True}}, "go together"),
        ("basehub", {"jupyterhub": ADMINS["jupyterhub"]}, "go together"),
        ("basehub", GOOGLE, "userServiceAccount.annotations: on Google Cloud the identity comes from"),
        ("basehub", {"jupyterhub": {"ingress": {"enabled": True}}}, "jupyterhub.ingress.hosts must name"),
        ("basehub", {"dask-gateway": {"enabled": True}}, "go together"),
        ("basehub", {"jupyterhub": DASK["jupyterhub"]}, "go together"),
        ("support", {"grafana": {"ingress": {"enabled": True}}}, "grafana.ingress.hosts must name"),
        (
            "support",
            {"grafana": {"ingress": {"enabled": True, "hosts": ["g"]}}},
            "[{secretName: grafana-tls, hosts: [g]}]",
        ),
        ("support", {"dashboards": {"enabled": False}}, "grafana.dashboardsConfigMaps.support"),
        # What is misspelt or of another type is found by the schema.
        ("basehub", {"nsf": {}}, "nsf"),
        ("basehub", {"nfs": {"pv": {"serverIp": "10.0.0.2"}}}, "serverIp"),
        ("basehub", {"nfs": {"pv": {"baseShareName": "export"}}}, "baseShareName"),
        ("basehub", {"userServiceAccount": {"annotations": {"a": 1}}}, "annotations"),
        ("basehub", {"jupyterhub": {"custom": {"homepage": {"templateVars": {"org": {"nam": "x"}}}}}}, "nam"),
        ("support", {"clusterIssuer": {"server": "letsencrypt"}}, "server"),
        ("support", {"traefik": {"enabled": "no"}}, "enabled"),
    ],
)
def test_what_cannot_work_is_refused_with_the_keys_by_name(charts, chart, values, said):
    ran = charts.try_render(chart, values)
    assert ran.returncode != 0
    assert said in ran.stderr


# The files


def examples(chart: str) -> list[str]:
    """What stands in a chart's README as values: blocks that are indented, and are YAML."""
    blocks = re.findall(r"(?:^(?: {4}.*)?\n)+", (TEMPLATE / chart / "README.md").read_text(), re.MULTILINE)
    return [block for block in blocks if block.strip()]


@pytest.mark.parametrize(
    ("chart", "text"),
    [(chart, text) for chart in CHARTS for text in examples(chart)],
    ids=lambda text: " ".join(text.split())[:50],
)
def test_the_examples_of_the_readmes_work(charts, chart, text):
    values = yaml.safe_load(text)
    charts.render(
        chart, values
    )  # what the chart does not know, its schema refuses; of the hub's chart there is a table
    told = explain(values.get("jupyterhub", {}))
    assert [one.path for one in told if one.treatment is Treatment.UNKNOWN] == []


def test_all_that_basehub_gives_the_hub_s_chart_is_known_there():
    given = yaml.safe_load((TEMPLATE / "basehub" / "values.yaml").read_text())["jupyterhub"]
    assert [one.path for one in explain(given) if one.treatment is Treatment.UNKNOWN] == []


@pytest.mark.parametrize("chart", CHARTS)
def test_versions_are_exact_so_that_a_lock_would_say_nothing_more(chart):
    wanted = yaml.safe_load((TEMPLATE / chart / "Chart.yaml").read_text())["dependencies"]
    for one in wanted:
        assert one["version"].removeprefix("v").replace(".", "").isdecimal(), one
        assert one["repository"].startswith("https://")
    conditions = {one["name"]: one.get("condition") for one in wanted if one["name"] != "jupyterhub"}
    assert conditions == {name: f"{name}.enabled" for name in conditions}
    assert not (TEMPLATE / chart / "Chart.lock").exists()


def inner(schema: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, one in schema.get("properties", {}).items():
        yield f"{at}{name}", one
        yield from inner(one, f"{at}{name}.")


@pytest.mark.parametrize("chart", CHARTS)
def test_the_schema_explains_each_key_and_is_closed_but_for_what_other_charts_read(chart):
    schema = json.loads((TEMPLATE / chart / "values.schema.json").read_text())
    values = yaml.safe_load((TEMPLATE / chart / "values.yaml").read_text())
    others = {one["name"] for one in yaml.safe_load((TEMPLATE / chart / "Chart.yaml").read_text())["dependencies"]}
    assert [name for name, one in inner(schema) if not one.get("description", "").endswith(".")] == []
    open_ = {
        name for name, one in inner(schema) if "properties" in one and one.get("additionalProperties") is not False
    }
    assert {name.partition(".")[0] for name in open_} <= others
    assert schema["additionalProperties"] is False
    known = {name for name, _ in inner(schema)}
    assert {name for name in leaves(values) if name.partition(".")[0] not in others} - known == set()


def leaves(values: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{at}{name}.")
        else:
            yield f"{at}{name}"


def test_the_health_check_s_service_is_the_one_that_is_asked_for_with_all_that_it_needs(charts):
    hub = yaml.safe_load((TEMPLATE / "basehub" / "values.yaml").read_text())["jupyterhub"]["hub"]
    name = HelmTarget.__dataclass_fields__["health_service"].default
    assert set(hub["services"]) == {name}
    assert sorted(hub["loadRoles"][name]["scopes"]) == sorted(SCOPES)
    assert hub["loadRoles"][name]["services"] == [name]
    assert f"hub.services.{name}.apiToken" in charts.render("basehub", {}).at("Secret/hub", ["data"])


def test_grafana_finds_prometheus_and_the_dashboards_find_both(charts):
    made = charts.render("support", {})
    sources = yaml.safe_load(made.at("ConfigMap/support-grafana", ["data", "datasources.yaml"]))["datasources"]
    assert [source["url"] for source in sources] == ["http://prometheus-server"]
    for text in made.at("ConfigMap/grafana-dashboards", ["data"]).values():
        used = {panel["datasource"]["uid"] for panel in json.loads(text)["panels"]}
        assert used == {source["uid"] for source in sources}
