"""Of a replicate's README: how what people own comes along, and how the old hub is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.fleet.values import at
from deployer.replicate.about import About

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


def people(about: About) -> str:
    return "\n".join(["## Move what people own", "", _CONTEXTS, _homes(about), _database(about)])


_CONTEXTS = """\
`OLD` and `NEW` are the contexts of kubectl for the two clusters. Tell people when the old hub is stopped: what they
change after you have copied it stays behind.
"""


_CLAIMS = """\
### Home directories

Each user has a volume claim of their own (`claim-<user>`). Those who run the old hub can take snapshots in the storage
of their provider, which is quickest within one provider. Anywhere else copy them one by one, when the old hub is
stopped, through a pod on each side that mounts the claim; users must be called the same on the new hub.

    on() {{ context=$1; shift; kubectl --context "$context" --namespace {name} "$@"; }}
    claim() {{ printf '%s' "
    apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {{name: $1, labels: {{component: singleuser-storage}}}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {size}}}}}}}
    "; }}
    pod() {{ printf '%s' "
    apiVersion: v1
    kind: Pod
    metadata: {{name: copy}}
    spec:
      volumes: [{{name: home, persistentVolumeClaim: {{claimName: $1}}}}]
      containers:
        - name: copy
          image: busybox
          command: [sleep, '86400']
          volumeMounts: [{{name: home, mountPath: /home/jovyan}}]
    "; }}
    for one in $(on OLD get pvc --output name | sed -n 's,.*/\\(claim-.*\\),\\1,p'); do
      on NEW get pvc "$one" >/dev/null 2>&1 || claim "$one" | on NEW apply --filename -
      for side in OLD NEW; do pod "$one" | on $side apply --filename -; done
      for side in OLD NEW; do on $side wait --for=condition=Ready pod/copy --timeout=10m; done
      on OLD exec copy -- tar -c -C /home/jovyan . | on NEW exec --stdin copy -- tar -x -C /home/jovyan
      for side in OLD NEW; do on $side delete pod copy --now; done
    done
"""


def _homes(about: About) -> str:
    name = about.name
    storage = at(about.hub_values, ["singleuser", "storage"])
    if storage.get("type") == "none":
        return "### Home directories\n\nThis hub keeps none: what users do not save elsewhere ends with their server.\n"
    if about.one_claim_each:
        return _CLAIMS.format(name=name, size=storage.get("capacity") or "10Gi")
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
    if kind == "sqlite-memory":
        return "### The user database\n\nThis hub keeps it in memory only: there is nothing to move.\n"
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


def dns(about: About) -> str:
    where = f"`{about.domain}`" if about.domain else "the hub's name"
    return f"""\
## DNS

Find the address of your cluster's ingress (`kubectl get services --all-namespaces`, type LoadBalancer), and have
{where} lead to it. Who owns the zone decides: if that is not you, choose a name of your own and write it
wherever the old one stands in `values/` (hosts and TLS of the ingress, the log-in's callback). Lower the record's time
to live a day before. Certificates are made anew on the new cluster: its cert-manager, or whatever you use, must be
allowed to.
"""


def login(about: About) -> str:
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
register one of your own and write its id and secret into the values. Where:

    {place}

Its callback is `{callback or "https://YOUR-DOMAIN/hub/oauth_callback"}`.
With another domain it changes in the application *and* in `oauth_callback_url` of the values. Both hubs can use one
application at the same time only if it takes two callbacks.
"""


def _callback(config: Mapping[str, Any]) -> str:
    found = (section.get("oauth_callback_url") for section in config.values() if isinstance(section, dict))
    return next((url for url in found if isinstance(url, str) and url), "")


def stop(about: About) -> str:
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
