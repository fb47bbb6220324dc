"""Make the folder of Terraform that builds a cluster: a backend, a provider, one call of a module, and its settings.

deployer new terraform reef --provider gcp --project our-project --region europe-west1 --zone europe-west1-b \\
    --state-bucket our-terraform-state --repository our-org/hubs

It lies in terraform/clusters/, and is yours from then on. What Terraform built becomes a cluster of the fleet with:
deployer new cluster NAME --from-terraform FILE
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from deployer.cli import writing
from deployer.cli.asking import Asker
from deployer.cli.context import Context
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.cluster import Provider
from deployer.scaffold.terraform_folder import CLOUDS, CLUSTERS, NEEDED, FolderFacts, check_word, terraform_folder


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="the cluster's name, and its folder's")
    parser.add_argument("--provider", metavar="PROVIDER", help=f"one of {', '.join(CLOUDS)}")
    for option, about in _all_options().items():
        parser.add_argument(f"--{option}", metavar=option.split("-")[-1].upper(), help=about)
    ci = parser.add_argument_group("who deploys")
    ci.add_argument(
        "--repository", metavar="OWNER/NAME", help="the fleet's repository on GitHub: its workflow may deploy"
    )
    ci.add_argument("--branch", metavar="BRANCH", default="main", help="its default branch (default: main)")
    writing.add_options(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    facts = _facts(args, Asker.at_terminal())
    if writing.finish(args, context, terraform_folder(facts, context.fleet), []):
        _say_next(facts)
    return EXIT_OK


def _facts(args: argparse.Namespace, asker: Asker) -> FolderFacts:
    name = asker.text("NAME", "The cluster's name", args.name)
    provider = asker.choice("--provider", "Where it shall run", args.provider, [str(cloud) for cloud in CLOUDS])
    given = _given(args, Provider(provider), asker) if provider else {}
    repository = asker.text(
        "--repository", "The fleet's repository on GitHub, OWNER/NAME", args.repository, needed=False
    )
    check_branch(args.branch)
    asker.complete("deployer new terraform")
    return FolderFacts(
        name=name,
        provider=Provider(provider),
        given=given,
        month=f"{datetime.now(UTC):%Y-%m}",
        repository=repository,
        branch=args.branch,
    )


def check_branch(branch: str) -> None:
    """
    :raises DeployerError: no name of a branch that a token's subject could have.
    """
    for part in branch.split("/"):
        check_word("--branch", part)


def _given(args: argparse.Namespace, provider: Provider, asker: Asker) -> dict[str, str]:
    needed = NEEDED[provider]
    for option in _all_options():
        if option not in needed and getattr(args, option.replace("-", "_")) is not None:
            raise DeployerError(f"--{option}: not for provider {provider}", hint="deployer new terraform --help")
    return {
        option: asker.text(
            f"--{option}",
            f"{provider}: {about}",
            getattr(args, option.replace("-", "_")),
            check=lambda value, option=option: check_word(f"--{option}", value),  # type: ignore[misc]
        )
        for option, about in needed.items()
    }


def _all_options() -> dict[str, str]:
    """The options of all clouds, each with what it means and for whom."""
    found: dict[str, dict[str, list[str]]] = {}
    for provider, needed in NEEDED.items():
        for option, about in needed.items():
            found.setdefault(option, {}).setdefault(about, []).append(str(provider))
    return {
        option: "; ".join(f"{', '.join(who)}: {about}" for about, who in told.items()) for option, told in found.items()
    }


def _say_next(facts: FolderFacts) -> None:
    print("Next:")
    print(f"  look through {CLUSTERS}/{facts.name}/terraform.tfvars, then go to that folder")
    print("  tofu init                  # or terraform; commit the .terraform.lock.hcl that it writes")
    print("  tofu plan -out=plan        # read it")
    print("  tofu apply plan            # about a quarter of an hour")
    print(f"  tofu output -json | deployer new cluster {facts.name} --from-terraform -")
