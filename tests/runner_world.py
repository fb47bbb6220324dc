"""A fleet with a remote, and its workflow carried out by a real runner of workflows on this machine.

Actions that would be downloaded are stood in for by small local ones of the same interface, GitHub's API by a server on
this machine, which gives the answers that a test sets; the deployer is not installed anew in each job. All else is as
it is shipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

import deployer
from deployer.actions.workflow import texts
from loopback_github import LoopbackGitHub

PATIENCE = 900.0  # seconds; only a guard, for the machine may be busy
BIN = Path(sys.executable).parent
FOLDER = ".github/workflows"
DEPLOY, COMMENT, CHECK = "deploy-hubs.yaml", "deploy-hubs-comment.yaml", "check-hubs.yaml"
TOKEN = "token-of-the-workflow"
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
        git checkout --quiet "${{ inputs.ref && 'FETCH_HEAD' || github.sha }}"
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
# Each writes down whom it was asked to become, and leaves what the real one leaves for later steps.
AUTH = """
name: auth
inputs:
  workload_identity_provider: {required: true}
  service_account: {default: ""}
runs:
  using: composite
  steps:
    - shell: bash
      env: {WHO: "gcp ${{ inputs.workload_identity_provider }} ${{ inputs.service_account }}"}
      run: |
        echo "$GITHUB_JOB: $WHO" >> "$TEST_LOGINS"
        file="$PWD/gha-creds-0123456789abcdef.json"
        echo "$WHO" > "$file"
        echo "GOOGLE_APPLICATION_CREDENTIALS=$file" >> "$GITHUB_ENV"
        echo "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE=$file" >> "$GITHUB_ENV"
