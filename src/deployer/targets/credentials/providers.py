"""How one logs in to a cluster of each provider: what goes into the environment, and the cloud's own command."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.errors import DeployerError, Place
from deployer.fleet.cluster import Aws, Azure, Gcp, Kubeconfig
from deployer.secrets.private import write_private
from deployer.secrets.sops import secret_texts

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
    where = ("--region", block.region) if block.region else ("--zone", block.zone)
    command = ("gcloud", "container", "clusters", "get-credentials", block.cluster, *where, "--project", block.project)
    return Login(own, (command,), secrets)


def aws(block: Aws, private: Path, env: Mapping[str, str], read: Read) -> Login:
    """AWS: an access key, or the role that the environment already has (OIDC)."""
    own = {**env, "AWS_DEFAULT_REGION": block.region, "AWS_PAGER": ""}
    secrets: tuple[str, ...] = ()
    if block.key:
        data = _json(read(block.key), block.key)
        found = data.get("AccessKey", data)  # as `aws iam create-access-key` prints it, or only its inside
        own = {name: value for name, value in own.items() if name not in {"AWS_PROFILE", "AWS_SESSION_TOKEN"}}
        own |= {
            "AWS_ACCESS_KEY_ID": _text(found, "AccessKeyId", block.key),
            "AWS_SECRET_ACCESS_KEY": _text(found, "SecretAccessKey", block.key),
        }
        secrets = (own["AWS_SECRET_ACCESS_KEY"],)
    target = str(private / "kubeconfig")
    command = ("aws", "eks", "update-kubeconfig", "--name", block.clusterName, "--region", block.region)
    return Login(own, ((*command, "--kubeconfig", target),), secrets)


def azure(block: Azure, private: Path, env: Mapping[str, str], read: Read) -> Login:
    """Azure: a service principal, or whoever `az` is logged in as."""
    own = {**env, "AZURE_CORE_NO_COLOR": "true"}
    login: tuple[tuple[str, ...], ...] = ()
    secrets: tuple[str, ...] = ()
    if block.key:
        data = _json(read(block.key), block.key)
        password = _first(data, ("password", "clientSecret"), block.key)
        own["AZURE_CONFIG_DIR"] = str(private / "azure")
        # `@file` keeps the password off the command line.
        file = write_private(private / "azure-password", password.encode())
        who = ("--username", _first(data, ("appId", "clientId"), block.key))
        tenant = ("--tenant", _first(data, ("tenant", "tenantId"), block.key))
        login = (("az", "login", "--service-principal", *who, "--password", f"@{file}", *tenant, "--output", "none"),)
        secrets = (password,)
    subscription = ("--subscription", block.subscription) if block.subscription else ()
    command = ("az", "aks", "get-credentials", "--name", block.cluster, "--resource-group", block.resource_group)
    target = ("--file", str(private / "kubeconfig"), "--overwrite-existing")
    return Login(own, (*login, (*command, *subscription, *target)), secrets)


def kubeconfig(block: Kubeconfig, private: Path, env: Mapping[str, str], read: Read) -> Login:
    """Any other cluster: a kubeconfig of the repository's own."""
    raw = read(block.file)
    write_private(private / "kubeconfig", raw)
    own = {**env, **({"HELM_KUBECONTEXT": block.context} if block.context else {})}
    return Login(own, (), _kubeconfig_secrets(raw, block.file))


_KUBECONFIG_SECRETS = frozenset({"token", "password", "client-key-data", "id-token", "refresh-token", "access-token"})


def _kubeconfig_secrets(raw: bytes, name: str) -> tuple[str, ...]:
    """The secret texts of a kubeconfig; its addresses and names may be shown."""
    from deployer.fleet.helm_yaml import load

    found: list[str] = []

    def walk(data: Any) -> None:
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            if key in _KUBECONFIG_SECRETS and isinstance(value, str):
                found.append(value)
            elif isinstance(value, (dict, list)):
                walk(value)

    document = load(raw, name).data
    if not isinstance(document, dict):
        raise DeployerError("not a kubeconfig", Place(name))
    walk(document)
    return tuple(found)


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
