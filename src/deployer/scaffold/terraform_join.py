"""What Terraform's outputs make of a fleet's files, and where the two have parted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deployer.errors import DeployerError, Place
from deployer.fleet.cluster import Provider
from deployer.fleet.effective import NOT_THERE, Effective, key_of, look
from deployer.fleet.helm_yaml import Path
from deployer.fleet.repository import Fleet
from deployer.fleet.schema import dotted
from deployer.scaffold.cluster import AZURE_SPOT, ClusterFacts, Homes
from deployer.scaffold.data import what_identity_needs
from deployer.scaffold.edit import Edit
from deployer.scaffold.terraform import ADMIN_ROLE, USER_ROLE, Account, Bucket, Outputs, Pool, Store
from deployer.scaffold.terraform_folder import CLUSTERS, IDENTITIES
from deployer.scaffold.yaml_text import Setting

KEY_FILE = "enc-deployer-credentials.secret.json"  # of the deployer, where Terraform was asked for a key
NODE_PURPOSE = "hub.jupyter.org/node-purpose"  # a label by which the community's chart finds nodes
WORKERS = "k8s.dask.org/node-purpose"  # and by which Dask's tools do
ENVIRONMENT = ("jupyterhub", "singleuser", "extraEnv")
ADMINS_RUN_AS = ("jupyterhub", "custom", "singleuserAdmin", "serviceAccountName")
# As each cloud's own documentation mounts its file system; EFS's wants no reserved port, to come back after a cut.
_EFS = ("nfsvers=4.1", "rsize=1048576", "wsize=1048576", "hard", "timeo=600", "retrans=2", "noresvport")
MOUNT_OPTIONS = {Provider.AWS: _EFS, Provider.AZURE: ("vers=4", "minorversion=1", "sec=sys")}


def facts(outputs: Outputs, *, name: str = "", domain: str = "", ingress: str = "", contact: str = "") -> ClusterFacts:
    """A new cluster as Terraform built it.

    :raises DeployerError: the name is not the one that it was built with.
    """
    if name and name != outputs.name:
        raise DeployerError(
            f"these are outputs of {outputs.name}, not of {name}",
            outputs.place,
            "A cluster keeps the name it was built with.",
        )
    homes = outputs.homes
    key = {"key": KEY_FILE} if outputs.key else {}
    return ClusterFacts(
        name=outputs.name,
        provider=outputs.provider,
        connection={**outputs.connection, **key},
        provider_url=outputs.provider_url,
        domain=domain,
        ingress=ingress,
        contact=contact,
        homes=_homes_of(homes, outputs.provider) if homes else None,
        node_purposes=any(_for_users(pool) for pool in outputs.pools),
        azure_spot=any(_for_users(pool) and _AZURE_SPOT in pool.taints for pool in outputs.pools),
    )


_AZURE_SPOT = f"{AZURE_SPOT['key']}={AZURE_SPOT['value']}:{AZURE_SPOT['effect']}"


def _homes_of(store: Store, provider: Provider) -> Homes:
    return Homes(server=store.server, share=store.path, mount_options=MOUNT_OPTIONS.get(provider, ()))


def _for_users(pool: Pool) -> bool:
    return pool.labels.get(NODE_PURPOSE) == "user"


def with_planner(edit: Edit, outputs: Outputs, fleet: Fleet) -> Edit:
    """The edit with the file that tells pipelines whom they plan as, where the fleet has the cluster's Terraform."""
    path = _identities(outputs)
    planner = outputs.ci.get("planner")
    if not planner or not has_folder(outputs, fleet) or fleet.tree.is_file(path):
        return edit
    text = json.dumps({"planner": planner}, indent=2, sort_keys=True) + "\n"
    return replace(edit, made={**edit.made, path: text.encode()})


def _identities(outputs: Outputs) -> str:
    return f"{CLUSTERS}/{outputs.name}/{IDENTITIES}"


def has_folder(outputs: Outputs, fleet: Fleet) -> bool:
    """Whether the fleet has the Terraform that the outputs are of, in a folder of the cluster's name."""
    return bool(fleet.tree.children(f"{CLUSTERS}/{outputs.name}"))


