"""What Terraform built, as its outputs tell it: read from ``terraform output -json``, and never a secret of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.errors import DeployerError, Place
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import SUPPORT

HINT = "Run in terraform/clusters/<cluster>: terraform output -json (or tofu output -json)"
KEY_OUTPUT = "deployer_key"  # the one secret that the modules have, where it was asked for
USER_ROLE, ADMIN_ROLE = "user", "admin"  # whose servers; other roles are for what a fleet adds itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Storage for home directories: the path of an NFS server, or a disk for one inside the cluster."""

    name: str
    server: str = ""
    path: str = ""
    volume: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket of one hub."""

    hub: str
    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What makes a Kubernetes service account of one hub an identity of the cloud."""

    hub: str
    role: str
    name: str
    annotations: Mapping[str, str]
    pod_labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Nodes for users' servers or Dask's workers: the labels by which values name them, and taints."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The outputs of one cluster's Terraform, as far as the fleet needs them.

    ``ci`` is whom a pipeline becomes: for each role and cloud the keys of a log-in by OIDC.
    ``key`` says whether there is a key for the deployer; the key itself is not kept.
    """

    place: Place
    name: str
    provider: Provider
    provider_url: str
    connection: Mapping[str, Any]
    stores: tuple[Store, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    accounts: tuple[Account, ...] = ()
    pools: tuple[Pool, ...] = ()
    ci: Mapping[str, Any] = field(default_factory=dict)
    key: bool = field(default=False)

    @property
    def homes(self) -> Store | None:
        """The share that hubs use where they say nothing: the only one, or that which is called homes."""
        shares = [store for store in self.stores if store.server]
        named = [store for store in shares if store.name == "homes"]
        return shares[0] if len(shares) == 1 else named[0] if named else None

    def account(self, hub: str, role: str = USER_ROLE) -> Account | None:
        """The identity of a role of a hub's pods."""
        return next((one for one in self.accounts if (one.hub, one.role) == (hub, role)), None)

    @property
    def hubs(self) -> list[str]:
        """The hubs that Terraform was told of."""
        named = {one.hub for one in self.accounts} | {one.hub for one in self.buckets}
        return sorted(named - {SUPPORT})


def parse(text: str, name: str) -> Outputs:
    """Read the outputs; ``name`` is the file's, for errors. Of what is marked sensitive only that it is there is kept.

    :raises DeployerError: it is not what ``terraform output -json`` writes, or of other modules than the fleet's.
    """
    outputs = _values(text, Place(name))
    read = _Reader(Place(name), outputs.plain, outputs.sensitive)
    cluster = read.map("cluster")
    provider = read.text(cluster, "cluster", "provider")
    if provider not in {Provider.GCP, Provider.AWS, Provider.AZURE}:
        raise read.error("cluster.provider", f"no provider of the modules: {provider!r}")
    return Outputs(
        place=Place(name),
        name=read.text(cluster, "cluster", "name"),
        provider=Provider(provider),
        provider_url=read.text(cluster, "cluster", "provider_url"),
        connection=read.connection(cluster.get("connection"), "cluster.connection"),
        stores=tuple(_stores(read)),
        buckets=tuple(_buckets(read)),
        accounts=tuple(_accounts(read)),
        pools=tuple(_pools(read)),
        ci={role: _clouds(read, where, data) for role, where, data in read.entries("ci")},
        key=KEY_OUTPUT in outputs.sensitive,
    )


@dataclass(frozen=True, slots=True)
class _Values:
    plain: Mapping[str, Any]
    sensitive: frozenset[str]


