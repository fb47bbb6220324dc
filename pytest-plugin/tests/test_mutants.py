"""Each suite finds each broken component, by exactly the tests that :mod:`mutants` names.

A suite's ``known_failures`` are strict: a named test that passes fails here, and so does any other test that fails.
"""

import sys
from pathlib import Path

import pytest

import mutants
from complete import CompleteContract
from jupyterhub_pytest_plugin import ProxyContract, ServiceContract, SpawnerContract
from jupyterhub_pytest_plugin.proxy import Route
from test_proxy_contract import TestConfigurableHTTPProxy as _ExternalProxy

SUITES = {}


def _suites(base, attribute, table, **members):
    for mutant, tests in table.items():
        name = f"Test{getattr(mutant, '__name__', mutant)}"
        assert name not in SUITES, f"there are two mutants {name}"
        known = {**base.known_failures, **dict.fromkeys(tests, "the mutant breaks this promise")}
        given = {attribute: mutant, "known_failures": known, "broken": tests, "__module__": __name__, **members}
        given |= {name: getattr(mutant, name) for name in ("hub_config", "options") if hasattr(mutant, name)}
        SUITES[name] = type(name, (base,), given)


def add_foreign_route(self, hub, spec, target):
    hub.app.proxy.foreign[spec] = Route(target, {})


_suites(
    ProxyContract,
    "proxy_class",
    mutants.PROXIES,
    add_foreign_route=add_foreign_route,
    lacks={"external": "it lives in the hub's process", "api": "it is called, not asked over a network"},
)
_suites(_ExternalProxy, "proxy_class", mutants.EXTERNAL_PROXIES)
_suites(CompleteContract, "authenticator_class", mutants.AUTHENTICATORS)
_suites(SpawnerContract, "spawner_class", mutants.SPAWNERS)

for variant, tests in mutants.SERVICES.items():
    lacks = {} if variant == "AsksTooMuch" else {"api": "it asks nothing for itself"}
    if variant not in mutants.IN_BOTH_WAYS:
        lacks["managed"] = "it is broken beside the hub just as well"
    _suites(
        ServiceContract,
        "service_name",
        {variant: tests},
        service_command=[sys.executable, str(Path(__file__).with_name("broken_service.py")), variant],
        pages=["notes"],
        form_page="notes",
        cache_max_age=1,
        scopes=["list:users"],
        lacks=lacks,
    )

globals().update(SUITES)


@pytest.fixture(scope="class", autouse=True)
def left():
    """What mutants leave behind ends after their hubs."""
    yield
    mutants.LEFT.close()


@pytest.fixture(autouse=True)
def patience(request):
    """What must fail need not take long; what must not fail has all the time of a suite."""
    if {request.node.name, request.node.originalname} & set(request.cls.known_failures):
        request.instance.patience = 10 if request.config.option.all_mutants else 1
