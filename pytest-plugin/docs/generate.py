"""The parts of the docs that are made from the code, so that they cannot rot.

    python docs/generate.py            write reference.md and contracts.md anew
    python docs/generate.py --check    exit with 1, and say which, if one of them is not what the code says

Needs the plugin and JupyterHub: the Python of any corner, or of the repository's own environment.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import jupyterhub_pytest_plugin as package
from jupyterhub_pytest_plugin import echo
from jupyterhub_pytest_plugin.contracts.collect import Contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HERE = Path(__file__).parent
SOURCE = Path(package.__file__).parent
MADE = "<!-- Made by docs/generate.py from the code: edit its docstrings. -->"
SUITES = ("ProxyContract", "AuthenticatorContract", "SpawnerContract", "ServiceContract")
GROUPS = {
    "Hubs": ("Hub", "InlineHub", "HubFactory", "StillHub"),
    "Browsers and API": ("HubClient", "AsyncHubClient", "HubAPI", "AsyncHubAPI"),
    "Users, services, backends": ("HubUser", "HubService", "People", "EchoServer", "RouteServer", "Port", "HubLog"),
    "Errors": (
        "HubError",
        "HubStartError",
        "ConfigError",
        "WrongThreadError",
        "LoginError",
        "SpawnError",
        "ServiceError",
        "NoAnswerError",
    ),
}


def pages() -> dict[Path, str]:
    return {HERE / "reference.md": reference(), HERE / "contracts.md": contracts()}


# The reference


def reference() -> str:
    lines = [MADE, "", "# Reference", "", "Everything that a test may use; what is not here is not promised.", ""]
    lines += ["## Fixtures", "", *_fixtures()]
    for title, names in GROUPS.items():
        lines += [f"## {title}", ""]
        for name in names:
            lines += _class(getattr(package, name))
    lines += ["## What the echo server answers", "", *_echo()]
    return "\n".join(lines).rstrip() + "\n"


def _echo() -> Iterator[str]:
    rows = re.findall(r"^(``\?\S+``)\s+(.+)$", inspect.getdoc(echo) or "", flags=re.MULTILINE)
    yield f"JSON with {', '.join(f'`{key}`' for key in _answered())} of the request; a user's server tells of itself"
    yield "`pid`, `argv`, `env` and `cwd` too. A WebSocket gets each of its messages back, with the first of the"
    yield "sub-protocols that it offers. Something else is asked for in the query:"
    yield ""
    yield "| query | answer |"
    yield "|---|---|"
    for query, answer in rows:
        yield f"| {_text(query)} | {_text(answer)} |"
    yield ""


def _answered() -> list[str]:
    request = echo.Request("GET", "/", {})
    return list(echo.EchoServer().describe(request))


def _fixtures() -> Iterator[str]:
    yield "| fixture | scope | |"
    yield "|---|---|---|"
    for node in _fixture_nodes():
        yield f"| `{node.name}` | {_scope(node)} | {_text(ast.get_docstring(node))} |"
    yield ""
    yield "Scope *ini*: the ini option `jupyterhub_scope`, by default `module`."
    yield ""


def _fixture_nodes() -> list[ast.FunctionDef]:
    nodes = ast.parse((SOURCE / "fixtures.py").read_text()).body
    return [node for node in nodes if isinstance(node, ast.FunctionDef) and _scope(node)]


def _fixture_names() -> list[str]:
    return [node.name for node in _fixture_nodes()]


def _scope(node: ast.FunctionDef) -> str:
    """The scope of a fixture; empty for other functions."""
    for decorator in node.decorator_list:
        source = ast.unparse(decorator)
        if source.startswith("pytest.fixture"):
            return "ini" if "scope=scope" in source else "session" if "session" in source else "function"
    return ""


def _class(cls: type) -> Iterator[str]:
    yield f"### `{cls.__name__}`"
    yield ""
    yield _text(cls.__doc__)
    yield ""
    if _is_ours(cls.__base__):
        yield _text(cls.__base__.__doc__)
        yield ""
    members = list(_members(cls))
    for name, member in members:
        yield f"- `{_signature(name, member)}`{_about(member)}"
    if members:
        yield ""


def _is_ours(base: type | None) -> bool:
    """A base class that is not documented by itself."""
    if base is None or not base.__module__.startswith(package.__name__):
        return False
    return base.__name__ not in package.__all__ and not base.__name__.startswith("_")


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public members of our own, as written: those of a base that is documented by itself stand there."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if not base.__module__.startswith(package.__name__) or (base is not cls and base.__name__ in package.__all__):
            continue
        for name, member in vars(base).items():
            public = name == "__call__" or not name.startswith("_")
            if public and name not in seen and isinstance(member, (FunctionType, property, cached_property)):
                seen.add(name)
                if (text := _written(member)) and ":meta private:" not in text:
                    yield name, member


def _signature(name: str, member: Any) -> str:
    if not isinstance(member, FunctionType):
        return f".{name}"
    parameters = list(inspect.signature(member).parameters.values())[1:]
    shown = ", ".join(_parameters(parameters))
    start = "await " if inspect.iscoroutinefunction(member) else ""
    return f"{start}({shown})" if name == "__call__" else f"{start}.{name}({shown})"


def _parameters(parameters: Iterable[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        starred = starred or parameter.kind is parameter.VAR_POSITIONAL
        prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        yield f"{prefix}{parameter.name}{default}"


def _about(member: Any) -> str:
    return f": {_text(_written(member))}"


def _written(member: Any) -> str:
    """Its own docstring: what has none is not promised."""
    function: Callable[..., Any] = getattr(member, "fget", None) or getattr(member, "func", member)
    return function.__doc__ or ""


# The contracts


def contracts() -> str:
    lines = [MADE, "", "# What JupyterHub relies on", ""]
    lines += [
        "Each suite, test by test: the behaviour, where JupyterHub's documentation has it, and the capability that a",
        "component may lack (`lacks`). A test with parameters counts once.",
        "",
    ]
    for name in SUITES:
        lines += _suite(getattr(package, name))
    return "\n".join(lines).rstrip() + "\n"


def _suite(suite: type[Contract]) -> Iterator[str]:
    tests = [(name, getattr(suite, name)) for name in _in_order(suite) if name.startswith("test_")]
    yield f"## {suite.__name__}: {len(tests)} tests"
    yield ""
    yield from _paragraphs(suite.__doc__)
    yield "| set | to |"
    yield "|---|---|"
    for name, text in _attributes(suite):
        yield f"| `{name}` | {text} |"
    yield ""
    yield "| test | behaviour | source | needs |"
    yield "|---|---|---|---|"
    for name, test in tests:
        page = test.contract_source
        needs = f"`{test.contract_needs}`" if test.contract_needs else ""
        since = f" *Since JupyterHub {test.contract_since}.*" if test.contract_since else ""
        yield f"| `{name}` | {_text(test.__doc__)}{since} | [{page.rpartition('/stable/')[2]}]({page}) | {needs} |"
    yield ""


def _in_order(suite: type[Contract]) -> Iterator[str]:
    seen: set[str] = set()
    for base in suite.__mro__:
        for name in vars(base):
            if name not in seen:
                seen.add(name)
                yield name


def _attributes(suite: type[Contract]) -> Iterator[tuple[str, str]]:
    """Class attributes and methods that an author sets, with the comment (``#:``) or docstring that tells of them."""
    bases = [base for base in suite.__mro__ if issubclass(base, Contract)]
    for base in bases:
        source = inspect.getsource(base)
        for comment, name in re.findall(r"((?:^    #: .*\n)+)    (\w+):", source, flags=re.MULTILINE):
            yield name, _text(comment.replace("#:", ""))
    seen: set[str] = set()
    for base in reversed(bases[:-1]):
        for name, member in vars(base).items():
            function = getattr(member, "__func__", member)
            own = isinstance(function, FunctionType) and not name.startswith(("_", "test_")) and name not in seen
            text = (function.__doc__ or "") if own else ""
            if text and ":meta private:" not in text:
                seen.add(name)
                yield f"{name}()", _text(text)


# Text


def _paragraphs(docstring: str | None) -> Iterator[str]:
    """A docstring as Markdown, its examples as blocks of code."""
    code: list[str] = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring or "")):
        if block.startswith("    "):
            code += ["", *block.splitlines()] if code else block.splitlines()
            continue
        yield from _fenced(code)
        code = []
        yield _text(block)
        yield ""
    yield from _fenced(code)


