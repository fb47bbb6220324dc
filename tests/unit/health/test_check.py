"""The checker against small servers on this machine that misbehave as real hubs and proxies do."""

import logging
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from health_loopback import HUB, NO_ROUTE, RELEASE, TOKEN, USER, FakeHub, page

from deployer.fleet.ids import Level, ReleaseId
from deployer.health.check import HealthChecker
from deployer.health.claim import Claim, Claims
from deployer.health.diagnose import Diagnosis
from deployer.health.probe import Limits
from deployer.plan.ports import Control, Endpoint

CALL = ("GET", "/hub/health")
SPAWN = ("POST", f"{USER}/server")
STATUS = ("GET", "/user/deployment-service-check/api/status")
CHANNELS = ("GET", "/user/deployment-service-check/api/kernels/k1/channels")
SHORT = Limits(turn=1, reach=1, kernel=1, run=1, stop=2, tidy=3)


@pytest.fixture
def check(tmp_path):
    def check(endpoint, level=Level.USER, timeout=5.0, attempts=1, control=None, **options):
        checker = HealthChecker(tmp_path, levels={RELEASE: level}, attempts=attempts, limits=SHORT, **options)
        return checker.check(RELEASE, endpoint, control or Control(timeout))

    return check


def refused(status: int, message: str = "no"):
    return status, {"message": message}, HUB


def hang(_request):
    time.sleep(1.5)


# Level http.


def test_http_knows_a_hub_that_answers(check):
    with FakeHub() as hub:
        health = check(hub.endpoint(), Level.HTTP)
        assert health.ok, health
        assert [path for _, path, _ in hub.requests] == ["/hub/health", "/hub/api/", "/hub/login"]
        assert {headers["Host"] for *_, headers in hub.requests} == {f"hub.reef.localhost:{hub.server.server_port}"}
        assert not any("Authorization" in headers or "Cookie" in headers for *_, headers in hub.requests)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ({("*", "*"): [NO_ROUTE] * 9}, Diagnosis.NO_ROUTE),
        ({CALL: [(503, "Service Unavailable", {})] * 99}, Diagnosis.HUB_DOWN),
        ({CALL: [None] * 99}, Diagnosis.HUB_DOWN),
        ({CALL: [hang] * 9}, Diagnosis.HUB_DOWN),
        ({CALL: [refused(429)] * 99}, Diagnosis.BUSY),
        ({CALL: [(429, "", HUB | {"Retry-After": "3600"})] * 99}, Diagnosis.BUSY),
        ({("GET", "/hub/login"): [(500, "<html>", HUB)]}, Diagnosis.HUB_ERROR),
        ({("GET", "/hub/login"): [(200, "hello", HUB)]}, Diagnosis.HUB_ERROR),
        ({("GET", "/hub/api/"): [page()]}, Diagnosis.HUB_ERROR),  # some other server's page
    ],
)
def test_http_troubles(check, script, expected):
    with FakeHub(script) as hub:
        health = check(hub.endpoint(), Level.HTTP, timeout=1)
    assert (health.ok, health.diagnosis) == (False, expected), health


@pytest.mark.parametrize(
    "script",
    [
        {CALL: [(503, "", {}), (502, "", {}), None]},  # a hub that restarts under us
        {CALL: [(429, "", {"Retry-After": "1"})]},
        {("GET", "/hub/login"): [refused(404)]},  # a hub for services only has no log-in
        {("GET", "/hub/login"): [(302, "", {"Location": "https://elsewhere.invalid/"})]},  # log-in is elsewhere
    ],
)
def test_http_copes_with(check, script):
    with FakeHub(script) as hub:
        health = check(hub.endpoint(), Level.HTTP)
    assert health.ok, health


def test_nobody_listens(check):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{probe.getsockname()[1]}"
        health = check(Endpoint("http://hub.reef.localhost:1/", TOKEN, connect=where), Level.HTTP, timeout=1)
    assert health.diagnosis == Diagnosis.HUB_DOWN
    assert "refused" in health.evidence.lower()


@pytest.mark.parametrize("url", ["ftp://hub", "hub.example.org", "http://", "http://user:pass@hub/", "http://hub:x/"])
def test_no_address(check, url):
    health = check(Endpoint(url, TOKEN), Level.HTTP)
    assert health.diagnosis == Diagnosis.DNS
    assert url in health.evidence or "port" in health.evidence.lower()


def test_not_checked_are_support_and_hubs_that_say_so(check, tmp_path):
    nowhere = Endpoint("http://nowhere.invalid/", TOKEN)
    assert check(nowhere, Level.NONE).ok
    assert HealthChecker(tmp_path).check(ReleaseId("reef", "support"), nowhere, Control(1)).ok


# TLS.


