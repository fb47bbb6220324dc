"""Take a hub that runs already into the fleet: its chart, values and secrets as files, and its entry in cluster.yaml.

deployer adopt CLUSTER                                   what runs there and is not in the fleet
deployer adopt CLUSTER HUB --values values.yaml          with the values files that it was deployed with
deployer adopt CLUSTER HUB --from-release                with the values that its release holds

The release stays as it is: what an upgrade would change is shown, and the goal is nothing. Values that may be secrets
are encrypted with sops, and written nowhere in plain.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from deployer.cli import writing
from deployer.cli.asking import Asker
from deployer.cli.context import Context
from deployer.cli.live import compared
from deployer.cli.names import split_names
from deployer.cli.wiring import helm_target
from deployer.errors import EXIT_OK, EXIT_USER_ERROR, CommandError, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import cluster_path
from deployer.fleet.values import Values
from deployer.render.compare import group
from deployer.render.manifests import NotRendered
from deployer.replicate.plain import plain_yaml
from deployer.scaffold.adopt import Adopted, ValuesFile, adopt, chart_name, domain_of, read_chart_folder
from deployer.scaffold.cluster import check_domain
from deployer.scaffold.hub import check_hub_name, values_file
from deployer.scaffold.split import split_data, split_text
from deployer.secrets.private import private_folder
from deployer.secrets.seal import seal
from deployer.targets.helm.running import Running, given_values, running

OCI = "oci://"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="its cluster, which is in the fleet, or CLUSTER/HUB")
    parser.add_argument("hub", metavar="HUB", nargs="?", help="its release, whose namespace has the same name")
    values = parser.add_mutually_exclusive_group()
    values.add_argument(
        "--values", action="append", default=[], metavar="FILE", help="a values file, in order (may be repeated)"
    )
    values.add_argument("--from-release", action="store_true", help="take the values that the release holds")
    parser.add_argument("--plain", action="append", default=[], metavar="KEY", help="a key that holds no secret")
    chart = parser.add_argument_group("its chart")
    chart.add_argument(
        "--chart", metavar="CHART", help="a chart of the fleet, a folder that is copied, or one of --repository"
    )
    chart.add_argument("--repository", metavar="URL", help="where helm gets the chart; it is written into the fleet")
    chart.add_argument("--version", metavar="VERSION", help="of the chart (default: that of the release)")
    parser.add_argument("--domain", metavar="DOMAIN", help="where users find it (default: as its values say)")
    parser.add_argument("--display-name", metavar="TEXT", help="the name that people read")
    writing.add_options(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    args.cluster, hubs = split_names(args.cluster, [args.hub] if args.hub else [])
    files = _here(args, context, hubs[0]) if hubs else ()
    wired = helm_target(context, args.cluster)
    env = wired.env
    found = running(wired.session, env)
    if not hubs:
        return _list(found, context, args.cluster)
    release = _wanted(found, hubs[0], args.cluster)
    hub = _hub(args, context, release, given_values(wired.session, release, env), files)
    edit = adopt(context.fleet, args.cluster, hub, service=context.fleet.settings.health.service)
    if not writing.finish(args, context, edit, [ReleaseId(args.cluster, hub.name)], as_it_is=True):
        return EXIT_OK
    return _compare(context, ReleaseId(args.cluster, hub.name), edit.made)


def _list(found: list[Running], context: Context, cluster: str) -> int:
    """What runs and is not in the fleet, with what would take it in."""
    known = {release.name for release in context.fleet.releases if release.cluster == cluster}
    others = [one for one in found if not (one.name == one.namespace and one.name in known)]
    for one in others:
        how = "" if one.name == one.namespace else f"  (in namespace {one.namespace}: see the guide)"
        print(f"{one.name}  {one.chart} {one.version}  {one.status}{how}")
    if others:
        print(f"\nNext: deployer adopt {cluster} HUB --from-release")
    else:
        print(f"All that Helm holds on {cluster} is in the fleet.")
    return EXIT_OK


def _wanted(found: list[Running], hub: str, cluster: str) -> Running:
    """
    :raises DeployerError: there is no such release, or its namespace has another name.
    """
    by_name = [one for one in found if one.name == hub]
    here = next((one for one in by_name if one.namespace == hub), None)
    if here:
        return here
    near = by_name or [one for one in found if one.namespace == hub]
    if near:
        raise DeployerError(
            f"{cluster}: release {near[0].name} is in namespace {near[0].namespace}",
            hint="A hub's release and its namespace have one name here, and Helm cannot rename either.\n"
            "The guide on adopting says how to move such a hub.",
        )
    names = ", ".join(one.name for one in found if one.name == one.namespace) or "none"
    raise DeployerError(f"{cluster}: Helm holds no release {hub!r}", hint=f"There are: {names}")


# What it is made of


def _here(args: argparse.Namespace, context: Context, hub: str) -> tuple[ValuesFile, ...]:
    """The values files that were given. What can be wrong here is looked for before a cluster is logged in to.

    :raises DeployerError: the hub is in the fleet, the values are not to be read, or words make no sense together.
    """
    check_hub_name(hub, context.fleet.cluster(args.cluster))
    if not args.values and not args.from_release:
        raise DeployerError("its values are missing", hint="Add --values FILE, or --from-release.")
    if args.version and not args.repository and not (args.chart or "").startswith(OCI):
        raise DeployerError("--version goes with --repository")
    if args.domain:
        check_domain(args.domain)
    return _files(args, context, hub)


def _hub(
    args: argparse.Namespace,
    context: Context,
    release: Running,
    live: Values,
    given: tuple[ValuesFile, ...],
) -> Adopted:
    asker = Asker.at_terminal()
    chart, files = _chart(args, context, release)
    domain = asker.text("--domain", "Where users find it", args.domain, default=domain_of(live), check=check_domain)
    asker.complete("deployer adopt")
    hub = Adopted(
        name=release.name,
        chart=chart,
        files=given or (ValuesFile(values_file(release.name), split_data(live, args.plain)),),
        domain=domain,
        display_name=args.display_name or release.name,
        new_chart=files,
    )
    return _with_secrets(args, context, hub)


def _files(args: argparse.Namespace, context: Context, hub: str) -> tuple[ValuesFile, ...]:
    paths = [context.cwd / path for path in args.values]
    names = (
        [values_file(hub)]
        if len(paths) == 1
        else [f"{hub}-{path.stem.removesuffix('.values')}.values.yaml" for path in paths]
    )
    if len(set(names)) < len(names):
        raise DeployerError(f"values files of one name: {', '.join(args.values)}", hint="Rename one of them.")
    return tuple(
        ValuesFile(name, split_text(_read(path), str(path), args.plain))
        for name, path in zip(names, paths, strict=True)
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeployerError(f"{path}: {error.strerror}") from None


def _with_secrets(args: argparse.Namespace, context: Context, hub: Adopted) -> Adopted:
    """The hub with its secrets encrypted; what they are is said by key."""
    keys = [".".join(key) for one in hub.files for key in one.split.keys]
    comments = sum(one.split.comments for one in hub.files)
    if comments:
        print(f"deployer: {comments} comments look as if they held secrets, and are left out", file=sys.stderr)
    if not keys:
        return hub
    path = cluster_path(args.cluster, hub.secret_file)
    print(f"deployer: these may be secrets, and go encrypted into {path} (--plain KEY keeps one out):", file=sys.stderr)
    for key in keys:
        print(f"  {key}", file=sys.stderr)
    return replace(hub, sealed=seal(plain_yaml(hub.secrets()), path, root=context.root, env=context.env))


# Its chart


def _chart(args: argparse.Namespace, context: Context, release: Running) -> tuple[str, Mapping[str, bytes]]:
    """The name of the chart in the fleet, and its files where the fleet does not have it."""
    asked = args.chart or release.chart
    if args.repository or asked.startswith(OCI):
        files = _pulled(asked, args.repository, args.version or release.version, context)
    elif context.fleet.tree.is_file(f"{context.fleet.chart_folder(asked)}/Chart.yaml"):
        return asked, {}
    elif args.chart and (context.cwd / args.chart).is_dir():
        files = read_chart_folder(context.cwd / args.chart)
    else:
        raise DeployerError(
            f"the fleet has no chart {asked!r}, which the release was made with (version {release.version})",
            hint=f"Add --chart FOLDER, or --repository URL, from which helm gets {asked} {release.version}.",
        )
    name = chart_name(files)
    return name, _not_there_yet(context, name, files)


def _pulled(chart: str, repository: str | None, version: str, context: Context) -> dict[str, bytes]:
    with private_folder(in_memory=False) as folder:
        where = ["--repo", repository] if repository else []
        try:
            words = ["pull", chart, *where, "--version", version, "--untar", "--untardir", str(folder / "chart")]
            context.workshop.helm.run(*words)
        except CommandError as error:
            said = " ".join(error.hint.split("\n")[-1:])
            raise DeployerError(
                f"chart {chart} {version} cannot be had: {said}", hint="Is --repository right?"
            ) from None
        return read_chart_folder(next(path.parent for path in sorted((folder / "chart").glob("*/Chart.yaml"))))


def _not_there_yet(context: Context, name: str, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Nothing where the fleet has the very same chart.

    :raises DeployerError: it has another one of that name.
    """
    folder = context.fleet.chart_folder(name)
    if not context.fleet.tree.is_file(f"{folder}/Chart.yaml"):
        return files
    tree = context.fleet.tree
    if all(tree.is_file(f"{folder}/{path}") and tree.read(f"{folder}/{path}") == files[path] for path in files):
        return {}
    raise DeployerError(
        f"the fleet has another chart {name!r}: {folder}", hint=f"To use it all the same: --chart {name}"
    )


