"""OpenTofu with the providers of the mirror on this machine; never a registry, never a cloud."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from provider_schema import PROVIDERS

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "src/deployer/scaffold/template/base/terraform/modules"
TOOLS = ROOT / "tools/terraform"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jupyterhub-deployer/tools"
PATIENCE = 600  # seconds; only a guard


def built(name: str) -> Path:
    """Where `tools/terraform/build` puts what the committed lock makes; it may not be there."""
    asked = subprocess.run([TOOLS / "build", "--where", name], capture_output=True, text=True, check=True)
    return Path(asked.stdout.strip())


def built_tofu() -> Path | None:
    """OpenTofu as it is locked, or one that is installed."""
    made = built("opentofu") / "tofu"
    found = shutil.which("tofu")
    return made if made.exists() else Path(found) if found else None


def mirrored(cloud: str) -> bool:
    """Whether the mirror has the provider as it is locked."""
    folder = built(PROVIDERS[cloud])
    links = CACHE.glob(f"mirror/registry.opentofu.org/hashicorp/{PROVIDERS[cloud]}/*/*/terraform-provider-*")
    return any(link.resolve().parent == folder for link in links)


@dataclass(frozen=True)
class Tofu:
    """The command, in folders of its own below ``scratch``."""

    binary: Path
    mirror: Path
    scratch: Path

    @cached_property
    def env(self) -> dict[str, str]:
        config = self.scratch / "tofurc"
        config.write_text(
            f'disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = "{self.mirror}"\n'
            "  }\n}\n"
        )
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "TOFU_"))}
        return {**kept, "TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1"}

    def run(self, folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        argv = [str(self.binary), f"-chdir={folder}", *words]
        ran = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if check and ran.returncode:
            raise RuntimeError(f"{' '.join(words)}: {ran.stdout}{ran.stderr}")
        return ran

    def initialised(self, cloud: str) -> Path:
        """A copy of a cloud's module, ready to be validated."""
        folder = self.scratch / cloud
        shutil.copytree(MODULES / cloud, folder)
        self.run(folder, "init", "-backend=false", "-no-color", "-input=false")
        return folder

    @staticmethod
    def version(cloud: str) -> str:
        return (TOOLS / PROVIDERS[cloud] / "version").read_text().strip()


def tofus(scratch: Path) -> Iterator[Tofu]:
    if binary := built_tofu():
        yield Tofu(binary, CACHE / "mirror", scratch)
