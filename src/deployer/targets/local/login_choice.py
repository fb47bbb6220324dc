"""Which log-in a hub gets: the one it names where that works on this machine, else the local one with its rules."""

from __future__ import annotations

import re
from difflib import get_close_matches
from html import escape
from typing import Any

from deployer.targets.local import traits
from deployer.targets.local.context import HubContext
from deployer.targets.local.login_rules import KEPT, deciding, read_rules
from deployer.targets.local.logins import LocalLogin
from deployer.targets.local.report import HubConfigError, Report
from deployer.targets.local.treatments import LOCAL_LOGINS, REPLACED_LOGINS

_KEY = "hub.config.JupyterHub.authenticator_class"
# Classes that ask somebody outside, or the machine's accounts, who a user is.
_OUTSIDE = frozenset({
    "CASAuthenticator", "JSONWebTokenAuthenticator", "KerberosAuthenticator", "LDAPAuthenticator", "LTI11Authenticator",
    "LTI13Authenticator", "LocalAuthenticator", "OAuthenticator", "PAMAuthenticator", "RemoteUserAuthenticator",
    "SAMLAuthenticator",
})  # fmt: skip


def choose_login(c: Any, context: HubContext, report: Report) -> None:
    """Leave a class that works here as it is, replace any other, and let the health check's user exist in any case.

    :raises HubConfigError: there is no such class.
    """
    chosen = c.JupyterHub.get("authenticator_class", "dummy")
    found = traits.load_class(chosen, "jupyterhub.authenticators")
    sections = _sections(chosen, found)
    if found is None or needs_outside(found):
        _replace(c, context, sections, report)
        sections = ["LocalLogin"]
    elif found.__name__ == "FirstUseAuthenticator" and "dbm_path" not in c.FirstUseAuthenticator:
        c.FirstUseAuthenticator.dbm_path = str(context.hub_dir / "passwords.dbm")
    _admit_health_user(c, context, sections)


def needs_outside(cls: type) -> bool:
    return any(base.__name__ in _OUTSIDE for base in cls.__mro__)


def _sections(chosen: Any, found: type | None) -> list[str]:
    """The sections that the class reads, the most general first."""
    if found is not None:
        return [base.__name__ for base in traits.ancestors(found)]
    name = REPLACED_LOGINS.get(str(chosen), re.split(r"[.:]", str(chosen))[-1])
    if "." not in str(chosen) and str(chosen) not in REPLACED_LOGINS:
        raise HubConfigError(f"{_KEY}: there is no authenticator {chosen!r}{_nearest(str(chosen))}")
    return ["Authenticator", name]


def _nearest(chosen: str) -> str:
    known = {*LOCAL_LOGINS, *REPLACED_LOGINS, *traits.plugin_names("jupyterhub.authenticators")}
    near = get_close_matches(chosen, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _replace(c: Any, context: HubContext, sections: list[str], report: Report) -> None:
    settings = {trait: value for name in sections for trait, value in c[name].items()}
    rules = read_rules(settings)
    report.login, report.undecided = sections[-1], list(rules.undecided)
    dropped = [trait for trait in c.Authenticator if trait not in KEPT]
    for trait in dropped:
        del c.Authenticator[trait]
    report.leave_out_all((f"c.Authenticator.{trait}" for trait in dropped), "the local log-in has no use for it")
    c.LocalLogin.update({trait: value for trait, value in settings.items() if trait in KEPT})
    c.LocalLogin.update(secrets_path=str(context.secrets_path), outside=deciding(settings))
    if rules.any:
        c.LocalLogin.any_allow_config = True
    c.JupyterHub.authenticator_class = LocalLogin
    _tell_users(c, sections[-1])


def _tell_users(c: Any, replaced: str) -> None:
    text = (
        f"A local log-in in place of {escape(replaced)}: any name that this hub's rules allow, and the local password."
    )
    c.JupyterHub.template_vars = {"announcement_login": text, **c.JupyterHub.get("template_vars", {})}


def _admit_health_user(c: Any, context: HubContext, sections: list[str]) -> None:
    """Widen a pattern for user names so that the health check's user may be made."""
    for name in ["Authenticator", *sections]:
        pattern = c[name].get("username_pattern")
        if isinstance(pattern, str) and pattern and not re.match(pattern, context.health_user):
            c[name].username_pattern = f"(?:{pattern})|{re.escape(context.health_user)}$"
