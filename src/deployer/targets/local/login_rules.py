"""Who may enter through the local log-in: the rules of the class it stands in for, where a name decides. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

# Settings of JupyterHub's own base class, which the local log-in takes over as they are.
KEPT = frozenset({
    "admin_users", "allow_all", "allow_existing_users", "allowed_users", "any_allow_config", "blocked_users",
    "delete_invalid_users", "enable_auth_state", "username_map", "username_pattern",
})  # fmt: skip
_GATES = ("hosted_domain", "allowed_hosted_domains")
_PROVIDERS = ("allowed_idps", "idps")


@dataclass(frozen=True)
class OutsideRules:
    """Rules beyond lists of names.

    ``undecided`` names those that could admit somebody but need facts from outside; ``domains`` are the only ones that
    may enter at all (none: no such gate), ``strips`` says whether user names come without their domain.
    """

    undecided: tuple[str, ...] = ()
    providers: tuple[Mapping[str, Any], ...] = ()
    domains: tuple[str, ...] = ()
    strips: bool = False

    @property
    def any(self) -> bool:
        return bool(self.undecided or any(map(_admits_somebody, self.providers)))

    def may_pass(self, name: str) -> bool:
        """Whether the gate lets this name through to the other rules."""
        return not self.domains or _domain_admits(name, self.domains, bare=self.strips)

    def admits(self, name: str) -> bool:
        """Whether a rule lets this name in, or could."""
        return bool(self.undecided) or any(_provider_admits(provider, name) for provider in self.providers)


def deciding(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings beyond lists of names that decide who enters: no client secret is among them."""
    known = {*_GATES, *_PROVIDERS, "strip_domain"}
    return {
        key: value
        for key, value in settings.items()
        if key in known or (key.startswith("allowed_") and key not in KEPT and not callable(value))
    }


def read_rules(settings: Mapping[str, Any]) -> OutsideRules:
    """Read the effective settings of an authenticator, all its sections merged."""
    providers: Mapping[str, Any] = next(
        (settings[key] for key in _PROVIDERS if isinstance(settings.get(key), Mapping)), {}
    )
    domains = next((settings[key] for key in _GATES if settings.get(key)), ())
    known = {*KEPT, *_GATES, *_PROVIDERS}
    return OutsideRules(
        undecided=tuple(
            sorted(k for k, value in settings.items() if k.startswith("allowed_") and k not in known and value)
        ),
        providers=tuple(provider for provider in providers.values() if isinstance(provider, Mapping)),
        domains=tuple(_texts(domains)),
        strips=bool(settings.get("strip_domain")),
    )


def _admits_somebody(provider: Mapping[str, Any]) -> bool:
    return bool(provider.get("allow_all") or provider.get("allowed_domains"))


def _provider_admits(provider: Mapping[str, Any], name: str) -> bool:
    """CILogon's rules for one identity provider."""
    derivation = provider.get("username_derivation")
    derivation = derivation if isinstance(derivation, Mapping) else {}
    prefix = f"{derivation.get('prefix')}:" if derivation.get("action") == "prefix" else ""
    if not name.startswith(prefix) or not _admits_somebody(provider):
        return False
    if provider.get("allow_all") or provider.get("allowed_domains_claim"):
        return True
    claim = str(derivation.get("username_claim", "email"))
    bare = derivation.get("action") == "strip_idp_domain" or claim not in ("email", "eppn")
    return _domain_admits(name.removeprefix(prefix), _texts(provider["allowed_domains"]), bare=bare)


def _domain_admits(name: str, domains: Sequence[str], *, bare: bool) -> bool:
    """By the part behind "@"; a name without one passes only where names can come like that (``bare``)."""
    _, at, domain = name.rpartition("@")
    return any(fnmatch(domain.lower(), pattern.lower()) for pattern in domains) if at else bare


def _texts(written: Any) -> list[str]:
    return [written] if isinstance(written, str) else [str(item) for item in written or ()]
