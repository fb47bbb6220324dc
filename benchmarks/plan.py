"""How long plans take, as whole processes, against the bare interpreter's start in the same run.

    python benchmarks/plan.py [--data DIR] [--runs N] [--times 1,10]

Without the real fleet's data (DIR, by default ../shared/data) a made fleet of the same size stands in. Medians of
wall time, and of processor time, which a busy machine falsifies less. Exits with 1 where a goal is missed by processor
time: ``--help`` within 3 times the interpreter's start; growth from the first fleet to the last no worse than linear.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
CLUSTERS, HUBS = 30, 171
ENV = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}
DEPLOYER = [sys.executable, "-c", "import sys; from deployer.cli.main import main; sys.exit(main())"]
SETTINGS = "extra_keys: [aws.billing, gcp.billing]\n"


class Took(NamedTuple):
    """Medians, in seconds."""

    wall: float
    cpu: float


def measure(argv: Sequence[str], cwd: Path, runs: int) -> Took:
    once(argv, cwd)  # bytecode is written, files are in the page cache
    taken = [once(argv, cwd) for _ in range(runs)]
    return Took(statistics.median(one.wall for one in taken), statistics.median(one.cpu for one in taken))


def once(argv: Sequence[str], cwd: Path) -> Took:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(argv, cwd=cwd, env=ENV, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def make_fleet(root: Path, data: Path, times: int) -> tuple[Path, Path]:
    """A git repository with the fleet ``times`` over; a values file that many hubs read, and one of one hub."""
    if (data / "real-fleet").is_dir():
        shutil.copytree(data / "real-fleet", root, copy_function=shutil.copyfile)
        root.chmod(0o755)
    else:
        made_fleet(root)
    (root / "deployer.yaml").write_text(SETTINGS)
    multiply(root / "config/clusters", times)
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=b", "-c", "user.email=b@x", "commit", "-qm", "base"],
    ):
        subprocess.run(["git", *words], cwd=root, env=ENV, check=True)
    values = sorted(root.glob("config/clusters/*/*.values.yaml"))
    plain = [path for path in values if not path.name.startswith("enc-")]
    single = next(path for path in plain if "common" not in path.name and "support" not in path.name)
    return next(path for path in plain if "common" in path.name), single


def multiply(clusters: Path, times: int) -> None:
    for cluster in sorted(path for path in clusters.iterdir() if (path / "cluster.yaml").is_file()):
        text = (cluster / "cluster.yaml").read_text()
        for number in range(1, times):
            copy = clusters / f"{cluster.name}-{number}"
            shutil.copytree(cluster, copy, copy_function=shutil.copyfile)
            (copy / "cluster.yaml").write_text(text.replace(f"name: {cluster.name}\n", f"name: {copy.name}\n", 1))


def made_fleet(root: Path) -> None:
    for chart in ("basehub", "support"):
        folder = root / "helm-charts" / chart
        (folder / "templates").mkdir(parents=True)
        (folder / "Chart.yaml").write_text(f"name: {chart}\nversion: 1.0.0\n")
        (folder / "values.yaml").write_text("a: 1\n")
    share = [HUBS // CLUSTERS + (number < HUBS % CLUSTERS) for number in range(CLUSTERS)]
    for number, hubs in enumerate(share):
        made_cluster(root / "config/clusters" / f"cluster-{number}", hubs)


def made_cluster(folder: Path, hubs: int) -> None:
    folder.mkdir(parents=True)
    text = f"name: {folder.name}\nprovider: gcp\ngcp: {{project: p, cluster: c, zone: z}}\n"
    text += "support:\n  helm_chart_values_files: [support.values.yaml]\nhubs:\n"
    for number in range(hubs):
        name = "staging" if number == 0 else f"hub-{number}"
        text += f"- name: {name}\n  display_name: A hub\n  domain: {name}.{folder.name}.example.org\n"
        text += "  helm_chart: basehub\n"
        text += f"  helm_chart_values_files:\n  - common.values.yaml\n  - {name}.values.yaml\n"
        (folder / f"{name}.values.yaml").write_text(
            "jupyterhub:\n" + "".join(f"  key{n}:\n    inner: [1, two]\n    more: {{a: b}}\n" for n in range(30))
        )
    (folder / "cluster.yaml").write_text(text)
    for name in ("common", "support"):
        (folder / f"{name}.values.yaml").write_text("".join(f"key{n}: {{a: {n}}}\n" for n in range(30)))


def measure_fleet(root: Path, shared: Path, single: Path, runs: int) -> dict[str, Took]:
    """The plans of one fleet; what it adds to a file it takes back."""
    took = {
        "plan FILE": measure([*DEPLOYER, "plan", str(shared)], root, runs),
        "plan FILE, as JSON": measure([*DEPLOYER, "plan", "--format", "json", str(shared)], root, runs),
        "plan --all, as JSON": measure([*DEPLOYER, "plan", "--format", "json", "--all"], root, runs),
    }
    for name, path in (("one hub", single), ("shared values", shared)):
        text = path.read_text()
        path.write_text(f"{text}\nadded: 1\n")
        took[f"plan --since, {name}"] = measure([*DEPLOYER, "plan", "--format", "json", "--since", "HEAD"], root, runs)
        path.write_text(text)
    return took


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    options.add_argument("--runs", type=int, default=7)
    options.add_argument("--times", default="1,10")
    given = options.parse_args()
    times = [int(number) for number in given.times.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        bare = measure([sys.executable, "-c", "pass"], top, given.runs)
        print(f"{'':<34}{'wall':>9}{'cpu':>9}{'cpu, to bare':>14}")
        show("python -c pass", bare, bare)
        help_ = measure([*DEPLOYER, "--help"], top, given.runs)
        show("deployer --help", help_, bare)
        fleets = {}
        for number in times:
            root = top / f"fleet-{number}"
            fleets[number] = measure_fleet(root, *make_fleet(root, given.data, number), given.runs)
            for name, took in fleets[number].items():
                show(f"{number:>3} x {name}", took, bare)
    missed = ["--help"] if help_.cpu > 3 * bare.cpu else []
    missed += growth(fleets[times[0]], fleets[times[-1]], times[-1] / times[0])
    print(f"missed: {', '.join(missed)}" if missed else "all goals met")
    return 1 if missed else 0


def show(name: str, took: Took, bare: Took) -> None:
    print(f"{name:<34}{took.wall * 1000:>6.0f} ms{took.cpu * 1000:>6.0f} ms{took.cpu / bare.cpu:>14.1f}", flush=True)


def growth(small: dict[str, Took], large: dict[str, Took], times: float) -> list[str]:
    """The plans that grow faster than the fleet."""
    grown = {name: large[name].cpu / took.cpu for name, took in small.items()}
    for name, ratio in grown.items():
        print(f"growth of {name}: {ratio:.1f} for a fleet {times:g} times as large")
    return [name for name, ratio in grown.items() if ratio > max(times, 1) * 1.1]


if __name__ == "__main__":
    sys.exit(main())
