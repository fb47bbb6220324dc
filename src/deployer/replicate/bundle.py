"""A hub as files that stand on their own: everything that makes it, and how it is deployed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from deployer.errors import DeployerError, FleetError
from deployer.fleet.cluster import LABEL
from deployer.fleet.helm_yaml import load
from deployer.fleet.repository import Fleet, Release, is_encrypted
from deployer.fleet.values import Values, at, coalesce, merge
from deployer.helm.charts import is_complete
from deployer.helm.shell import outside
from deployer.helm.sources import ChartSource, Source, SourceReader
from deployer.render.normalise import Objects
from deployer.render.renderer import Renderer, one_line
from deployer.replicate import cost, readme, script, terraform
from deployer.replicate.about import About
from deployer.replicate.chart import Standalone
from deployer.replicate.layers import NO_DOMAIN, Kind, Layers, Secrets, ValuesFile, foreign_names
from deployer.replicate.needs import needs
from deployer.replicate.plain import plain_yaml
from deployer.replicate.recipients import sealed_data, stand_in

INDEX = "replicate.json"
VERSION = 1
# Where the community's chart keeps the values that it was given, its own defaults among them.
_HUB_SECRET, _ALL_VALUES = "hub", "values.yaml"


@dataclass(frozen=True)
class Replicate:
    """Files by their path; ``unknown`` says why the chart could not be rendered, "" where it was."""

    files: Mapping[str, bytes] = field(repr=False)
    values: tuple[ValuesFile, ...] = field(repr=False)
    unknown: str = ""


@dataclass(frozen=True)
class Replicator:
    """Takes hubs out of a fleet. Charts that they share are read and fetched once."""

    reader: SourceReader
    renderer: Renderer

    @property
    def fleet(self) -> Fleet:
        return self.reader.fleet

    def make(
        self,
        release: Release,
        secrets: Secrets,
        *,
        vendor: bool = False,
        cluster: bool = False,
        rendered: Objects | None = None,
    ) -> Replicate:
        """A hub as files.

        :param vendor: with all charts that it depends on, so that nothing is fetched when it is deployed.
        :param cluster: with the Terraform of a cluster of its own.
        :param rendered: what the release's :meth:`source` gives, where that is known.
        :raises DeployerError: something is missing or wrong, or (with ``vendor``) cannot be fetched.
        """
        if not re.fullmatch(LABEL, release.id.name):  # it stands in scripts
            raise FleetError(f"{release.id.name!r} is no name that Kubernetes takes")
        return _Maker(self, release, secrets, vendor, cluster, rendered).replicate()

    def source(self, release: Release) -> Source:
        """What the release is deployed from, with :meth:`stand_in` for what is encrypted.

        :raises DeployerError: something is missing or wrong.
        """
        return self.reader.source(release, decrypt=self.stand_in, even_local=True)

    def stand_in(self, path: str) -> bytes:
        """A file of the fleet; where sops has encrypted it, with values of the same types for its secrets.

        :raises DeployerError: it is missing, or named a secret and not encrypted.
        """
        try:
            raw = self.fleet.tree.read(path)
        except FileNotFoundError:
            raise FleetError(f"{path}: no such file") from None
        return plain_yaml(stand_in(sealed_data(raw, path))) if is_encrypted(path) else raw


@dataclass(frozen=True)
class _Maker:
    by: Replicator
    release: Release
    secrets: Secrets
    vendor: bool
    cluster: bool
    rendered: Objects | None

    def replicate(self) -> Replicate:
        files = {
            **self.chart.files,
            **{file.path: file.content for file in self.values},
            **self.crds,
            **self.terraform,
            "deploy.sh": script.deploy(self.name, self.chart, self.values, self.crds).encode(),
            "check.sh": script.check(self.name, self.about.wanted).encode(),
            "README.md": readme.text(self.about).encode(),
            INDEX: self.index.encode(),
        }
        return Replicate(dict(sorted(files.items())), self.values, self.unknown)

    @property
    def name(self) -> str:
        return self.release.id.name

    @property
    def hidden(self) -> bool:
        """Whether the hub's domain is a secret."""
        return is_encrypted(self.release.domain_override)

    @property
    def public(self) -> Release:
        """The release as it may be told of."""
        hub = self.release.hub
        return replace(self.release, hub=replace(hub, domain=NO_DOMAIN)) if hub and self.hidden else self.layers.given

    @property
    def domain(self) -> str:
        return self.public.hub.domain if self.public.hub and not self.hidden else ""

    @cached_property
    def foreign(self) -> tuple[str, ...]:
        return foreign_names(self.by.fleet, self.release)

    @cached_property
    def terraform(self) -> dict[str, bytes]:
        return terraform.files(self.by.fleet, self.release, self.foreign) if self.cluster else {}

    @cached_property
    def layers(self) -> Layers:
        return Layers(self.by.reader, self.release, self.secrets, self.foreign)

    @cached_property
    def values(self) -> tuple[ValuesFile, ...]:
        return tuple(self.layers.files())

    @cached_property
    def chart(self) -> ChartSource:
        source = self.by.reader.chart(self.release)
        fetched = self.by.renderer.prepared(source).root if self.vendor else None
        made = Standalone(self.by.fleet, source, self.release.chart_override, fetched).make()
        if asking := [url for url in outside(made) if self.by.renderer.logins.entry(url)]:
            raise DeployerError(
                f"{self.release.id}: its charts come from where one must log in: {', '.join(asking)}",
                hint="A replicate knows no log-in of the fleet's: take these charts along with --vendor.",
            )
        return made

    @cached_property
    def crds(self) -> dict[str, bytes]:
        found = enumerate(self.by.fleet.crds(self.release))
        return {f"crds/{number:02}.yaml": self.by.fleet.tree.read(path) for number, path in found}

    @cached_property
    def _rendered(self) -> Objects | str:
        """The manifests, or why there are none here."""
        if self.rendered is not None:
            return self.rendered
        try:
            return self.by.renderer.objects(self.by.source(self.release))
        except DeployerError as error:
            return one_line(error)

    @property
    def unknown(self) -> str:
        return self._rendered if isinstance(self._rendered, str) else ""

    @property
    def manifests(self) -> list[Any]:
        return [] if isinstance(self._rendered, str) else list(self._rendered.values())

    @cached_property
    def effective(self) -> Values:
        """What the replicate's own files say, less what is encrypted or to be provided."""
        plain = [load(file.content, file.path).data or {} for file in self.values if file.kind is Kind.PLAIN]
        return coalesce(merge(plain), self.by.fleet.chart_defaults(self.public))

    @cached_property
    def hub_path(self) -> tuple[str, ...]:
        return self.by.fleet.charts.hub_values_path(self.release.chart, self.release.chart_override) or ()

    @cached_property
    def hub_values(self) -> Values:
        """Of those, the hub chart's, with its own defaults where it was rendered."""
        rendered = {} if self.hidden else _values_of_hub(self.manifests)  # in which a stand-in is the domain
        return rendered or at(self.effective, self.hub_path)

    @cached_property
    def about(self) -> About:
        incomplete = [folder for folder in self.chart.folders if not is_complete(self.chart.files, folder)]
        return About(
            name=self.name,
            title=self.release.display_name,
            domain=self.domain,
            files=self.values,
            crds=tuple(self.crds),
            fetches=bool(incomplete),
            wanted=tuple(needs(self.effective, self.manifests, self.hub_path, self.domain)),
            always=tuple(cost.always(self.manifests)),
            users=tuple(cost.users(self.hub_values)),
            hub_values=self.hub_values,
            unknown=self.unknown,
            terraform=self.cluster,
        )

    @property
    def index(self) -> str:
        """What programs read of a replicate: :mod:`deployer.replicate.stage` does."""
        data = {
            "version": VERSION,
            "name": self.name,
            "title": self.release.display_name,
            "domain": self.domain,
            "values": [{"path": file.path, "kind": file.kind} for file in self.values],
            "crds": list(self.crds),
        }
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _values_of_hub(manifests: list[Any]) -> Values:
    for one in manifests:
        named = (
            isinstance(one, dict) and one.get("kind") == "Secret" and at(one, ["metadata"]).get("name") == _HUB_SECRET
        )
        text = at(one, ["data"]).get(_ALL_VALUES) if named else None
        if isinstance(text, str):
            try:
                data = load(base64.b64decode(text), _ALL_VALUES).data
            except (ValueError, FleetError):
                return {}
            return data if isinstance(data, dict) else {}
    return {}