def hub_settings(outputs: Outputs, hub: str, *, dask: bool = False) -> list[Setting]:
    """What a hub's users are to the cloud, where their buckets are, and where the workers of their clusters of ``dask``
    run, as values of the chart basehub.
    """
    accounts = [account for role in _SERVERS if (account := outputs.account(hub, role))]
    found = [setting for account in accounts for setting in _account_settings(account)]
    found += what_identity_needs(outputs.provider) if accounts else ()
    found += _dask_settings(outputs, labelled=bool(outputs.account(hub))) if dask else ()
    found += [
        Setting((*ENVIRONMENT, variable_of(bucket)), f"{bucket.url}/$(JUPYTERHUB_USER)")
        for bucket in outputs.buckets
        if bucket.hub == hub
    ]
    return found


def variable_of(bucket: Bucket) -> str:
    """What programs find a bucket's address by: SCRATCH_BUCKET."""
    return bucket.name.upper().replace("-", "_") + "_BUCKET"


# What the chart calls the account that somebody's servers have.
_SERVERS = {USER_ROLE: "userServiceAccount", ADMIN_ROLE: "adminServiceAccount"}


def _account_settings(account: Account) -> Iterator[Setting]:
    who = "users'" if account.role == USER_ROLE else "administrators'"
    at = _SERVERS[account.role]
    yield Setting((at, "enabled"), value=True, why=f"What {who} servers are to the cloud.")
    yield Setting((at, "annotations"), dict(account.annotations))
    if account.role == ADMIN_ROLE:
        yield Setting(ADMINS_RUN_AS, account.name)


def _dask_settings(outputs: Outputs, *, labelled: bool) -> Iterator[Setting]:
    gateway = ("dask-gateway", "gateway")
    if any(pool.labels.get(WORKERS) == "worker" for pool in outputs.pools):
        rule = {"matchExpressions": [{"key": WORKERS, "operator": "In", "values": ["worker"]}]}
        at = (*gateway, "backend", "worker", "extraPodConfig", "affinity", "nodeAffinity")
        why = "Workers run on nodes for them, which come and go, and nowhere else."
        yield Setting((*at, "requiredDuringSchedulingIgnoredDuringExecution"), {"nodeSelectorTerms": [rule]}, why)
    if labelled and outputs.provider is Provider.AZURE:
        why = "Only pods with this label get the identity that their service account names."
        yield Setting((*gateway, "extraConfig", "identity"), _DASK_LABELS, why)


_DASK_LABELS = """\
c.KubeClusterConfig.scheduler_extra_pod_labels = {"azure.workload.identity/use": "true"}
c.KubeClusterConfig.worker_extra_pod_labels = {"azure.workload.identity/use": "true"}
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the fleet says otherwise than Terraform; "" where one of them says nothing."""

    place: Place
    key: str
    here: str
    there: str

    def __str__(self) -> str:
        said = f"is {self.here!r}" if self.here else "is missing"
        return f"{self.place}: {self.key} {said}" + (f", Terraform says {self.there!r}" if self.there else "")


def parted(outputs: Outputs, fleet: Fleet) -> list[Difference]:
    """Where cluster.yaml and the hubs' values say otherwise than Terraform built.

    :raises FleetError: there is no such cluster, or a values file cannot be read.
    """
    fleet.cluster(outputs.name)
    return [*_in_cluster_file(outputs, fleet), *_in_pipelines(outputs, fleet), *_in_values(outputs, fleet)]


def _in_pipelines(outputs: Outputs, fleet: Fleet) -> Iterator[Difference]:
    """Whom pipelines plan as, where the cluster's Terraform is the fleet's."""
    wanted = outputs.ci.get("planner")
    if not wanted or not has_folder(outputs, fleet):
        return
    path = _identities(outputs)
    here = parsed_json(fleet, path) if fleet.tree.is_file(path) else {}
    for key, value in _leaves({"planner": wanted}):
        if _said(look(here, key)) != _said(value):
            yield Difference(Place(path), dotted(key), _said(look(here, key)), _said(value))


def parsed_json(fleet: Fleet, path: str) -> Any:
    """
    :raises DeployerError: it is not JSON.
    """
    try:
        return json.loads(fleet.tree.read(path))
    except ValueError:
        raise DeployerError("not JSON", Place(path)) from None