# What an upgrade would change


def _compare(given: Context, release: ReleaseId, made: Iterable[str]) -> int:
    from deployer.reports.diff import show_diff

    with Context(given.given, given.cwd, given.env) as context:  # the fleet as it is now
        _say_ignored(context, made)
        pair = compared(context, [release], gone=False).pairs[release]
        if isinstance(pair, NotRendered):
            show_diff([], {release: pair.reason}, [], live=True)
            return EXIT_USER_ERROR
        groups = group([(context.fleet.releases[release], pair)])
    print()
    show_diff(groups, {}, [], live=True)
    if groups:
        print("\nThat is what `deployer deploy` would change. Mend the values until nothing differs, and see again:")
        print(f"  deployer diff {release.cluster} {release.name}")
    else:
        print(f"\nAn upgrade changes nothing. Commit, then: deployer deploy {release.cluster} {release.name}")
    return EXIT_OK


def _say_ignored(context: Context, made: Iterable[str]) -> None:
    """A file that git ignores is in no commit, and so no part of the fleet: most often a chart's copies of others."""
    folders = {path.rsplit("/", number)[0] for path in made for number in range(1, path.count("/") + 1)}
    for path in sorted({*folders, *made}):
        if context.tree.ignored(path):
            print(f"deployer: git ignores {path}: it is no part of the fleet, see .gitignore", file=sys.stderr)
