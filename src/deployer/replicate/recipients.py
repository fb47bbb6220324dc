"""Secrets for another community: encrypted so that it alone can read them, or only named."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployer.errors import CommandError, DeployerError, Place
from deployer.fleet.helm_yaml import load
from deployer.process import run
from deployer.replicate.plain import Blank, dump
from deployer.secrets.sops import TIMEOUT, SecretError, find_sops

# What a recipient looks like, and the option of sops that takes it.
KINDS: Mapping[str, str] = {
    r"age1[0-9a-z]+|ssh-(?:ed25519|rsa) \S+(?: .*)?": "--age",
    r"arn:aws[\w-]*:kms:\S+": "--kms",
    r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/\S+": "--gcp-kms",
    r"https://[^/\s]+\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net)/keys/\S+": "--azure-kv",
    r"[0-9A-Fa-f]{40}": "--pgp",
}
# Variables that would make sops encrypt to others too, or by another's rules.
_OTHERS = re.compile(r"SOPS_(?:AGE_RECIPIENTS|KMS_ARN|PGP_FP|GCP_KMS_IDS|AZURE_KEYVAULT_URLS|VAULT_URIS|CONFIG)")
_SEALED = re.compile(r"ENC\[AES256_GCM,.*type:(\w+)\]", re.DOTALL)
_NO_CONFIG = "/dev/null"
BLOCK = "sops"  # the key that sops adds
Key = tuple[str | int, ...]  # names of maps' keys, numbers of lists' items


def options(recipients: Iterable[str]) -> list[str]:
    """The options of sops for these recipients.

    :raises DeployerError: one is of no kind that we know.
    """
    found: dict[str, list[str]] = {}
    for recipient in recipients:
        option = next((option for shape, option in KINDS.items() if re.fullmatch(shape, recipient)), None)
        if option is None:
            raise DeployerError(
                f"--recipient {recipient}: neither an age key nor a key of a KMS",
                hint="An age public key begins with age1 (age-keygen makes one); of a KMS give the resource name.",
            )
        found.setdefault(option, []).append(recipient)
    return [word for option, given in found.items() for word in (option, ",".join(given))]


def encrypt(content: bytes, name: str, recipients: Iterable[str], env: Mapping[str, str]) -> bytes:
    """The content of a file called ``name``, encrypted to the recipients and nobody else.

    :raises SecretError: sops is missing, or refuses.
    """
    kind = "json" if name.endswith(".json") else "yaml"
    clean = {key: value for key, value in env.items() if not _OTHERS.fullmatch(key)}
    words = ["--disable-version-check", "--config", _NO_CONFIG, "--encrypt", *options(recipients)]
    words += ["--input-type", kind, "--output-type", kind, "/dev/stdin"]
    try:
        return run([find_sops(env), *words], env=clean, stdin=content, timeout=TIMEOUT).raw
    except CommandError as error:
        raise SecretError("cannot be encrypted to the recipients", Place(name), error.hint.strip()) from None


def sealed_data(raw: bytes, path: str) -> dict[str, Any]:
    """A file as sops leaves it readable: its keys, with sealed values.

    :raises SecretError: it is no map, or not encrypted.
    """
    data = load(raw, path).data
    if not isinstance(data, dict) or BLOCK not in data:
        raise SecretError("named a secret, but not encrypted", Place(path), f"sops --encrypt --in-place {path}")
    return {key: value for key, value in data.items() if key != BLOCK}


def keys_of(data: Any, path: Key = ()) -> Iterator[tuple[Key, Any]]:
    """The keys at which values stand, with what stands there."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from keys_of(value, (*path, str(key)))
    elif isinstance(data, list) and data:
        for number, value in enumerate(data):
            yield from keys_of(value, (*path, number))
    else:
        yield path, data


def dotted(key: Key) -> str:
    """``a.list[0].b``"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def commented(data: Mapping[str, Any]) -> str:
    """The keys without their values, as a comment that becomes the file once it is taken away and filled in."""
    text = dump(_blank(data))
    return "".join(f"# {line}\n" for line in text.splitlines())


def _blank(value: Any) -> Any:
    if isinstance(value, dict) and value:
        return {key: _blank(inner) for key, inner in value.items()}
    if isinstance(value, list) and value:
        return [_blank(inner) for inner in value]
    return Blank()


def stand_in(value: Any, path: tuple[str, ...] = ()) -> Any:
    """What was sealed, with a value of the same type in place of each secret: another one at each key."""
    if isinstance(value, dict):
        return {key: stand_in(inner, (*path, str(key))) for key, inner in value.items()}
    if isinstance(value, list):
        return [stand_in(inner, (*path, str(number))) for number, inner in enumerate(value)]
    sealed = _SEALED.fullmatch(value) if isinstance(value, str) else None
    if sealed is None:
        return value
    # 64 hexadecimal digits pass for a key, a password, and base64 alike.
    text = hashlib.sha256("\0".join(path).encode()).hexdigest()
    return {"int": 1, "float": 0.5, "bool": True}.get(sealed[1], text)