def _in_cluster_file(outputs: Outputs, fleet: Fleet) -> Iterator[Difference]:
    document = fleet.documents[outputs.name]
    there = {"provider": str(outputs.provider), str(outputs.provider): outputs.connection}
    for path, wanted in _leaves(there):
        here = look(document.data, path)
        # A flag that is not set is the same as one that is false.
        if _said(here) != _said(wanted) and not (wanted is False and here is NOT_THERE):
            yield Difference(document.place(path), dotted(path), _said(here), _said(wanted))


def _leaves(data: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _said(value: Any) -> str:
    """As a person reads it; "" for what is not there."""
    if value is NOT_THERE or value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_values(outputs: Outputs, fleet: Fleet) -> Iterator[Difference]:
    parsed: dict[str, Any] = {}
    releases = [release for key, release in fleet.releases.items() if key.cluster == outputs.name]
    listed = {release.hub.name: release for release in releases if release.hub}
    for hub in outputs.hubs:
        if hub not in listed:
            place = fleet.documents[outputs.name].place(("hubs",))
            yield Difference(place, f"hub {hub}, for which Terraform has buckets or identities,", "", "")
    for hub, release in listed.items():
        effective = Effective(fleet, release, parsed)
        yield from _homes(outputs, effective)
        for account in outputs.accounts:
            if account.hub == hub:
                yield from _identity(account, effective)


def _identity(account: Account, effective: Effective) -> Iterator[Difference]:
    """A server's identity is the chart's business; any other must at least be named by something."""
    if account.role in _SERVERS:
        for path, wanted in _leaves(_account_values(account)):
            yield from _compared(effective, path, wanted)
    elif account.name not in set(_texts(effective.values)):
        hub = effective.release.id
        place = effective.fleet.documents[hub.cluster].place(("hubs",))
        what = f"{hub}: service account {account.name} of the role {account.role}, which Terraform has an identity for,"
        yield Difference(place, what, "", "")


def _texts(data: Any) -> Iterator[str]:
    """All texts in a document, keys aside."""
    if isinstance(data, str):
        yield data
    inner = data.values() if isinstance(data, Mapping) else data if isinstance(data, (list, tuple)) else ()
    for one in inner:
        yield from _texts(one)


def _account_values(account: Account) -> dict[str, Any]:
    single: dict[str, Any] = {"extraLabels": account.pod_labels} if account.pod_labels else {}
    if account.role == USER_ROLE:
        return {
            "userServiceAccount": {"enabled": True, "annotations": account.annotations},
            "jupyterhub": {"singleuser": {**single, "serviceAccountName": account.name}},
        }
    return {
        "adminServiceAccount": {"enabled": True, "annotations": account.annotations},
        "jupyterhub": {"singleuser": single, "custom": {"singleuserAdmin": {"serviceAccountName": account.name}}},
    }


def _homes(outputs: Outputs, effective: Effective) -> Iterator[Difference]:
    """A hub may use any of the shares, but no other server."""
    server = look(effective.values, ("nfs", "pv", "serverIP"))
    shares = {store.server: store for store in outputs.stores if store.server}
    if look(effective.values, ("nfs", "enabled")) is not True or not shares:
        return
    wanted = shares.get(_said(server)) or outputs.homes or next(iter(shares.values()))
    yield from _compared(effective, ("nfs", "pv", "serverIP"), wanted.server)
    share = _said(look(effective.values, ("nfs", "pv", "baseShareName")))
    # The homes of a hub may lie below the share.
    if share.rstrip("/") != wanted.path.rstrip("/") and not share.startswith(wanted.path.rstrip("/") + "/"):
        yield from _compared(effective, ("nfs", "pv", "baseShareName"), wanted.path)


def _compared(effective: Effective, path: Path, wanted: Any) -> Iterator[Difference]:
    here = look(effective.values, path)
    # What an encrypted file might say is not known here.
    if _said(here) != _said(wanted) and effective.decided(path):
        hub = effective.release.id
        yield Difference(effective.place(path), f"{hub}: {key_of(path)}", _said(here), _said(wanted))
