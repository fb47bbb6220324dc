"""New hubs: every kind with every log-in on every provider makes a valid fleet, and what cannot be is said."""

from __future__ import annotations

import pytest

from deployer.errors import DeployerError
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, load_fleet
from deployer.fleet.tree import DictTree
from deployer.fleet.validation import validate
from deployer.scaffold.cluster import ClusterFacts, Homes, new_cluster
from deployer.scaffold.data import Bucket
from deployer.scaffold.hub import NewHub, base_domain, default_chart, new_hubs, staging_domain, staging_of
from deployer.scaffold.kinds import Kind
from deployer.scaffold.login import CHOICES, PROVIDERS, Login, LoginKind
from small_fleet import cluster, files, fleet_of, hub

BLOCKS = {
    "gcp": {"project": "p", "cluster": "c", "zone": "z"},
    "aws": {"clusterName": "c", "region": "r", "account": "012345678901"},
    "azure": {"cluster": "c", "resource_group": "g"},
    "kubeconfig": {"file": "enc-kubeconfig.secret.yaml"},
    "local": {},
}
CHART = {
    "helm-charts/basehub/Chart.yaml": "name: basehub\ndependencies: [{name: jupyterhub, version: 4.3.3}, "
    "{name: dask-gateway, version: 1.0.0}]\n",
    "helm-charts/basehub/values.yaml": "nfs: {enabled: false}\nuserServiceAccount: {enabled: true}\n"
    "jupyterhub: {singleuser: {memory: {limit: 1G}}}\n",
    "helm-charts/support/Chart.yaml": "name: support\n",
    "deployer.yaml": "{}\n",
}
LOGINS = {
    LoginKind.GITHUB: Login(kind=LoginKind.GITHUB, allow={"org": ("our-org", "our-org:team"), "user": ("ada",)}),
    LoginKind.CILOGON: Login(
        kind=LoginKind.CILOGON, idp="https://login.example.org/idp", allow={"domain": ("example.org",)}
    ),
    LoginKind.GOOGLE: Login(kind=LoginKind.GOOGLE, allow={"domain": ("example.org",)}, admins=("ada@example.org",)),
    LoginKind.GENERIC: Login(
        kind=LoginKind.GENERIC,
        urls={name: f"https://id.example.org/{name}" for name in ("authorize", "token", "userdata")},
        allow={"group": ("hub-users",)},
    ),
    LoginKind.NATIVE: Login(kind=LoginKind.NATIVE, everybody=True, admins=("ada",)),
    LoginKind.FIRSTUSE: Login(kind=LoginKind.FIRSTUSE, allow={"user": ("grace",)}, admins=("ada",)),
    LoginKind.TMP: Login(kind=LoginKind.TMP),
    LoginKind.DUMMY: Login(kind=LoginKind.DUMMY, everybody=True),
}
CLOSED = Login(kind=LoginKind.GITHUB, admins=("ada",))


def fleet_with(provider: str, **facts) -> Fleet:
    """A fleet with one cluster, reef, that has no hub yet."""
    empty = load_fleet(DictTree({path: text.encode() for path, text in CHART.items()}))
    given = {"name": "reef", "provider": Provider(provider), "connection": BLOCKS[provider], **facts}
    return load_fleet(new_cluster(ClusterFacts(**given), empty).over(empty.tree))


FLEETS = {
    provider: fleet_with(provider, domain="" if provider == "local" else "reef.example.org") for provider in BLOCKS
}


def new(login: Login = CLOSED, kind: Kind = Kind.RESEARCH, **more) -> NewHub:
    return NewHub(**{"name": "ocean", "chart": "basehub", "kind": kind, "login": login, **more})


def after(fleet: Fleet, *hubs: NewHub) -> Fleet:
    """The fleet with new hubs; it must be valid, but for the canary that one alone has not."""
    edit = new_hubs(fleet, "reef", hubs)
    warnings = edit.check(fleet, [ReleaseId("reef", one.name) for one in hubs])
    assert [one.rule for one in warnings] == ([] if hubs[0].name == "staging" else ["no-canary"])
    made = load_fleet(edit.over(fleet.tree))
    expected = {"no-canary", "missing-credentials"}  # a kubeconfig is added by hand
    assert [one for one in validate(made) if one.rule not in expected] == []
    return made


