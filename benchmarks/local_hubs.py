"""How long until N local hubs are healthy: the rollout, against the same hubs started one after another.

    python benchmarks/local_hubs.py [N …]        default: 1 5 10

Whole processes on new fleets; times depend on the machine, so the ratio of the two, taken in one run, is what counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEPLOYER = (sys.executable, "-m", "deployer.cli.main")
VALUES = """\
jupyterhub:
  hub:
    config:
      JupyterHub: {authenticator_class: dummy}
      DummyAuthenticator: {password: benchmark}
      Authenticator: {allow_all: true}
  cull: {enabled: false}
"""


def make_fleet(folder: Path, hubs: int) -> None:
    """A fleet with one local cluster of production hubs, which stand behind no canary."""
    run("init", str(folder), "--no-git")
    cluster = folder / "config" / "clusters" / "local"
    entries = "".join(
        f"  - {{name: hub-{n}, helm_chart: basehub, helm_chart_values_files: [all.values.yaml], health: http}}\n"
        for n in range(hubs)
    )
    cluster.joinpath("cluster.yaml").write_text(f"name: local\nprovider: local\nsupport: {{}}\nhubs:\n{entries}")
    cluster.joinpath("all.values.yaml").write_text(VALUES)


def run(*words: str) -> None:
    done = subprocess.run([*DEPLOYER, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"deployer {' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def seconds(hubs: int, *options: str) -> float:
    """From the command to all hubs healthy."""
    with tempfile.TemporaryDirectory() as folder:
        fleet = Path(folder) / "fleet"
        make_fleet(fleet, hubs)
        began = time.perf_counter()
        try:
            run("--fleet", str(fleet), "deploy", "--all", "--yes", *options)
            return time.perf_counter() - began
        finally:
            run("--fleet", str(fleet), "down")


def main() -> None:
    seconds(1)  # what is set up once for the machine is not measured
    print(f"{'hubs':>4}  {'rollout':>9}  {'one by one':>10}  {'ratio':>5}")
    for hubs in [int(word) for word in sys.argv[1:]] or [1, 5, 10]:
        together, apart = seconds(hubs), seconds(hubs, "--max-parallel", "1")
        print(f"{hubs:>4}  {together:>7.1f} s  {apart:>8.1f} s  {together / apart:>5.2f}", flush=True)


if __name__ == "__main__":
    main()
