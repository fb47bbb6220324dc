"""Keys with which sops encrypts in tests: made anew, so that no file of the repository looks like a secret."""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_FACTORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class AgeKey(NamedTuple):
    secret: str
    recipient: str


def make_age_key() -> AgeKey:
    """As ``age-keygen`` does."""
    key = X25519PrivateKey.generate()
    secret = bech32("age-secret-key-", key.private_bytes_raw()).upper()
    return AgeKey(secret, bech32("age", key.public_key().public_bytes_raw()))


def bech32(prefix: str, data: bytes) -> str:
    """BIP 173's text form of bytes, with its checksum."""
    words = _regrouped(data)
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = _checksum([*expanded, *words, *[0] * 6]) ^ 1
    words += [(check >> 5 * (5 - place)) & 31 for place in range(6)]
    return f"{prefix}1{''.join(_LETTERS[word] for word in words)}"


def _regrouped(data: bytes) -> list[int]:
    """Bytes as words of five bits, filled up with zeros at the end."""
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]


def _checksum(words: list[int]) -> int:
    value = 1
    for word in words:
        top, value = value >> 25, (value & 0x1FFFFFF) << 5 ^ word
        for place, factor in enumerate(_FACTORS):
            value ^= factor if top >> place & 1 else 0
    return value
