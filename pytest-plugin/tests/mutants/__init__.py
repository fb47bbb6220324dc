"""Components that break one promise each, and the contract tests that must notice, by name.

They are the proof of the suites: ``test_mutants.py`` runs every suite on every mutant, and wants exactly these tests to
fail and all others to pass. Each mutant is a fault that somebody could make, and as small as that allows.
"""

from mutants import closed, environments, logins, traffic, trust, wire
from mutants.authenticators import AUTHENTICATORS
from mutants.proxies import EXTERNAL_PROXIES, PROXIES
from mutants.services import IN_BOTH_WAYS, SERVICES
from mutants.spawners import SPAWNERS
from mutants.table import LEFT

__all__ = [
    "AUTHENTICATORS",
    "EXTERNAL_PROXIES",
    "IN_BOTH_WAYS",
    "LEFT",
    "PROXIES",
    "SERVICES",
    "SPAWNERS",
    "closed",
    "environments",
    "logins",
    "traffic",
    "trust",
    "wire",
]
