import socket
import ssl

import httpx
import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus, InvalidUpgrade
from websockets.http11 import Response

from deployer.health.diagnose import Diagnosis, evidence, of_answer, of_error, of_event, of_time
from deployer.health.facts import Answer, Phase, retry_after

HUB = {"x-jupyterhub-version": "5.5.0"}


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize("diagnosis", Diagnosis)
def test_each_diagnosis_says_what_it_means_and_what_to_do(diagnosis):
    assert diagnosis.meaning.endswith(".")
    assert diagnosis.next_step


@pytest.mark.parametrize(
    ("phase", "status", "headers", "text", "expected"),
    [
        (Phase.HUB, 404, {}, "404 page not found", Diagnosis.NO_ROUTE),  # traefik, nginx: no such route
        (Phase.HUB, 421, {}, "", Diagnosis.NO_ROUTE),
        (Phase.HUB, 404, HUB, "", Diagnosis.HUB_ERROR),  # the hub itself: a wrong base URL
        (Phase.HUB, 503, {}, "", Diagnosis.HUB_DOWN),  # the proxy answers for a dead hub
        (Phase.HUB, 500, HUB, "", Diagnosis.HUB_ERROR),
        (Phase.HUB, 403, HUB, '{"message": "Forbidden"}', Diagnosis.TOKEN_REFUSED),
        (Phase.HUB, 302, {}, "", Diagnosis.HUB_ERROR),
        (Phase.USER, 403, HUB, '{"message": "not authorized with current scopes"}', Diagnosis.SCOPE_MISSING),
        (Phase.USER, 403, HUB, '{"message": "Missing or invalid credentials."}', Diagnosis.TOKEN_REFUSED),
        (Phase.USER, 400, HUB, '{"message": "Failed to create user"}', Diagnosis.USER_REFUSED),
        (Phase.USER, 500, HUB, "", Diagnosis.HUB_ERROR),
        (Phase.SPAWN, 403, HUB, '{"message": "auth has expired for x, login again"}', Diagnosis.USER_REFUSED),
        (Phase.SPAWN, 403, HUB, '{"message": "no more servers today"}', Diagnosis.SPAWN_REFUSED),
        (Phase.SPAWN, 400, HUB, "", Diagnosis.SPAWN_REFUSED),
        (Phase.SPAWN, 500, HUB, "", Diagnosis.SPAWN_FAILED),
        (Phase.SPAWN, 429, HUB, "", Diagnosis.BUSY),
        (Phase.REACH, 404, {}, "", Diagnosis.SERVER_UNREACHABLE),
        (Phase.REACH, 424, HUB, "", Diagnosis.SERVER_UNREACHABLE),
        (Phase.REACH, 503, {}, "", Diagnosis.SERVER_UNREACHABLE),
        (Phase.REACH, 403, HUB, "", Diagnosis.SCOPE_MISSING),
        (Phase.KERNEL, 500, HUB, "", Diagnosis.KERNEL_DEAD),
        (Phase.STOP, 500, HUB, "", Diagnosis.STOP_FAILED),
    ],
)
def test_answers(phase, status, headers, text, expected):
    assert of_answer(phase, Answer("GET", "/", status, headers, text)).diagnosis is expected


def status_of(code: int) -> InvalidStatus:
    return InvalidStatus(Response(code, "", Headers()))


@pytest.mark.parametrize(
    ("phase", "error", "expected"),
    [
        (Phase.HUB, caused(httpx.ConnectError("x"), socket.gaierror(-2, "Name not known")), Diagnosis.DNS),
        (Phase.HUB, caused(httpx.ConnectError("x"), ssl.SSLError(1, "bad certificate")), Diagnosis.TLS),
        (Phase.HUB, caused(httpx.ConnectError("x"), ConnectionRefusedError(111, "refused")), Diagnosis.HUB_DOWN),
        (Phase.HUB, httpx.ReadTimeout("slow"), Diagnosis.HUB_DOWN),
        (Phase.REACH, httpx.ReadTimeout("slow"), Diagnosis.SERVER_UNREACHABLE),
        (Phase.KERNEL, TimeoutError(), Diagnosis.KERNEL_DEAD),
        (Phase.KERNEL, status_of(403), Diagnosis.SCOPE_MISSING),
        (Phase.KERNEL, status_of(400), Diagnosis.WEBSOCKET_REFUSED),
        (Phase.RUN, InvalidUpgrade("Upgrade"), Diagnosis.WEBSOCKET_REFUSED),
        (Phase.RUN, ConnectionClosedError(None, None), Diagnosis.WEBSOCKET_REFUSED),
        # several addresses were tried at once
        (Phase.HUB, caused(OSError("all failed"), ExceptionGroup("x", [ssl.SSLError(1, "x")])), Diagnosis.TLS),
    ],
)
def test_errors(phase, error, expected):
    assert of_error(phase, error).diagnosis is expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"progress": 50, "message": "Pulling image"}, None),
        ({"failed": True, "message": "Spawn failed: no such image"}, Diagnosis.SPAWN_FAILED),
        ({"failed": True, "message": "Spawn failed: Timeout"}, Diagnosis.SPAWN_TIMED_OUT),
        ({"failed": True, "message": "Spawn failed: "}, Diagnosis.SPAWN_TIMED_OUT),
        (
            {"failed": True, "message": "Spawn failed: Server at http://x didn't respond in 30 seconds"},
            Diagnosis.SPAWN_TIMED_OUT,
        ),
        (
            {"failed": True, "message": "Spawn failed: pod/jupyter-x did not start in 300 seconds!"},
            Diagnosis.SPAWN_TIMED_OUT,
        ),
    ],
)
def test_progress_events(event, expected):
    found = of_event(event)
    assert (found and found.diagnosis) == expected


@pytest.mark.parametrize("phase", Phase)
def test_the_end_of_patience_means_something_in_each_phase(phase):
    assert f"{phase} after 7 s" in of_time(phase, 7).evidence


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("", 0), ("soon", 0), ("Sat, 21 Nov 2026 12:00:10 GMT", 10), ("Sat, 21 Nov 2020 12:00:10 GMT", 0)],
)
def test_retry_after(header, seconds):
    from datetime import UTC, datetime

    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert retry_after(Answer("GET", "/", 429, {"retry-after": header}), now) == seconds


def test_evidence_is_one_short_line_without_secrets():
    line = evidence("a\n  b secret-token " + "x" * 1000, ["secret-token"])
    assert line.startswith("a b [redacted] x")
    assert len(line) == 300
    assert "\n" not in line


def test_a_page_is_shown_by_its_title():
    found = Answer("GET", "/", 502, {}, "<html><title>Bad\n Gateway</title><body>long</body></html>")
    assert evidence(str(found), []) == "GET /: 502 Bad Gateway: Bad Gateway"
