"""Registered with pytest under the entry point ``pytest11``: options, hooks and fixtures."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from . import hookspecs
from .config import Options
from .contracts.collect import mark_contract_tests, report_contract_test
from .overrides import check_override, explain_scope
from .session import LEAKS, SESSION, HubSession, describe
from .shorten import shorten

pytest_plugins = [
    "jupyterhub_pytest_plugin.fixtures",
    "jupyterhub_pytest_plugin.contracts.fixtures",
    "jupyterhub_pytest_plugin.contracts.service_fixtures",
]

if TYPE_CHECKING:
    from collections.abc import Generator

SCOPES = ("function", "class", "module", "package", "session")
# Their warnings would break the hub in the middle of a request instead of a test.
_OF_HUBS = [rf"{module}\." for module in ("jupyterhub", "jupyter_events", "pythonjsonlogger", "alembic")]
_HIDDEN: Any = getattr(pytest, "HIDDEN_PARAM", None)  # pytest >= 8.4: the test's id stays as it is


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("jupyterhub", "JupyterHub components")
    group.addoption(
        "--jupyterhub-proxy",
        choices=["inprocess", "chp", "traefik"],
        default="inprocess",
        help="the proxy of the hubs under test (default: one inside the hub's process)",
    )
    group.addoption(
        "--jupyterhub-singleuser",
        choices=["echo", "real"],
        default="echo",
        help="users' servers: a small stand-in (default), or the real jupyterhub-singleuser",
    )
    group.addoption("--jupyterhub-ssl", action="store_true", help="hubs encrypt their internal traffic")
    group.addoption("--jupyterhub-subdomain", action="store_true", help="hubs give each user a sub-domain")
    parser.addini(
        "jupyterhub_scope", f"scope of the `jupyterhub` fixtures: one of {', '.join(SCOPES)}", default="module"
    )
    parser.addini(
        "jupyterhub_unchecked_classes", "classes that a hub loads late: their configuration is not looked at", "args"
    )
    parser.addini("jupyterhub_leaks", "what a session leaves behind is: error, warn or off", default="error")
    parser.addini(
        "jupyterhub_leaks_ignore",
        "patterns, one a line, of what may be left behind, as it would be named: thread 'pool-*'",
        "linelist",
    )
    parser.addini(
        "jupyterhub_leaks_grace", "seconds that what is ending may take at the end of a session", default="15"
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    _one_of(config, "jupyterhub_scope", SCOPES)
    _one_of(config, "jupyterhub_leaks", ("error", "warn", "off"))
    config.addinivalue_line(
        "markers",
        "jupyterhub(**overrides): run the test on a hub with this configuration, given by class:"
        " @pytest.mark.jupyterhub(JupyterHub={'allow_named_servers': True})",
    )
    config.addinivalue_line(
        "markers",
        "jupyterhub_real_singleuser: run the test only with the real jupyterhub-singleuser, which starts slowly",
    )
    # Where warnings are errors, those of JupyterHub's own code would break the hub instead of a test.
    for module in _OF_HUBS:
        config.addinivalue_line("filterwarnings", f"default::Warning:{module}")
    option = config.option
    if option.jupyterhub_singleuser == "real" and importlib.util.find_spec("jupyter_server") is None:
        msg = "--jupyterhub-singleuser=real needs jupyter_server, which is missing: `pip install jupyter-server`"
        raise pytest.UsageError(msg)
    options = Options(
        proxy=option.jupyterhub_proxy,
        singleuser=option.jupyterhub_singleuser,
        ssl=option.jupyterhub_ssl,
        subdomain=option.jupyterhub_subdomain,
        unchecked=tuple(config.getini("jupyterhub_unchecked_classes")),
    )
    config.stash[SESSION] = HubSession(options)
    config.stash[LEAKS] = []


def _one_of(config: pytest.Config, name: str, allowed: tuple[str, ...]) -> None:
    value = config.getini(name)
    if value not in allowed:
        msg = f"{name} = {value!r} in {config.inipath}: must be one of {', '.join(allowed)}"
        raise pytest.UsageError(msg)


class MarkerConfig:
    """The configuration that a test's markers ask for; tests with equal ones share a hub."""

    known: ClassVar[dict[str, MarkerConfig]] = {}  # one for all: pytest compares parameters by identity

    def __init__(self, layers: list[dict[str, Any]]) -> None:
        self.layers = layers

    @classmethod
    def of(cls, layers: list[dict[str, Any]]) -> MarkerConfig:
        return cls.known.setdefault(repr(layers), cls(layers))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A marker is a parameter of the hub's fixture: so pytest itself starts and stops hubs where they change."""
    markers = list(metafunc.definition.iter_markers("jupyterhub"))
    if not markers or "jupyterhub" not in metafunc.fixturenames:
        return
    layers = [layer for marker in reversed(markers) for layer in [*marker.args, marker.kwargs] if layer]
    metafunc.parametrize("jupyterhub", [MarkerConfig.of(layers)], indirect=True, ids=[_HIDDEN or "marked"])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mark_contract_tests(items)
    real = config.option.jupyterhub_singleuser == "real"
    skip = pytest.mark.skip(reason="needs --jupyterhub-singleuser=real")
    for item in items:
        if not real and item.get_closest_marker("jupyterhub_real_singleuser"):
            item.add_marker(skip)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, None]:
    """Inside of pytest's own: its ``-W`` wins over what we told it, and it puts back the filters afterwards."""
    if any(given.startswith("e") for given in item.config.known_args_namespace.pythonwarnings or []):
        for module in _OF_HUBS:
            warnings.filterwarnings("default", module=module)
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    if call.excinfo is not None:
        shorten(call.excinfo.value)
    outcome = yield
    report = outcome.get_result()
    report_contract_test(item, call, report)
    explain_scope(item, report)
    if report.failed and "jupyterhub_pytest_plugin.services" in sys.modules:
        from .services import outputs

        report.sections += outputs()


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """After pytest's own, which makes the fixtures."""
    check_override(item)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    ignored = config.getini("jupyterhub_leaks_ignore")
    found = config.stash[SESSION].finish(float(config.getini("jupyterhub_leaks_grace")), ignored)
    if config.getini("jupyterhub_leaks") == "off":
        return
    if hasattr(config, "workeroutput"):
        config.workeroutput["jupyterhub_leaks"] = describe(found, config.workerinput["workerid"])  # type: ignore[attr-defined]
        return
    config.stash[LEAKS] += found
    failed = config.stash[LEAKS] and config.getini("jupyterhub_leaks") == "error"
    if failed and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """xdist: what a worker left is told here, before the controller's own session ends."""
    output = getattr(node, "workeroutput", None) or {}
    node.config.stash[LEAKS] += output.get("jupyterhub_leaks", [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash[LEAKS]
    if found:
        terminalreporter.section("left behind by hubs under test", red=True)
        for line in found:
            terminalreporter.line(line)
        terminalreporter.line(
            "stop what your component starts; or name in the ini file what may stay (`jupyterhub_leaks_ignore`), or set"
            " `jupyterhub_leaks = warn`"
        )