def _fenced(code: list[str]) -> Iterator[str]:
    if code:
        yield from ["```python", *(line.removeprefix("    ") for line in code), "```", ""]


def _text(docstring: str | None) -> str:
    """A docstring as one paragraph of Markdown; its examples as code."""
    text = inspect.cleandoc(docstring or "")
    text = re.sub(r":(?:class|meth|func|mod):`\.?([^`]*)`", r"`\1`", text)
    text = text.replace("``", "`")
    blocks = [_block(block) for block in re.split(r"\n\s*\n", text) if block.strip()]
    return " ".join(blocks).replace("|", "\\|")


def _block(block: str) -> str:
    if block.startswith((">>> ", "    ")):
        code = "; ".join(line.strip().removeprefix(">>> ") for line in block.splitlines() if line.strip())
        return f"`{code}`"
    block = " ".join(block.split())
    return block.removesuffix(":") if block.endswith("::") else block


def _left_out() -> Iterator[tuple[Path, str]]:
    """Pages written by hand that tell of all fixtures, and those that they do not."""
    for file in (HERE / "fixtures.md", HERE.parent / "README.md"):
        text = file.read_text()
        yield from ((file, name) for name in _fixture_names() if f"`{name}`" not in text and f"`{name}(" not in text)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true")
    stale = [file for file, text in pages().items() if not file.is_file() or file.read_text() != text]
    if options.parse_args().check:
        said = [f"{file.name} is not what the code says: run `python docs/generate.py`" for file in stale]
        said += [f"{file.name} does not name the fixture {name}" for file, name in _left_out()]
        print("\n".join(said), end="\n" if said else "", file=sys.stderr)
        return 1 if said else 0
    for file in stale:
        file.write_text(pages()[file])
    return 0


if __name__ == "__main__":
    sys.exit(main())
