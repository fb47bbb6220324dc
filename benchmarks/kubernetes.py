"""Rollouts on Kubernetes against the bare helm commands, run one after another on the same cluster.

    python benchmarks/kubernetes.py [HUBS]        default: 40

A control plane of the test lane, whose pods become ready after PODS seconds. Of the numbers only ratios, taken in one
run, say something: machines are slow and busy. What is measured:

- wall time of an upgrade of all hubs, at parallelism 1 and 8, against `helm upgrade --wait` one after another;
- what the deployer adds to each release, where nothing runs at the same time;
- the deployer's own memory, its children's left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psutil

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "tests" / "kubernetes")]

from control_plane import ControlPlane  # noqa: E402
from kube_cluster import KubeCluster  # noqa: E402
from kube_fleet import KubeFleet, slow, write_charts  # noqa: E402

from chart_repository import chart_repository  # noqa: E402

PODS = 3.0  # seconds until a pod is ready


class Measured(NamedTuple):
    seconds: float
    memory: float  # MiB


def change_all(fleet: KubeFleet, hubs: list[str], turn: str) -> None:
    """Give each hub what makes a new pod."""
    for hub in hubs:
        values = slow(PODS)
        values["jupyterhub"]["hub"]["extraEnv"] = {"TURN": turn}
        fleet.change(f"bench/{hub}", values)


def bare_helm(fleet: KubeFleet, hubs: list[str], turn: str) -> float:
    """Seconds that the commands take which a stranger would type."""
    change_all(fleet, hubs, turn)
    cluster, chart = fleet.given["bench"], str(fleet.root / "helm-charts" / "basehub")
    began = time.perf_counter()
    for hub in hubs:
        name = fleet.full(hub)
        words = ["upgrade", "--install", "--create-namespace", "--namespace", name, name, chart]
        values = ["--values", str(fleet.values_file(f"bench/{hub}"))]
        cluster.helm(*words, *values, "--wait", "--atomic", "--timeout", "300s")
    return time.perf_counter() - began


def rollout(fleet: KubeFleet, hubs: list[str], turn: str, parallel: int) -> Measured:
    change_all(fleet, hubs, turn)
    began = time.perf_counter()
    options = ["--yes", "--max-parallel", str(parallel), "--per-cluster", str(parallel)]
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "deployer.cli.main", "--fleet", str(fleet.root), "deploy", "--all", *options],
            env=fleet.env,
            stdout=said,
            stderr=said,
        )
        most = [0.0]
        watcher = threading.Thread(target=watch_memory, args=(child, most))
        watcher.start()
        code = child.wait()
        seconds = time.perf_counter() - began
        watcher.join()
        said.seek(0)
        assert code == 0, said.read().decode()
    return Measured(seconds, most[0])


def watch_memory(child: subprocess.Popen[bytes], most: list[float]) -> None:
    process = psutil.Process(child.pid)
    while child.poll() is None:
        try:
            most[0] = max(most[0], process.memory_full_info().pss / 2**20)
        except psutil.Error:
            return
        time.sleep(0.5)


def make_fleet(folder: Path, hubs: list[str], stack: ExitStack) -> KubeFleet:
    """Production hubs on one cluster, none behind a canary."""
    plane = ControlPlane(folder / "plane")
    stack.callback(plane.end)
    plane.start()
    cluster = KubeCluster("bench", plane.kubeconfig(), folder / "helm", plane)
    fleet = KubeFleet(folder / "fleet", {"bench": cluster}, "b")
    (folder / "charts").mkdir()
    write_charts(fleet.root, stack.enter_context(chart_repository(folder / "charts")))
    cluster.helm("dependency", "update", str(fleet.root / "helm-charts" / "basehub"))
    fleet.write_cluster("bench", {hub: {} for hub in hubs})
    fleet.settings(limits={"parallel": 8, "parallel_per_cluster": 8})
    (fleet.root / ".gitignore").write_text(".deployer/\ncharts/\n")
    fleet.git("init", "--quiet")
    fleet.commit()
    return fleet


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    hubs = [f"hub{number}" for number in range(count)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fleet = make_fleet(folder, hubs, stack)
        for turn in ("install", "settle"):  # the chart's first upgrade still changes what it made at random
            rollout(fleet, hubs, turn, 8)
        bare = bare_helm(fleet, hubs, "bare")
        alone, together = rollout(fleet, hubs, "alone", 1), rollout(fleet, hubs, "together", 8)
    print(f"{count} upgrades, pods ready after {PODS:g} s")
    print(f"{'':<24}{'seconds':>9}{'of bare':>9}{'memory':>10}")
    print(f"{'bare helm, in sequence':<24}{bare:>9.1f}{1:>9.2f}")
    for name, one in {"deployer, 1 at a time": alone, "deployer, 8 at a time": together}.items():
        print(f"{name:<24}{one.seconds:>9.1f}{one.seconds / bare:>9.2f}{one.memory:>6.0f} MiB")
    print(f"overhead of the deployer for each release: {(alone.seconds / bare - 1) * 100:.0f} % (goal: under 10 %)")
    print(f"faster than in sequence: {bare / together.seconds:.1f} times (goal: over 3.5)")


if __name__ == "__main__":
    main()
