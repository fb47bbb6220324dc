"""The table of mutants is whole: each contract test has a mutant that it must notice, and is really run on it."""

import pytest

import mutants
import test_mutants

TABLES = {
    "ProxyContract": [mutants.PROXIES, mutants.EXTERNAL_PROXIES],
    "AuthenticatorContract": [mutants.AUTHENTICATORS],
    "SpawnerContract": [mutants.SPAWNERS],
    "ServiceContract": [mutants.SERVICES],
}


@pytest.mark.parametrize("suite", TABLES)
def test_each_contract_test_is_failed_by_a_mutant(pytester, suite):
    pytester.makepyfile(f"from jupyterhub_pytest_plugin import {suite}\n\n\nclass TestIt({suite}):\n    pass\n")
    items, _ = pytester.inline_genitems("-p", "no:asyncio")
    known = {item.name: item.originalname for item in items}
    named = {test for table in TABLES[suite] for tests in table.values() for test in tests}
    assert [test for test, function in known.items() if not named & {test, function}] == []
    assert named - {*known, *known.values()} == set()


def test_no_named_test_is_skipped():
    needs = {
        f"{name}::{test}": getattr(suite, test.partition("[")[0]).contract_needs
        for name, suite in test_mutants.SUITES.items()
        for test in suite.known_failures
        if not suite.has(getattr(suite, test.partition("[")[0]).contract_needs)
    }
    assert needs == {}
