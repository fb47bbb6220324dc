"""How one logs in to a cluster of each provider: what goes into the environment, and the cloud's own command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.errors import DeployerError, Place
from deployer.fleet.cluster import Aws, Azure, Gcp, Kubeconfig
from deployer.fleet.helm_yaml import load
from deployer.secrets.private import write_private
from deployer.secrets.sops import secret_texts
from deployer.targets.credentials.kubeconfig import what_is_missing

Read = Callable[[str], bytes]  # a file of the cluster's folder, decrypted


@dataclass(frozen=True, slots=True)
class Login:
    """The session's environment, the commands that write its kubeconfig, and what must be redacted."""

    env: Mapping[str, str] = field(repr=False)
    commands: tuple[tuple[str, ...], ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)


def gcp(block: Gcp, private: Path, env: Mapping[str, str], read: Read) -> Login:
    """Google Cloud: a service account's key, or application-default credentials (workload identity among them)."""
    own = {**env, "USE_GKE_GCLOUD_AUTH_PLUGIN": "True", "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    secrets: tuple[str, ...] = ()
    if block.key:
        raw = read(block.key)
        key = str(write_private(private / "gcp-key.json", raw))
        secrets = _private_parts(_json(raw, block.key), "private_key", "private_key_id")
        own |= {
            "GOOGLE_APPLICATION_CREDENTIALS": key,
            "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": key,
            "CLOUDSDK_CONFIG": str(private / "gcloud"),
        }
    return Login(own, (gcp_command(block),), secrets)


def gcp_command(block: Gcp) -> tuple[str, ...]:
    """What writes the kubeconfig that KUBECONFIG names. A location is a zone or a region."""
    where = ("--location", block.region or block.zone, "--project", block.project)
    by_name = ("--dns-endpoint",) if block.dns_endpoint else ()
    return ("gcloud", "container", "clusters", "get-credentials", block.cluster, *where, *by_name)


def aws(block: Aws, private: Path, env: Mapping[str, str], read: Read) -> Login:
    """AWS: an access key, or the role that the environment already has (OIDC)."""
    own = {**env, "AWS_DEFAULT_REGION": block.region, "AWS_PAGER": ""}
    secrets: tuple[str, ...] = ()
    if block.key:
        data = _json(read(block.key), block.key)
        found = data.get("AccessKey", data)  # as `aws iam create-access-key` prints it, or only its inside
        own = {name: value for name, value in own.items() if name not in OTHER_AWS_IDENTITIES}
        own |= {
            "AWS_ACCESS_KEY_ID": _text(found, "AccessKeyId", block.key),
            "AWS_SECRET_ACCESS_KEY": _text(found, "SecretAccessKey", block.key),
        }
        secrets = (own["AWS_SECRET_ACCESS_KEY"],)
    return Login(own, (aws_command(block, str(private / "kubeconfig")),), secrets)


OTHER_AWS_IDENTITIES = frozenset(
    {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
)


def aws_command(block: Aws, kubeconfig: str) -> tuple[str, ...]:
    """What writes the kubeconfig."""
    where = ("--name", block.clusterName, "--region", block.region)
    return ("aws", "eks", "update-kubeconfig", *where, "--kubeconfig", kubeconfig)


def azure(block: Azure, private: Path, env: Mapping[str, str], read: Read) -> Login:
    """Azure: a service principal, or whoever `az` is logged in as."""
    own = {**env, "AZURE_CORE_NO_COLOR": "true"}
    login: tuple[tuple[str, ...], ...] = ()
    secrets: tuple[str, ...] = ()
    if block.key:
        data = _json(read(block.key), block.key)
        password = _first(data, AZURE_KEYS["password"], block.key)
        own["AZURE_CONFIG_DIR"] = str(private / "azure")
        # `@file` keeps the password off the command line.
        file = write_private(private / "azure-password", password.encode())
        who = ("--username", _first(data, AZURE_KEYS["user"], block.key))
        tenant = ("--tenant", _first(data, AZURE_KEYS["tenant"], block.key))
        login = (("az", "login", "--service-principal", *who, "--password", f"@{file}", *tenant, "--output", "none"),)
        secrets = (password,)
    return Login(own, (*login, azure_command(block, str(private / "kubeconfig"))), secrets)


# As `az ad sp create-for-rbac` names them, and as its older form does.
AZURE_KEYS = {"password": ("password", "clientSecret"), "user": ("appId", "clientId"), "tenant": ("tenant", "tenantId")}


def azure_command(block: Azure, kubeconfig: str) -> tuple[str, ...]:
    """What writes the kubeconfig."""
    subscription = ("--subscription", block.subscription) if block.subscription else ()
    where = ("--name", block.cluster, "--resource-group", block.resource_group, *subscription)
    return ("az", "aks", "get-credentials", *where, "--file", kubeconfig, "--overwrite-existing")


def kubeconfig(block: Kubeconfig, folder: Path, private: Path, env: Mapping[str, str], read: Read) -> Login:
    """Any other cluster: a kubeconfig of the repository's own, with its paths taken from where it stands."""
    document = _document(read(block.file), block.file)
    if block.context:
        known = [one.get("name") for one in document.get("contexts") or () if isinstance(one, dict)]
        if block.context not in known:
            raise DeployerError(f"no context {block.context!r}", Place(block.file), f"It has: {_listed(known)}")
        document["current-context"] = block.context
    if missing := what_is_missing(document):
        raise _no_kubeconfig(block.file, missing)
    _anchor(document, (folder / block.file).resolve().parent)
    write_private(private / "kubeconfig", json.dumps(document).encode())
    return Login(env, (), tuple(_kubeconfig_secrets(document)))


def _document(raw: bytes, name: str) -> dict[str, Any]:
    try:
        document = load(raw, name).data
    except DeployerError:
        document = None  # of a secret not even the place of the error is shown
    if not isinstance(document, dict):
        raise _no_kubeconfig(name, "it is no YAML map")
    return document


def _no_kubeconfig(name: str, why: str) -> DeployerError:
    return DeployerError(
        f"not a kubeconfig: {why}",
        Place(name),
        "cluster.yaml names it; where it is encrypted, this is of what sops makes of it.",
    )


_KUBECONFIG_SECRETS = frozenset({"token", "password", "client-key-data", "id-token", "refresh-token", "access-token"})
_KUBECONFIG_PATHS = frozenset({"certificate-authority", "client-certificate", "client-key", "tokenFile"})


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names)) or "none"


