"""The READMEs of the modules, made from their variables and outputs: `make terraform-readmes`."""

from __future__ import annotations

import re
from pathlib import Path

from deployer.scaffold.terraform_folder import blocks

MODULES = Path(__file__).parents[2] / "src/deployer/scaffold/template/base/terraform/modules"
TITLES = {"gcp": "Google Cloud", "aws": "AWS", "azure": "Azure"}
FILES = {
    "main": "providers, network, NAT, registry for images",
    "cluster": "the Kubernetes cluster",
    "node-pools": "nodes for hubs, users and Dask",
    "storage": "home directories and their back-ups",
    "buckets": "buckets of hubs, and when they forget",
    "identity": "what hubs' pods, the deployer and the planner may",
    "budget": "alerts",
    "variables": "what it asks for",
    "outputs": "what it tells; the deployer reads it",
}


def readme(cloud: str) -> str:
    """The whole file."""
    texts = {kind: (MODULES / cloud / f"{kind}s.tf").read_text(encoding="utf-8") for kind in ("variable", "output")}
    variables, outputs = (list(blocks(texts[kind], kind)) for kind in ("variable", "output"))
    lines = [
        f"# A cluster for hubs on {TITLES[cloud]}",
        "",
        "Made by `make terraform-readmes` from the module's own files. A cluster's folder that calls it is made by",
        f"`deployer new terraform NAME --provider {cloud}`.",
        "",
        "| file | what |",
        "|---|---|",
        *(f"| `{name}.tf` | {about} |" for name, about in FILES.items()),
        "| `tests/` | what a plan must hold to: `tofu init && tofu test`; no cloud is asked |",
        "",
        "## Variables",
        "",
        "| variable | | what |",
        "|---|---|---|",
        *(f"| `{name}` | {_needed(body)} | {_about(body)} |" for name, body in variables),
        "",
        *(line for name, body in variables for line in _shape(name, body)),
        "## Outputs",
        "",
        "| output | what |",
        "|---|---|",
        *(f"| `{name}` | {_about(body)}{_secret(body)} |" for name, body in outputs),
    ]
    return "\n".join(lines) + "\n"


def _about(body: str) -> str:
    found = re.search(r'^  description = "(.*)"$', body, re.MULTILINE)
    return found[1].replace("|", "\\|") if found else ""


def _needed(body: str) -> str:
    found = re.search(r"^  default\s*= (.*?)$", body, re.MULTILINE)
    if found is None:
        return "needed"
    return "" if found[1] in {"{", "{}", "[]", "null"} else f"`{found[1]}`"


def _secret(body: str) -> str:
    return " **Secret.**" if re.search(r"^  sensitive\s*= true$", body, re.MULTILINE) else ""


def _shape(name: str, body: str) -> list[str]:
    """The type of a variable that has fields, as the module has it."""
    found = re.search(r"^  type = (\w+\(.*?^  \}\)+)$", body, re.MULTILINE | re.DOTALL)
    if found is None:
        return []
    inner = [line.removeprefix("  ") for line in found[1].split("\n")]
    return [f"### `{name}`", "", "```hcl", *inner, "```", ""]


def main() -> None:
    for cloud in TITLES:
        (MODULES / cloud / "README.md").write_text(readme(cloud), encoding="utf-8")


if __name__ == "__main__":
    main()