def _values(text: str, place: Place) -> _Values:
    """The values of the outputs. A secret is not kept for longer than this takes."""
    try:
        data = json.loads(text)
    except ValueError:
        # Of a text that may hold a key nothing is quoted.
        raise DeployerError("not JSON", place, HINT) from None
    if not isinstance(data, dict) or not all(isinstance(one, dict) and "value" in one for one in data.values()):
        raise DeployerError("not the outputs of Terraform", place, HINT)
    if not data:
        raise DeployerError("no outputs: nothing was applied there yet", place, HINT)
    given = {name: one for name, one in data.items() if one["value"] is not None}
    return _Values(
        {name: one["value"] for name, one in given.items() if one.get("sensitive") is not True},
        frozenset(name for name, one in given.items() if one.get("sensitive") is True),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    place: Place
    plain: Mapping[str, Any]
    sensitive: frozenset[str]

    def error(self, where: str, what: str) -> DeployerError:
        return DeployerError(f"output {where}: {what}", self.place, "The outputs are those of terraform/modules.")

    def map(self, output: str, *, needed: bool = True) -> Mapping[str, Any]:
        """An output that is a map."""
        if output in self.sensitive:
            raise self.error(output, "is marked sensitive, but the fleet's files must say it in clear")
        if output not in self.plain:
            if needed:
                raise self.error(output, "is missing")
            return {}
        return self.as_map(self.plain[output], output)

    def as_map(self, value: Any, where: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.error(where, "must be a map")
        return value

    def text(self, data: Mapping[str, Any], where: str, key: str) -> str:
        value = data.get(key)
        if not isinstance(value, str) or not value:
            raise self.error(f"{where}.{key}", "must be a text")
        return value

    def texts(self, value: Any, where: str) -> dict[str, str]:
        found = self.as_map(value, where)
        return {key: self.text(found, where, key) for key in found}

    def words(self, value: Any, where: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.error(where, "must be a list of texts")
        return tuple(value)

    def connection(self, value: Any, where: str) -> dict[str, Any]:
        """Texts and flags, and inner blocks of texts, as cluster.yaml has them."""
        found = self.as_map(value, where)
        return {key: self._connection_value(found, where, key) for key in found}

    def _connection_value(self, data: Mapping[str, Any], where: str, key: str) -> str | bool | dict[str, str]:
        value = data[key]
        if isinstance(value, dict):
            return self.texts(value, f"{where}.{key}")
        return value if isinstance(value, bool) else self.text(data, where, key)

    def entries(self, output: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Each entry of an output that is a map of maps: its key, where it stands, and itself."""
        for key, value in self.map(output, needed=False).items():
            yield key, f"{output}[{key}]", self.as_map(value, f"{output}[{key}]")


def _stores(read: _Reader) -> Iterator[Store]:
    for name, where, data in read.entries("home_storage"):
        kind = read.text(data, where, "kind")
        if kind == "nfs":
            yield Store(name=name, server=read.text(data, where, "server"), path=read.text(data, where, "path"))
        elif kind == "disk":
            yield Store(name=name, volume=read.text(data, where, "volume_id"))
        else:
            raise read.error(f"{where}.kind", f"neither nfs nor disk: {kind!r}")


def _buckets(read: _Reader) -> Iterator[Bucket]:
    for key, where, data in read.entries("buckets"):
        yield Bucket(hub=read.text(data, where, "hub"), name=key.split("/")[-1], url=read.text(data, where, "url"))


def _accounts(read: _Reader) -> Iterator[Account]:
    for _, where, data in read.entries("service_accounts"):
        yield Account(
            hub=read.text(data, where, "hub"),
            role=read.text(data, where, "role"),
            name=read.text(data, where, "name"),
            annotations=read.texts(data.get("annotations"), f"{where}.annotations"),
            pod_labels=read.texts(data.get("pod_labels"), f"{where}.pod_labels"),
        )


def _clouds(read: _Reader, where: str, data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {cloud: read.texts(keys, f"{where}.{cloud}") for cloud, keys in data.items()}


def _pools(read: _Reader) -> Iterator[Pool]:
    for name, where, data in read.entries("node_pools"):
        labels = read.texts(data.get("labels"), f"{where}.labels")
        yield Pool(name=name, labels=labels, taints=read.words(data.get("taints", []), f"{where}.taints"))
