"""A repository and an OCI registry of charts that ask for a password, over TLS on loopback."""

from __future__ import annotations

import hashlib
import json
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "robot", "hunter2-of-the-charts"
CONFIG, CHART = "application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class PrivateCharts:
    """``certificate`` is what whoever asks must trust; ``refused`` counts requests that came without the password."""

    port: int
    certificate: Path
    refused: list[str] = field(default_factory=list)

    @property
    def repository(self) -> str:
        return f"https://127.0.0.1:{self.port}/charts"

    @property
    def registry(self) -> str:
        return f"oci://127.0.0.1:{self.port}/org"


@contextmanager
def private_charts(folder: Path, helm: str, chart: Path) -> Iterator[PrivateCharts]:
    """One chart, in version 1.0.0, in both."""
    subprocess.run([helm, "package", str(chart), "--destination", str(folder)], check=True, capture_output=True)
    packed = next(folder.glob("*.tgz"))
    certificate, key = _certificate(folder)
    served = PrivateCharts(0, certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served, packed))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    served.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(served: PrivateCharts, packed: Path) -> type[BaseHTTPRequestHandler]:
    raw, name = packed.read_bytes(), packed.name.rsplit("-", 1)[0]
    expected = f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
    found = _registry(name, raw)

    def index() -> bytes:
        entry = {"name": name, "version": "1.0.0", "urls": [f"{served.repository}/{packed.name}"], "apiVersion": "v2"}
        return json.dumps({"apiVersion": "v1", "entries": {name: [entry]}}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.headers.get("Authorization") != expected:
                served.refused.append(self.path)
                self._answer(401, b"{}", "application/json")
                return
            own = {"/charts/index.yaml": index, f"/charts/{packed.name}": lambda: raw}
            body, kind = own[self.path]() if self.path in own else None, "application/octet-stream"
            if body is None:
                body, kind = found.get(self.path.split("?")[0], (None, ""))
            self._answer(404 if body is None else 200, body or b"{}", kind or "application/json")

        do_HEAD = do_GET  # noqa: N815 - as the library asks for it

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="charts"')
            self.send_header("Content-Type", kind)
            self.send_header("Docker-Content-Digest", _digest(body))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _registry(name: str, raw: bytes) -> dict[str, tuple[bytes, str]]:
    config = json.dumps({"name": name, "version": "1.0.0", "apiVersion": "v2"}).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": _digest(config), "size": len(config)},
            "layers": [{"mediaType": CHART, "digest": _digest(raw), "size": len(raw)}],
        }
    ).encode()
    base = f"/v2/org/{name}"
    return {
        "/v2/": (b"{}", "application/json"),
        f"{base}/tags/list": (json.dumps({"name": f"org/{name}", "tags": ["1.0.0"]}).encode(), "application/json"),
        f"{base}/manifests/1.0.0": (manifest, MANIFEST),
        f"{base}/manifests/{_digest(manifest)}": (manifest, MANIFEST),
        f"{base}/blobs/{_digest(config)}": (config, "application/octet-stream"),
        f"{base}/blobs/{_digest(raw)}": (raw, "application/octet-stream"),
    }


def _digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "charts")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "charts.crt", folder / "charts.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    return certificate, secret
