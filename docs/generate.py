"""The parts of the reference that are made from the code, so that they cannot rot."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from deployer.cli.main import EXIT_CODES, VERBS, parser, verb_parser
from deployer.fleet.chart_options import chart_table
from deployer.fleet.charts import Charts
from deployer.fleet.cluster import (
    Aws,
    AwsOidc,
    Azure,
    AzureOidc,
    Cluster,
    Gcp,
    GcpOidc,
    Hub,
    Kubeconfig,
    Local,
    Owners,
    Support,
)
from deployer.fleet.findings import POLICY_RULES, RULES, Rule
from deployer.fleet.schema import Key, keys_of
from deployer.fleet.settings import (
    ChartLogin,
    Environments,
    HealthSettings,
    Identities,
    Jsonnet,
    Limits,
    OwnersSettings,
    Settings,
    WorkflowSettings,
)
from deployer.git import WorkTree
from deployer.health.diagnose import Diagnosis
from deployer.health.probe import SCOPES
from deployer.rollout import wire
from deployer.scaffold.kinds import USES, Kind, settings_of
from deployer.scaffold.login import CHOICES
from deployer.scaffold.login import RULES as LOGIN_RULES
from deployer.targets.local.treatments import CHART_VERSION, markdown_table, table

# What every new fleet begins with.
TEMPLATE = WorkTree(Path(__file__).parents[1] / "src" / "deployer" / "scaffold" / "template" / "base")
# The models of a file, each with the path that its keys stand under.
CLUSTER_MODELS: tuple[tuple[str, type], ...] = (
    ("", Cluster),
    ("support", Support),
    ("hubs[]", Hub),
    ("hubs[].owners[]", Owners),
    ("gcp", Gcp),
    ("gcp.oidc", GcpOidc),
    ("aws", Aws),
    ("aws.oidc", AwsOidc),
    ("azure", Azure),
    ("azure.oidc", AzureOidc),
    ("kubeconfig", Kubeconfig),
    ("local", Local),
)
SETTINGS_MODELS: tuple[tuple[str, type], ...] = (
    ("", Settings),
    ("limits", Limits),
    ("jsonnet", Jsonnet),
    ("health", HealthSettings),
    ("owners", OwnersSettings),
    ("chart_logins[]", ChartLogin),
    ("oidc", Identities),
    ("oidc.gcp", GcpOidc),
    ("oidc.aws", AwsOidc),
    ("oidc.azure", AzureOidc),
    ("environments", Environments),
    ("workflow", WorkflowSettings),
)


def write_all(folder: Path) -> None:
    """Write each part as a file of Markdown; those that are the same already keep their time."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PARTS.items():
        file, text = folder / f"{name}.md", make()
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def keys(models: Iterable[tuple[str, type]]) -> str:
    """A table of keys for each model."""
    return "\n".join(line for at, model in models for line in _model(at, model))


def _model(at: str, model: type) -> Iterator[str]:
    yield f"## {f'`{at}`' if at else 'The file itself'}\n"
    if at:
        yield f"{(model.__doc__ or '').splitlines()[0].replace('``', '`')}\n"
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    defaults = {field.name: field for field in dataclasses.fields(model)}
    for name, key in keys_of(model).items():
        example = f" Example: `{key.example}`" if key.example else ""
        yield f"| `{name}` | {key.kind.name} | {_default(key, defaults[name])} | {_cell(_sentence(key.doc))}{example} |"
    yield ""


def _default(key: Key, field: dataclasses.Field[object]) -> str:
    if key.required:
        return "required"
    if key.kind.models or field.default_factory is not dataclasses.MISSING or field.default in (None, "", ()):
        return ""
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def verbs() -> str:
    """Every verb with its usage and options."""
    before = "Options that stand before the verb:\n\n" + "\n".join(_options(parser()))
    return f"{before}\n\n" + "\n".join(line for name in VERBS for line in _verb(name))


def _verb(name: str) -> Iterator[str]:
    yield from _command(verb_parser(name), "##")


def _command(made: argparse.ArgumentParser, level: str) -> Iterator[str]:
    """A section of a verb; those of a verb that has others below it follow, each with its own."""
    title, *rest = (made.description or "").strip().split("\n")
    formatter = argparse.HelpFormatter(prog=made.prog, width=100)
    formatter.add_usage(None, made._actions, made._mutually_exclusive_groups, prefix="")  # noqa: SLF001
    yield f"{level} `{made.prog}`\n"
    yield f"{_escaped(title)}\n"
    yield f"```text\n{formatter.format_help().strip()}\n```\n"
    yield from _description(rest)
    yield from _options(made)
    yield ""
    for below in subcommands(made):
        yield from _command(below, f"{level}#")


def subcommands(made: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """The parsers of ``new cluster`` and the like, for that of ``new``."""
    found = [one for one in made._actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    return [parser for action in found for parser in action.choices.values()]


def _description(lines: list[str]) -> Iterator[str]:
    """Lines that show commands as a block, all others as paragraphs."""
    shown = [line.strip() for line in lines if line.strip().startswith("deployer ")]
    if shown:
        yield "```text\n" + "\n".join(shown) + "\n```\n"
    told = [_escaped(line) for line in lines if line.strip() and line.strip() not in shown]
    if told:
        yield "\n".join(told) + "\n"


def _options(made: argparse.ArgumentParser) -> Iterator[str]:
    """A table of a parser's arguments and options; what all have (``--help``) is left out."""
    actions = [one for one in made._actions if one.help != argparse.SUPPRESS and one.dest != "help"]  # noqa: SLF001
    actions = [one for one in actions if not isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    if not actions:
        return
    yield "| argument or option | meaning |"
    yield "|---|---|"
    yield from (f"| `{called(one)}` | {_escaped(_cell(one.help or ''))} |" for one in actions)


def called(action: argparse.Action) -> str:
    """``-n N, --lines N``; an argument by the name that stands in its usage."""
    value = action.metavar if isinstance(action.metavar, str) else ""
    value = value or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else "")
    if not action.option_strings:
        return value or action.dest
    takes = "" if action.nargs == 0 else f" {value or action.dest.upper()}"
    return ", ".join(f"{option}{takes}" for option in action.option_strings)


def _escaped(text: str) -> str:
    """What Markdown would take for a tag."""
    return text.replace("<", "&lt;")


def exit_codes() -> str:
    rows = "\n".join(f"| `{code}` | {_sentence(meaning)} |" for code, meaning in EXIT_CODES.items())
    return f"| exit code | meaning |\n|---|---|\n{rows}\n"


def diagnoses() -> str:
    rows = "\n".join(
        f"| **{word}** | {word.meaning} | {word.next_step} | {'yes' if word.again else 'no'} |" for word in Diagnosis
    )
    return f"| diagnosis | what it means for users | where to look | tried again |\n|---|---|---|---|\n{rows}\n"


def rules(chosen: Iterable[Rule]) -> str:
    """A section for each rule: what, how bad, why, and what to do."""
    return "\n".join(
        f"## `{rule.id}`\n\n"
        f"**{rule.severity}**{', can be silenced' if rule.may_be_silenced else ''}: {rule.what}.\n\n"
        f"{_escaped(_sentence(rule.reason))} {_escaped(_sentence(rule.remedy))}\n"
        for rule in chosen
    )


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def rule_table() -> str:
    rows = "\n".join(
        f"| [`{rule.id}`](#{rule.id}) | {rule.severity} | {_cell(rule.what)} | {_yes(rule.may_be_silenced)} |"
        for rule in RULES.values()
    )
    return f"| rule | severity | what | can be silenced |\n|---|---|---|---|\n{rows}\n"


def scopes() -> str:
    return "\n".join(f"- `{scope}`" for scope in SCOPES) + "\n"


def treatments() -> str:
    return f"{len(table())} keys of the chart, version {CHART_VERSION}.\n\n{markdown_table()}"


def events() -> str:
    """The types of events and their keys."""
    rows = "\n".join(f"| `{name}` | {_about(kind)} | {_fields(kind)} |" for name, kind in wire.KINDS.items())
    return f"| `event` | what | other keys |\n|---|---|---|\n{rows}\n"


def _about(kind: type) -> str:
    written = (kind.__doc__ or "").split("\n")[0]
    return "" if written.startswith(f"{kind.__name__}(") else _cell(written.replace("``", "`"))


def _fields(kind: type) -> str:
    return ", ".join(f"`{field.name}`" for field in dataclasses.fields(kind))


def chart_versions() -> str:
    """What the charts of a new fleet depend on."""
    charts = Charts(TEMPLATE)
    rows = "\n".join(
        f"| `{name}` | [{one.name}]({one.repository}) | {one.version} | {_switch(one.condition)} |"
        for name in ("basehub", "support")
        for one in charts.get(f"helm-charts/{name}").dependencies
    )
    return f"| chart | depends on | version | switched by |\n|---|---|---|---|\n{rows}\n"


def _switch(condition: str) -> str:
    return f"`{condition}`" if condition else "always there"


def verb_table() -> str:
    rows = "\n".join(f"| [`{name}`](#deployer-{name}) | {verb.summary} |" for name, verb in VERBS.items())
    return f"| verb | what it does |\n|---|---|\n{rows}\n"


def kinds() -> str:
    """What each kind of hub sets, with its reason: the very tables that the hubs are made from."""
    return "\n".join(line for kind, use in USES.items() if kind is not Kind.PLAIN for line in _kind(kind, use.about))


def _kind(kind: Kind, about: str) -> Iterator[str]:
    yield f"### `--kind {kind}`\n"
    yield f"{about}\n"
    yield "| key | value | why |"
    yield "|---|---|---|"
    for setting in settings_of(kind):
        shown = setting.value if not isinstance(setting.value, list) else "; ".join(map(_profile, setting.value))
        value = shown if isinstance(setting.value, list) else f"`{json.dumps(shown, ensure_ascii=False)}`"
        yield f"| `{'.'.join(setting.key)}` | {_cell(value)} | {_cell(setting.why)} |"
    yield ""


def _profile(profile: dict[str, Any]) -> str:
    limits = profile["kubespawner_override"]
    return f"{profile['display_name']}: {limits['mem_limit']}, {limits['cpu_limit']} cores at most"


def logins() -> str:
    """The log-ins, each with the rules that it knows."""
    rows = "\n".join(
        f"| `{kind}` | `{choice.cls}` | {_login_rules(choice.rules)} |" for kind, choice in CHOICES.items()
    )
    return f"| `--login` | class | rules |\n|---|---|---|\n{rows}\n"


def _login_rules(known: frozenset[str]) -> str:
    return ", ".join(f"`--allow-{rule}`" for rule in LOGIN_RULES if rule in known)


PARTS: dict[str, Callable[[], str]] = {
    "cluster-keys": lambda: keys(CLUSTER_MODELS),
    "settings-keys": lambda: keys(SETTINGS_MODELS),
    "verbs": verbs,
    "verb-table": verb_table,
    "exit-codes": exit_codes,
    "diagnoses": diagnoses,
    "rule-table": rule_table,
    "policy-rules": lambda: rules(POLICY_RULES.values()),
    "structure-rules": lambda: rules(rule for name, rule in RULES.items() if name not in POLICY_RULES),
    "scopes": scopes,
    "treatments": treatments,
    "events": events,
    "kinds": kinds,
    "logins": logins,
    "chart-versions": chart_versions,
    "basehub-options": lambda: chart_table(TEMPLATE, "helm-charts/basehub"),
    "support-options": lambda: chart_table(TEMPLATE, "helm-charts/support"),
}