def _entries(data: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every text in it, with the map that holds it and its key."""
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(value, str):
                yield data, str(key), value
            else:
                yield from _entries(value)
    elif isinstance(data, list):
        for value in data:
            yield from _entries(value)


def _anchor(document: dict[str, Any], folder: Path) -> None:
    for holder, key, value in list(_entries(document)):
        if (key in _KUBECONFIG_PATHS and value) or (key == "command" and "/" in value):
            holder[key] = str(folder / value)


def _kubeconfig_secrets(document: dict[str, Any]) -> Iterator[str]:
    """The secret texts of a kubeconfig; its addresses and names may be shown."""
    for _, key, value in _entries(document):
        if key in _KUBECONFIG_SECRETS:
            yield value


def _json(raw: bytes, name: str) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except ValueError:
        # Of a secret not even the place of the error is shown.
        raise DeployerError("not JSON once it is decrypted", Place(name)) from None
    if not isinstance(data, dict):
        raise DeployerError("not a JSON object once it is decrypted", Place(name))
    return data


def _text(data: Mapping[str, Any], key: str, name: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise DeployerError(f"the decrypted credentials have no {key}", Place(name))
    return value


def _first(data: Mapping[str, Any], keys: tuple[str, ...], name: str) -> str:
    return _text(data, next((key for key in keys if key in data), keys[0]), name)


def _private_parts(data: Mapping[str, Any], *keys: str) -> tuple[str, ...]:
    whole = {key: data[key] for key in keys if isinstance(data.get(key), str)}
    return secret_texts(json.dumps(whole).encode(), ".json")