def values_of(fleet: Fleet, name: str = "ocean"):
    return fleet.values(fleet.release(ReleaseId("reef", name)))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("login", LoginKind)
@pytest.mark.parametrize("provider", BLOCKS)
def test_every_hub_is_valid(provider, login, kind):
    if login is LoginKind.DUMMY and provider != "local":
        with pytest.raises(DeployerError, match="provider local only"):
            after(FLEETS[provider], new(LOGINS[login], kind, domain="ocean.reef.example.org"))
        return
    domain = "" if provider == "local" else "ocean.reef.example.org"
    one = new(LOGINS[login], kind, domain=domain)
    staging = staging_of(one, "reef", domain.replace("ocean", "staging"))
    made = after(FLEETS[provider], staging, one)
    assert [str(hub.effective_stage) for hub in made.clusters["reef"].hubs] == ["staging", "production"]
    config = values_of(made)["jupyterhub"]["hub"]["config"]
    assert config["JupyterHub"]["authenticator_class"] == CHOICES[login].cls
    if CHOICES[login].oauth and domain:
        callbacks = {
            name: values_of(made, name)["jupyterhub"]["hub"]["config"][CHOICES[login].section]["oauth_callback_url"]
            for name in ("staging", "ocean")
        }
        assert callbacks == {name: f"https://{name}.reef.example.org/hub/oauth_callback" for name in callbacks}
    if provider != "local":
        ingress = values_of(made)["jupyterhub"]["ingress"]
        assert (ingress["hosts"], ingress["enabled"]) == ([domain], True)


@pytest.mark.parametrize(
    ("kind", "paths"),
    [
        (Kind.RESEARCH, {"singleuser.profileList.2.kubespawner_override.mem_limit": "16G", "cull.timeout": 3600}),
        (Kind.CLASS, {"singleuser.memory.limit": "1G", "cull.maxAge": 28800, "scheduling.userPlaceholder.replicas": 8}),
        (Kind.EVENT, {"hub.activeServerLimit": 40, "singleuser.storage.type": "none", "cull.users": True}),
        (Kind.DASK, {"hub.services.dask-gateway.display": False, "singleuser.defaultUrl": "/lab"}),
    ],
)
def test_what_kinds_set(kind, paths):
    made = values_of(after(FLEETS["gcp"], new(kind=kind, people=40, domain="a.reef.example.org")))
    for path, value in paths.items():
        here = made["jupyterhub"]
        for part in path.split("."):
            here = here[int(part)] if isinstance(here, list) else here[part]
        assert here == value, path
    assert made.get("dask-gateway", {}).get("enabled", False) is (kind is Kind.DASK)


def test_a_class_has_a_shared_folder_where_homes_are_on_a_share():
    on_nfs = fleet_with("gcp", homes=Homes(server="10.0.0.2"))
    with_share = values_of(after(on_nfs, new(kind=Kind.CLASS, domain="a.example.org")))["jupyterhub"]
    assert with_share["singleuser"]["storage"]["extraVolumeMounts"][0]["readOnly"] is True
    compile(with_share["hub"]["extraConfig"]["20-shared-folder"], "20-shared-folder", "exec")
    without = values_of(after(FLEETS["gcp"], new(kind=Kind.CLASS, domain="a.example.org")))["jupyterhub"]
    assert "storage" not in without["singleuser"]


@pytest.mark.parametrize(
    ("provider", "url", "annotation"),
    [
        ("gcp", "gs://ocean-data", {"iam.gke.io/gcp-service-account": "reef-ocean@p.iam.gserviceaccount.com"}),
        ("aws", "s3://ocean-data/a/b", {"eks.amazonaws.com/role-arn": "arn:aws:iam::012345678901:role/reef-ocean"}),
        ("azure", "az://data@ocean", {"azure.workload.identity/client-id": "0000-11"}),
    ],
)
def test_data_outside(provider, url, annotation):
    who = "0000-11" if provider == "azure" else ""
    one = new(domain="ocean.reef.example.org", buckets=(Bucket(url, write=True, requester_pays=True),), who=who)
    made = after(FLEETS[provider], one)
    values = values_of(made)
    assert values["userServiceAccount"]["annotations"] == annotation
    assert values["jupyterhub"]["singleuser"]["extraEnv"]["DATA"] == url
    entry = made.documents["reef"].data["hubs"][0]
    assert entry["x-data"] == [{"url": url, "write": True, "requester_pays": True}]
    staging = staging_of(one, "reef", "staging.reef.example.org")
    assert staging.buckets == (Bucket(url, write=False, requester_pays=True),)


