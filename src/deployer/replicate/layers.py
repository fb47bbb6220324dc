"""A hub's values as files in their order: plain ones as they are, computed ones as YAML, secrets as asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, Protocol

from deployer.errors import FleetError, Place
from deployer.fleet import jsonnet
from deployer.fleet.repository import Fleet, Release, is_encrypted
from deployer.fleet.values import Values
from deployer.helm.sources import Decrypt, SourceReader, private_name, with_domain
from deployer.replicate import recipients
from deployer.replicate.plain import plain_yaml

FOLDER = "values"
_COMPUTED = ".computed.yaml"
NO_DOMAIN = "to-be-provided.invalid"  # the hub's domain, where it is a secret that is left out


class Kind(StrEnum):
    """What becomes of a values file before helm gets it."""

    PLAIN = "plain"  # nothing
    SEALED = "sealed"  # sops decrypts it
    PROVIDED = "provided"  # somebody writes it, and may encrypt it


class ValuesFile(NamedTuple):
    """A values file of the replicate.

    ``missing`` are the keys that somebody must provide, for people; ``required`` are those of them without whose value
    nothing may be deployed.
    """

    path: str
    kind: Kind
    content: bytes
    missing: tuple[str, ...] = ()
    required: tuple[recipients.Key, ...] = ()


class Secrets(Protocol):
    """What to do with what sops has encrypted."""

    @property
    def domain(self) -> Decrypt | None:
        """How a domain that is not public is read; None where it is left out."""
        ...

    def values(self, file: str, path: str) -> ValuesFile:
        """The encrypted values at ``path`` of the fleet, as ``file`` of the replicate."""
        ...

    def computed(self, file: ValuesFile) -> ValuesFile:
        """A values file that holds a domain which is not public."""
        ...


@dataclass(frozen=True)
class Sealed:
    """Encrypted anew, to the recipients and nobody else."""

    decrypt: Decrypt
    recipients: tuple[str, ...]
    env: Mapping[str, str]

    @property
    def domain(self) -> Decrypt | None:
        return self.decrypt

    def values(self, file: str, path: str) -> ValuesFile:
        return self.computed(ValuesFile(file, Kind.PLAIN, self.decrypt(path)))

    def computed(self, file: ValuesFile) -> ValuesFile:
        sealed = recipients.encrypt(file.content, file.path, self.recipients, self.env)
        return file._replace(kind=Kind.SEALED, content=sealed)


@dataclass(frozen=True)
class LeftOut:
    """Only named."""

    read: Decrypt  # the encrypted bytes
    domain: Decrypt | None = None

    def values(self, file: str, path: str) -> ValuesFile:
        data = recipients.sealed_data(self.read(path), path)
        if not data:
            return ValuesFile(file, Kind.PLAIN, b"# Nothing stood here.\n")
        keys = dict(recipients.keys_of(data))
        required = tuple(key for key, value in keys.items() if value not in (None, "", {}, []))
        return ValuesFile(
            file, Kind.PROVIDED, _to_be_filled(data).encode(), tuple(map(recipients.dotted, keys)), required
        )

    def computed(self, file: ValuesFile) -> ValuesFile:
        return file


@dataclass(frozen=True)
class Open:
    """As text that ``decrypt`` gives, in files that somebody seems to have provided: what the proof works with."""

    decrypt: Decrypt

    @property
    def domain(self) -> Decrypt | None:
        return self.decrypt

    def values(self, file: str, path: str) -> ValuesFile:
        return ValuesFile(file, Kind.PROVIDED, self.decrypt(path))

    def computed(self, file: ValuesFile) -> ValuesFile:
        return file


def _to_be_filled(data: Values) -> str:
    return (
        "# To be provided. The fleet keeps these values encrypted, and they were left out.\n"
        '# Take the "# " away from the lines below, write each value behind its key, and encrypt it if you like:\n'
        "#     sops --encrypt --age YOUR-AGE-PUBLIC-KEY --in-place FILE\n"
        "#\n"
        f"{recipients.commented(data)}"
    )


@dataclass(frozen=True)
class Layers:
    """The values of one release; ``foreign`` are names that no file may have in its own name."""

    reader: SourceReader
    release: Release
    secrets: Secrets
    foreign: tuple[str, ...] = ()

    def files(self) -> list[ValuesFile]:
        """In order: later ones win.

        :raises DeployerError: one is missing or wrong, or a secret cannot be had as it is asked for.
        """
        return [self._checked(one) if one.path.endswith(_COMPUTED) else one for one in self._each(self.given)]

    @property
    def fleet(self) -> Fleet:
        return self.reader.fleet

    @cached_property
    def given(self) -> Release:
        """The release with the domain that its jsonnet gets.

        :raises DeployerError: the domain is a secret that cannot be read.
        """
        release, path = self.release, self.release.domain_override
        if release.hub is None or not path:
            return release
        if not is_encrypted(path):
            return with_domain(release, self._read)
        if self.secrets.domain is None:
            return replace(release, hub=replace(release.hub, domain=NO_DOMAIN))
        return with_domain(release, self.secrets.domain)

    def _checked(self, file: ValuesFile) -> ValuesFile:
        """A computed file that may hold a domain which is not public."""
        secret = self.given.hub is not None and is_encrypted(self.release.domain_override)
        hidden = self.given.hub.domain if self.given.hub and secret else ""
        if not hidden or hidden.encode() not in file.content:
            return file
        if hidden == NO_DOMAIN:
            return file._replace(missing=(f"the hub's domain, which stands as {NO_DOMAIN} in it",))
        return self.secrets.computed(file)

    def _each(self, release: Release) -> Iterator[ValuesFile]:
        if computed := self.reader.computed(release):
            yield self._computed(self._name(0, "chart"), computed)
        for number, path in enumerate(release.values_files, 1):
            name = self._name(number, path.rsplit("/", 1)[-1])
            if path.endswith(".jsonnet"):
                values = jsonnet.evaluate(self.fleet.tree, path, self.fleet.ext_vars(release))
                yield self._computed(name.removesuffix(".jsonnet"), values)
            elif is_encrypted(path):
                yield self.secrets.values(name, path)
            else:
                yield ValuesFile(name, Kind.PLAIN, self._read(path))

    def _computed(self, name: str, values: Values) -> ValuesFile:
        return ValuesFile(f"{name}{_COMPUTED}", Kind.PLAIN, plain_yaml(values))

    def _name(self, number: int, name: str) -> str:
        known = "|".join(map(re.escape, self.foreign))
        if known and re.search(rf"(?<![A-Za-z0-9])(?:{known})(?![A-Za-z0-9])", name):
            kind = "secret.values" if is_encrypted(name) else "values"
            name = f"{kind}.{name.rsplit('.', 1)[-1]}"
        return f"{FOLDER}/{private_name(number, name.removeprefix('enc-') if is_encrypted(name) else name)}"

    def _read(self, path: str) -> bytes:
        try:
            return self.fleet.tree.read(path)
        except FileNotFoundError:
            raise FleetError("no such file", Place(path)) from None


def foreign_names(fleet: Fleet, release: Release) -> tuple[str, ...]:
    """Names of the fleet that a replicate of this hub has no business to know: other hubs, and every cluster."""
    own = release.id.name
    clusters = fleet.clusters.values()
    names = {name for cluster in clusters for name in (cluster.name, *(hub.name for hub in cluster.hubs))}
    return tuple(sorted(name for name in (names | set(fleet.clusters)) - {own} if name))
