"""Certificates for tests of internal SSL."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Certs:
    """A pair signed for ``localhost`` and 127.0.0.1, and the authority that signed it."""

    keyfile: str
    certfile: str
    cafile: str

    def server_context(self) -> ssl.SSLContext:
        """For a server that asks its callers for a certificate of the same authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.cafile)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.certfile, self.keyfile)
        return context

    def client_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.cafile)
        context.load_cert_chain(self.certfile, self.keyfile)
        return context


def make_certs(folder: Path) -> Certs:
    from certipy import Certipy

    certipy = Certipy(store_dir=str(folder))
    authority = certipy.create_ca("test-ca", overwrite=True)
    names = ["DNS:localhost", "IP:127.0.0.1"]
    pair = certipy.create_signed_pair("test", "test-ca", overwrite=True, alt_names=names)
    return Certs(pair["files"]["key"], pair["files"]["cert"], authority["files"]["cert"])