"""
GCLOUD = """
name: setup-gcloud
inputs: {version: {required: true}, install_components: {required: true}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {WHAT: "${{ inputs.install_components }}"}
      run: 'echo "$GITHUB_JOB: installs $WHAT" >> "$TEST_LOGINS"'
"""
AWS = """
name: configure-aws-credentials
inputs: {role-to-assume: {required: true}, aws-region: {required: true}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {WHO: "aws ${{ inputs.role-to-assume }} ${{ inputs.aws-region }}"}
      run: 'echo "$GITHUB_JOB: $WHO" >> "$TEST_LOGINS"'
"""
AZURE = """
name: login
inputs:
  client-id: {required: true}
  tenant-id: {required: true}
  subscription-id: {default: ""}
  allow-no-subscriptions: {default: "false"}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        WHO: "azure ${{ inputs.client-id }} ${{ inputs.tenant-id }}"
        WHERE: "${{ inputs.subscription-id || inputs.allow-no-subscriptions }}"
      run: 'echo "$GITHUB_JOB: $WHO $WHERE" >> "$TEST_LOGINS"'
"""
STAND_INS = {
    "actions/checkout": CHECKOUT,
    "actions/setup-python": SETUP,
    "actions/cache": SETUP,
    "actions/upload-artifact": UPLOAD,
    "actions/download-artifact": DOWNLOAD,
    "google-github-actions/auth": AUTH,
    "google-github-actions/setup-gcloud": GCLOUD,
    "aws-actions/configure-aws-credentials": AWS,
    "azure/login": AZURE,
}
# What the job would install is here already.
PYTHON = f"""#!/bin/sh
case "$1 $2 $3" in "-m pip install") exit 0 ;; esac
exec "{BIN}/python" "$@"
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


# The outputs of a plan once more, less the early legs that need not run again.
SAME_OUTPUTS = """
GITHUB_OUTPUT=all deployer plan --saved "$RUNNER_TEMP/plan.json" --format github
python - <<'END'
import json, os
lines = open("all").read().splitlines()
values = {lines[at].partition("<<")[0]: lines[at + 1] for at in range(0, len(lines), 3)}
legs = json.loads(values["support-and-staging-jobs"])
values["support-and-staging-jobs"] = json.dumps([leg for leg in legs if leg["leg"] in json.loads(os.environ["FAILED"])])
values["rollout"] = os.environ["ROLLOUT"]
with open(os.environ["GITHUB_OUTPUT"], "a") as file:
    file.writelines(f"{name}={value}\\n" for name, value in values.items())
END
rm all
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
    github: LoopbackGitHub
    tools: str = ""  # what stands before all else on the jobs' PATH
    runs: int = 0

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

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "A change")

    def push(self, **ways: Any) -> Run:
        """Commit all, push, and let the runner carry the workflow out."""
        self.commit()
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.run("push", {"ref": "refs/heads/main"}, **ways)

    def run(
        self,
        event: str,
        data: Mapping[str, Any],
        *,
        workflow: str = DEPLOY,
        lost: str = "",
        kill: str = "",
        artifacts: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> Run:
        """Let the runner carry a workflow out.

        :param lost: artifacts that never arrive.
        :param kill: a leg that dies in the middle of an upgrade.
        :param artifacts: files that are there from another run, by ``artifact/file``.
        """
        self.runs += 1
        folder = self._new_folder(str(self.runs))
        for name, text in (artifacts or {}).items():
            file = folder / "artifacts" / name
            file.parent.mkdir()
            file.write_text(text)
        env = {"TEST_LOST": lost, "TEST_KILL": kill, "GITHUB_RUN_ID": str(self.runs), "GITHUB_RUN_ATTEMPT": "1"}
        done = self._act(folder, event, workflow, data, env, secrets or {})
        return Run(*done, self.outcomes(f"github-{self.runs}-1"))

    def run_failed_jobs_again(self, *, failed: Sequence[str]) -> Run:
        """The last run's second attempt: the jobs that had failed, and those behind them.

        GitHub keeps the outputs of the jobs that it does not run again. Our runner cannot, so the first job is replaced
        by one that gives the same outputs, but for the legs that had succeeded.

        :param failed: the legs of upgrade-support-and-staging.
        """
        folder = self._new_folder(f"{self.runs}-again")
        shutil.copytree(self.top / f"run-{self.runs}" / "artifacts", folder / "artifacts", dirs_exist_ok=True)
        file = folder / "tree" / FOLDER / DEPLOY
        whole = yaml.safe_load(file.read_text())
        whole["on"] = whole.pop(True)  # what YAML 1.1 takes the word for
        job = whole["jobs"]["generate-jobs"]
        download = next(
            one for one in whole["jobs"]["filter-generate-jobs"]["steps"] if "download" in one.get("uses", "")
        )
        kept = {"FAILED": json.dumps(failed), "ROLLOUT": f"github-{self.runs}-1"}
        job["steps"] = [*job["steps"][:2], download, {"id": "plan", "shell": "bash", "env": kept, "run": SAME_OUTPUTS}]
        file.write_text(yaml.safe_dump(whole))
        env = {"TEST_LOST": "", "TEST_KILL": "", "GITHUB_RUN_ID": str(self.runs), "GITHUB_RUN_ATTEMPT": "2"}
        before = self.ended(f"github-{self.runs}-1")
        done = self._act(folder, "push", DEPLOY, {"ref": "refs/heads/main"}, env, {})
        return Run(*done, _last(self.ended(f"github-{self.runs}-1")[len(before) :]))

    def _new_folder(self, name: str) -> Path:
        folder = self.top / f"run-{name}"
        folder.mkdir()
        self.git("clone", "--quiet", str(self.root), str(folder / "tree"))
        for path in (folder / "tree" / FOLDER).glob("*.yaml"):
            # The one key that this runner does not know; it ignores all of `concurrency` anyway.
            path.write_text(path.read_text().replace("  queue: max\n", ""))
        for inside in ("artifacts", "home"):
            (folder / inside).mkdir()
        return folder

    def _act(  # noqa: PLR0917
        self,
        folder: Path,
        event: str,
        workflow: str,
        data: Mapping[str, Any],
        env: Mapping[str, str],
        secrets: Mapping[str, str],
    ) -> tuple[int, str]:
        payload = {"repository": {"default_branch": "main", "full_name": "test/fleet"}, **data}
        (folder / "event.json").write_text(json.dumps(payload))
        (folder / "secrets").write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
        done = subprocess.run(
            self._argv(event, workflow, folder, env),
            cwd=folder / "tree",
            env=self._env(folder),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        log = done.stdout + done.stderr
        (folder / "log").write_text(log)
        return done.returncode, log

    def _argv(self, event: str, workflow: str, folder: Path, given: Mapping[str, str]) -> list[str]:
        env = {
            "TEST_REMOTE": str(self.top / "remote.git"),
            "TEST_SHARED": str(self.shared),
            "TEST_ARTIFACTS": str(folder / "artifacts"),
            "TEST_LOGINS": str(folder / "logins"),
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": "test/fleet",
            **given,
        }
        stand_ins = [f"--local-repository={used}={self._stand_in(used)}" for used in _uses(folder / "tree")]
        return [
            _tool("act"),
            event,
            f"--workflows={FOLDER}/{workflow}",
            f"--eventpath={folder / 'event.json'}",
            "--platform=ubuntu-latest=-self-hosted",
            "--no-skip-checkout",
            "--no-cache-server",
            "--action-offline-mode",
            "--defaultbranch=main",
            f"--secret-file={folder / 'secrets'}",
            f"--secret=GITHUB_TOKEN={TOKEN}",
            *stand_ins,
            *(f"--env={name}={value}" for name, value in env.items()),
        ]

    def _env(self, folder: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        path = os.pathsep.join(filter(None, [str(self.top / "bin"), self.tools, str(BIN), kept.get("PATH", "")]))
        source = str(Path(deployer.__file__).parents[1])
        home = folder / "home"
        return {**kept, "PATH": path, "PYTHONPATH": source, "HOME": str(home), "XDG_CONFIG_HOME": str(home)}

    def _stand_in(self, used: str) -> Path:
        return self.top / "actions" / used.partition("@")[0]

    # What came of it

    def outcomes(self, rollout: str) -> dict[str, str]:
        """The last outcome of each release, from all journals of a rollout."""
        return _last(self.ended(rollout))

    def ended(self, rollout: str) -> list[Mapping[str, str]]:
        """Each end of a release, in order, from all journals of a rollout."""
        events = []
        for path in (self.shared / "rollouts" / rollout).glob("*.jsonl"):
            events += [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]  # not torn
        return sorted((one for one in events if one["event"] == "ReleaseEnded"), key=lambda one: one["at"])

    def plan_outputs(self) -> dict[str, Any]:
        """The matrices that the last run's plan gives."""
        file = self.top / "outputs"
        file.unlink(missing_ok=True)
        saved = self.top / f"run-{self.runs}" / "artifacts/plan/plan.json"
        env = {**self._env(saved.parents[2]), "GITHUB_OUTPUT": str(file)}
        words = ["deployer", "--fleet", str(self.root), "plan", "--saved", str(saved), "--format", "github"]
        subprocess.run(words, env=env, check=True, capture_output=True, timeout=60)
        lines = file.read_text().splitlines()
        return {lines[at].partition("<<")[0]: json.loads(lines[at + 1]) for at in range(0, len(lines), 3)}

    def logins(self) -> list[str]:
        """Whom the jobs of the last run logged in as, each log-in once."""
        file = self.top / f"run-{self.runs}" / "logins"
        return sorted(file.read_text().splitlines()) if file.exists() else []

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


def new_world(top: Path, github: LoopbackGitHub, clusters: Mapping[str, list[str]]) -> RunnerWorld:
    """A fleet of local clusters with these hubs, each with the cheap health check; nothing is deployed yet."""
    world = empty_world(top, github)
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
    return world


def empty_world(top: Path, github: LoopbackGitHub) -> RunnerWorld:
    """A fleet of nothing but its workflows, its remote, and what stands in for what a runner would download."""
    world = RunnerWorld(top, github)
    world.root.mkdir(parents=True)
    world.shared.mkdir()
    world.write("deployer.yaml", "install: jupyterhub-deployer\nworkflow: {local: true}\n")
    world.write(".gitignore", ".deployer\n")
    for path, text in texts().items():
        world.write(path, text)
    for name, text in STAND_INS.items():
        folder = top / "actions" / name
        folder.mkdir(parents=True)
        (folder / "action.yml").write_text(text)
    (top / "bin").mkdir()
    for name, text in {"python": PYTHON, "deployer": DEPLOYER}.items():
        (top / "bin" / name).write_text(text)
        (top / "bin" / name).chmod(0o755)
    subprocess.run([*GIT, "init", "--quiet", "--bare", "-b", "main", str(top / "remote.git")], check=True, timeout=60)
    world.git("init", "--quiet", "-b", "main")
    world.git("remote", "add", "origin", str(top / "remote.git"))
    return world


def _last(ends: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {one["release"]: one["outcome"] for one in ends}


def _uses(tree: Path) -> list[str]:
    found = set()
    for path in (tree / ".github").rglob("*.yaml"):
        found |= set(re.findall(r"uses: ([\w-]+/[\w-]+@[0-9a-f]{40})", path.read_text()))
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
