"""A release's upgrade as one shell script that works with no deployer installed; the same text for the same fleet.

Everything private stands below one temporary folder that goes when the script ends. It needs what the deployer would
call: helm, kubectl, and where the fleet uses them sops, jsonnet and the cloud's own command.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from shlex import join, quote

from deployer.fleet.cluster import Aws, Azure, Gcp, Kubeconfig
from deployer.fleet.repository import Release, cluster_file, cluster_path, is_encrypted
from deployer.helm.commands import Commands, apply_crds
from deployer.helm.logins import ChartLogins
from deployer.helm.shell import HELM_HOMES, MAKE_PRIVATE, PRIVATE, SOPS, dependencies, exports, folded, into, line, word
from deployer.helm.sources import COMPUTED, DOMAIN, as_yaml, private_name
from deployer.plan.steps import Step
from deployer.targets.credentials import providers
from deployer.targets.helm.desired import Desired


def steps(desired: Desired, release: Release, commands: Commands, seconds: float) -> tuple[Step, ...]:
    """The commands of an upgrade, with paths as in the script."""
    chart = f"{PRIVATE}/charts/{release.chart}"
    values = [path for path, _ in _values(desired, release)]
    return (*apply_crds(desired.crds(release)), commands.upgrade(chart, values, seconds=seconds))


def text(desired: Desired, release: Release, commands: Commands, seconds: float, then: str = "") -> str:
    """The script; ``then`` is what it does where the upgrade succeeded.

    :raises FleetError: the fleet cannot be used.
    """
    folder = cluster_path(desired.name, ".")
    entry = cluster_file(desired.name)
    made = [line for _, lines in _values(desired, release) for line in lines]
    lines = [
        "#!/usr/bin/env bash",
        f"# Upgrades {release.id}. Run it in the fleet's folder.",
        "(  # a shell of its own: whoever pastes this keeps theirs as it is",
        "set -euo pipefail",
        f"[ -f {quote(entry)} ] || {{ echo 'Run this in the folder that holds {entry}' >&2; exit 1; }}",
        *MAKE_PRIVATE,
        *exports({"KUBECONFIG": f"{PRIVATE}/kubeconfig", **HELM_HOMES}),
        f"mkdir -p {word(f'{PRIVATE}/values')}",
        "",
        f"# How cluster {desired.name} is reached",
        *_credentials(desired, folder),
        "",
        "# The chart, with its dependencies",
        *_chart(desired, release),
        "",
        *(["# Values, where they are not plain files", *made, ""] if made else []),
        "# The release",
        *(folded(step.argv(), 2) for step in steps(desired, release, commands, seconds)),
        *(["", then] if then else []),
        ")",
    ]
    return "\n".join(lines) + "\n"


# Credentials


def _credentials(desired: Desired, folder: str) -> list[str]:
    block = desired.cluster.connection
    if isinstance(block, Gcp):
        return list(_gcp(block, folder))
    if isinstance(block, Aws):
        return list(_aws(desired, block, folder))
    if isinstance(block, Azure):
        return list(_azure(desired, block, folder))
    if isinstance(block, Kubeconfig):
        return list(_kubeconfig(block, f"{folder}/{block.file}"))
    return [f"echo 'cluster {desired.name} does not say how it is reached' >&2; exit 1"]


def _gcp(block: Gcp, folder: str) -> Iterator[str]:
    yield from exports({"USE_GKE_GCLOUD_AUTH_PLUGIN": "True", "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"})
    if block.key:
        key = f"{PRIVATE}/gcp-key.json"
        yield into((*SOPS, f"{folder}/{block.key}"), key)
        yield from exports(
            {
                "GOOGLE_APPLICATION_CREDENTIALS": key,
                "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": key,
                "CLOUDSDK_CONFIG": f"{PRIVATE}/gcloud",
            }
        )
    yield line(providers.gcp_command(block))


def _aws(desired: Desired, block: Aws, folder: str) -> Iterator[str]:
    yield from exports({"AWS_DEFAULT_REGION": block.region, "AWS_PAGER": ""})
    if block.key:
        path = f"{folder}/{block.key}"
        inside = ["AccessKey"] if "AccessKey" in _keys(desired, path) else []
        yield f"unset {' '.join(sorted(providers.OTHER_AWS_IDENTITIES))}"
        for name, key in (("AWS_ACCESS_KEY_ID", "AccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey")):
            yield f"{name}=$({line(_extract(path, *inside, key))})"
            yield f"export {name}"
    yield line(providers.aws_command(block, f"{PRIVATE}/kubeconfig"))


def _azure(desired: Desired, block: Azure, folder: str) -> Iterator[str]:
    yield "export AZURE_CORE_NO_COLOR=true"
    if block.key:
        path = f"{folder}/{block.key}"
        keys = _keys(desired, path)
        name = {short: next((k for k in both if k in keys), both[0]) for short, both in providers.AZURE_KEYS.items()}
        yield from exports({"AZURE_CONFIG_DIR": f"{PRIVATE}/azure"})
        yield into(_extract(path, name["password"]), f"{PRIVATE}/azure-password")
        yield " ".join(
            [
                "az login --service-principal",
                f'--username "$({line(_extract(path, name["user"]))})"',
                f"--password @{word(f'{PRIVATE}/azure-password')}",
                f'--tenant "$({line(_extract(path, name["tenant"]))})"',
                "--output none",
            ]
        )
    yield line(providers.azure_command(block, f"{PRIVATE}/kubeconfig"))


def _kubeconfig(block: Kubeconfig, path: str) -> Iterator[str]:
    target = f"{PRIVATE}/kubeconfig"
    if is_encrypted(path) or ".secret." in block.file:
        yield into((*SOPS, path), target)
    else:  # with its relative paths resolved
        yield into(("kubectl", "config", "view", "--raw", "--flatten", "--kubeconfig", path), target)
    if block.context:
        yield line(("kubectl", "config", "use-context", block.context))


def _keys(desired: Desired, path: str) -> frozenset[str]:
    """The keys of an encrypted JSON file, which sops leaves readable."""
    try:
        data = json.loads(desired.fleet.tree.read(path))
    except (OSError, ValueError):
        return frozenset()
    return frozenset(data) if isinstance(data, dict) else frozenset()


def _extract(path: str, *keys: str) -> tuple[str, ...]:
    return (*SOPS, "--extract", "".join(f"[{json.dumps(key)}]" for key in keys), path)


# The chart


def _chart(desired: Desired, release: Release) -> Iterator[str]:
    source = desired.sources.chart(release)
    for folder in source.folders:
        parent = f"{PRIVATE}/charts/{folder}"
        yield f"mkdir -p {word(parent)} && cp -R {quote(folder)}/. {word(parent)}"
    if release.chart_override:
        target = f"{PRIVATE}/charts/{release.chart}"
        yield line(("cp", release.chart_override, f"{target}/Chart.yaml"))
        yield line(("rm", "-f", f"{target}/Chart.lock"))
    yield from dependencies(source, f"{PRIVATE}/charts/", ChartLogins(desired.fleet.settings.chart_logins))


# Values


def _values(desired: Desired, release: Release) -> Iterator[tuple[str, list[str]]]:
    """Each values file as helm gets it, and the lines that make it."""
    computed = 0
    if lines := list(_computed(desired, release, f"{PRIVATE}/values/00-{COMPUTED}")):
        yield f"{PRIVATE}/values/00-{COMPUTED}", lines
        computed = 1
    for number, path in enumerate(release.values_files, computed):
        target = f"{PRIVATE}/values/{private_name(number, path.rsplit('/', 1)[-1])}"
        if path.endswith(".jsonnet"):
            yield f"{target}.yaml", [_jsonnet(desired, release, path, f"{target}.yaml")]
        elif is_encrypted(path):
            yield target, [into((*SOPS, path), target)]
        elif "," in path:
            yield target, [line(("cp", path, target))]
        else:
            yield path, []


def _computed(desired: Desired, release: Release, target: str) -> Iterator[str]:
    """The chart's computed values: by jsonnet where they are one file's, as text where several are merged."""
    name = desired.fleet.settings.jsonnet.chart_values
    closure = desired.fleet.charts.closure(release.chart, release.chart_override)
    computing = [chart.folder for chart in closure if name and desired.fleet.tree.is_file(f"{chart.folder}/{name}")]
    if not computing:
        return
    if computing == [release.chart]:
        yield _jsonnet(desired, release, f"{release.chart}/{name}", target)
        return
    values = as_yaml(desired.sources.computed(release)).decode()
    yield f"cat > {word(target)} <<'END_OF_VALUES'\n{values}\nEND_OF_VALUES"


def _jsonnet(desired: Desired, release: Release, path: str, target: str) -> str:
    words = ["jsonnet"]
    given = desired.fleet.settings.jsonnet.ext_vars
    for name, value in desired.fleet.ext_vars(release).items():
        if release.domain_override and given[name] == DOMAIN:
            secret = line(_extract(release.domain_override, "domain"))
            words += ["--ext-str", f'{quote(name)}="$({secret})"']
        else:
            words += ["--ext-str", quote(f"{name}={value}")]
    return f"{' '.join(words)} {join([path])} > {word(target)}"
