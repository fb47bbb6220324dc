"""All that is wrong with a fleet, at once: what ``deployer validate`` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from deployer.errors import DeployerError, flattened
from deployer.fleet.chart_schema import Schemas, check_schemas
from deployer.fleet.cluster import LABEL, Cluster, Hub, Provider
from deployer.fleet.effective import Effective, look
from deployer.fleet.findings import Finding, finding, in_order, of_error
from deployer.fleet.helm_yaml import Path
from deployer.fleet.housekeeping import documents, locks, no_clusters, secrets, unused
from deployer.fleet.ids import ReleaseId, Stage
from deployer.fleet.masking import printable
from deployer.fleet.ownership import check_codeowners, check_owners
from deployer.fleet.policy import policy
from deployer.fleet.repository import Fleet, Release, cluster_path, is_encrypted
from deployer.fleet.schema import TEXT, dotted, keys_of
from deployer.fleet.settings import FILE as SETTINGS_FILE
from deployer.fleet.silences import Silences
from deployer.fleet.values import Values


def validate(fleet: Fleet, wanted: Iterable[ReleaseId] = ()) -> list[Finding]:
    """Every finding, sorted by file and line; what is silenced is left out.

    :param wanted: only what concerns these releases and their clusters' own keys.
    """
    return in_order(_Validation(fleet, frozenset(wanted)).findings())


def what_cannot_be_read(errors: Iterable[DeployerError]) -> list[Finding]:
    """What loading a fleet says, as findings."""
    return in_order(of_error(single) for error in errors for single in flattened(error))


class _Validation:
    """One validation: what is read once for all releases."""

    def __init__(self, fleet: Fleet, chosen: frozenset[ReleaseId]) -> None:
        self.fleet, self.chosen = fleet, chosen
        self.clusters = {release.cluster for release in chosen} or set(fleet.clusters)
        self.parsed: dict[str, Values] = {}
        self.schemas = Schemas(fleet.tree)
        self.silences = Silences(fleet)
        self.checked: set[ReleaseId] = set()  # whose effective values could be looked at
        self.domains: dict[str, ReleaseId] = {}  # the first hub of each
        for hub, domain in sorted(_hubs(fleet)):
            self.domains.setdefault(domain, hub)

    def findings(self) -> Iterator[Finding]:
        found = [of_error(misfit.error()) for misfit in self.fleet.findings if self._concerns(misfit.document.path)]
        for folder in sorted(self.clusters):
            found += _Checks(self.fleet, folder, self.domains).findings()
            found += [*secrets(self.fleet, folder), *unused(self.fleet, folder)]
            found += documents(self.fleet, [self.fleet.documents[folder].path])
        releases = [one for one in self.fleet.releases.values() if not self.chosen or one.id in self.chosen]
        charts = self._charts(releases)
        found += locks(self.fleet, charts)
        found += documents(self.fleet, self._parsed_files(releases, charts))
        for release in releases:
            found += self._release(release)
        yield from self.silences.kept(found)
        for release in releases:
            yield from self.silences.of_hub(release, checked=release.id in self.checked)
        if not self.chosen:
            yield from documents(self.fleet, [SETTINGS_FILE])
            yield from self.silences.kept(check_codeowners(self.fleet))
            yield from no_clusters(self.fleet)
            yield from self._settings()
            yield from self.silences.of_fleet()

    def _concerns(self, path: str) -> bool:
        return not self.chosen or any(f"/{cluster}/" in path for cluster in self.clusters)

    def _charts(self, releases: Iterable[Release]) -> set[tuple[str, str]]:
        """Folder and Chart.yaml of every chart that these releases consist of."""
        found = set()
        for release in releases:
            try:
                closure = self.fleet.charts.closure(release.chart, release.chart_override)
            except DeployerError:
                continue  # said of the release
            found |= {(release.chart, release.chart_override), *((chart.folder, "") for chart in closure[1:])}
        return found

    @staticmethod
    def _parsed_files(releases: Iterable[Release], charts: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Every plain file that Helm parses."""
        for release in releases:
            yield from (path for path in release.values_files if not is_encrypted(path))
        for folder, override in charts:
            yield from (f"{folder}/values.yaml", override or f"{folder}/Chart.yaml")

    def _release(self, release: Release) -> Iterator[Finding]:
        effective = Effective(self.fleet, release, self.parsed)
        found = [*_files(self.fleet, release), *self._plain_files(effective), *_chart(self.fleet, release)]
        found = found or _caught(lambda: effective.values)  # defaults of charts
        if found:
            yield from found  # without them there are no effective values
            return
        self.checked.add(release.id)
        if release.hub:
            yield from policy(effective)
        yield from self._schemas(effective)

    def _plain_files(self, effective: Effective) -> Iterator[Finding]:
        for path in effective.release.values_files:
            if self.fleet.tree.is_file(path) and not is_encrypted(path):
                yield from _caught(lambda path=path: effective.layer(path))  # type: ignore[misc]

    def _schemas(self, effective: Effective) -> list[Finding]:
        try:
            return list(check_schemas(effective, self.schemas))
        except DeployerError as error:
            return [of_error(single, "values-schema") for single in flattened(error)]

    def _settings(self) -> Iterator[Finding]:
        for release in self.fleet.releases.values():
            yield from _caught(lambda release=release: self.fleet.ext_vars(release), "ext-vars")  # type: ignore[misc]


_DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*")


def is_dns_name(text: str) -> bool:
    """Whether an ingress takes this for the name of a host: RFC 1123, in lower case, and no address in numbers."""
    return len(text) <= 253 and bool(_DNS_NAME.fullmatch(text)) and not text.replace(".", "").isdigit()


