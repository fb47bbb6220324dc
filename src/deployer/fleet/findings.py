"""What ``validate`` finds: each finding by a rule of one table, with its place, its key and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from deployer.errors import DeployerError, Place
from deployer.fleet.ids import ReleaseId
from deployer.fleet.inside import OutsideError
from deployer.fleet.schema import SchemaError


class Severity(StrEnum):
    """An error cannot be deployed, or must not be; a warning may be meant so."""

    ERROR = "error"
    WARNING = "warning"


class Rule(NamedTuple):
    """One thing that may be wrong with a fleet. ``may_be_silenced``: where it can be meant so."""

    id: str
    severity: Severity
    what: str
    reason: str
    remedy: str
    may_be_silenced: bool = False


_E, _W = Severity.ERROR, Severity.WARNING

# What the fleet is made of. Rules of policy, about what hubs say once their values are merged, follow below.
_STRUCTURE = (
    Rule("unreadable", _E, "a file cannot be read", "Nothing can be made of it.", "Mend it where the message says."),
    Rule(
        "outside-fleet",
        _E,
        "a path or a symbolic link leads out of the fleet",
        "What stands outside is in no commit and no review, and differs from machine to machine.",
        "Name a file of the fleet.",
    ),
    Rule(
        "schema",
        _E,
        "a key is missing, or has a value of the wrong type",
        "The deployer cannot know what is meant.",
        "See the reference of cluster.yaml and deployer.yaml.",
    ),
    Rule(
        "unknown-key",
        _E,
        "a key that is not known",
        "It is most likely misspelt, and then it does nothing.",
        "Correct it; begin keys of your own with x-, or name them in extra_keys of deployer.yaml.",
    ),
    Rule(
        "cluster-name",
        _E,
        "a cluster's name is not its folder's",
        "Files, releases and log-ins would go by two names.",
        "Give both the same name.",
    ),
    Rule(
        "hub-name",
        _E,
        "a hub's name is no DNS label of at most 53 characters",
        "It becomes the hub's namespace and release.",
        "Lower-case letters, digits and '-', the first and the last a letter or a digit.",
    ),
    Rule(
        "provider-block",
        _E,
        "the block of the cluster's provider is missing",
        "It says how to reach the cluster.",
        "Add it: the reference of cluster.yaml has its keys.",
    ),
    Rule("no-domain", _E, "a hub has no domain", "Users could not find it.", "Give it a domain."),
    Rule(
        "domain-name",
        _E,
        "a hub's domain is no DNS name",
        "No ingress and no certificate can be made for it.",
        "Lower-case letters, digits and '-', with dots between, such as hub.example.org; no scheme, port or wildcard.",
    ),
    Rule("domain-twice", _E, "two hubs have the same domain", "One would take the other's users.", "Change one."),
    Rule(
        "canary",
        _E,
        "a hub stands behind a canary that is none",
        "It would never be upgraded, or not be guarded.",
        "Name staging hubs of the same cluster.",
    ),
    Rule("missing-file", _E, "a file that is named is not there", "Helm would refuse.", "Add it, or take it out."),
    Rule(
        "several-documents",
        _E,
        "a file has more than one YAML document",
        "Helm 3 ignores all but the first; Helm 4 merges the later ones of values files over it.",
        "Make one document of them, or take the later ones out.",
    ),
    Rule(
        "missing-credentials",
        _W,
        "the file that a cluster is reached with is not there",
        "Nothing can be deployed to the cluster without it.",
        "Add it, encrypted with sops; or correct its name.",
        may_be_silenced=True,
    ),
    Rule("chart", _E, "a chart is not there, or cannot be used", "Helm would refuse.", "Name a chart of the fleet."),
    Rule(
        "ext-vars",
        _E,
        "an external variable of jsonnet is bound to nothing",
        "The chart's values could not be computed.",
        "Bind it to a key of the cluster or the hub.",
    ),
    Rule(
        "values-schema",
        _E,
        "effective values are not as a chart's values.schema.json says",
        "Helm refuses the upgrade.",
        "Correct the value where the message says.",
    ),
    Rule(
        "secret-not-encrypted",
        _E,
        "a file whose name says secret is not encrypted with sops",
        "Whoever can read the repository, now or later in its history, has the secret.",
        "Encrypt it with sops, and replace what was in it: it stays in the history.",
        may_be_silenced=True,
    ),
    Rule(
        "unused-values-file",
        _W,
        "a values file that no release lists",
        "It looks as if it did something.",
        "List it in cluster.yaml, or remove it.",
        may_be_silenced=True,
    ),
    Rule(
        "values-file-twice",
        _W,
        "a release lists a values file twice",
        "The first of the two does nothing, or its place is not the one that counts.",
        "Keep it where it should win.",
    ),
    Rule(
        "no-cluster-yaml",
        _W,
        "a folder of values files beside the clusters has no cluster.yaml",
        "It looks like a cluster, and nothing of it is deployed.",
        "Add its cluster.yaml, or remove it.",
    ),
    Rule(
        "no-chart-lock",
        _W,
        "a chart depends on a range of versions from outside, with no Chart.lock",
        "What is deployed then changes with the day, not with a commit.",
        "Commit the Chart.lock that `helm dependency update` writes, or name exact versions.",
        may_be_silenced=True,
    ),
    Rule(
        "owners",
        _E,
        "an entry of owners that gives nothing to anybody",
        "Whoever was meant may change nothing; or something is given that cannot be.",
        "Name users as GitHub does, teams as organisation/team, keys with dots, and files of the cluster's folder.",
    ),
    Rule(
        "codeowners",
        _W,
        ".github/CODEOWNERS is not what owners say",
        "GitHub asks the wrong people for a review, or nobody.",
        "Run: deployer owners --write",
        may_be_silenced=True,
    ),
    Rule(
        "codeowners-overridden",
        _E,
        "a line of .github/CODEOWNERS stands after those that follow from owners",
        "Of several lines that fit a file GitHub takes the last: this one counts instead of theirs.",
        "Run: deployer owners --write, which puts its own lines last.",
        may_be_silenced=True,
    ),
    Rule(
        "silence-unknown-rule",
        _E,
        "a rule is silenced that there is not, or that cannot be",
        "It silences nothing.",
        "Name a rule of this table that can be silenced.",
    ),
    Rule(
        "silence-without-reason",
        _E,
        "a rule is silenced with no reason",
        "Whoever comes next cannot know whether it still holds.",
        "Write why.",
    ),
    Rule(
        "silence-of-nothing",
        _W,
        "a rule is silenced that would say nothing",
        "It would hide the next one.",
        "Remove the silence.",
    ),
)
_POLICY = (
    Rule(
        "nobody-can-log-in",
        _E,
        "no rule lets anybody in",
        "Since JupyterHub 5 nobody is allowed unless a rule says so: a hub of no use. It is said only where all values "
        "can be read and no snippet of hub.extraConfig speaks of log-in.",
        "Set allowed_users, a rule of the log-in's own such as allowed_organizations, or allow_all.",
        may_be_silenced=True,
    ),
    Rule(
        "everybody-can-log-in",
        _W,
        "strangers may use the hub",
        "Whoever finds the address can run programs at your cost. A warning, for some hubs are open on purpose.",
        "Allow groups, organisations or users instead of all; or silence it, saying why the hub is open.",
        may_be_silenced=True,
    ),
    Rule(
        "dummy-authenticator",
        _E,
        "a dummy authenticator outside a local cluster",
        "It checks no one: any name is let in, an administrator's too. It is also the chart's default.",
        "Set hub.config.JupyterHub.authenticator_class.",
        may_be_silenced=True,
    ),
    Rule(
        "organisations-and-users",
        _W,
        "GitHub organisations are allowed together with a list of users",
        "Either lets people in. And with a list of users, all that were ever let in stay allowed "
        "(allow_existing_users), those who left the organisation too.",
        "Keep one of the two, or set allow_existing_users: false.",
        may_be_silenced=True,
    ),
    Rule(
        "no-memory-limit",
        _W,
        "users' servers have no limit of memory",
        "One user's program can take the whole node from its neighbours.",
        "Set singleuser.memory.limit, or mem_limit in each profile.",
        may_be_silenced=True,
    ),
    Rule(
        "image-latest",
        _W,
        "an image without a fixed tag",
        "Two nodes can run two versions of it, and no commit says which, nor takes it back.",
        "Name a tag that does not move, or a digest.",
        may_be_silenced=True,
    ),
    Rule(
        "culling-off",
        _W,
        "servers that nobody uses are not stopped",
        "They cost as much as those in use.",
        "Leave cull.enabled at true, and set a longer cull.timeout if users need it.",
        may_be_silenced=True,
    ),
    Rule(
        "no-canary",
        _W,
        "a production hub with no canary",
        "Its users are the first to meet what is wrong with an upgrade.",
        "Add a staging hub to the cluster, or name one in canary.",
        may_be_silenced=True,
    ),
    Rule(
        "owners-broad",
        _W,
        "owners were given a key with much below it",
        "What gives code, rights or volumes is left out, but all else below it is theirs, now and in later charts.",
        "Name the keys that are meant.",
        may_be_silenced=True,
    ),
    Rule(
        "owners-power",
        _W,
        "owners were given a key that gives code, rights or volumes",
        "Whoever may set it may run programs as the hub, or read what is not theirs, with no review.",
        "Leave it to maintainers; or silence it, saying why these people may.",
        may_be_silenced=True,
    ),
)
POLICY_RULES: Mapping[str, Rule] = {rule.id: rule for rule in _POLICY}
RULES: Mapping[str, Rule] = {rule.id: rule for rule in (*_STRUCTURE, *_POLICY)}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. ``key`` is dotted, "" for the whole file; ``releases`` are those that it concerns."""

    rule: str
    severity: Severity
    place: Place
    key: str
    message: str
    hint: str = ""
    releases: tuple[ReleaseId, ...] = ()

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return "\n".join(filter(None, [f"{self.place}: {key}{self.message} [{self.rule}]", self.hint]))


