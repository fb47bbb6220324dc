"""Which pods of a release are not ready, and why: looked at while helm waits, for its roll-back takes them away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Any

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.helm.commands import FOR_HELM
from deployer.process import redact
from deployer.targets.credentials.session import Session
from deployer.targets.helm.kubectl import Kubectl, Object, core

PAUSE = 15.0  # seconds between two looks, at most: a quick upgrade is never looked at
SHOWN = 3  # pods
LONGEST = 300  # characters of what is said of one pod
_USUAL = {"ContainerCreating", "PodInitializing"}  # reasons to wait that tell nothing


class Watched:
    """What was seen last of the pods that are not ready."""

    told = ""


@contextmanager
def watched(session: Session, release: ReleaseId, seconds: float) -> Iterator[Watched]:
    """While this holds, look at the release's pods now and then, as long as helm may still wait for them.

    :param seconds: of the whole act, roll-back included.
    """
    found, ended = Watched(), threading.Event()
    looker = threading.Thread(target=_look, args=(session, release, seconds * FOR_HELM, found, ended), daemon=True)
    looker.start()
    try:
        yield found
    finally:
        ended.set()
        looker.join()


def _look(session: Session, release: ReleaseId, seconds: float, found: Watched, ended: threading.Event) -> None:
    kubectl, began = Kubectl(session, ended), time.monotonic()
    for pause in _pauses(seconds):
        late = time.monotonic() - began > seconds
        if ended.wait(pause) or (late and found.told):  # what comes up from now on may be the roll-back's
            return
        with suppress(DeployerError):  # the account may not look, or the server is away: helm tells what it can
            told = _asked(kubectl, release)
            found.told = redact(told, session.redactions()) or found.told


def _pauses(seconds: float) -> Iterator[float]:
    """Between looks: one comes shortly before helm gives up, and more where helm was slow to begin."""
    end = seconds - min(2.0, seconds / 10)
    step = min(PAUSE, seconds / 3)
    passed = 0.0
    while passed + step < end:
        yield step
        passed += step
    yield end - passed
    yield from repeat(step)


def _asked(kubectl: Kubectl, release: ReleaseId) -> str:
    pods = (kubectl.get(core(release.name, "pods")) or {}).get("items") or []
    if not any(map(_is_waited_for, pods)):
        return ""
    events: list[Object] = []
    with suppress(DeployerError):
        path = f"{core(release.name, 'events')}?fieldSelector=type%3DWarning"
        events = (kubectl.get(path) or {}).get("items") or []
    return described(pods, events)


def described(pods: Iterable[Object], events: Iterable[Object]) -> str:
    """The pods that are not ready, with what each waits for and the last warning about it; "" where there is none."""
    last = _last_warnings(events)
    told = [_of_pod(pod, last.get(pod["metadata"]["name"], "")) for pod in pods if _is_waited_for(pod)]
    more = [f"and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
    return ", ".join([*told[:SHOWN], *more])


def _is_waited_for(pod: Object) -> bool:
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp") or status.get("phase") == "Succeeded":
        return False
    return _condition(pod, "Ready").get("status") != "True"


def _condition(pod: Object, kind: str) -> dict[str, Any]:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), {})


def _of_pod(pod: Object, warning: str) -> str:
    reason = _reason(pod)
    about = reason if not warning or warning in reason else f"{reason}; {warning}"
    text = " ".join(about.split())
    return f"{pod['metadata']['name']} ({text if len(text) <= LONGEST else f'{text[:LONGEST]}…'})"


def _reason(pod: Object) -> str:
    status = pod.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    found = next(filter(None, map(_of_container, containers)), "")
    scheduled = _condition(pod, "PodScheduled")
    if not found and scheduled.get("status") == "False":
        found = _words(scheduled)
    return found or str(status.get("reason") or "") or str(status.get("phase") or "not ready")


def _of_container(container: Object) -> str:
    """Why a container does not run; "" where it does, or is only about to."""
    state = container.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    if waiting.get("reason") and waiting["reason"] not in _USUAL:
        return _words(waiting)
    return _words(ended) or "ended" if ended.get("exitCode") else ""


def _words(about: dict[str, Any]) -> str:
    return ": ".join(str(about[key]) for key in ("reason", "message") if about.get(key))


def _last_warnings(events: Iterable[Object]) -> dict[str, str]:
    """The last warning about each pod, by its name."""
    ordered = sorted(events, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
    about = ((one.get("involvedObject") or {}, one) for one in ordered)
    return {str(object_.get("name")): _words(one) for object_, one in about if object_.get("kind") == "Pod"}
