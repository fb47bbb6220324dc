"""How pytest treats a contract suite: reasons for what is skipped, and the source of each behaviour when it fails."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pytest

from jupyterhub_pytest_plugin.errors import ConfigError, HubStartError

from .wire import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
_KNOWN_FAILURE = 5.0
DOCS = "https://jupyterhub.readthedocs.io/en/stable/"


def relies_on(page: str, *, needs: str = "", since: int | str = 0) -> Callable[[F], F]:
    """Mark a behaviour that JupyterHub relies on, with the page of its documentation (or of an RFC) that says so.

    ``needs`` names the capability without which the test makes no sense; a suite lists what its component lacks.
    ``since`` is the version of JupyterHub that brought the behaviour: ``5`` or ``"5.3"``.
    """

    def mark(function: F) -> F:
        function.contract_source = page if "://" in page else DOCS + page  # type: ignore[attr-defined]
        function.contract_needs = needs  # type: ignore[attr-defined]
        function.contract_since = since  # type: ignore[attr-defined]
        return function

    return mark


class Contract:
    """What all suites have in common."""

    #: Capabilities that the component does not have, each with the reason: ``{"websockets": "plain HTTP only"}``.
    #: Tests that need one are skipped and say why.
    lacks: Mapping[str, str] = {}

    #: Tests that are known to fail, each with the reason: ``{"test_data_round_trip": "issue 12"}``.
    #: A parameter can be named too: ``"test_odd_user_names[space]"``. They run all the same; one that passes fails the
    #: suite, so the list stays true.
    known_failures: Mapping[str, str] = {}

    #: Seconds that the component may take for what it does. Only tests that fail wait that long: let it be much. Those
    #: of ``known_failures`` wait five at most.
    patience: float = 60.0

    # Capabilities that are ways to run the whole suite.
    ways: ClassVar[Sequence[str]] = ()

    # What the hub said to logins that it refused in this test.
    refusals: Sequence[str] = ()

    @classmethod
    def not_given(cls) -> Mapping[str, str]:
        """Capabilities that cannot be tested for want of what the suite may say, each with what that is.

        :meta private:
        """
        return {}

    @classmethod
    def has(cls, capability: str) -> bool:
        """Whether tests that need this are run."""
        return capability not in lacking(cls)

    def need(self, capability: str) -> None:
        """Skip the rest of a test that needs one more capability."""
        if not self.has(capability):
            pytest.skip(f"lacks {capability}: {lacking(type(self))[capability]}")

    @pytest.fixture(autouse=True)
    def _known_failures_wait_less(self, request: pytest.FixtureRequest) -> None:
        if _known_failure(request.node):
            self.patience = min(self.patience, _KNOWN_FAILURE)

    def eventually(self, check: Callable[[], T]) -> T:
        """Try until the check does not fail any more; its last failure is the test's."""
        return eventually(check, self.patience)


def lacking(cls: type[Contract]) -> Mapping[str, str]:
    """What the component lacks, and what the suite does not say, with reasons."""
    return {**cls.not_given(), **cls.lacks}


def _known_failure(item: pytest.Function) -> str:
    """Why this test fails; empty if it should not."""
    known: Mapping[str, str] = item.cls.known_failures
    return known.get(item.name) or known.get(item.originalname) or ""


def capabilities(cls: type[Contract]) -> set[str]:
    """All that tests of this suite may need."""
    return {needs for _, needs in _tests(cls) if needs} | {*cls.ways}


def _tests(cls: type[Contract]) -> Iterable[tuple[str, str]]:
    for name in dir(cls):
        function = getattr(cls, name)
        if name.startswith("test_") and callable(function):
            yield name, getattr(function, "contract_needs", "")


