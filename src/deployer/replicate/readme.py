"""The replicate's README, for somebody who has never seen the fleet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.fleet.values import Values, at
from deployer.replicate.cost import NODES, Always, User, cores, memory
from deployer.replicate.layers import Kind, ValuesFile
from deployer.replicate.needs import Need

# Where the application of a log-in is registered.
_REGISTERED = {
    "github": "GitHub: Settings → Developer settings → OAuth Apps (of the organisation that owns it)",
    "cilogon": "CILogon: https://cilogon.org/oauth2/register",
    "google": "Google Cloud console: APIs & Services → Credentials",
    "auth0": "Auth0 dashboard: Applications",
    "azuread": "Microsoft Entra: App registrations",
    "globus": "Globus: https://app.globus.org/settings/developers",
    "gitlab": "GitLab: Applications",
    "bitbucket": "Bitbucket: Workspace settings → OAuth consumers",
    "okpy": "Okpy: its administrators",
    "generic": "your identity provider: the client of this hub",
}


@dataclass(frozen=True)
class About:
    """All that the README speaks of. ``unknown`` says why the chart could not be rendered, "" where it was."""

    name: str
    title: str
    domain: str
    files: tuple[ValuesFile, ...]
    crds: tuple[str, ...]
    fetches: bool
    wanted: tuple[Need, ...]
    always: tuple[Always, ...]
    users: tuple[User, ...]
    hub_values: Values = field(repr=False)
    unknown: str = ""
    terraform: bool = False


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
        _move(about),
        _dns(about),
        _login(about),
        _stop(about),
        _keep(about),
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
    address = f" Then people find it at https://{about.domain}/ once that name leads there." if about.domain else ""
    return f"""\
## Deploy it

    ./check.sh              # what is missing?
    ./deploy.sh --render    # what would be sent?
    ./deploy.sh             # deploy, or upgrade

It makes the release `{about.name}` in the namespace `{about.name}`, waits until all runs, and goes back where that
fails.{address} To change something, edit a file in `values/` and run `./deploy.sh` again.
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
    disk = f" Each user has a disk of {capacity}." if capacity and _is_dynamic(about.hub_values) else ""
    return f"""\
The memory that is set aside decides how many users share a node: nodes in use = users at work / users that fit on one,
rounded up. Money = hours * nodes in use * your provider's price of one, and one node at all hours for what runs always;
disks and the load balancer come on top.{disk}"""


def _is_dynamic(hub_values: Values) -> bool:
    return bool(at(hub_values, ["singleuser", "storage"]).get("type", "dynamic") == "dynamic")


def _move(about: About) -> str:
    return "\n".join(["## Move what people own", "", _CONTEXTS, _homes(about), _database(about)])


_CONTEXTS = """\
`OLD` and `NEW` are the contexts of kubectl for the two clusters. Tell people when the old hub is stopped: what they
change after you have copied it stays behind.
"""


def _homes(about: About) -> str:
    name = about.name
    if _is_dynamic(about.hub_values):
        return f"""\
### Home directories

Each user has a volume claim of their own (`claim-<user>`). Those who run the old hub can take snapshots in the storage
of their provider, which is quickest within one provider. Anywhere else, copy claim by claim: with a pod on both sides
that mounts it,

    kubectl --context OLD --namespace {name} exec POD -- tar --create --directory /home/jovyan . |
      kubectl --context NEW --namespace {name} exec --stdin POD -- tar --extract --directory /home/jovyan

Users must be called the same on the new hub, or their claims must be called after their new names.
"""
    return f"""\
### Home directories

All homes are folders of one shared volume, one per user. Copy that volume's folder with `rsync --archive --hard-links
--numeric-ids` from a machine that mounts both, once while the old hub runs and once more after it was stopped; within
one provider a snapshot or backup of the disk is quicker. The values name the server and the folder: look for `nfs`,
`pvcName` and `subPath` in `values/`, and write the new ones there. Users own their files as uid 1000 on most images.
To see what is there: `kubectl --context OLD --namespace {name} get pvc,pv`
"""


