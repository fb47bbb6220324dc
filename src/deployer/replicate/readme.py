"""The replicate's README, for somebody who has never seen the fleet."""

from __future__ import annotations

from collections.abc import Iterable

from deployer.fleet.values import at
from deployer.replicate import moving
from deployer.replicate.about import About
from deployer.replicate.cost import NODES, User, cores, memory
from deployer.replicate.layers import Kind
from deployer.replicate.needs import Need


def text(about: About) -> str:
    """README.md."""
    parts = [
        _top(about),
        _tools(about),
        _provide(about),
        _needs(about.wanted),
        _CLUSTER if about.terraform else "",
        _deploy(about),
        _cost(about),
        moving.people(about),
        moving.dns(about),
        moving.login(about),
        moving.stop(about),
        _KEEP,
    ]
    return "\n".join(part for part in parts if part)


def _top(about: About) -> str:
    return f"""\
# {about.title}

A JupyterHub as plain files. Everything that makes it is here, and it needs nothing of those who ran it so far: Helm
installs it on any Kubernetes cluster.

| path | what |
|---|---|
| `chart/` | the Helm chart{", with all that it depends on" if not about.fetches else ""} |
| `values/` | the hub's settings, in the order of their numbers: later ones win |
{"| `crds/` | custom resource definitions that the chart needs |" + chr(10) if about.crds else ""}\
| `deploy.sh` | deploys it: one `helm upgrade`, and what must come before |
| `check.sh` | asks a cluster whether it gives what the hub needs |
{"| `terraform/` | a cluster of its own |" + chr(10) if about.terraform else ""}\
| `replicate.json` | the same in a form for programs |
"""


def _tools(about: About) -> str:
    more = [f"- {one}" for one in _more_tools(about)]
    return "\n".join(
        [
            "## What you need",
            "",
            "- a Kubernetes cluster, and `kubectl` that talks to it (`kubectl config current-context`)",
            "- [Helm](https://helm.sh) 3 or 4",
            *more,
            "",
        ]
    )


def _more_tools(about: About) -> Iterable[str]:
    if any(file.kind is Kind.SEALED for file in about.files):
        yield "[sops](https://getsops.io), and the key to which the secrets were encrypted"
    if about.fetches:
        yield "access to the chart repositories that `chart/Chart.yaml` names"


def _provide(about: About) -> str:
    rows = [f"- `{file.path}`: {', '.join(map(_code, file.missing))}" for file in about.files if file.missing]
    if not rows:
        return ""
    return "\n".join(
        [
            "## What you must provide",
            "",
            "These secrets were left out. `deploy.sh` does nothing before they stand in their files, which say how.",
            "",
            *rows,
            "",
        ]
    )


def _code(key: str) -> str:
    return key if " " in key else f"`{key}`"


def _needs(wanted: Iterable[Need]) -> str:
    rows = [f"- [ ] {one.what}" for one in wanted]
    return "\n".join(
        [
            "## What the cluster must give",
            "",
            "`./check.sh` looks for what a cluster tells of.",
            "",
            *(rows or ["- nothing special"]),
            "",
        ]
    )


_CLUSTER = """\
## A cluster of its own

`terraform/cluster/` builds one like the one that the hub runs on, with [Terraform](https://developer.hashicorp.com/terraform)
or OpenTofu and the modules in `terraform/modules/`. Whose it is was left out: fill in its file of variables, say in
`backend.tf` where Terraform keeps what it knows, and

    cd terraform/cluster
    terraform init
    terraform plan      # read it: it should only create
    terraform apply

Names of buckets and the like are unique in the world: choose new ones, and write them into `values/` where they stand
there. Then point `kubectl` to the new cluster; it needs an ingress and certificates before the hub can be reached.
"""


def _deploy(about: About) -> str:
    address = f"\nPeople find it at https://{about.domain}/ once that name leads there." if about.domain else ""
    return f"""\
## Deploy it

    ./check.sh              # what is missing?
    ./deploy.sh --render    # what would be sent?
    ./deploy.sh             # deploy, or upgrade

It makes the release `{about.name}` in the namespace of that name, waits until all runs, and goes back where that
fails.{address}
To change something, edit a file in `values/` and run `./deploy.sh` again.
"""


def _cost(about: About) -> str:
    cpu, total = sum(one.cpu for one in about.always), sum(one.memory for one in about.always)
    always = [
        "Always:",
        "",
        "| workload | pods | cores | memory |",
        "|---|---|---|---|",
        *(f"| {one.name} | {one.pods} | {cores(one.cpu)} | {memory(one.memory)} |" for one in about.always),
        f"| **together** | | {cores(cpu)} | {memory(total)} |",
        "",
    ]
    if about.unknown:
        always = [f"What runs always could not be computed where this was made: {about.unknown}", ""]
    fits = [f"fit on {gib} GiB" for gib in NODES]
    users = [
        "For each user at work (what is set aside, and what may be used at most):",
        "",
        f"| profile | memory | at most | cores | at most | {' | '.join(fits)} |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(_user_cells(one))} |" for one in about.users),
        "",
    ]
    return "\n".join(["## What it costs to run", "", *always, *users, _prices(about), ""])


def _user_cells(one: User) -> list[str]:
    name = one.name.replace("|", "\\|")
    amounts = [memory(one.memory), memory(one.memory_limit), cores(one.cpu), cores(one.cpu_limit)]
    return [name, *amounts, *map(one.per_node, NODES)]


def _prices(about: About) -> str:
    capacity = at(about.hub_values, ["singleuser", "storage"]).get("capacity")
    disk = f" Each user has a disk of {capacity}." if capacity and about.one_claim_each else ""
    return f"""\
The memory that is set aside decides how many users share a node: nodes in use = users at work / users that fit on one,
rounded up. Money = hours * nodes in use * your provider's price of one, and one node at all hours for what runs always;
disks and the load balancer come on top.{disk}"""


_KEEP = """\
## Keep it up to date

The community's chart is a dependency: look for `jupyterhub` in `chart/Chart.yaml`, or in that of a chart in
`chart/charts/`. Raise its version there, read its upgrade notes, run `helm dependency update` for that folder, look
at `./deploy.sh --render`, deploy. Put this folder into a git repository of your own: nothing in it is secret unless you
wrote a secret into it unencrypted.

What is not here, because it is no part of this hub: the cluster, its ingress, certificates and monitoring, and whoever
was called when it broke.
"""