def finding(
    rule: str, place: Place, key: str, message: str, *, hint: str | None = None, release: ReleaseId | None = None
) -> Finding:
    """A finding with its rule's severity, and its rule's remedy where no better one is given."""
    known = RULES[rule]
    return Finding(
        rule, known.severity, place, key, message, known.remedy if hint is None else hint, (release,) if release else ()
    )


def of_error(error: DeployerError, rule: str = "unreadable", release: ReleaseId | None = None) -> Finding:
    """What cannot be read, as a finding."""
    key = ""
    if isinstance(error, SchemaError):
        rule, key = error.rule or ("unknown-key" if "unknown key" in error.message else "schema"), error.key
    elif isinstance(error, OutsideError):
        rule, key = "outside-fleet", error.key
    message = error.message.removeprefix(f"{key}: ") if key else error.message
    return finding(rule, error.place or Place(""), key, message, hint=error.hint, release=release)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted by file, line and rule; what is the same for several releases is one finding of them all."""
    merged: dict[Finding, set[ReleaseId]] = {}
    for one in findings:
        merged.setdefault(replace(one, releases=()), set()).update(one.releases)
    whole = [replace(one, releases=tuple(sorted(releases))) for one, releases in merged.items()]
    return sorted(whole, key=lambda one: (one.place, one.rule, one.key, one.message))
