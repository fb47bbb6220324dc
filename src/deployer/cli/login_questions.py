"""The log-in of a new hub: its options, and the questions at a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from deployer.cli.asking import Asker
from deployer.errors import DeployerError
from deployer.fleet.cluster import Cluster, Provider
from deployer.scaffold.kinds import USES, Kind
from deployer.scaffold.login import (
    CHOICES,
    PROVIDERS,
    RULES,
    Login,
    LoginKind,
    check_login,
    check_org,
    check_provider,
    check_user,
)

_URLS = ("authorize", "token", "userdata")


def login_options(parser: argparse.ArgumentParser) -> None:
    login = parser.add_argument_group("who may log in, and how")
    login.add_argument("--login", metavar="LOGIN", help=f"one of {', '.join(LoginKind)}")
    for rule, what in RULES.items():
        if rule == "all":
            login.add_argument("--allow-all", action="store_true", help=_about(rule, what))
        else:
            add = login.add_argument
            add(f"--allow-{rule}", action="append", default=[], metavar=rule.upper(), help=_about(rule, what))
    login.add_argument(
        "--admin", action="append", default=[], metavar="USER", help="an administrator (may be repeated)"
    )
    login.add_argument(
        "--idp", metavar="URL", help=f"cilogon: the identity provider's address, or one of {', '.join(PROVIDERS)}"
    )
    for name in _URLS:
        login.add_argument(f"--{name}-url", metavar="URL", help=f"generic: the provider's {name} address")
    login.add_argument("--username-claim", metavar="CLAIM", help="cilogon, generic: what names a user")
    login.add_argument("--client-id", metavar="ID", help="of the application that is registered for the log-in")
    login.add_argument(
        "--client-secret-file", metavar="FILE", help="its secret (-: standard input); it is encrypted with sops"
    )


def _about(rule: str, what: str) -> str:
    return f"{what} ({', '.join(kind for kind, choice in CHOICES.items() if rule in choice.rules)})"


def ask_login(args: argparse.Namespace, cluster: Cluster, kind: Kind, asker: Asker) -> Login:
    """The log-in as options and answers have it.

    :raises DeployerError: an option is not this log-in's, or nobody could log in.
    """
    words = [str(one) for one in LoginKind if one is not LoginKind.DUMMY or cluster.provider is Provider.LOCAL]
    if args.login == LoginKind.DUMMY:
        words.append(args.login)  # what is wrong with it is said below
    found = asker.choice("--login", "How people log in", args.login, words, default=USES[kind].login)
    if not found:
        return Login(kind=LoginKind.NATIVE)  # it is missing, and will be said
    check_provider(LoginKind(found), cluster.provider)
    login = _with_provider(args, Login(kind=LoginKind(found)), asker)
    _refuse_others(args, login)
    login = _with_rules(args, login, asker)
    while asker.interactive and not login.anybody:
        if asker.yes("Everybody who can log in?", None, default=False):
            login = replace(login, everybody=True)
        else:
            print("Then nobody could. Once more:", file=sys.stderr)
            login = _with_rules(args, login, asker)
    if not asker.missing:
        check_login(login)
    return login


def _with_provider(args: argparse.Namespace, login: Login, asker: Asker) -> Login:
    if login.kind is LoginKind.CILOGON:
        question = f"The identity provider's address, or one of {', '.join(PROVIDERS)}"
        idp = asker.text("--idp", question, args.idp, check=_check_url_or_name)
        return replace(login, idp=PROVIDERS.get(idp, idp), claim=args.username_claim or "")
    if login.kind is LoginKind.GENERIC:
        urls = {
            name: asker.text(
                f"--{name}-url", f"The provider's {name} address", getattr(args, f"{name}_url"), check=_check_url
            )
            for name in _URLS
        }
        return replace(login, urls=urls, claim=args.username_claim or "")
    return login


def _check_url(text: str) -> None:
    if not text.startswith("https://"):
        raise DeployerError(f"{text!r} is no address: it must begin with https://")


def _check_url_or_name(text: str) -> None:
    if text not in PROVIDERS and not text.startswith(("https://", "http://")):
        raise DeployerError(f"{text!r} is neither an address nor one of {', '.join(PROVIDERS)}")


def _refuse_others(args: argparse.Namespace, login: Login) -> None:
    """Options of other log-ins are most likely a mistake."""
    whose: Mapping[str, set[LoginKind]] = {
        "idp": {LoginKind.CILOGON},
        **{f"{name}_url": {LoginKind.GENERIC} for name in _URLS},
        "username_claim": {LoginKind.CILOGON, LoginKind.GENERIC},
    }
    for name, kinds in whose.items():
        if getattr(args, name) is not None and login.kind not in kinds:
            raise DeployerError(f"--{name.replace('_', '-')}: not for log-in {login.kind}")


def _with_rules(args: argparse.Namespace, login: Login, asker: Asker) -> Login:
    given = {rule: tuple(getattr(args, f"allow_{rule}")) for rule in RULES if rule != "all"}
    login = replace(login, allow=given, everybody=args.allow_all, admins=tuple(args.admin))
    by_name = partial(check_user, login=login)
    check: dict[str, Callable[[str], object]] = {"org": check_org, "user": by_name}
    if not (any(given.values()) or args.allow_all):
        for rule in (one for one in given if one in login.choice.rules):
            words = asker.several(f"Who may use it: {RULES[rule]}", (), check=check.get(rule, lambda _: None))
            login = replace(login, allow={**login.allow, rule: tuple(words)})
    if login.kind is not LoginKind.TMP:
        login = replace(login, admins=tuple(asker.several("Its administrators, by name", login.admins, check=by_name)))
    if not login.anybody and not asker.interactive:
        asker.missing.append(" or ".join(f"--allow-{rule}" for rule in RULES if rule in login.choice.rules))
    return login
