"""Make a new cluster without hubs: its cluster.yaml, and the values that its hubs have in common.

deployer new cluster reef --provider gcp --project our-project --cluster-name hubs --zone us-central1-b
deployer new cluster reef --provider kubeconfig
deployer new cluster here --provider local
deployer new cluster reef --from-terraform outputs.json             what `terraform output -json` wrote; - is stdin
deployer new cluster reef --from-terraform outputs.json --check     where the fleet and Terraform have parted
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Any

from deployer.cli import terraform_outputs, writing
from deployer.cli.asking import Asker
from deployer.cli.context import Context
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import SUPPORT, ReleaseId
from deployer.fleet.repository import CLUSTERS, Fleet
from deployer.fleet.schema import FLAG, Key, keys_of
from deployer.scaffold import terraform_join
from deployer.scaffold.cluster import (
    BLOCKS,
    KUBECONFIG_FILE,
    SHARE,
    ClusterFacts,
    Homes,
    check_domain,
    check_new_name,
    new_cluster,
)
from deployer.scaffold.terraform import KEY_OUTPUT, Outputs
from deployer.scaffold.terraform_folder import CLUSTERS as FOLDERS
from deployer.scaffold.terraform_folder import IDENTITIES
from deployer.secrets.named import names_a_key

# What keys of the providers' blocks are called as options, where that is another word.
_OPTIONS = {
    "cluster": "cluster-name",
    "clusterName": "cluster-name",
    "clusterType": "cluster-type",
    "file": "kubeconfig",
}
_ASKED_TOO = {("gcp", "zone"), ("aws", "account")}  # not needed in each case, but to be thought of
_NEEDED_TOO = {("gcp", "zone")}  # where there is no region
_DEFAULTS = {("kubeconfig", "file"): KUBECONFIG_FILE}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="the cluster's name, and its folder's")
    parser.add_argument("--provider", metavar="PROVIDER", help=f"one of {', '.join(Provider)}")
    parser.add_argument("--domain", metavar="DOMAIN", help="the domain below which its hubs stand")
    parser.add_argument("--contact", metavar="MAIL", help="who is told when a certificate cannot be renewed")
    reach = parser.add_argument_group("how to reach it")
    for option, about in _connection_options().items():
        reach.add_argument(f"--{option}", metavar=option.split("-")[-1].upper(), help=about)
    gives = parser.add_argument_group("what it gives to its hubs")
    gives.add_argument("--nfs-server", metavar="HOST", help="the NFS server of users' homes")
    gives.add_argument("--nfs-share", metavar="PATH", default=SHARE, help=f"the share of it (default: {SHARE})")
    gives.add_argument(
        "--ingress", metavar="HOST:PORT", help="where the health check connects, in place of what domains say"
    )
    built = parser.add_argument_group("what Terraform built")
    terraform_outputs.add_option(built)
    built.add_argument("--check", action="store_true", help="write nothing: fail where the fleet says otherwise")
    writing.add_options(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    if args.check and args.from_terraform is None:
        raise DeployerError("--check: only with --from-terraform FILE", hint="deployer new cluster --help")
    outputs = terraform_outputs.read(args, context)
    if outputs and args.check:
        return _check(outputs, context)
    facts = _built(args, outputs) if outputs else _facts(args, context.fleet, Asker.at_terminal())
    edit = new_cluster(facts, context.fleet)
    if outputs:
        edit = terraform_join.with_planner(edit, outputs, context.fleet)
    written = writing.finish(args, context, edit, [ReleaseId(facts.name, SUPPORT)])
    if written:
        _say_next(facts, context.fleet, built=outputs is not None)
        if outputs and outputs.ci.get("planner") and not terraform_join.has_folder(outputs, context.fleet):
            print(
                f"No {IDENTITIES} was written, for there is no {FOLDERS}/{outputs.name}: pipelines plan nothing of it."
            )
    for store in outputs.stores if outputs else ():
        if store.volume:
            print(f"Home storage {store.name} is a disk, for an NFS server in the cluster: {store.volume}")
    return EXIT_OK


def _built(args: argparse.Namespace, outputs: Outputs) -> ClusterFacts:
    """The facts that Terraform tells; the options that would say the same are refused."""
    said = [option for option in _connection_options() if _given(args, option) is not None]
    said += [option for option in ("provider", "nfs-server") if _given(args, option) is not None]
    if said:
        raise DeployerError(f"--{said[0]}: Terraform says that", hint="Leave it out, or leave out --from-terraform.")
    check_domain(args.domain or "")
    return terraform_join.facts(
        outputs,
        name=args.name or "",
        domain=args.domain or "",
        ingress=args.ingress or "",
        contact=args.contact or "",
    )


def _check(outputs: Outputs, context: Context) -> int:
    found = terraform_join.parted(outputs, context.fleet)
    for one in found:
        print(one)
    if found:
        raise DeployerError(
            f"{outputs.name} and its Terraform have parted in {len(found)} place{'s' if len(found) > 1 else ''}",
            hint="Mend the fleet's files, or what Terraform is told; then run this again.",
        )
    print(f"{outputs.name} is as Terraform built it")
    return EXIT_OK


def _facts(args: argparse.Namespace, fleet: Fleet, asker: Asker) -> ClusterFacts:
    name = asker.text("NAME", "The cluster's name", args.name, check=partial(check_new_name, fleet=fleet))
    words = [str(provider) for provider in Provider]
    provider = asker.choice("--provider", "Where it runs", args.provider, words)
    connection = _connection(args, Provider(provider), name, asker) if provider else {}
    local = provider == Provider.LOCAL
    domain = asker.text(
        "--domain",
        "The domain below which its hubs stand, such as reef.example.org",
        "" if local else args.domain,
        needed=False,
        check=check_domain,
    )
    asker.complete("deployer new cluster")
    homes = Homes(server=args.nfs_server, share=args.nfs_share) if args.nfs_server else None
    return ClusterFacts(
        name=name,
        provider=Provider(provider),
        connection=connection,
        domain=domain,
        ingress=args.ingress or "",
        homes=homes,
        contact=args.contact or "",
    )


def _connection(args: argparse.Namespace, provider: Provider, name: str, asker: Asker) -> dict[str, Any]:
    """The keys of the provider's block; options of other providers are an error."""
    keys = _asked_for(provider)
    own = {_option(key) for key in keys}
    for option in _connection_options():
        if option not in own and _given(args, option) is not None:
            raise DeployerError(f"--{option}: not for provider {provider}", hint="deployer new cluster --help")
    found: dict[str, Any] = {}
    for key, spec in keys.items():
        given, asked = _given(args, _option(key)), spec.required or (provider, key) in _ASKED_TOO
        if asked and not (key == "zone" and args.region):
            default = _DEFAULTS.get((provider, key), name if _option(key) == "cluster-name" else "")
            needed = spec.required or (provider, key) in _NEEDED_TOO
            question = f"{provider}: {spec.doc}{f', such as {spec.example}' if spec.example and not default else ''}"
            option = "--zone (or --region)" if key == "zone" else f"--{_option(key)}"
            given = asker.text(option, question, given, default=default, needed=needed)
        if given:
            found[key] = given
    return found