@pytest.fixture(scope="module")
def authority():
    """A certificate authority of our own: a context that trusts it, and a maker of servers' contexts."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def make(subject, key, signer, extension, *, ca):
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(name("ca"), name(subject), key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        made = made.add_extension(extension, critical=False)
        return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = make("ca", ca_key, ca_key, x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), ca=True)
    trusting = ssl.create_default_context(cadata=ca.decode())

    def serve(hub, host, folder):
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        alternative = x509.SubjectAlternativeName([x509.DNSName(host)])
        (folder / "pem").write_bytes(private + make(host, key, ca_key, alternative, ca=False))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "pem")
        asked = []
        context.sni_callback = lambda _socket, server_name, _context: asked.append(server_name)
        # The handshake belongs to the handler's thread: a client that breaks it off must not stop the server.
        hub.server.socket = context.wrap_socket(hub.server.socket, server_side=True, do_handshake_on_connect=False)
        hub.server.handle_error = lambda *_: None
        return asked

    return trusting, serve


def test_tls_is_verified_for_the_public_name(check, authority, tmp_path):
    trusting, serve = authority
    hub = FakeHub()
    asked = serve(hub, "hub.example.org", tmp_path)
    with hub:
        health = check(hub.endpoint("https", "hub.example.org"), Level.HTTP, tls=trusting)
    assert health.ok, health
    assert set(asked) == {"hub.example.org"}


@pytest.mark.parametrize(("host", "trusted"), [("other.example.org", True), ("hub.example.org", False)])
def test_tls_troubles(check, authority, tmp_path, host, trusted):
    trusting, serve = authority
    hub = FakeHub()
    serve(hub, host, tmp_path)
    with hub:
        tls = trusting if trusted else None
        health = check(hub.endpoint("https", "hub.example.org"), Level.HTTP, timeout=1, tls=tls)
    assert health.diagnosis == Diagnosis.TLS
    assert "certificate" in health.evidence.lower()


def test_plain_text_where_tls_should_be(check):
    with FakeHub() as hub:
        hub.server.handle_error = lambda *_: None
        assert check(hub.endpoint("https"), Level.HTTP, timeout=1).diagnosis == Diagnosis.TLS


# Level user, up to the kernel's WebSocket, which these servers refuse.


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ({}, Diagnosis.WEBSOCKET_REFUSED),  # 404 to the upgrade: all before it went well
        ({CHANNELS: [refused(403)]}, Diagnosis.SCOPE_MISSING),
        ({CHANNELS: [page()] * 9}, Diagnosis.WEBSOCKET_REFUSED),  # a proxy that drops the upgrade
        ({CHANNELS: [hang] * 9}, Diagnosis.KERNEL_DEAD),
        ({("GET", "/hub/api/user"): [refused(403, "Forbidden")]}, Diagnosis.TOKEN_REFUSED),
        ({("GET", "/hub/api/user"): [(200, {"name": "x", "scopes": ["read:hub"]}, HUB)]}, Diagnosis.SCOPE_MISSING),
        ({("POST", USER): [refused(400, "Failed to create user")]}, Diagnosis.USER_REFUSED),
        ({("POST", USER): [refused(500)]}, Diagnosis.HUB_ERROR),
        ({SPAWN: [refused(400, "no such option")]}, Diagnosis.SPAWN_REFUSED),
        ({SPAWN: [refused(403, "auth has expired")]}, Diagnosis.USER_REFUSED),
        ({SPAWN: [refused(500, "Unhandled error")]}, Diagnosis.SPAWN_FAILED),
        ({SPAWN: [refused(429, "Active user limit exceeded")] * 99}, Diagnosis.BUSY),
        ({SPAWN: [(202, "", HUB)]}, Diagnosis.SPAWN_FAILED),  # culled at once: taken, and gone
        ({STATUS: [(503, "", {})] * 99}, Diagnosis.SERVER_UNREACHABLE),
        ({STATUS: [refused(424, "not running")] * 99}, Diagnosis.SERVER_UNREACHABLE),
        ({STATUS: [hang] * 9}, Diagnosis.SERVER_UNREACHABLE),
        ({("POST", STATUS[1].replace("status", "kernels")): [refused(500)]}, Diagnosis.KERNEL_DEAD),
        ({("DELETE", f"{USER}/server"): [refused(500)] * 9}, Diagnosis.WEBSOCKET_REFUSED),  # the first trouble counts
    ],
)
def test_user_troubles_leave_no_trace(check, script, expected):
    with FakeHub(script) as hub:
        health = check(hub.endpoint(), timeout=6)
        assert health.diagnosis == expected, health
        assert TOKEN not in str(health)
        if ("DELETE", f"{USER}/server") not in script:
            assert (hub.user, hub.running) == (None, False)


def test_a_reason_in_the_progress_is_the_evidence(check):
    events = 'data: {"message": "Pulling"}\n\n\n\ndata: {"failed": true, "message": "Spawn failed: no such image"}\n\n'
    script = {SPAWN: [refused(500)], ("GET", f"{USER}/server/progress"): [(200, events, HUB)]}
    with FakeHub(script) as hub:
        said = []
        health = check(hub.endpoint(), control=Control(5, say=said.append))
    assert (health.diagnosis, health.evidence) == (Diagnosis.SPAWN_FAILED, "Spawn failed: no such image")
    assert "starting a server: Pulling" in said


def test_another_attempt_may_end_otherwise(check):
    with FakeHub({SPAWN: [refused(500)]}) as hub:
        health = check(hub.endpoint(), attempts=2, timeout=20)
    assert health.diagnosis == Diagnosis.WEBSOCKET_REFUSED, health  # the second came further


def test_a_user_that_the_operator_keeps_stays(check):
    with FakeHub() as hub:
        hub.user = kept = {"name": "deployment-service-check", "created": "2020-01-01T00:00:00Z"}
        check(hub.endpoint())
        assert hub.user is kept
        assert not hub.seen["DELETE", USER]
        assert not hub.running


def test_a_user_whose_making_was_not_answered_is_ours(check):
    def make_and_drop(_request):
        hub.usual("POST", USER)

    with FakeHub({("POST", USER): [make_and_drop]}) as hub:
        check(hub.endpoint())
        assert hub.seen["POST", USER] == 2
        assert hub.user is None


def test_leftovers_of_a_killed_check_are_swept(check, tmp_path):
    with FakeHub({SPAWN: [refused(400)]}) as hub:
        hub.usual("POST", USER)
        hub.running = True
        claims = Claims(tmp_path, hub.endpoint().url)
        claims.write(Claim("deployment-service-check", created=hub.user["created"], server=True))
        check(hub.endpoint())
        assert hub.seen["DELETE", USER] == 2
        assert (hub.user, hub.running) == (None, False)
        assert claims.read("deployment-service-check") == Claim("deployment-service-check")


def test_we_do_not_fight_with_a_check_on_another_machine(check):
    with FakeHub() as hub:
        hub.user = {"name": "deployment-service-check", "created": "2020-01-01T00:00:00Z"}
        hub.running = True
        assert check(hub.endpoint()).diagnosis == Diagnosis.CHECK_RUNNING
        assert hub.running


def test_a_server_older_than_any_check_is_a_leftover(check):
    with FakeHub({SPAWN: [refused(400)]}) as hub:
        hub.user = {"name": "deployment-service-check", "created": "2020-01-01T00:00:00Z"}
        hub.running, hub.started = True, "2020-01-01T00:00:00Z"
        assert check(hub.endpoint()).diagnosis == Diagnosis.SPAWN_REFUSED
        assert not hub.running
        assert hub.user is not None


def test_no_forward_proxy_comes_between_us_and_this_machine(check, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with FakeHub() as hub:
        assert check(Endpoint(f"http://{hub.where}/", TOKEN), Level.HTTP).ok
        assert check(hub.endpoint(), Level.HTTP).ok


def test_cancelled_while_everything_hangs(check):
    control = Control(60)

    def hang_and_cancel(_request):
        control.cancelled.set()
        time.sleep(2)

    with FakeHub({SPAWN: [hang_and_cancel]}) as hub:
        health = check(hub.endpoint(), control=control)
        assert health.diagnosis == Diagnosis.CANCELLED
        assert hub.user is None


def test_cancelled_while_another_process_checks(check, tmp_path):
    import asyncio

    async def hold():
        async with Claims(tmp_path, hub.endpoint().url).turn():
            held.set()
            await asyncio.to_thread(release.wait)

    held, release, control = threading.Event(), threading.Event(), Control(60)
    with FakeHub() as hub:
        holder = threading.Thread(target=lambda: asyncio.run(hold()))
        holder.start()
        assert held.wait(60)
        threading.Timer(0.5, control.cancelled.set).start()
        try:
            assert check(hub.endpoint(), control=control).diagnosis == Diagnosis.CANCELLED
            assert check(hub.endpoint(), timeout=1).diagnosis == Diagnosis.CHECK_RUNNING
        finally:
            release.set()
            holder.join()


def test_the_token_is_in_the_authorization_header_only(check, caplog):
    with caplog.at_level(logging.DEBUG), FakeHub() as hub:
        health = check(hub.endpoint())
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(health)
    assert not any(TOKEN in path for _, path, _ in hub.requests)
    senders = [path for _, path, headers in hub.requests if headers.get("Authorization") == f"token {TOKEN}"]
    assert CHANNELS[1] in senders
    assert "/hub/api/user" in senders


def test_a_user_that_somebody_else_made_first_is_theirs(check):
    def somebody_is_faster(_request):
        hub.usual("POST", USER)
        return refused(409)

    with FakeHub({("POST", USER): [somebody_is_faster]}) as hub:
        check(hub.endpoint())
        assert hub.user is not None
