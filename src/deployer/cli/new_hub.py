"""Make a new hub: its entry in cluster.yaml and its values, for a use and with a log-in.

deployer new hub reef ocean --kind research --login github --allow-org our-org --admin ada
deployer new hub reef biology --kind class --login google --allow-domain uni.example.org --admin ada@uni.example.org
deployer new hub reef workshop --kind event --people 80
deployer new hub reef ocean --login github --allow-org our-org --from-terraform outputs.json

Nobody may log in whom no rule allows. A cluster's first hub gets a staging hub beside it: its canary.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from deployer.cli import terraform_outputs, writing
from deployer.cli.asking import Asker
from deployer.cli.context import Context
from deployer.cli.login_questions import ask_login, login_options
from deployer.cli.names import split_names
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.cluster import Cluster, Provider
from deployer.fleet.repository import Fleet, cluster_path
from deployer.scaffold.cluster import check_domain
from deployer.scaffold.data import Bucket, check_bucket, grants, identity
from deployer.scaffold.hub import (
    STAGING,
    NewHub,
    base_domain,
    check_hub_name,
    default_chart,
    has_canary,
    new_hubs,
    release_ids,
    staging_domain,
    staging_of,
)
from deployer.scaffold.kinds import USES, Kind
from deployer.scaffold.login import CONFIG, callback
from deployer.scaffold.terraform import Outputs
from deployer.scaffold.terraform_join import hub_settings
from deployer.scaffold.yaml_text import Setting, values_text
from deployer.secrets.seal import seal


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", nargs="?", help="the hub's cluster, or CLUSTER/NAME")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the hub's name: also its namespace and release")
    parser.add_argument("--display-name", metavar="TEXT", help="the name that people read")
    parser.add_argument("--domain", metavar="DOMAIN", help="where users find it")
    parser.add_argument("--chart", metavar="CHART", help="its chart (default: that of the cluster's other hubs)")
    staging = parser.add_mutually_exclusive_group()
    add = partial(staging.add_argument, dest="staging", default=None)
    add("--with-staging", action="store_true", help="a staging hub beside it (default: where the cluster has none)")
    add("--no-staging", action="store_false", help="none")
    use = parser.add_argument_group("what it is for")
    kinds = "; ".join(f"{kind}: {about.about}" for kind, about in USES.items())
    use.add_argument("--kind", metavar="KIND", help=f"(default: {Kind.RESEARCH}) {kinds}")
    use.add_argument("--people", type=_people, default=0, metavar="N", help="class, event: so many are expected")
    login_options(parser)
    data = parser.add_argument_group("data outside")
    data.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="URL",
        help="gs://BUCKET, s3://BUCKET or az://CONTAINER@ACCOUNT (may be repeated)",
    )
    data.add_argument("--write", action="store_true", help="users may write to it, too")
    data.add_argument("--requester-pays", action="store_true", help="who reads it pays for that")
    data.add_argument("--identity", metavar="ID", help="what users are to the cloud (default: made of the names)")
    terraform_outputs.add_option(data)
    writing.add_options(parser)


def _people(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of people")
    return int(text)


def run(args: argparse.Namespace, context: Context) -> int:
    asker = Asker.at_terminal()
    cluster = _cluster(args, context.fleet, asker)
    hubs = _with_built(_hubs(args, context, cluster, asker), cluster, terraform_outputs.read(args, context))
    edit = new_hubs(context.fleet, cluster.name, hubs)
    if writing.finish(args, context, edit, release_ids(cluster.name, hubs)):
        _say_next(cluster, hubs)
    return EXIT_OK


def _cluster(args: argparse.Namespace, fleet: Fleet, asker: Asker) -> Cluster:
    given, names = split_names(args.cluster, [args.name] if args.name else [])
    if len(names) > 1:
        raise DeployerError(f"one hub at a time, not {' and '.join(names)}")
    args.name = names[0] if names else None
    known = sorted(fleet.clusters)
    if not known:
        raise DeployerError("there is no cluster in this fleet", hint="Make one with: deployer new cluster NAME")
    if given is None and not asker.interactive:
        asker.missing += [
            "CLUSTER",
            *([] if args.name else ["NAME"]),
            *([] if args.login or args.kind else ["--login"]),
        ]
        asker.complete("deployer new hub")
    return fleet.cluster(given or asker.choice("CLUSTER", "Its cluster", None, known, default=_only(known)))


def _only(known: list[str]) -> str:
    return known[0] if len(known) == 1 else ""


def _hubs(args: argparse.Namespace, context: Context, cluster: Cluster, asker: Asker) -> list[NewHub]:
    """The hub that is wanted, behind its staging hub where it gets one."""
    fleet, local = context.fleet, cluster.provider is Provider.LOCAL
    name = asker.text("NAME", "The hub's name", args.name, check=partial(check_hub_name, cluster=cluster))
    title = asker.text(
        "--display-name", "The name that people read", args.display_name, default=name.capitalize(), needed=False
    )
    kind = Kind(asker.choice("--kind", "What it is for", args.kind, [str(k) for k in Kind], default=Kind.RESEARCH))
    base = base_domain(fleet, cluster)
    given = ("" if local else None) if args.domain is None else args.domain
    default = f"{name}.{base}" if base else ""
    domain = asker.text("--domain", "Where users find it", given, default=default, check=check_domain)
    login = ask_login(args, cluster, kind, asker)
    asker.complete("deployer new hub")
    wants = args.staging
    if wants is None and name != STAGING and not has_canary(cluster):
        wants = asker.yes("A staging hub beside it, to try upgrades on first?", None, default=True)
    hub = NewHub(
        name=name,
        chart=args.chart or default_chart(fleet, cluster),
        kind=kind,
        login=login,
        domain=domain,
        display_name=title,
        people=args.people,
        buckets=_buckets(args, cluster),
        who=args.identity or "",
    )
    hubs = [replace(hub, sealed=_sealed(args, context, cluster, hub, asker))]
    if wants:
        hubs.insert(0, staging_of(hub, cluster.name, "" if local else staging_domain(domain, base)))
    return hubs


def _with_built(hubs: list[NewHub], cluster: Cluster, outputs: Outputs | None) -> list[NewHub]:
    """Each hub with its identity and buckets, where Terraform built any.

    :raises DeployerError: the outputs are another cluster's, or have nothing for the hub that was asked for.
    """
    if outputs is None:
        return hubs
    if outputs.name != cluster.name:
        raise DeployerError(f"these are outputs of {outputs.name}, not of {cluster.name}", outputs.place)
    if hubs[-1].name not in outputs.hubs:
        raise DeployerError(
            f"no buckets and no identity for {hubs[-1].name}",
            outputs.place,
            "Add it to hubs in terraform.tfvars, and apply.",
        )
    return [_built(hub, outputs) for hub in hubs]


_NOT_THEIRS = ("adminServiceAccount", "dask-gateway")  # of what Terraform built: nothing that users are to the cloud


def _built(hub: NewHub, outputs: Outputs) -> NewHub:
    settings = hub_settings(outputs, hub.name, dask=hub.kind is Kind.DASK)
    account = outputs.account(hub.name)
    if hub.buckets:  # then it is --data that says what users are to the cloud
        settings = [setting for setting in settings if setting.key[-2] == "extraEnv" or setting.key[0] in _NOT_THEIRS]
    who = next(iter(account.annotations.values())) if account else ""
    return replace(hub, built=tuple(settings), who=hub.who or who)


def _buckets(args: argparse.Namespace, cluster: Cluster) -> tuple[Bucket, ...]:
    urls = list(dict.fromkeys(args.data))
    for url in urls:
        check_bucket(url, cluster.provider)
    if not urls and (args.write or args.requester_pays or args.identity):
        raise DeployerError("--write, --requester-pays and --identity go with --data", hint="Add --data URL.")
    return tuple(Bucket(url, args.write, args.requester_pays) for url in urls)


def _sealed(args: argparse.Namespace, context: Context, cluster: Cluster, hub: NewHub, asker: Asker) -> bytes | None:
    """The encrypted file of the log-in's id and secret, where these were given."""
    if not hub.needs_secret:
        if args.client_id or args.client_secret_file:
            raise DeployerError(f"--client-id: log-in {hub.login.kind} has none")
        return None
    client = asker.text("--client-id", "The id of the log-in's application", args.client_id, needed=False)
    if not client:
        return None
    secret = _secret(args, context, asker)
    if not secret:
        return None
    section = (*CONFIG, hub.login.choice.section)
    text = values_text([Setting((*section, "client_id"), client), Setting((*section, "client_secret"), secret)])
    return seal(text.encode(), cluster_path(cluster.name, hub.secret_file), root=context.root, env=context.env)


