"""A fleet in a folder of its own and the command as a user calls it: what it prints, how it exits, what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

PATIENCE = 300.0  # seconds; only a guard, for the machine may be busy
COMMAND = (sys.executable, "-m", "deployer.cli.main")
MARK = "DEPLOYER_DAEMON"
DUMMY = {"hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"}}}}

Outcomes = dict[str, str]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class FleetWorld:
    """The fleet in ``root``, and all that runs for it. ``wrapper`` are words to set before the command."""

    root: Path
    wrapper: tuple[str, ...] = ()

    # The command

    def begin(self, *words: str) -> subprocess.Popen[str]:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        return subprocess.Popen(
            [*self.wrapper, *COMMAND, "--fleet", str(self.root), *words],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> Ran:
        return finished(self.begin(*words))

    def ok(self, *words: str) -> Ran:
        ran = self.run(*words)
        assert ran.code == 0, str(ran)
        return ran

    def json(self, *words: str) -> Any:
        return json.loads(self.ok(*words, "--format", "json").out)

    def status(self) -> dict[str, dict[str, Any]]:
        return {f"{row['cluster']}/{row['hub'] or 'support'}": row for row in self.json("status")}

    def states(self) -> dict[str, str]:
        return {name: row["state"] for name, row in self.status().items()}

    def planned(self, *words: str) -> list[str]:
        return [f"{one['cluster']}/{one['hub'] or 'support'}" for one in self.json("plan", *words)["releases"]]

    # What rollouts left

    def rollouts(self) -> list[str]:
        """Their ids, the newest first."""
        return [one["id"] for one in self.json("history")]

    def outcomes(self, rollout: str | None = None) -> Outcomes:
        """As ``history show`` tells them."""
        shown = self.json("history", "show", rollout or self.rollouts()[0])
        return {one["release"]: one["outcome"] for one in shown["releases"]}

    def journal(self, rollout: str | None = None) -> list[dict[str, Any]]:
        """The lines of a rollout's journal, by default of the newest; a torn one is left out."""
        folders = sorted((self.state / "rollouts").glob("*"), key=lambda path: path.stat().st_ctime)
        path = (self.state / "rollouts" / rollout) if rollout else folders[-1] if folders else self.state
        return list(_lines(path / "journal.jsonl"))

    def count_of_lines(self) -> int:
        """In all journals."""
        return sum(len(list(_lines(path))) for path in (self.state / "rollouts").glob("*/journal.jsonl"))

    def begun(self, act: str, release: str) -> bool:
        """Whether the newest rollout has begun this act, and not ended it."""
        events = [line for line in self.journal() if line.get("act") == act and line.get("release") == release]
        return bool(events) and events[-1]["event"] == "ActBegun"

    # The files

    @property
    def state(self) -> Path:
        return self.root / ".deployer"

    def folder(self, release: str) -> Path:
        cluster, name = release.split("/")
        return self.state / "local" / cluster / "releases" / name

    def values_file(self, release: str) -> Path:
        cluster, name = release.split("/")
        return self.root / "config" / "clusters" / cluster / f"{name}.values.yaml"

    def change(self, release: str, values: Mapping[str, Any]) -> None:
        """Give a hub these values on top of a log-in."""
        self.values_file(release).write_text(yaml.safe_dump({"jupyterhub": merged(DUMMY, values)}))

    def records(self, release: str) -> dict[int, tuple[str, bool]]:
        """Status and proof of each revision, by number."""
        found = {}
        for path in self.folder(release).glob("revisions/*/record.json"):
            record = json.loads(path.read_text())
            found[record["number"]] = (record["status"], record["verified"])
        return dict(sorted(found.items()))

    def values(self, release: str) -> dict[str, Any]:
        """The values that the current revision was made of."""
        number = self.status()[release]["revision"]
        values: dict[str, Any] = json.loads((self.folder(release) / f"revisions/{number}/values.json").read_text())
        return values

    def git(self, *words: str) -> str:
        name = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        return subprocess.run(
            ["git", *name, *words], cwd=self.root, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A change")

    # What runs

    def pid_file(self, release: str, daemon: str) -> Path:
        return self.folder(release) / f"{daemon}.pid.json"

    def pid(self, release: str, daemon: str = "hub") -> int:
        return int(json.loads(self.pid_file(release, daemon).read_text())["pid"])

    def pids(self) -> dict[str, int]:
        """Of all daemons, by the path of their pid files."""
        files = sorted(self.state.glob("local/*/releases/*/*.pid.json"))
        return {str(path.relative_to(self.state)): json.loads(path.read_text())["pid"] for path in files}

    def kill(self, release: str, daemon: str = "hub") -> None:
        process = psutil.Process(self.pid(release, daemon))
        process.kill()
        wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)

    def get(self, release: str, path: str = "hub/health") -> int:
        """The status of a page at the hub's public address, as a browser asks for it."""
        url = httpx.URL(self.status()[release]["url"])
        at = f"http://127.0.0.1:{url.port}{url.path}{path}"
        return httpx.get(at, headers={"Host": url.netloc.decode()}, timeout=30, trust_env=False).status_code

    def api(self, release: str, method: str, path: str) -> httpx.Response:
        """Ask the hub's API, with the token of its health check."""
        token = json.loads((self.folder(release) / "secrets.json").read_text())["health_token"]
        url, headers = f"{self.status()[release]['plain_url']}hub/api/{path}", {"Authorization": f"token {token}"}
        return httpx.request(method, url, headers=headers, timeout=30, trust_env=False).raise_for_status()

    def daemons(self) -> Counter[str]:
        """How often each daemon runs, by its name, whatever the pid files say."""
        found: Counter[str] = Counter()
        for process in psutil.process_iter():
            mark = environment(process).get(MARK, "")
            if mark.startswith(f"{self.root}/") and os.getsid(process.pid) == process.pid:
                found[mark.removeprefix(f"{self.state}/local/").removesuffix(".pid.json")] += 1
        return found

    def processes(self) -> list[psutil.Process]:
        """All that speak of this fleet: in their command, their place or their environment."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                return False
            said = [*process.cmdline(), process.cwd(), *process.environ().values()]
        except (psutil.Error, OSError):
            return False
        return any(f"{self.root}/" in f"{text}/" for text in said)

    def end(self) -> None:
        """Take everything down as a user would, and see that nothing is left."""
        ran = self.run("down")
        left = self.processes()
        for process in left:
            process.kill()
        assert ran.code == 0, str(ran)
        assert not left


def new_fleet(root: Path, clusters: Mapping[str, Mapping[str, Mapping[str, Any]]], **keys: Any) -> FleetWorld:
    """A fleet of local clusters: by name their hubs, which are the keys of their entries; ``keys`` are for all hubs."""
    world = FleetWorld(root)
    for name, inside in {"basehub": [{"name": "jupyterhub", "version": "4.3.3"}], "support": []}.items():
        chart = root / "helm-charts" / name / "Chart.yaml"
        chart.parent.mkdir(parents=True)
        chart.write_text(yaml.safe_dump({"apiVersion": "v2", "name": name, "version": "0.1.0", "dependencies": inside}))
    for cluster, hubs in clusters.items():
        write_cluster(world, cluster, {hub: {"health": "http", **keys, **entry} for hub, entry in hubs.items()})
    (root / "deployer.yaml").write_text("limits: {parallel: 8, parallel_per_cluster: 8}\n")
    (root / ".gitignore").write_text(".deployer/\n")
    world.git("init", "--quiet")
    world.commit()
    return world


def write_cluster(world: FleetWorld, cluster: str, hubs: Mapping[str, Mapping[str, Any]], **keys: Any) -> None:
    """A cluster.yaml, and values for the hubs that have none."""
    entries = [
        {"name": hub, "helm_chart": "basehub", "helm_chart_values_files": [f"{hub}.values.yaml"], **entry}
        for hub, entry in hubs.items()
    ]
    whole = {"name": cluster, "provider": "local", "support": {"helm_chart_values_files": []}, "hubs": entries, **keys}
    folder = world.root / "config" / "clusters" / cluster
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cluster.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    for hub in hubs:
        if not world.values_file(f"{cluster}/{hub}").exists():
            world.change(f"{cluster}/{hub}", {})


def merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(lower)
    for key, value in upper.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return result


def finished(child: subprocess.Popen[str]) -> Ran:
    """Wait for a command that was begun."""
    try:
        out, err = child.communicate(timeout=PATIENCE)
    except BaseException:
        child.kill()
        child.communicate()
        raise
    return Ran(child.returncode, out, err)


def wait_until(condition: Callable[[], Any], pause: float = 0.05) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(pause)


def environment(process: psutil.Process) -> Mapping[str, str]:
    try:
        return process.environ() if process.status() != psutil.STATUS_ZOMBIE else {}
    except (psutil.Error, OSError):
        return {}


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue
