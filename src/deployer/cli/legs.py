"""The records that the legs of a pipeline leave, on disk."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from deployer.actions.records import Entry, Record, dumps, latest, loads
from deployer.cli.context import Context
from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.rollout.results import RolloutResult


def write_record(path: Path, context: Context, result: RolloutResult, attempt: int) -> None:
    """Leave what became of this leg's releases, with what was deployed.

    :raises DeployerError: it cannot be written.
    """
    entries = {
        one.release: Entry(one.outcome.value, _line(one.ended.cause), context.revision, _digest(context, one.release))
        for one in result.releases
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dumps(Record(result.rollout, attempt, entries)), encoding="utf-8")
    except OSError as error:
        raise DeployerError(f"--record {path}: {error.strerror}") from None


def read_records(folder: Path, rollout: str) -> dict[ReleaseId, Entry]:
    """What all records below the folder say of this rollout. One that cannot be read counts as lost, said aloud."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        try:
            found.append(loads(path.read_text(encoding="utf-8"), str(path)))
        except (DeployerError, OSError, UnicodeDecodeError) as error:
            print(f"deployer: a record that cannot be read counts as lost: {path}: {error}", file=sys.stderr)
    return latest(found, rollout)


def append_summary(env: Mapping[str, str], text: str) -> None:
    """Add to the summary of the job, where there is one.

    :raises DeployerError: the file cannot be written.
    """
    if name := env.get("GITHUB_STEP_SUMMARY"):
        append(name, text)


def append(name: str, text: str) -> None:
    """Add to a file that the pipeline names.

    :raises DeployerError: it cannot be written.
    """
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise DeployerError(f"{name}: {error.strerror}") from None


def _digest(context: Context, release: ReleaseId) -> str:
    return context.inputs.inputs(context.fleet.release(release)).digest


def _line(text: str) -> str:
    return " ".join(text.split())[:500]
