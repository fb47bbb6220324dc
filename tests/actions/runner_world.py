"""A fleet with a remote, and its workflow carried out by a real runner of workflows on this machine.

Actions that would be downloaded are stood in for by small local ones of the same interface; of GitHub's API a program
called ``gh`` gives the answers that a test sets. Everything else is as it is shipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

import deployer
from deployer.actions.workflow import texts

PATIENCE = 900.0  # seconds; only a guard, for the machine may be busy
BIN = Path(sys.executable).parent
WORKFLOW = ".github/workflows/deploy-hubs.yaml"
SIMPLE = {"hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"}}}}
BROKEN = {"hub": {"config": {"Spawner": {"http_timout": 60}}}}
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")

CHECKOUT = """
name: checkout
inputs: {fetch-depth: {default: "1"}, persist-credentials: {default: "true"}, ref: {default: ""}}
runs:
  using: composite
  steps:
    - shell: bash
      run: |
        find . -mindepth 1 -delete
        git init --quiet .
        git remote add origin "$TEST_REMOTE"
        git fetch --quiet origin main
        git checkout --quiet "$GITHUB_SHA"
        ln -s "$TEST_SHARED" .deployer
"""
SETUP = """
name: stand-in
inputs: {python-version: {default: ""}, path: {default: ""}, key: {default: ""}}
runs: {using: composite, steps: [{shell: bash, run: "true"}]}
"""
UPLOAD = """
name: upload-artifact
inputs:
  name: {required: true}
  path: {required: true}
  if-no-files-found: {default: warn}
  overwrite: {default: "false"}
  include-hidden-files: {default: "false"}
runs:
  using: composite
  steps:
    - shell: bash
      env: {NAME: "${{ inputs.name }}", FILES: "${{ inputs.path }}"}
      run: |
        if [ -n "$TEST_LOST" ] && [[ "$NAME" == $TEST_LOST ]]; then echo "$NAME is lost"; exit 0; fi
        mkdir -p "$TEST_ARTIFACTS/$NAME"
        printf '%s\\n' "$FILES" | while read -r file; do
          if [ -n "$file" ] && [ -f "$file" ]; then cp "$file" "$TEST_ARTIFACTS/$NAME/"; fi
        done
"""
DOWNLOAD = """
name: download-artifact
inputs:
  name: {default: ""}
  pattern: {default: ""}
  path: {default: "."}
  merge-multiple: {default: "false"}
runs:
  using: composite
  steps:
    - shell: bash
      env: {NAME: "${{ inputs.name }}${{ inputs.pattern }}", TO: "${{ inputs.path }}"}
      run: |
        mkdir -p "$TO"
        for folder in "$TEST_ARTIFACTS"/$NAME; do
          if [ -d "$folder" ]; then find "$folder" -type f -exec cp --no-clobber {} "$TO" \\; ; fi
        done
"""
STAND_INS = {
    "checkout": CHECKOUT,
    "setup-python": SETUP,
    "cache": SETUP,
    "upload-artifact": UPLOAD,
    "download-artifact": DOWNLOAD,
}
GH = """#!/bin/sh
test "$1" = api || exit 1
test -f "$TEST_LABELS" || { echo "HTTP 503" >&2; exit 1; }
cat "$TEST_LABELS"
"""
# The deployer, but for the leg that a test kills: that one dies in the middle of its first upgrade.
DEPLOYER = f"""#!/bin/bash
if [ -z "$TEST_KILL" ] || [[ "$*" != *"--leg $TEST_KILL "* ]]; then exec "{BIN}/deployer" "$@"; fi
"{BIN}/deployer" "$@" &
until grep --quiet '"act": "upgrade"' "$TEST_SHARED/rollouts/$ROLLOUT/journal-$LEG.jsonl" 2> /dev/null; do
  kill -0 $! || exit 1
  sleep 0.05
