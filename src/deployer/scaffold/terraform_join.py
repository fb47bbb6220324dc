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
from deployer.scaffold.cluster import ClusterFacts, Homes
from deployer.scaffold.data import what_identity_needs
from deployer.scaffold.edit import Edit
from deployer.scaffold.terraform import Account, Bucket, Outputs
from deployer.scaffold.terraform_folder import CLUSTERS, IDENTITIES
from deployer.scaffold.yaml_text import Setting

KEY_FILE = "enc-deployer-credentials.secret.json"  # of the deployer, where Terraform was asked for a key
NODE_PURPOSE = "hub.jupyter.org/node-purpose"  # a label by which the community's chart finds nodes
ENVIRONMENT = ("jupyterhub", "singleuser", "extraEnv")


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
        homes=Homes(server=homes.server, share=homes.path) if homes else None,
        node_purposes=any(pool.labels.get(NODE_PURPOSE) == "user" for pool in outputs.pools),
    )


def with_planner(edit: Edit, outputs: Outputs, fleet: Fleet) -> Edit:
    """The edit with the file that tells pipelines whom they plan as, where the fleet has the cluster's Terraform."""
    path = f"{CLUSTERS}/{outputs.name}/{IDENTITIES}"
    planner = outputs.ci.get("planner")
    if not planner or not fleet.tree.children(f"{CLUSTERS}/{outputs.name}") or fleet.tree.is_file(path):
        return edit
    text = json.dumps({"planner": planner}, indent=2, sort_keys=True) + "\n"
    return replace(edit, made={**edit.made, path: text.encode()})


def hub_settings(outputs: Outputs, hub: str) -> list[Setting]:
    """What a hub's users are to the cloud, and where their buckets are, as values of the chart basehub."""
    account = outputs.account(hub)
    found = [] if account is None else list(_account_settings(account, outputs.provider))
    found += [
        Setting((*ENVIRONMENT, variable_of(bucket)), f"{bucket.url}/$(JUPYTERHUB_USER)")
        for bucket in outputs.buckets
        if bucket.hub == hub
    ]
    return found


def variable_of(bucket: Bucket) -> str:
    """What programs find a bucket's address by: SCRATCH_BUCKET."""
    return bucket.name.upper().replace("-", "_") + "_BUCKET"


def _account_settings(account: Account, provider: Provider) -> Iterator[Setting]:
    yield Setting(("userServiceAccount", "enabled"), value=True, why="What users' servers are to the cloud.")
    yield Setting(("userServiceAccount", "annotations"), dict(account.annotations))
    yield from what_identity_needs(provider)


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
    return [*_in_cluster_file(outputs, fleet), *_in_values(outputs, fleet)]


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
        if account := outputs.account(hub):
            for path, wanted in _leaves(_account_values(account)):
                yield from _compared(effective, path, wanted)


def _account_values(account: Account) -> dict[str, Any]:
    said: dict[str, Any] = {"userServiceAccount": {"enabled": True, "annotations": account.annotations}}
    if account.pod_labels:
        said["jupyterhub"] = {"singleuser": {"extraLabels": account.pod_labels}}
    return said


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
