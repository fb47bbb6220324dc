"""Take a hub out of the fleet, as plain files that anyone can deploy with Helm alone; or prove that it can be done.

  deployer replicate CLUSTER HUB DIR --vendor               with all charts inside, so that nothing is fetched
  deployer replicate CLUSTER HUB DIR --recipient AGE-KEY    secrets encrypted to this key (or KMS key) and no other
  deployer replicate CLUSTER HUB DIR --without-secrets      secrets left out: their keys are listed
  deployer replicate --check [CLUSTER [HUB]]                render replicates with bare helm, and compare

The directory holds a README for those who take it. What it knows of the fleet is this hub.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.cli.names import one_release, split_names
from deployer.errors import EXIT_OK, EXIT_USER_ERROR, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Release, is_encrypted
from deployer.reports.words import count

if TYPE_CHECKING:
    from deployer.fleet.repository import Fleet
    from deployer.render.renderer import Options
    from deployer.replicate.bundle import Replicate, Replicator
    from deployer.replicate.layers import Secrets
    from deployer.replicate.proof import Proof


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="CLUSTER HUB DIR", help="the hub, and a folder that is new or empty"
    )
    parser.add_argument("--check", action="store_true", help="prove of all hubs, or of those named, that they can go")
    render = parser.add_argument_group("how --check renders")
    render.add_argument("--kube-version", metavar="VERSION", default="", help="the Kubernetes that Helm renders for")
    render.add_argument(
        "--api-versions", metavar="API", action="append", default=[], help="an API that it has (may be repeated)"
    )
    group = parser.add_argument_group("what is in the directory")
    group.add_argument("--vendor", action="store_true", help="the charts that the hub's chart depends on, too")
    group.add_argument(
        "--recipient",
        action="append",
        default=[],
        metavar="KEY",
        help="encrypt secrets to this age public key or KMS key, and no other (may be repeated)",
    )
    group.add_argument("--with-terraform", action="store_true", help="what builds a cluster of its own")
    group.add_argument("--without-secrets", action="store_true", help="leave secrets out, and list their keys")


def run(args: argparse.Namespace, context: Context) -> int:
    if args.check:
        return _prove(args, context)
    _check(args)
    release = _hub(args.words[:-1], context)
    folder = (context.cwd / args.words[-1]).resolve()
    return _take(args, context, release, folder)


def _prove(args: argparse.Namespace, context: Context) -> int:
    """Every hub, those of a cluster, or one."""
    from deployer.render.renderer import Options
    from deployer.replicate.proof import Prover

    if args.vendor or args.recipient or args.without_secrets or args.with_terraform:
        raise DeployerError("--check takes hubs, and no options of what is in a directory")
    wanted = _wanted(args.words, context.fleet)
    options = Options(args.kube_version, tuple(args.api_versions))
    if sys.stderr.isatty():
        print(f"Rendering {count(len(wanted), 'hub')} twice …", file=sys.stderr)
    with _replicator(context, options) as by:
        proofs = Prover(by, context.env).prove(wanted)
    _show(proofs)
    return EXIT_OK if all(one.holds for one in proofs) else EXIT_USER_ERROR


def _show(proofs: Sequence[Proof]) -> None:
    """What cannot go and why, then what was not looked into, then how many of how many."""
    from deployer.reports.diff import NAMED, reasons, show_deltas

    for proof in proofs:
        if proof.differences:
            show_deltas(
                f"{proof.release}: a replicate renders otherwise (-: the deployer, +: the replicate)", proof.differences
            )
    for line in reasons({proof.release: proof.reason for proof in proofs if proof.reason}):
        print(f"Cannot be proved: {line}")
    if stood_in := sorted({path for proof in proofs for path in proof.stood_in}):
        rest = f" and {len(stood_in) - NAMED} more" if len(stood_in) > NAMED else ""
        print(f"Encrypted, so both sides had the same stand-ins: {', '.join(stood_in[:NAMED])}{rest}")
    good = sum(proof.holds for proof in proofs)
    print(f"{good} of {count(len(proofs), 'hub')} can go: Helm alone makes of its replicate what the deployer sends.")


def _wanted(words: list[str], fleet: Fleet) -> list[Release]:
    """
    :raises DeployerError: no such cluster or hub.
    """
    cluster, hubs = split_names(words[0] if words else None, words[1:])
    if hubs:
        return [_only_hubs(fleet.release(ReleaseId(str(cluster), hub))) for hub in hubs]
    if cluster:
        fleet.cluster(cluster)
    return [one for one in fleet.releases.values() if one.hub and cluster in (None, one.id.cluster)]


def _check(args: argparse.Namespace) -> None:
    """
    :raises DeployerError: the words make no sense together.
    """
    if args.recipient and args.without_secrets:
        raise DeployerError("--recipient and --without-secrets do not go together")
    if len(args.words) not in (2, 3) or (len(args.words) == 2 and "/" not in args.words[0]):
        raise DeployerError("which hub, and where to?", hint="deployer replicate CLUSTER HUB DIR")


def _hub(words: list[str], context: Context) -> Release:
    return _only_hubs(context.fleet.release(one_release(words[0], words[1] if len(words) > 1 else None)))


def _only_hubs(release: Release) -> Release:
    """
    :raises DeployerError: it is a cluster's support.
    """
    if release.hub is None:
        raise DeployerError(
            f"{release.id} is the cluster's, not a hub's",
            hint="What a hub needs of it stands in the hub's check.sh and README.",
        )
    return release


def _take(args: argparse.Namespace, context: Context, release: Release, folder: Path) -> int:
    from deployer.replicate.write import check_free, write

    check_free(folder)
    secrets = _secrets(args, context, release)
    with _replicator(context) as by:
        made = by.make(release, secrets, vendor=args.vendor, cluster=args.with_terraform)
    write(folder, made.files)
    _tell(release.id, folder, made)
    return EXIT_OK


def _secrets(args: argparse.Namespace, context: Context, release: Release) -> Secrets:
    """
    :raises DeployerError: the hub has secrets, and it was not said what becomes of them.
    """
    from deployer.replicate import recipients
    from deployer.replicate.layers import LeftOut, Sealed
    from deployer.secrets.sops import decrypt

    recipients.options(args.recipient)
    if args.recipient:
        decrypted = partial(_decrypted, context, decrypt)
        return Sealed(decrypted, tuple(args.recipient), context.env)
    sealed = [path for path in (*release.values_files, release.domain_override) if path and is_encrypted(path)]
    if sealed and not args.without_secrets:
        raise DeployerError(
            f"{release.id} has encrypted files: {', '.join(sealed)}",
            hint="Add --recipient KEY to encrypt them for somebody else, or --without-secrets to leave them out.",
        )
    return LeftOut(context.fleet.tree.read)


def _decrypted(context: Context, decrypt: Callable[..., bytes], path: str) -> bytes:
    context.fleet.tree.read(path)  # which refuses what is outside the fleet
    return decrypt(context.root / path, env=context.env, shown=path)


@contextmanager
def _replicator(context: Context, options: Options | None = None) -> Iterator[Replicator]:
    from deployer.helm.sources import SourceReader
    from deployer.render.cache import Cache
    from deployer.render.renderer import Renderer
    from deployer.replicate.bundle import Replicator

    with Renderer(context.env, Cache(None), options, logins=context.chart_logins) as renderer:
        yield Replicator(SourceReader(context.fleet), renderer)


def _tell(release: ReleaseId, folder: Path, made: Replicate) -> None:
    print(f"{release} is now in {folder}: {count(len(made.files), 'file')}.")
    for file in made.values:
        if file.missing:
            print(f"  to be provided in {file.path}: {', '.join(file.missing)}")
    if made.unknown:
        print(f"deployer: what it needs and costs is told by its values only: {made.unknown}", file=sys.stderr)
    print(f"Next: read {folder / 'README.md'}")