def mark_contract_tests(items: list[pytest.Item]) -> None:
    checked: set[type] = set()
    for item in items:
        cls = getattr(item, "cls", None)
        if not (isinstance(cls, type) and issubclass(cls, Contract) and isinstance(item, pytest.Function)):
            continue
        if cls not in checked:
            checked.add(cls)
            _check(cls)
            _check_attributes(cls)
        needs = getattr(item.function, "contract_needs", "")
        if not cls.has(needs):
            item.add_marker(pytest.mark.skip(reason=f"lacks {needs}: {lacking(cls)[needs]}"))
        since = getattr(item.function, "contract_since", 0)
        if _release(since) > hub_version():
            item.add_marker(pytest.mark.skip(reason=f"JupyterHub has it since {since}"))
        if reason := _known_failure(item):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def hub_version() -> tuple[int, ...]:
    """The version of the JupyterHub that is installed, without what follows its numbers."""
    return _release(version("jupyterhub"))


def _release(text: int | str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(text))[:3])


def _check(cls: type[Contract]) -> None:
    """A capability or a test that does not exist is a mistake of writing: nothing would ever notice it."""
    known = {"lacks": capabilities(cls), "known_failures": {name for name, _ in _tests(cls)}}
    for attribute, names in known.items():
        where = f"{cls.__module__}.{cls.__qualname__}.{attribute}"
        given = getattr(cls, attribute)
        if not isinstance(given, Mapping):
            example = min(names, default="name")
            raise pytest.UsageError(f'{where} is a dict of names and reasons, as {{"{example}": "why"}}, not {given!r}')
        for entry, reason in given.items():
            _check_entry(where, entry, reason, names)


def _check_entry(where: str, entry: str, reason: object, names: set[str]) -> None:
    name = entry.partition("[")[0]
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(names))}"
        raise pytest.UsageError(f"{where}: {name!r} is not known; {hint}")
    if not isinstance(reason, str) or not reason.strip():
        raise pytest.UsageError(f"{where}: say why: {{{entry!r}: {reason!r}}} has no reason")


def _check_attributes(cls: type[Contract]) -> None:
    """What an author sets under a name that is nearly one of the suite's would never be looked at."""
    suite = next(base for base in cls.__mro__ if base.__module__.startswith(__package__ or ""))
    known = [name for name in dir(suite) if not name.startswith(("_", "test_"))]
    for base in cls.__mro__[: cls.__mro__.index(suite)]:
        for name in vars(base):
            if name.startswith(("_", "test_")) or name in known:
                continue
            if near := difflib.get_close_matches(name, known, 1, cutoff=0.85):
                msg = f"{base.__module__}.{base.__qualname__}.{name}: did you mean {near[0]}? Else name it otherwise"
                raise pytest.UsageError(msg)


def report_contract_test(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Say of a failure what JupyterHub relies on; a known failure is only one that the test itself finds."""
    source = getattr(getattr(item, "function", None), "contract_source", None)
    if source is None:
        return
    if report.skipped and hasattr(report, "wasxfail") and call.excinfo and not _is_a_finding(call):
        del report.wasxfail
        report.outcome = "failed"
        report.longrepr = item.repr_failure(call.excinfo)
        report.sections.append(("Not the known failure", "the hub did not start, so the test found nothing"))
    if report.failed:
        report.sections.append(("JupyterHub relies on this", _hint(item, source)))
        if refusals := getattr(getattr(item, "instance", None), "refusals", ()):
            report.sections.append(("Logins that were refused", "\n".join(refusals)))


def _is_a_finding(call: pytest.CallInfo[None]) -> bool:
    wrong = call.excinfo is not None and call.excinfo.errisinstance((HubStartError, ConfigError, pytest.UsageError))
    return call.when == "call" and not wrong


def _hint(item: pytest.Item, source: str) -> str:
    function = item.function  # type: ignore[attr-defined]
    lines = [" ".join((function.__doc__ or "").split()), source]
    if function.contract_needs:
        lines.append(
            f'If your component has none of this, the suite can say so: lacks = {{"{function.contract_needs}": "why"}}'
        )
    if item.get_closest_marker("xfail") is None:
        lines.append(f'If it has it, and does it otherwise for now: known_failures = {{"{item.name}": "why"}}')
    return "\n".join(lines)