class _Checks:
    """The checks of one cluster.yaml."""

    def __init__(self, fleet: Fleet, folder: str, domains: Mapping[str, ReleaseId]) -> None:
        self.fleet, self.folder, self.domains = fleet, folder, domains
        self.cluster: Cluster = fleet.clusters[folder]

    def findings(self) -> Iterator[Finding]:
        cluster = self.cluster
        if cluster.name != self.folder:
            yield self._found("cluster-name", ("name",), f"{cluster.name!r} is not the folder's name, {self.folder!r}")
        if cluster.connection is None:
            yield self._found("provider-block", ("provider",), f"the block {cluster.provider}: is missing")
        yield from self._credentials()
        yield from self._changed_numbers()
        for hub in cluster.hubs:
            yield from self._hub(hub)

    def _credentials(self) -> Iterator[Finding]:
        """A warning, for a new cluster's is added last, by hand."""
        for key in ("key", "file"):
            name = getattr(self.cluster.connection, key, "")
            if name and not self.fleet.tree.is_file(path := cluster_path(self.folder, name)):
                yield self._found("missing-credentials", (self.cluster.provider, key), f"no such file: {path}")

    def _changed_numbers(self) -> Iterator[Finding]:
        """Numbers where text is wanted that YAML reads as others than are written: ``account: 0123`` is 83."""
        document = self.fleet.documents[self.folder]
        lines = self.fleet.tree.read(document.path).decode(errors="replace").splitlines()
        for model in filter(None, (self.cluster, self.cluster.connection, self.cluster.support, *self.cluster.hubs)):
            for name, key in keys_of(type(model)).items():
                at = (*model.at, name)
                number, line = look(document.data, at), document.place(at).line
                if key.kind is TEXT and type(number) is int and str(number) not in lines[line - 1]:
                    yield self._found("schema", at, f"is read as the number {number}: quote it")

    def _hub(self, hub: Hub) -> Iterator[Finding]:
        if not re.fullmatch(LABEL, hub.name):
            yield self._found("hub-name", (*hub.at, "name"), f"{hub.name!r} cannot name a namespace")
        if not hub.domain and self.cluster.provider is not Provider.LOCAL:
            yield self._found("no-domain", hub.at, f"hub {hub.name} has no domain")
        yield from self._canaries(hub)
        yield from self._domain(hub)
        yield from check_owners(self.fleet, self.folder, hub)

    def _canaries(self, hub: Hub) -> Iterator[Finding]:
        if hub.canary and hub.effective_stage is Stage.STAGING:
            yield self._found("canary", (*hub.at, "canary"), "a staging hub stands behind no canary")

    def _domain(self, hub: Hub) -> Iterator[Finding]:
        first = self.domains.get(hub.domain)
        own = hub.domain
        if self.cluster.provider is Provider.LOCAL:
            own = own.lower().rstrip(".")  # on this machine, where any that is not below .localhost is replaced
        if hub.domain and not is_dns_name(own):
            yield self._found("domain-name", (*hub.at, "domain"), f"{printable(hub.domain)!r} is no DNS name")
        if hub.domain and first != ReleaseId(self.folder, hub.name):
            yield self._found("domain-twice", (*hub.at, "domain"), f"{hub.domain} is also the domain of {first}")

    def _found(self, rule: str, at: Path, message: str) -> Finding:
        place = self.fleet.documents[self.folder].place(at)
        return finding(rule, place, dotted(at), message, release=self._concerned(at))

    def _concerned(self, at: Path) -> ReleaseId | None:
        hubs = [ReleaseId(self.folder, hub.name) for hub in self.cluster.hubs if hub.at and hub.at == at[:2]]
        return hubs[0] if hubs else None


def _hubs(fleet: Fleet) -> list[tuple[ReleaseId, str]]:
    """Every hub with its domain, those that retire too."""
    return [(ReleaseId(name, hub.name), hub.domain) for name, cluster in fleet.clusters.items() for hub in cluster.hubs]


def _files(fleet: Fleet, release: Release) -> Iterator[Finding]:
    """Files that a release names exist."""
    document = fleet.documents[release.id.cluster]
    at: Path = (*release.hub.at,) if release.hub else ("support",)
    named = [((*at, "helm_chart_values_files", index), path) for index, path in enumerate(release.values_files)]
    named += [
        ((*at, "chart_override"), release.chart_override),
        ((*at, "domain_override_file"), release.domain_override),
    ]
    for key, path in named:
        if path and not fleet.tree.is_file(path):
            message = f"no such file: {path}"
            yield finding("missing-file", document.place(key), dotted(key), message, release=release.id)
    for index, path in enumerate(release.values_files):
        if path in release.values_files[:index]:
            key = (*at, "helm_chart_values_files", index)
            message = f"listed before: {path}"
            yield finding("values-file-twice", document.place(key), dotted(key), message, release=release.id)


def _chart(fleet: Fleet, release: Release) -> list[Finding]:
    """The chart of a release is there, with all that it depends on by path."""
    if not release.chart_override and not fleet.tree.is_file(f"{release.chart}/Chart.yaml"):
        return [of_error(fleet.missing_chart(release), release=release.id)]
    return _caught(lambda: fleet.charts.closure(release.chart, release.chart_override), "chart")


def _caught(act: Callable[[], object], rule: str = "unreadable", release: ReleaseId | None = None) -> list[Finding]:
    try:
        act()
    except DeployerError as error:
        return [of_error(single, rule, release) for single in flattened(error)]
    return []