def _secret(args: argparse.Namespace, context: Context, asker: Asker) -> str:
    if args.client_secret_file is None:
        if args.client_id and not asker.interactive:
            raise DeployerError(
                "--client-id goes with --client-secret-file", hint="--client-secret-file - reads it here."
            )
        return asker.secret("Its secret")
    if args.client_secret_file == "-":  # noqa: S105 - the name of a file
        return sys.stdin.readline().strip()
    try:
        return (context.cwd / Path(args.client_secret_file)).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise DeployerError(f"--client-secret-file {args.client_secret_file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DeployerError(f"--client-secret-file {args.client_secret_file}: not UTF-8") from None


def _say_next(cluster: Cluster, hubs: list[NewHub]) -> None:
    for hub in hubs:
        if hub.buckets:
            print(f"\nWhat the cloud must grant for {cluster.name}/{hub.name}:")
            for line in grants(cluster, hub.name, hub.buckets, identity(cluster, hub.name, hub.who)):
                print(f"  {line}")
    waiting = [hub for hub in hubs if hub.needs_secret]
    if waiting:
        print("\nRegister an application for the log-in of each hub, with its callback:")
    for hub in waiting:
        print(
            f"  {hub.name}: {callback(hub.domain)}" if hub.domain else f"  {hub.name}: on this machine none is needed"
        )
    for hub in waiting:
        if hub.sealed is None and hub.domain:
            print(f"Its id and secret, encrypted, then named in cluster.yaml's entry of {hub.name}:")
            print(f"  sops {cluster_path(cluster.name, hub.secret_file)}")
    print("\nNext:")
    print("  deployer plan --since HEAD")
    print(f"  deployer deploy {cluster.name} {hubs[-1].name}")
