"""The keys of a test cluster: an authority of its own, the API server's certificate, and who may come in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

# By name of the user: the groups. `guest` comes in and may do nothing.
USERS = {"admin": "system:masters", "guest": ""}
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Keys:
    """Files in one folder, and a token for each user."""

    folder: Path
    tokens: dict[str, str] = field(default_factory=lambda: {name: secrets.token_hex(16) for name in USERS})

    @property
    def authority(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def server(self) -> tuple[Path, Path]:
        return self.folder / "server.crt", self.folder / "server.key"

    @property
    def accounts(self) -> Path:
        """With which tokens of service accounts are signed."""
        return self.folder / "accounts.key"

    @property
    def users(self) -> Path:
        return self.folder / "tokens.csv"


def make_keys(folder: Path) -> Keys:
    folder.mkdir(mode=0o700)
    keys = Keys(folder)
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    _write_certificate(keys.authority, _certificate("test authority", authority, "test authority", authority))
    _write_certificate(keys.server[0], _certificate("kube-apiserver", server, "test authority", authority))
    _write_key(keys.server[1], server)
    _write_key(keys.accounts, rsa.generate_private_key(65537, 2048))
    lines = [f'{keys.tokens[name]},{name},{name},"{groups}"\n' for name, groups in USERS.items()]
    keys.users.write_text("".join(lines))
    return keys


def _certificate(subject: str, key: Key, issuer: str, issuer_key: Key) -> x509.Certificate:
    now = datetime.now(UTC)
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: Key) -> None:
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
