"""Answers that a verb needs: given as options, asked for at a terminal, and listed where there is none."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from deployer.errors import EXIT_INTERRUPTED, DeployerError
from deployer.fleet.schema import nearest


@dataclass
class Asker:
    """Asks on standard error, for standard output is the product.

    Without a terminal nothing is asked: what has a default gets it, and what has none is ``missing``.
    """

    interactive: bool
    missing: list[str] = field(default_factory=list)

    @classmethod
    def at_terminal(cls) -> Asker:
        return cls(sys.stdin.isatty() and sys.stderr.isatty())

    def text(
        self,
        option: str,
        question: str,
        given: str | None,
        *,
        default: str = "",
        needed: bool = True,
        check: Callable[[str], object] = lambda _: None,
    ) -> str:
        """What was given, or the answer to the question, or the default.

        :param check: raises what is wrong with an answer; one that was given as an option must pass, too.
        """
        if given is not None:
            check(given)
            return given
        if not self.interactive:
            if needed and not default:
                self.missing.append(option)
            return default
        return self._asked(question, default, needed=needed, check=check)

    def _asked(self, question: str, default: str, *, needed: bool, check: Callable[[str], object]) -> str:
        while True:
            answer = self._line(f"{question}{_shown(default, needed=needed)}: ") or default
            if needed and not answer:
                print("An answer is needed here.", file=sys.stderr)
                continue
            try:
                check(answer)
            except DeployerError as error:
                print(error, file=sys.stderr)
            else:
                return answer

    def choice(self, option: str, question: str, given: str | None, words: Sequence[str], *, default: str = "") -> str:
        """One of some words."""

        def check(answer: str) -> None:
            if answer not in words:
                raise DeployerError(f"{answer!r} is none of: {', '.join(words)}{nearest(answer, words)}")

        return self.text(option, f"{question} ({', '.join(words)})", given, default=default, check=check)

    def several(
        self, question: str, given: Iterable[str], *, check: Callable[[str], object] = lambda _: None
    ) -> list[str]:
        """Any number of words: those that were given, or those of the answer, which may be none."""
        found = list(given)
        for one in found:
            check(one)
        if found or not self.interactive:
            return found

        def check_all(answer: str) -> None:
            for word in answer.replace(",", " ").split():
                check(word)

        answer = self._asked(f"{question}, with blanks between them", "", needed=False, check=check_all)
        return answer.replace(",", " ").split()

    def yes(self, question: str, given: bool | None, *, default: bool) -> bool:
        if given is not None or not self.interactive:
            return default if given is None else given
        answer = self._line(f"{question} [{'Y/n' if default else 'y/N'}]: ").lower()
        return default if not answer else answer in {"y", "yes"}

    def secret(self, question: str) -> str:
        """What is not shown while it is typed; "" where nobody can be asked."""
        if not self.interactive:
            return ""
        try:
            return getpass.getpass(f"{question} (not shown; empty: later): ", stream=sys.stderr).strip()
        except EOFError:
            raise _ended() from None

    def complete(self, verb: str) -> None:
        """
        :raises DeployerError: something is missing; all of it at once.
        """
        if self.missing:
            raise DeployerError(
                f"{verb}: there is no terminal to ask at, and these are missing: {', '.join(self.missing)}",
                hint=f"See: {verb} --help",
            )

    def _line(self, prompt: str) -> str:
        print(prompt, end="", file=sys.stderr, flush=True)
        try:
            return input().strip()
        except EOFError:
            raise _ended() from None


def _shown(default: str, *, needed: bool) -> str:
    return f" [{default}]" if default else "" if needed else " [none]"


def _ended() -> DeployerError:
    print(file=sys.stderr)
    return DeployerError("no more answers: nothing was written", exit_code=EXIT_INTERRUPTED)
