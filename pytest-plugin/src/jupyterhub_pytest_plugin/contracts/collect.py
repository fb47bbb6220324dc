"""How pytest treats a contract suite: reasons for what is skipped, and the source of each behaviour when it fails."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pytest

from .wire import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
DOCS = "https://jupyterhub.readthedocs.io/en/stable/"


def relies_on(page: str, *, needs: str = "", since: int = 0) -> Callable[[F], F]:
    """Mark a behaviour that JupyterHub relies on, with the page of its documentation that says so.

    ``needs`` names the capability without which the test makes no sense; a suite lists what its component lacks.
    ``since`` is the major version of JupyterHub that brought the behaviour.
    """

    def mark(function: F) -> F:
        function.contract_source = DOCS + page  # type: ignore[attr-defined]
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

    #: Seconds that the component may take for what it does. Only tests that fail wait that long: let it be much.
    patience: ClassVar[float] = 60.0

    # What the hub said to logins that it refused in this test.
    refusals: Sequence[str] = ()

    def eventually(self, check: Callable[[], T]) -> T:
        """Try until the check does not fail any more; its last failure is the test's."""
        return eventually(check, self.patience)


def capabilities(cls: type[Contract]) -> set[str]:
    """All that tests of this suite may need."""
    return {needs for _, needs in _tests(cls) if needs}


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
        needs = getattr(item.function, "contract_needs", "")
        if needs in cls.lacks:
            item.add_marker(pytest.mark.skip(reason=f"lacks {needs}: {cls.lacks[needs]}"))
        since = getattr(item.function, "contract_since", 0)
        if since > hub_version():
            item.add_marker(pytest.mark.skip(reason=f"JupyterHub has it since {since}.0"))
        reason = cls.known_failures.get(item.name) or cls.known_failures.get(item.originalname)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def hub_version() -> int:
    """The major version of the JupyterHub that is installed."""
    return int(version("jupyterhub").partition(".")[0])


def _check(cls: type[Contract]) -> None:
    """A capability or a test that does not exist is a mistake of writing: nothing would ever notice it."""
    known = {"lacks": capabilities(cls), "known_failures": {name for name, _ in _tests(cls)}}
    for attribute, names in known.items():
        for entry in getattr(cls, attribute):
            name = entry.partition("[")[0]
            if name not in names:
                near = difflib.get_close_matches(name, names, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(names))}"
                msg = f"{cls.__module__}.{cls.__qualname__}.{attribute}: {name!r} is not known; {hint}"
                raise pytest.UsageError(msg)


def report_contract_failure(item: pytest.Item, report: pytest.TestReport) -> None:
    source = getattr(getattr(item, "function", None), "contract_source", None)
    if report.failed and source:
        behaviour = " ".join((item.function.__doc__ or "").split())  # type: ignore[attr-defined]
        needs = item.function.contract_needs  # type: ignore[attr-defined]
        hint = (
            f'\nIf your component has none of this, the suite can say so: lacks = {{"{needs}": "why"}}' if needs else ""
        )
        report.sections.append(("JupyterHub relies on this", f"{behaviour}\n{source}{hint}"))
        if refusals := getattr(getattr(item, "instance", None), "refusals", ()):
            report.sections.append(("Logins that were refused", "\n".join(refusals)))
