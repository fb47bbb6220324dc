"""The command: finds the verb, runs it, and turns what it raises into a message and an exit code."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import NamedTuple, NoReturn, TextIO

from deployer import __version__
from deployer.errors import EXIT_BUG, EXIT_INTERRUPTED, DeployerError, no_room


class Verb(NamedTuple):
    """A verb: the module that holds it, and what the list of verbs says of it."""

    module: str
    summary: str


# The modules are imported when their verb is chosen: `deployer --help` must not wait for all of them.
VERBS: Mapping[str, Verb] = {
    "init": Verb("init", "make a new fleet"),
    "new": Verb("new", "make a new cluster or hub"),
    "adopt": Verb("adopt", "take a hub that runs already into the fleet"),
    "validate": Verb("validate", "say all that is wrong with the fleet"),
    "schema": Verb("schema", "the JSON Schema of cluster.yaml or deployer.yaml, for editors"),
    "plan": Verb("plan", "which releases a change touches, and why"),
    "diff": Verb("diff", "what an upgrade, or a change, makes of the manifests"),
    "explain": Verb("explain", "which files and lines set a hub's values"),
    "deploy": Verb("deploy", "upgrade releases: support, then canaries, then production"),
    "check": Verb("check", "prove that users of a hub can work"),
    "preview": Verb("preview", "start any hub, or a replicate, on this machine for a look"),
    "status": Verb("status", "what is deployed, and how it is"),
    "logs": Verb("logs", "what a hub wrote"),
    "history": Verb("history", "past rollouts"),
    "rollback": Verb("rollback", "take a hub back to an earlier revision"),
    "terraform-jobs": Verb("terraform_jobs", "in a pipeline: which clusters' Terraform a change touches"),
    "filter-jobs": Verb("filter_jobs", "in a pipeline: which production hubs may go ahead"),
    "state": Verb("state", "in a pipeline: keep what was deployed, for the next plan"),
    "github": Verb("github", "in a workflow: labels, the plan's comment, one issue for a cluster"),
    "owners": Verb("owners", "who may change what of a hub, and whether a change stays within it"),
    "workflow": Verb("workflow", "the fleet's workflows for GitHub Actions"),
    "unlock": Verb("unlock", "release a lock that was left behind"),
    "backup": Verb("backup", "back up a hub's database"),
    "restore": Verb("restore", "put a back-up in the place of a hub's database"),
    "retire": Verb("retire", "take hubs out of service"),
    "shell": Verb("shell", "a shell with a cluster's credentials"),
    "secrets": Verb("secrets", "whether secrets are encrypted, and can be decrypted"),
    "command": Verb("command", "the commands by which anyone could deploy a hub"),
    "replicate": Verb("replicate", "take a hub out of the fleet as plain files, or prove that each can go"),
    "down": Verb("down", "stop local hubs; what they hold stays"),
}

EXIT_CODES = {
    0: "done, or nothing to do",
    1: "something that you can mend: the message says what and how",
    2: "there is something to do (plan and status, with --exit-code), or a change is not its author's (owners)",
    3: "some releases failed or were withheld",
    70: "a bug in the deployer: please send the report that it names",
    130: "interrupted",
}


class Formatter(argparse.RawDescriptionHelpFormatter):
    """As argparse has it; but to find the width, that imports what takes longer than all of `deployer --help`."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (AttributeError, OSError, ValueError):
        return 80


class Parser(argparse.ArgumentParser):
    """Raises what is wrong with the command line: argparse would exit with 2, which has another meaning here."""

    def error(self, message: str) -> NoReturn:
        raise DeployerError(message, hint=f"See: {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """The options that stand before the verb."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {verb.summary}" for name, verb in VERBS.items())
    top = Parser(
        prog="deployer",
        usage="deployer [--fleet DIR] VERB …",
        description="Deploys many independent JupyterHubs, on many clusters, from one repository.",
        epilog=f"verbs:\n{verbs}\n\n`deployer VERB --help` tells more of each.",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    top.add_argument("--fleet", metavar="DIR", help="the fleet's folder (default: the one we stand in)")
    top.add_argument("--version", action="version", version=f"deployer {__version__}")
    top.add_argument("verb", metavar="VERB", nargs="?", help=argparse.SUPPRESS)
    top.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return top


def verb_parser(name: str) -> argparse.ArgumentParser:
    """The options of one verb."""
    module = import_module(f"deployer.cli.{VERBS[name].module}")
    made = Parser(
        prog=f"deployer {name}",
        description=module.__doc__,
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    module.options(made)
    made.set_defaults(run=module.run)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is one of :data:`EXIT_CODES`."""
    sys.stdout, sys.stderr = (stream or _nowhere() for stream in (sys.stdout, sys.stderr))  # `>&-` leaves none
    for stream in (sys.stdout, sys.stderr):
        # A path may hold bytes that are no UTF-8; they are shown, and stop nothing.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()  # here, where a reader that has gone is still noticed
        return code  # noqa: TRY300 - an else would stand far below
    except DeployerError as error:
        print(f"deployer: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("deployer: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Who reads our output has gone (`deployer plan | head`): nothing is left to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):  # Rich's way to say the same
            return 0
        raise
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a report
        return _unexpected(error)


def _dispatch(argv: list[str]) -> int:
    top = parser()
    options = top.parse_args(argv)
    if options.verb is None:
        top.print_help()
        return 0
    if options.verb not in VERBS:
        raise DeployerError(f"no verb {options.verb!r}", hint=_nearest_verb(options.verb))
    chosen = verb_parser(options.verb).parse_args(options.rest)
    from pathlib import Path

    from deployer.cli.context import Context  # after --help had its say, which waits for nothing

    fleet = None if options.fleet is None else Path(options.fleet)
    with _leaving_in_order(), Context.open(fleet, dict(os.environ)) as context:
        return int(chosen.run(chosen, context))


@contextmanager
def _leaving_in_order() -> Iterator[None]:
    """When we are told to end or the terminal goes, leave as from an error: what is private is removed on the way.

    An interrupt counts also where a shell that put us in the background had it ignored: pipelines cancel with it.
    """

    def leave(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    handlers = {signal.SIGTERM: leave, signal.SIGHUP: leave, signal.SIGINT: signal.default_int_handler}
    if threading.current_thread() is not threading.main_thread():
        handlers = {}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nearest_verb(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, VERBS, n=1)
    return f"Did you mean {near[0]}?" if near else f"There are: {', '.join(VERBS)}"


def _unexpected(error: Exception) -> int:
    if mendable := no_room(error):
        if isinstance(error, OSError) and not error.filename and _is_full():
            mendable.message = mendable.message.replace("a file", "standard output", 1)
        print(f"deployer: {mendable}", file=sys.stderr)
        return mendable.exit_code
    print(_report_bug(), file=sys.stderr)
    return EXIT_BUG


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - `deployer --help` needs no pathlib


def _is_full() -> bool:
    """Whether it is standard output that takes no more; what is left of it is dropped, for exit would try again."""
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")  # unbuffered, nothing was left to flush
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _report_bug() -> str:
    import platform
    import tempfile
    import traceback

    told = traceback.format_exc()
    last = told.strip().splitlines()[-1]
    try:
        with tempfile.NamedTemporaryFile("w", prefix="deployer-bug-", suffix=".txt", delete=False) as report:
            report.write(f"deployer {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
            report.write(told)
    except OSError:
        return f"{told}\ndeployer: this is a bug in the deployer: {last}\nPlease send what stands above."
    return f"deployer: this is a bug in the deployer: {last}\nPlease send the report: {report.name}"


if __name__ == "__main__":
    sys.exit(main())