done
kill -KILL $!
wait $!
"""


@dataclass(frozen=True)
class Run:
    """How a run of the workflow went."""

    code: int
    log: str
    deployed: Mapping[str, str]  # how each release ended that this run took up, by the journals

    @property
    def red(self) -> bool:
        return self.code != 0


@dataclass
class RunnerWorld:
    """A work tree in ``root``, its remote, and what runs for it, all below ``top``."""

    top: Path
    labels: Path = field(init=False)
    runs: int = 0

    def __post_init__(self) -> None:
        self.labels = self.top / "labels"

    @property
    def root(self) -> Path:
        return self.top / "fleet"

    @property
    def shared(self) -> Path:
        """The state of local clusters, which all jobs of all runs see, as they would see one cluster."""
        return self.top / "shared"

    def git(self, *words: str) -> str:
        done = subprocess.run([*GIT, *words], cwd=self.root, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout.strip()

    def values(self, cluster: str, hub: str, *parts: Mapping[str, Any], name: str = "") -> None:
        whole: dict[str, Any] = {}
        for part in parts:
            whole = _merged(whole, part)
        path = self.root / f"config/clusters/{cluster}" / (name or f"{hub}.values.yaml")
        path.write_text(yaml.safe_dump({"jupyterhub": whole}))

    def rename_values(self, cluster: str, hub: str, name: str) -> None:
        """Let a hub's values stand in a file of another name."""
        folder = self.root / f"config/clusters/{cluster}"
        (folder / f"{hub}.values.yaml").rename(folder / name)
        whole = yaml.safe_load((folder / "cluster.yaml").read_text())
        for entry in whole["hubs"]:
            if entry["name"] == hub:
                entry["helm_chart_values_files"] = [name]
        (folder / "cluster.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))

    def all(self) -> list[str]:
        """Every release of the fleet."""
        clusters = [yaml.safe_load(path.read_text()) for path in self.root.glob("config/clusters/*/cluster.yaml")]
        names = [(one["name"], hub) for one in clusters for hub in ["support", *(h["name"] for h in one["hubs"])]]
        return sorted("/".join(pair) for pair in names)

    def set_labels(self, text: str | None) -> None:
        """What GitHub answers when it is asked for labels; None: it does not answer."""
        self.labels.unlink(missing_ok=True)
        if text is not None:
            self.labels.write_text(text)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def push(self, **harm: str) -> Run:
        """Commit all, push, and let the runner carry the workflow out.

        ``lost``: artifacts that never arrive. ``kill``: a leg that dies in the middle of an upgrade.
        """
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A change")
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.run("push", {"ref": "refs/heads/main"}, **harm)

    def run(self, event: str, data: Mapping[str, Any], *, lost: str = "", kill: str = "") -> Run:
        self.runs += 1
        folder = self.top / f"run-{self.runs}"
        folder.mkdir()
        self.git("clone", "--quiet", str(self.root), str(folder / "tree"))
        workflow = folder / "tree" / WORKFLOW
        # The one key that this runner does not know; it ignores all of `concurrency` anyway.
        workflow.write_text(workflow.read_text().replace("  queue: max\n", ""))
        payload = {"repository": {"default_branch": "main", "full_name": "test/fleet"}, **data}
        (folder / "event.json").write_text(json.dumps(payload))
        (folder / "artifacts").mkdir()
        done = subprocess.run(
            self._argv(event, folder, {"TEST_LOST": lost, "TEST_KILL": kill}),
            cwd=folder / "tree",
            env=self._env(folder),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        log = done.stdout + done.stderr
        (folder / "log").write_text(log)
        return Run(done.returncode, log, self.outcomes(f"github-{self.runs}-1"))

    def _argv(self, event: str, folder: Path, harm: Mapping[str, str]) -> list[str]:
        env = {
            "TEST_REMOTE": str(self.top / "remote.git"),
            "TEST_SHARED": str(self.shared),
            "TEST_ARTIFACTS": str(folder / "artifacts"),
            "TEST_LABELS": str(self.labels),
            **harm,
            "GITHUB_RUN_ID": str(self.runs),
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_REPOSITORY": "test/fleet",
        }
        stand_ins = [f"--local-repository={used}={self._stand_in(used)}" for used in _uses(folder / "tree")]
        return [
            _tool("act"),
            event,
            f"--workflows={WORKFLOW}",
            f"--eventpath={folder / 'event.json'}",
            "--platform=ubuntu-latest=-self-hosted",
            "--no-skip-checkout",
            "--no-cache-server",
            "--action-offline-mode",
            "--defaultbranch=main",
            *stand_ins,
            *(f"--env={name}={value}" for name, value in env.items()),
        ]

    def _env(self, folder: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        path = os.pathsep.join([str(self.top / "bin"), str(BIN), kept.get("PATH", "")])
        source = str(Path(deployer.__file__).parents[1])
        home = folder / "home"
        home.mkdir()
        return {**kept, "PATH": path, "PYTHONPATH": source, "HOME": str(home), "XDG_CONFIG_HOME": str(home)}

    def _stand_in(self, used: str) -> Path:
        return self.top / "actions" / used.partition("@")[0].partition("/")[2]

    # What came of it

    def outcomes(self, rollout: str) -> dict[str, str]:
        """The last outcome of each release, from all journals of a rollout."""
        events = []
        for path in (self.shared / "rollouts" / rollout).glob("*.jsonl"):
            events += [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]  # not torn
        ends = sorted((one for one in events if one["event"] == "ReleaseEnded"), key=lambda one: one["at"])
        return {one["release"]: one["outcome"] for one in ends}

    def state(self) -> list[str]:
        """The releases that the remote's state has."""
        shown = subprocess.run(
            [*GIT, "show", "refs/deployer/state:state.json"],
            cwd=self.top / "remote.git",
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return sorted(json.loads(shown.stdout)["releases"])

    def end(self) -> None:
        """Take the hubs down, and see that nothing is left."""
        link = self.root / ".deployer"
        if self.shared.exists() and not link.exists():
            link.symlink_to(self.shared)
        env = {**os.environ, "PYTHONPATH": str(Path(deployer.__file__).parents[1])}
        subprocess.run(
            [sys.executable, "-m", "deployer.cli.main", "--fleet", str(self.root), "down"],
            env=env,
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
        left = [process for process in psutil.process_iter() if _speaks_of(process, str(self.top))]
        for process in left:
            process.kill()
        assert not left


def new_world(top: Path, clusters: Mapping[str, list[str]]) -> RunnerWorld:
    """A fleet of local clusters with these hubs, each with the cheap health check; nothing is deployed yet."""
    world = RunnerWorld(top)
    world.root.mkdir(parents=True)
    world.shared.mkdir()
    charts = {"basehub": [{"name": "jupyterhub", "version": "4.3.3"}], "support": []}
    for name, inside in charts.items():
        chart = {"apiVersion": "v2", "name": name, "version": "0.1.0", "dependencies": inside}
        world.write(f"helm-charts/{name}/Chart.yaml", yaml.safe_dump(chart))
    for cluster, hubs in clusters.items():
        entries = [
            {"name": hub, "helm_chart": "basehub", "helm_chart_values_files": [f"{hub}.values.yaml"], "health": "http"}
            for hub in hubs
        ]
        whole = {"name": cluster, "provider": "local", "support": {"helm_chart_values_files": []}, "hubs": entries}
        world.write(f"config/clusters/{cluster}/cluster.yaml", yaml.safe_dump(whole, sort_keys=False))
        for hub in hubs:
            world.values(cluster, hub, SIMPLE)
    world.write("deployer.yaml", "install: jupyterhub-deployer\n")
    world.write(".gitignore", ".deployer\n")
    for path, text in texts().items():
        world.write(path, text)
    for name, text in STAND_INS.items():
        folder = top / "actions" / name
        folder.mkdir(parents=True)
        (folder / "action.yml").write_text(text)
    (top / "bin").mkdir()
    for name, text in {"gh": GH, "deployer": DEPLOYER}.items():
        (top / "bin" / name).write_text(text)
        (top / "bin" / name).chmod(0o755)
    world.labels.write_text("")
    subprocess.run([*GIT, "init", "--quiet", "--bare", "-b", "main", str(top / "remote.git")], check=True, timeout=60)
    world.git("init", "--quiet", "-b", "main")
    world.git("remote", "add", "origin", str(top / "remote.git"))
    return world


def _uses(tree: Path) -> list[str]:
    found = set()
    for path in (tree / ".github").rglob("*.yaml"):
        found |= set(re.findall(r"uses: (actions/[\w-]+@[0-9a-f]{40})", path.read_text()))
    return sorted(found)


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    assert found, f"{name} is missing"
    return found


def _merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(lower)
    for key, value in upper.items():
        known = result.get(key)
        result[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, Mapping) else value
    return result


def _speaks_of(process: psutil.Process, folder: str) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        said = [*process.cmdline(), process.cwd(), *process.environ().values()]
    except (psutil.Error, OSError):
        return False
    return any(f"{folder}/" in f"{text}/" for text in said)