def _connection_options() -> dict[str, str]:
    """The options of all providers' blocks, each with what it means and for whom."""
    found: dict[str, list[tuple[str, str]]] = {}
    for provider, key, spec in _keys():
        found.setdefault(_option(key), []).append((str(provider), spec.doc))
    return {option: _about(told) for option, told in found.items()}


def _about(told: list[tuple[str, str]]) -> str:
    docs = dict.fromkeys(doc for _, doc in told)
    said = [f"{', '.join(who for who, doc in told if doc == each)}: {each}" for each in docs]
    return "; ".join(said).replace("%", "%%")


def _keys() -> Iterator[tuple[Provider, str, Key]]:
    for provider in BLOCKS:
        yield from ((provider, key, spec) for key, spec in _asked_for(provider).items())


def _asked_for(provider: Provider) -> dict[str, Key]:
    """The keys of a provider's block that are options; flags and inner blocks come by hand, or from Terraform."""
    return {
        key: spec for key, spec in keys_of(BLOCKS[provider]).items() if spec.kind is not FLAG and not spec.kind.models
    }


def _option(key: str) -> str:
    return _OPTIONS.get(key, key.replace("_", "-"))


def _given(args: argparse.Namespace, option: str) -> str | None:
    given: str | None = getattr(args, option.replace("-", "_"))
    return given


def _say_next(facts: ClusterFacts, fleet: Fleet, *, built: bool) -> None:
    print("Next:")
    of_kubeconfig = facts.provider is Provider.KUBECONFIG
    if sealed := facts.connection.get("file" if of_kubeconfig else "key"):
        if not names_a_key(fleet.tree):
            print(
                "  name your key in .sops.yaml: take the # from its lines, and put what encrypts in the place of age1…"
            )
        file = f"{CLUSTERS}/{facts.name}/{sealed}"
        before = f"terraform output -raw {KEY_OUTPUT} | " if built else ""  # so that the key touches no disk in clear
        source = "/dev/stdin" if built else "KUBECONFIG" if of_kubeconfig else "KEY"
        # What sops writes itself is there only when it is whole; behind a > an error leaves an empty file.
        print(f"  {before}sops --encrypt --filename-override {file} --output {file} {source}")
    print(f"  deployer new hub {facts.name} NAME")