def _database(about: About) -> str:
    kind = at(about.hub_values, ["hub", "db"]).get("type", "sqlite-pvc")
    name = about.name
    if not str(kind).startswith("sqlite"):
        return f"""\
### The user database

It is a {kind} database of its own (`hub.db` in the values). Dump it with that database's tools, load it into the new
one, and write its address into the values.
"""
    return f"""\
### The user database

Who has an account, who is an administrator by hand, and their groups stand in a SQLite file of the hub. A new hub makes
an empty one, and most people notice nothing: accounts come back at the next log-in. To keep it, take a copy while the
old hub still runs (SQLite allows that) and put it into the new one:

    kubectl --context OLD --namespace {name} exec deploy/hub -- python3 -c "from sqlite3 import connect
    connect('/srv/jupyterhub/jupyterhub.sqlite').backup(connect('/tmp/copy.sqlite'))"
    kubectl --context OLD --namespace {name} exec deploy/hub -- cat /tmp/copy.sqlite > jupyterhub.sqlite
    kubectl --context NEW --namespace {name} exec --stdin deploy/hub -- \\
      sh -c 'cd /srv/jupyterhub && cat > new.sqlite && mv new.sqlite jupyterhub.sqlite' < jupyterhub.sqlite
    kubectl --context NEW --namespace {name} rollout restart deployment/hub

Servers that ran on the old hub are in it as running; the new hub finds that they are not. What it encrypts in there can
only be read with the same key, and log-ins survive only with the same cookie secret: where the old hub's Secret `hub`
holds `hub.config.CryptKeeper.keys` and `hub.config.JupyterHub.cookie_secret`, take these along too.
"""


def _dns(about: About) -> str:
    where = f"`{about.domain}`" if about.domain else "the hub's name"
    return f"""\
## DNS

Find the address of your cluster's ingress (`kubectl get services --all-namespaces`, type LoadBalancer), and have
{where} lead to it. Who owns the zone decides: if that is not you, choose a name of your own and write it
wherever the old one stands in `values/` (hosts and TLS of the ingress, the log-in's callback). Lower the record's time
to live a day before. Certificates are made anew on the new cluster: its cert-manager, or whatever you use, must be
allowed to.
"""


def _login(about: About) -> str:
    config = at(about.hub_values, ["hub", "config"])
    chosen = str(at(config, ["JupyterHub"]).get("authenticator_class", ""))
    place = next((where for word, where in _REGISTERED.items() if word in chosen.lower()), "")
    callback = _callback(config) or (f"https://{about.domain}/hub/oauth_callback" if about.domain else "")
    if not place:
        said = f"`{chosen}`" if chosen else "the chart's own"
        return (
            f"## Log-in\n\nPeople log in with {said}, which needs no application elsewhere: nothing is to be moved.\n"
        )
    return f"""\
## Log-in

People log in with `{chosen}`. Its application (client) belongs to whoever registered it: have it handed over, or
register one of your own and write its id and secret into the values. Where: {place}. Its callback is
`{callback or "https://YOUR-DOMAIN/hub/oauth_callback"}`; with another domain it changes in the application *and* in
`oauth_callback_url` of the values. Both hubs can use one application at a time only if it takes two callbacks.
"""


def _callback(config: Mapping[str, Any]) -> str:
    found = (section.get("oauth_callback_url") for section in config.values() if isinstance(section, dict))
    return next((url for url in found if isinstance(url, str) and url), "")


def _stop(about: About) -> str:
    return f"""\
## Stop using the old one

1. Try the new hub with a few people, under a name of its own.
2. Announce the day. Then stop the old hub, and users' servers:
   `kubectl --context OLD --namespace {about.name} scale deployment hub --replicas 0`
   `kubectl --context OLD --namespace {about.name} delete pods --selector component=singleuser-server`
3. Copy homes once more, and the database. Switch DNS.
4. When everybody has found their work, ask those who run the old hub to take it out of service, to delete its secrets,
   and to say when they delete its volumes. Change every password and token that they knew.
"""


def _keep(about: About) -> str:
    how = "helm dependency update chart" if about.fetches else "helm dependency update chart  # fetches it again"
    return f"""\
## Keep it up to date

The community's chart is a dependency in `chart/` (look for `jupyterhub` in its Chart.yaml, or that of a chart in
`chart/charts/`). Raise its version, run `{how}`, read its upgrade notes, look at
`./deploy.sh --render`, deploy. Put this folder into a git repository of your own: nothing in it is secret unless you
wrote a secret into it unencrypted.

What is not here, because it is no part of this hub: the cluster, its ingress, certificates and monitoring, and whoever
was called when it broke.
"""
