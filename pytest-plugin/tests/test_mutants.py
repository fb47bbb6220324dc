"""Each suite finds each broken component, by exactly the tests that :mod:`mutants` names.

A suite's ``known_failures`` are strict: a named test that passes fails here, and so does any other test that fails.
"""

import sys
from pathlib import Path

import mutants
from jupyterhub_pytest_plugin import AuthenticatorContract, ProxyContract, ServiceContract, SpawnerContract
from jupyterhub_pytest_plugin.proxy import Route


def _suites(base, attribute, table, **members):
    for mutant, tests in table.items():
        name = f"Test{getattr(mutant, '__name__', mutant)}"
        known = dict.fromkeys(tests, "the mutant breaks this promise")
        # What a mutant never does need not be waited for; what it does must not look broken on a slow machine.
        own = {attribute: mutant, "known_failures": known, "patience": 1, "_answers_within": 60}
        globals()[name] = type(name, (base,), {"__module__": __name__, **own, **members})


def add_foreign_route(self, hub, spec, target):
    hub.app.proxy.foreign[spec] = Route(target, {})


_suites(
    ProxyContract,
    "proxy_class",
    mutants.PROXIES,
    add_foreign_route=add_foreign_route,
    lacks={"external": "it lives in the hub's process"},
)
_suites(
    AuthenticatorContract,
    "authenticator_class",
    mutants.AUTHENTICATORS,
    expected_groups=lambda self, username: ["crew", f"of-{username}"],
    expected_roles=lambda self, username: ["sailor"],
)
_suites(SpawnerContract, "spawner_class", mutants.SPAWNERS)

for name, tests in mutants.SERVICES.items():
    command = [sys.executable, str(Path(__file__).with_name("broken_service.py")), name]
    _suites(ServiceContract, "service_name", {name: tests}, service_command=command)
