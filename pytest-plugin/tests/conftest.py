"""The plugin's own tests run with it as a stranger would have it: installed."""

pytest_plugins = ["pytester"]


def pytest_addoption(parser):
    parser.addoption(
        "--all-mutants",
        action="store_true",
        help="run the whole suite on each mutant, not just the tests that must notice it (some minutes more)",
    )


def pytest_collection_modifyitems(config, items):
    """Without --all-mutants, only what must fail is run on a mutant: that it fails is half of the proof."""
    if config.option.all_mutants:
        for item in items:
            if item.path.name == "test_mutants.py":
                item.cls.patience = 10  # what does not fail must not fail for want of time
        return
    left_out = [
        item
        for item in items
        if item.path.name == "test_mutants.py" and not {item.name, item.originalname} & set(item.cls.known_failures)
    ]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]
