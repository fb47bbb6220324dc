"""What was deployed last: from the targets' own records, or from a state that a pipeline keeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from deployer.changes.deployed import Deployed, loads
from deployer.cli.context import Context
from deployer.cli.wiring import helm_target, local_target
from deployer.errors import CommandError, DeployerError
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import ReleaseId

AT_ONCE = 8  # clusters
STATE_FILE = "state.json"  # in the tree of a ref that holds a state


def deployed_records(context: Context, state: str | None) -> dict[ReleaseId, Deployed]:
    """The record of each release that has one.

    :param state: a file, or a ref of git's whose tree holds ``state.json``; None for the targets' own records.
    :raises DeployerError: there is no such state, or it cannot be read.
    """
    return _of_targets(context) if state is None else loads(_read_state(context, state), state)


def _read_state(context: Context, state: str) -> str:
    path = context.cwd / state
    if path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    try:
        commit = context.repository.resolve(state)
        return context.repository.git("show", f"{commit}:{STATE_FILE}").stdout
    except (DeployerError, CommandError):
        raise DeployerError(
            f"--state {state}: neither a file nor a ref whose tree holds {STATE_FILE}",
            hint="In a clone that lacks the ref: git fetch origin REF:REF",
        ) from None


def _of_targets(context: Context) -> dict[ReleaseId, Deployed]:
    found: dict[ReleaseId, Deployed] = {}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for records in threads.map(partial(_of_cluster, context), context.fleet.clusters):
            found |= records
    return found


def _of_cluster(context: Context, name: str) -> dict[ReleaseId, Deployed]:
    if context.fleet.clusters[name].provider is not Provider.LOCAL:
        deployed = helm_target(context, name).deployed()
        return {release: Deployed(source.revision, source.digest) for release, source in deployed.items()}
    target = local_target(context, name)
    current = {release: target.revisions(release).current() for release in target.releases()}
    return {
        release: Deployed(record.source_revision, record.digest)
        for release, record in current.items()
        if record is not None and record.verified
    }
