"""The plugin's own tests run with it as a stranger would have it: installed."""

pytest_plugins = ["pytester"]


def pytest_addoption(parser):
    parser.addoption(
        "--all-mutants",
        action="store_true",
        help="run the whole suite on each mutant, not just the tests that must notice it and one more (some minutes)",
    )


def pytest_collection_modifyitems(config, items):
    """Without --all-mutants, on a mutant is run what must fail, and one test beside it that must not."""
    if config.option.all_mutants:
        return
    suites = {}
    for item in items:
        if item.path.name == "test_mutants.py":
            suites.setdefault(item.cls, []).append(item)
    chosen = {item for suite, tests in suites.items() for item in _chosen(suite, tests)}
    left_out = [item for tests in suites.values() for item in tests if item not in chosen]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


def _chosen(suite, tests):
    """What the mutant is said to fail, and the nearest test after that (else, before) which it can be run on."""
    named = [item for item in tests if {item.name, item.originalname} & set(suite.broken)]
    last = tests.index(named[-1]) + 1 if named else 0
    known = set(suite.known_failures)
    others = [item for item in tests[last:] + tests[:last][::-1] if not {item.name, item.originalname} & known]
    return named + [item for item in others if all(map(suite.has, _needs(item)))][:1]


def _needs(item):
    """What a test needs, also of the way in which a service runs."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return item.function.contract_needs, parameters.get("served", "")