REFUSED = [
    ({"name": "Ocean"}, "cannot name a hub"),
    ({"name": "support"}, "support release"),
    ({"name": "a" * 54}, "cannot name a hub"),
    ({"name": "kube-hub"}, "a namespace of Kubernetes' own"),
    ({"name": "default"}, "a namespace of Kubernetes' own"),
    ({"domain": ""}, "has no domain"),
    ({"chart": "basehb"}, "no chart 'basehb'"),
    ({"chart": "support"}, "does not depend on the chart 'jupyterhub'"),
    ({"login": Login(kind=LoginKind.GITHUB)}, "nobody could log in"),
    ({"login": Login(kind=LoginKind.FIRSTUSE)}, "nobody could log in"),
    ({"login": Login(kind=LoginKind.GOOGLE, allow={"org": ("x",)})}, "--allow-org: log-in google has no such rule"),
    ({"login": Login(kind=LoginKind.GITHUB, allow={"org": ("a/b",)})}, "neither ORG nor ORG:TEAM"),
    ({"login": Login(kind=LoginKind.GOOGLE, allow={"domain": ("a@example.org",)})}, "is no domain"),
    ({"login": Login(kind=LoginKind.GITHUB, admins=("",))}, "'' is no name"),
    ({"login": Login(kind=LoginKind.GITHUB, allow={"user": ("ada ",)})}, "'ada ' is no name"),
    ({"buckets": (Bucket("s3://x-y"),)}, "no identity in that cloud"),
    ({"buckets": (Bucket("bucket"),)}, "is no address of data"),
]


@pytest.mark.parametrize(("keys", "told"), REFUSED, ids=[told for _, told in REFUSED])
def test_what_cannot_be(keys, told):
    with pytest.raises(DeployerError) as error:
        new_hubs(FLEETS["gcp"], "reef", [new(**{"domain": "ocean.reef.example.org", **keys})])
    assert told in str(error.value)


def test_a_name_and_a_domain_that_are_taken():
    fleet = after(FLEETS["gcp"], new(domain="ocean.reef.example.org"))
    with pytest.raises(DeployerError, match="there is a hub reef/ocean already"):
        new_hubs(fleet, "reef", [new(domain="a.example.org")])
    twice = new_hubs(fleet, "reef", [new(name="lagoon", domain="ocean.reef.example.org")])
    with pytest.raises(DeployerError, match="is also the domain of"):
        twice.check(fleet, [ReleaseId("reef", "lagoon")])


def test_an_identity_that_cannot_be_made_up_is_asked_for():
    one = new(name="a-name-that-is-longer-than-an-account", domain="a.example.org", buckets=(Bucket("gs://data"),))
    with pytest.raises(DeployerError, match="--identity"):
        new_hubs(FLEETS["gcp"], "reef", [one])


def test_defaults_from_the_other_hubs_of_the_cluster():
    fleet = fleet_of(files(cluster("reef", [hub("a", helm_chart="daskhub"), hub("b", helm_chart="daskhub"), hub("c")])))
    assert default_chart(fleet, fleet.clusters["reef"]) == "daskhub"
    assert base_domain(fleet, fleet.clusters["reef"]) == "reef.example.org"
    made = new_hubs(fleet, "reef", [new(name="d", chart="daskhub", domain="d.example.org")])
    assert b"\nbasehub:\n  jupyterhub:\n" in made.made["config/clusters/reef/d.values.yaml"]


@pytest.mark.parametrize(
    ("domain", "base", "staging"),
    [
        ("ocean.reef.example.org", "", "staging.reef.example.org"),
        ("hub.elsewhere.org", "reef.example.org", "staging.reef.example.org"),
        ("example.org", "", "staging.example.org"),  # and not staging.org, which is somebody else's
        ("", "", ""),
    ],
)
def test_where_a_staging_hub_is_found(domain, base, staging):
    assert staging_domain(domain, base) == staging


def test_only_known_providers_stand_for_cilogon_names():
    assert all(url.startswith("http") for url in PROVIDERS.values())
