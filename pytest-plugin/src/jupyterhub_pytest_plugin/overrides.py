"""An override of ``jupyterhub_config`` counts only where a hub is made with it: what a test shares may be older."""

from __future__ import annotations

import pytest

_MARK = 'mark the class or the test instead: @pytest.mark.jupyterhub(JupyterHub={"allow_named_servers": True})'


def check_override(item: pytest.Item) -> None:
    """Fail a test whose hub was made with another configuration than this test's ``jupyterhub_config`` gives."""
    given = getattr(item, "funcargs", None) or {}
    asked = given.get("jupyterhub_config")
    for name in ("jupyterhub", "jupyterhub_factory"):
        made = getattr(given.get(name), "made_with", None)
        if made is not None and made is not asked and made != asked:
            pytest.fail(
                f"this test's jupyterhub_config was passed over: `{name}` is shared by a {_scope(item)}, and was made"
                f" with another one before.\nEither {_MARK}\nOr, in the ini file: jupyterhub_scope = class",
                pytrace=False,
            )


def explain_scope(item: pytest.Item, report: pytest.TestReport) -> None:
    """Tell what pytest cannot know: why the scope of an override is too narrow."""
    failed = report.longreprtext if report.when == "setup" and report.failed else ""
    if "ScopeMismatch" in failed and "jupyterhub_config" in failed:
        text = (
            f"jupyterhub_config needs the scope of the hub that it configures, {_scope(item)!r}, or a wider one."
            f"\nEither {_MARK}\nOr, in the ini file: jupyterhub_scope = class"
        )
        report.sections.append(("The scope of jupyterhub_config", text))


def _scope(item: pytest.Item) -> str:
    return str(item.config.getini("jupyterhub_scope"))
