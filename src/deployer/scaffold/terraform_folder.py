"""A folder of Terraform for one cluster, made from the fleet's own modules: what they ask for, and what they tell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

from deployer.errors import DeployerError, Place
from deployer.fleet.cluster import Provider
from deployer.fleet.repository import Fleet
from deployer.scaffold.edit import Edit

CLUSTERS = "terraform/clusters"
MODULES = "terraform/modules"
IDENTITIES = "ci.json"  # of a cluster's folder: whom pipelines plan and apply as
CLOUDS = (Provider.GCP, Provider.AWS, Provider.AZURE)
NAME = re.compile(r"[a-z]([-a-z0-9]{0,28}[a-z0-9])?")  # as the modules' variable has it
AZURE_SHORTEST = 4  # of a Log Analytics workspace's name, which is the cluster's
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
# What must be known of a cluster of each cloud, beside its name.
NEEDED: Mapping[Provider, Mapping[str, str]] = {
    Provider.GCP: {
        "project": "the Google Cloud project's id",
        "region": "its region, such as europe-west1",
        "zone": "its zone, such as europe-west1-b",
        "state-bucket": "the bucket of Terraform's state",
    },
    Provider.AWS: {"region": "its region, such as eu-west-1", "state-bucket": "the bucket of Terraform's state"},
    Provider.AZURE: {
        "subscription": "the subscription's id",
        "tenant": "the Entra tenant's id",
        "region": "its region, such as westeurope",
        "suffix": "2 to 8 letters and digits that make names unique in all of Azure",
        "state-bucket": "the storage account of Terraform's state",
        "state-group": "the resource group that this account is in",
    },
}
_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}\n', re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFacts:
    """What the folder of a cluster is made of.

    ``given`` has the keys of :data:`NEEDED`; ``month`` (2026-01) is the first that a budget is for.
    """

    name: str
    provider: Provider
    given: Mapping[str, str]
    month: str
    repository: str = ""
    branch: str = "main"


def terraform_folder(facts: FolderFacts, fleet: Fleet) -> Edit:
    """The files of a cluster's folder, all of them new.

    :raises DeployerError: the fleet has no modules, or one of the facts cannot be.
    """
    check(facts)
    module = f"{MODULES}/{facts.provider}"
    sources = {name: _read(fleet, f"{module}/{name}.tf") for name in ("variables", "outputs")}
    texts = {**_templates(facts), "variables.tf": sources["variables"]}
    texts["main.tf"] = _call(module, sources["variables"])
    texts["outputs.tf"] = _passed_on(sources["outputs"])
    return Edit({f"{CLUSTERS}/{facts.name}/{name}": text.encode() for name, text in sorted(texts.items())})


def check(facts: FolderFacts) -> None:
    """
    :raises DeployerError: a name that the clouds do not take, or something that would break out of its quotes.
    """
    if not NAME.fullmatch(facts.name):
        raise DeployerError(
            f"{facts.name!r} cannot name a cluster in the clouds",
            hint="At most 30 lower-case letters, digits and hyphens; it begins with a letter.",
        )
    if facts.provider is Provider.AZURE and len(facts.name) < AZURE_SHORTEST:
        raise DeployerError(
            f"{facts.name!r} is too short for names in Azure", hint=f"At least {AZURE_SHORTEST} characters."
        )
    for key, value in facts.given.items():
        check_word(f"--{key}", value)
    if facts.repository and not REPOSITORY.fullmatch(facts.repository):
        raise DeployerError(f"--repository {facts.repository!r}: must be OWNER/NAME")


def check_word(option: str, value: str) -> None:
    """
    :raises DeployerError: there is something in it that no name of a cloud has.
    """
    if not _WORD.fullmatch(value):
        raise DeployerError(f"{option} {value!r}: letters, digits, '.', '_' and '-' only")


def _read(fleet: Fleet, path: str) -> str:
    if not fleet.tree.is_file(path):
        raise DeployerError(
            "the fleet has no such module",
            Place(path),
            f"A new fleet has {MODULES}/: copy it from one (deployer init).",
        )
    return fleet.tree.read(path).decode()


def _templates(facts: FolderFacts) -> dict[str, str]:
    """The files that are not made from the module: of each cloud its own."""
    known = {key.replace("-", "_"): value for key, value in facts.given.items()} | {
        "name": facts.name,
        "month": facts.month,
    }
    known |= {key: json.dumps(found) for key, found in _subjects(facts).items()}
    folder = files("deployer.scaffold") / "template" / "terraform" / str(facts.provider)
    return {
        file.name: re.sub(r"@(\w+)@", lambda found: known[found[1]], file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith((".tf", ".tfvars"))
    }


def _subjects(facts: FolderFacts) -> dict[str, list[str]]:
    """Whose tokens of GitHub may deploy, and plan: rollouts run on the default branch, plans on pull requests."""
    who = f"repo:{facts.repository}"
    if not facts.repository:
        return {"deploy_subjects": [], "plan_subjects": []}
    return {
        "deploy_subjects": [f"{who}:ref:refs/heads/{facts.branch}"],
        "plan_subjects": [f"{who}:pull_request", f"{who}:ref:refs/heads/{facts.branch}"],
    }


def blocks(text: str, kind: str) -> Iterator[tuple[str, str]]:
    """The variables or outputs of a file of Terraform: each name, and what is inside."""
    yield from ((name, body) for found, name, body in _BLOCK.findall(text) if found == kind)


def _call(module: str, variables: str) -> str:
    names = [name for name, _ in blocks(variables, "variable")]
    width = max(map(len, names))
    lines = [f"  {name:<{width}} = var.{name}" for name in names]
    return (
        "\n".join(['module "cluster" {', f'  source = "../../{module.removeprefix("terraform/")}"', "", *lines, "}"])
        + "\n"
    )


def _passed_on(outputs: str) -> str:
    """The module's outputs, as the folder's own: `terraform output -json` has no others."""
    texts = []
    for name, body in blocks(outputs, "output"):
        about = re.search(r'^  description = (".*")$', body, re.MULTILINE)
        lines = [f"  description = {about[1]}"] if about else []
        lines += [f"  value       = module.cluster.{name}"]
        lines += ["  sensitive   = true"] if re.search(r"^  sensitive\s*= true$", body, re.MULTILINE) else []
        texts.append("\n".join([f'output "{name}" {{', *lines, "}"]) + "\n")
    return "\n".join(texts)
