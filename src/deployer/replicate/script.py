"""The scripts of a replicate: what deploys it, and what looks whether a cluster is ready for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from shlex import quote

from deployer.helm.commands import Commands, apply_crds
from deployer.helm.shell import MAKE_PRIVATE, PRIVATE, SOPS, dependencies, exports, folded, into, line, word
from deployer.helm.sources import ChartSource
from deployer.replicate.chart import FOLDER as CHART
from deployer.replicate.layers import NO_DOMAIN, Kind, ValuesFile
from deployer.replicate.needs import Need
from deployer.replicate.recipients import dotted

TIMEOUT = 600.0  # seconds that deploy.sh gives an upgrade, its roll-back included
# The user's own log-ins to registries stay in force; the list of repositories is not theirs to be changed by us.
_REPOSITORIES = {
    "HELM_REPOSITORY_CONFIG": f"{PRIVATE}/repositories.yaml",
    "HELM_REPOSITORY_CACHE": f"{PRIVATE}/repositories",
}
# Helm itself reads the values, as it will when it deploys: a chart of one template names what has none.
_GUARD = (
    'mkdir -p "$private"/guard/templates',
    "printf '%s\\n' 'apiVersion: v2' 'name: guard' 'version: 0.0.0' > \"$private\"/guard/Chart.yaml",
    "# filled_in FILE KEY…: whether each key of the file has a value",
    "filled_in() {",
    "  file=$1",
    "  shift",
    """  printf '%s\\n' 'empty:' "{{ range \\$name, \\$key := dict $* }}" '""",
    """    {{- $at := $.Values }}{{ $left := false }}
    {{- range $key }}
      {{- if and (kindIs "string" .) (kindIs "map" $at) }}{{ $at = get $at . }}
      {{- else if not (and (kindIs "int" .) (kindIs "slice" $at)) }}{{ $at = "" }}
      {{- else if lt . (len $at) }}{{ $at = index $at . }}
      {{- else }}{{ $at = "" }}{{ $left = gt . 0 }}{{/* a list may be shorter than it was */}}
      {{- end }}
    {{- end }}
    {{- $none := kindIs "invalid" $at }}
    {{- if kindIs "string" $at }}{{ $none = not (trim $at) }}{{ end }}
    {{- if or (kindIs "map" $at) (kindIs "slice" $at) }}{{ $none = not $at }}{{ end }}
    {{- if and $none (not $left) }}
- {{ toJson $name }}
    {{- end }}
  {{- end }}' > "$private"/guard/templates/empty.yaml""",
    '  said=$(helm template guard "$private"/guard --values "$private/$file")',
    "  if empty=$(printf '%s\\n' \"$said\" | grep '^- '); then",
    '    printf \'%s\\n\' "$file: still to be filled in:" "$empty" >&2',
    "    exit 1",
    "  fi",
    "}",
)
_HELM_3 = 3  # Helm 4 understands its words too


def deploy(name: str, chart: ChartSource, values: Iterable[ValuesFile], crds: Iterable[str]) -> str:
    """``deploy.sh``: the upgrade, or with ``--render`` what it would send, or with ``--check`` what is missing."""
    files = list(values)
    given = [_given(file) for file in files]
    fetch = [f"{one} >&2" for one in dependencies(chart)]  # of what is rendered, helm's talk is no part
    upgrade = Commands(name, _HELM_3).upgrade(CHART, given, seconds=TIMEOUT).argv()
    render = ["helm", "template", name, CHART, "--namespace", name, "--include-crds"]
    for path in given:
        render += ["--values", path]
    lines = [
        "#!/bin/sh",
        f"# Deploys {name} to the cluster that kubectl talks to: ./deploy.sh",
        "# ./deploy.sh --check     asks that cluster whether it gives what the hub needs, and changes nothing",
        "# ./deploy.sh --render    prints what would be sent; options of `helm template` may follow",
        "set -eu",
        'cd "$(dirname "$0")"',
        'if [ "${1:-}" = --check ]; then exec ./check.sh; fi',
        *MAKE_PRIVATE,
        "",
        *([*guards, ""] if (guards := list(_domain_guards(files))) else []),
        *(["# Values that are encrypted", *opened, ""] if (opened := list(_opened(files))) else []),
        *(["# Values that somebody must provide", *_GUARD, *wanted, ""] if (wanted := list(_wanted(files))) else []),
        *(
            ["# The chart's dependencies, into a helm home of their own", *exports(_REPOSITORIES), *fetch, ""]
            if fetch
            else []
        ),
        'if [ "${1:-}" = --render ]; then',
        "  shift",
        f'  {folded(render, 4)} "$@"',
        "  exit",
        "fi",
        "",
        *(
            ["# Custom resource definitions, which Helm would never upgrade", *applied, ""]
            if (applied := _crds(crds))
            else []
        ),
        folded(upgrade, 2),
    ]
    return "\n".join(lines) + "\n"


def _given(file: ValuesFile) -> str:
    """The file as helm gets it."""
    return file.path if file.kind is Kind.PLAIN else f"{PRIVATE}/{file.path}"


