"""What the cluster must give a hub: found in its values and manifests, and checked by a script of the replicate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from deployer.fleet.values import Values, at

_IDENTITIES = {
    "eks.amazonaws.com/role-arn": "AWS role",
    "iam.gke.io/gcp-service-account": "Google service account",
    "azure.workload.identity/client-id": "Azure identity",
}
_ISSUERS = {"cert-manager.io/cluster-issuer": "ClusterIssuer", "cert-manager.io/issuer": "Issuer"}
_ISSUER_CHECKS = {"ClusterIssuer": "cluster_issuer", "Issuer": "issuer"}
# Groups of the API that every Kubernetes has.
_BUILT_IN = re.compile(r"v1|(apps|batch|autoscaling|policy|events)/.*|[\w.-]+\.k8s\.io/.*")
_NOT_BUILT_IN = re.compile(r"(snapshot\.storage|gateway\.networking|metrics)\.k8s\.io/.*")
_OBJECTS = {
    "ingressclassname": ("ingress class", "ingressclass"),
    "storageclass": ("storage class", "storageclass"),
    "storageclassname": ("storage class", "storageclass"),
    "priorityclassname": ("priority class", "priorityclass"),
    "runtimeclassname": ("runtime class", "runtimeclass"),
}
_SERVERS = ("server", "serverIP", "serverName")
_EXPORTS = ("path", "baseShareName")
_RESOURCE = re.compile(r"[\w.-]+\.[\w.-]+/[\w.-]+")  # nvidia.com/gpu


class Need(NamedTuple):
    """One thing. ``check`` is a function of the script with its arguments: ``ask`` for what no cluster tells of."""

    what: str
    check: tuple[str, ...] = ("ask",)


def needs(values: Values, manifests: Iterable[Any], hub_path: Iterable[str], domain: str) -> list[Need]:
    """All of them, each once: what can be checked first."""
    objects = list(manifests)
    found = [*_classes(objects), *_of_hub(at(values, hub_path), objects), *_walk(values, "")]
    for one in objects:
        found += _walk(one, "")
    if domain:
        found.append(Need(f"DNS: {domain} leads to this cluster's ingress"))
    unique = list(dict.fromkeys(found))
    made = {
        check
        for kind, name in map(_name, objects)
        for check in (("object", kind.lower(), name), (_ISSUER_CHECKS.get(kind, ""), name))
    }
    left = [one for one in unique if one.check not in made]
    return sorted(left, key=lambda one: (one.check[0] == "ask", one.check[0] == "look"))


def _name(one: Any) -> tuple[str, str]:
    metadata = one.get("metadata") if isinstance(one, dict) else None
    return (str(one.get("kind")), str(metadata.get("name"))) if isinstance(metadata, dict) else ("", "")


def _classes(objects: list[Any]) -> Iterator[Need]:
    """Kinds that come with no Kubernetes, and that the manifests do not define themselves."""
    defined = {
        one["spec"]["names"]["kind"] for one in objects if _name(one)[0] == "CustomResourceDefinition" and "spec" in one
    }
    for one in objects:
        version, kind = (str(one.get(key, "")) if isinstance(one, dict) else "" for key in ("apiVersion", "kind"))
        known = not version or (_BUILT_IN.fullmatch(version) and not _NOT_BUILT_IN.fullmatch(version))
        if not known and kind not in defined:
            group = version.split("/")[0]
            yield Need(f"the kind {kind} of {group}", ("kind", group, kind))


def _of_hub(values: Values, objects: list[Any]) -> Iterator[Need]:
    claims = [one for one in objects if _name(one)[0] == "PersistentVolumeClaim"]
    wants = any(not (one.get("spec") or {}).get("storageClassName") for one in claims)
    if not objects:
        wants = at(values, ["hub", "db"]).get("type", "sqlite-pvc") == "sqlite-pvc"
    storage = at(values, ["singleuser", "storage"])
    dynamic = storage.get("type", "dynamic") == "dynamic" and not at(storage, ["dynamic"]).get("storageClass")
    if wants or (values and dynamic):
        yield Need("a default storage class", ("default_storage_class",))


def _walk(node: Any, key: str) -> Iterator[Need]:
    if isinstance(node, Mapping):
        if node.get("enabled") is False:
            return
        for name, inner in node.items():
            yield from _at_key(str(name), inner)
            yield from _walk(inner, str(name))
        if key.lower() == "nfs":
            yield from _nfs(node)
    elif isinstance(node, list):
        for inner in node:
            yield from _walk(inner, key)


def _at_key(name: str, value: Any) -> Iterator[Need]:
    word = name.replace("_", "").lower()
    if word in _OBJECTS and isinstance(value, str) and value not in ("", "-"):
        what, kind = _OBJECTS[word]
        yield Need(f"the {what} {value}", ("object", kind, value))
    elif word == "nodeselector" and isinstance(value, Mapping):
        for label, wanted in value.items():
            if isinstance(wanted, str) and not label.startswith("kubernetes.io/os"):
                yield Need(f"nodes with the label {label}={wanted}", ("nodes", f"{label}={wanted}"))
    elif word in ("annotations", "serviceaccountannotations") and isinstance(value, Mapping):
        yield from _annotations(value)
    elif word in ("extraresourcelimits", "extraresourceguarantees", "limits") and isinstance(value, Mapping):
        for resource in filter(_RESOURCE.fullmatch, map(str, value)):
            yield Need(f"nodes that offer {resource}", ("resource", resource))
    elif word == "imagepullsecrets" and isinstance(value, list):
        for one in value:
            secret = one.get("name") if isinstance(one, Mapping) else one
            yield Need(f"the Secret {secret} for pulling images, in the hub's namespace", ("secret", str(secret)))


def _annotations(found: Mapping[str, Any]) -> Iterator[Need]:
    for name, value in found.items():
        if name == "kubernetes.io/ingress.class":
            yield Need(f"the ingress class {value}", ("object", "ingressclass", str(value)))
        elif name in _ISSUERS:
            yield from _issuer(_ISSUERS[name], str(value))
        elif name in _IDENTITIES and value:
            yield Need(f"the {_IDENTITIES[name]} {value}, which the hub's service account may act as")


def _issuer(kind: str, name: str) -> Iterator[Need]:
    if not name:
        return
    where = ", in the hub's namespace" if kind == "Issuer" else ""
    yield Need(f"the {kind} {name} of cert-manager{where}", (_ISSUER_CHECKS[kind], name))


def _nfs(found: Mapping[str, Any]) -> Iterator[Need]:
    server = next((found[key] for key in _SERVERS if isinstance(found.get(key), str) and found[key]), "")
    export = next((found[key] for key in _EXPORTS if isinstance(found.get(key), str) and found[key]), "")
    if server:
        yield Need(f"the NFS server {server}{f' with {export}' if export else ''}, or another in its place")