def _crds(files: Iterable[str]) -> list[str]:
    return [line(step.argv()) for step in apply_crds(files)]


def _wanted(files: Iterable[ValuesFile]) -> Iterator[str]:
    """Calls that end the script where a value is missing."""
    for file in files:
        if file.required:
            keys = (f"{_go(dotted(key))} (list {' '.join(map(_go, key))})" for key in file.required)
            yield " \\\n  ".join(["filled_in " + quote(file.path), *map(quote, keys)])


def _go(value: str | int) -> str:
    """A string or a number as a template of Go has it."""
    return json.dumps(value, ensure_ascii=False)


def _domain_guards(files: Iterable[ValuesFile]) -> Iterator[str]:
    for file in files:
        if file.kind is not Kind.PROVIDED and NO_DOMAIN.encode() in file.content:
            yield f"! grep -q {NO_DOMAIN} {quote(file.path)} || {_fail(f'{file.path}: write the domain of the hub')}"


def _fail(message: str) -> str:
    return f"{{ echo {quote(message)} >&2; exit 1; }}"


def _opened(files: Iterable[ValuesFile]) -> Iterator[str]:
    private = [file for file in files if file.kind is not Kind.PLAIN]
    if private:
        yield f"mkdir {word(f'{PRIVATE}/values')}"
    for file in private:
        decrypt = into((*SOPS, file.path), f"{PRIVATE}/{file.path}")
        if file.kind is Kind.SEALED:
            yield decrypt
        else:  # its author may have encrypted it
            copy = line(("cp", file.path, f"{PRIVATE}/{file.path}"))
            yield f"if grep -q '^ *\"\\{{0,1\\}}sops\"\\{{0,1\\}}:' {quote(file.path)}; then {decrypt}; else {copy}; fi"


_CHECK = """\
#!/bin/sh
# Asks the cluster that kubectl talks to whether it gives what {name} needs. Changes nothing.
# Exit code 1: something is missing.
set -u
missing=0

ok() {{ echo "ok       $1"; }}
missing() {{ echo "MISSING  $1"; missing=$((missing + 1)); }}
# What may come only when it is needed, or what this account may not see
look() {{ echo "look     $1${{2:+ ($2)}}"; }}
# What no cluster tells of
ask() {{ echo "ask      $1"; }}

# found WHAT COMMAND…: whether the command prints anything
found() {{
  what=$1
  shift
  if ! said=$("$@" 2>/dev/null); then
    look "$what" "cannot be asked for"
  elif [ -n "$said" ]; then
    ok "$what"
  else
    missing "$what"
  fi
}}
object() {{ found "$1" kubectl get "$2" "$3" --ignore-not-found --output name; }}
secret() {{ found "$1" kubectl get secret "$2" --namespace {namespace} --ignore-not-found --output name; }}
# of_kind WHAT GROUP KIND COMMAND…: a cluster that has no such kind has nothing of it
of_kind() {{
  what=$1
  if ! kinds=$(kind_of "$2" "$3" 2>/dev/null); then
    look "$what" "cannot be asked for"
  elif [ -z "$kinds" ]; then
    missing "$what"
  else
    shift 3
    found "$what" "$@"
  fi
}}
cluster_issuer() {{
  of_kind "$1" cert-manager.io ClusterIssuer \
    kubectl get clusterissuers.cert-manager.io "$2" --ignore-not-found --output name
}}
issuer() {{
  of_kind "$1" cert-manager.io Issuer \
    kubectl get issuers.cert-manager.io "$2" --namespace {namespace} --ignore-not-found --output name
}}
kind_of() {{ kubectl api-resources --api-group="$1" --no-headers | awk -v kind="$2" '$NF == kind'; }}
kind() {{ found "$1" kind_of "$2" "$3"; }}
default_of() {{ kubectl get storageclass --no-headers | grep '(default)' || kubectl get storageclass >/dev/null; }}
default_storage_class() {{ found "$1" default_of; }}
nodes() {{
  if [ -n "$(kubectl get nodes --selector "$2" --output name 2>/dev/null)" ]; then
    ok "$1"
  else
    look "$1" "none now; it is fine if nodes come when they are needed"
  fi
}}
resource() {{
  if kubectl get nodes --output jsonpath='{{.items[*].status.allocatable}}' 2>/dev/null | grep -qF "\\"$2\\""; then
    ok "$1"
  else
    look "$1" "none now; it is fine if nodes come when they are needed"
  fi
}}

kubectl version >/dev/null 2>&1 || {{ echo "kubectl reaches no cluster" >&2; exit 1; }}
{lines}

if [ "$missing" -gt 0 ]; then
  echo "$missing missing"
  exit 1
fi
"""


def check(name: str, wanted: Iterable[Need]) -> str:
    """``check.sh``."""
    lines = [" ".join([one.check[0], quote(one.what), *map(quote, one.check[1:])]) for one in wanted]
    return _CHECK.format(name=name, namespace=quote(name), lines="\n".join(lines) or "echo 'nothing special'")
