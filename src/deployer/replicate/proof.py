"""The proof that a hub can be taken out: its replicate, rendered with bare Helm, gives what the deployer would send.

A replicate is written to a private folder and its own ``deploy.sh --render`` is run there, with nothing of the fleet,
the deployer or the user's settings at hand. For what is encrypted both sides get the same stand-ins: no secret is
read, and no key is needed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Release
from deployer.helm.command import TEMPLATE_TIMEOUT
from deployer.process import run
from deployer.render.compare import Delta, deltas
from deployer.render.normalise import Objects, objects, without_generated
from deployer.render.renderer import one_line
from deployer.replicate.bundle import Replicator
from deployer.replicate.layers import Open
from deployer.replicate.write import fill
from deployer.secrets.private import PROOF, held_folder

# All that a replicate's script may call when it renders.
PROGRAMS = ("helm", "sh", "mktemp", "mkdir", "rm", "cp", "dirname", "grep")
_SHELL = "sh"


@dataclass(frozen=True)
class Proof:
    """What came of one hub: it holds where there is neither a ``reason`` nor a difference.

    ``stood_in`` are the encrypted files for which both sides had stand-ins.
    """

    release: ReleaseId
    reason: str = ""
    differences: tuple[Delta, ...] = ()
    stood_in: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.reason and not self.differences


@dataclass(frozen=True)
class Prover:
    """Proves hubs of one fleet. ``env`` is where programs are looked for; nothing else of it is used."""

    replicator: Replicator
    env: Mapping[str, str]

    def prove(self, releases: Iterable[Release]) -> list[Proof]:
        """One proof for each, in the order given.

        :raises DeployerError: a program is missing that every replicate needs.
        """
        renderer = self.replicator.renderer
        with held_folder(PROOF) as root:
            clean = self._clean(root)
            with ThreadPoolExecutor(renderer.parallel, thread_name_prefix="prove") as pool:
                try:
                    return list(pool.map(partial(self._prove, root, clean), releases))
                except BaseException:  # an interrupt: what has not begun does not begin
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise

    def _clean(self, root: Path) -> dict[str, str]:
        """An environment with a home of its own, and a PATH on which there is nothing but :data:`PROGRAMS`."""
        for name in ("bin", "home", "tmp"):
            (root / name).mkdir()
        for name in PROGRAMS:
            found = shutil.which(name, path=self.env.get("PATH"))
            if found is None:
                raise DeployerError(f"{name} is not installed", hint="What a replicate renders cannot be proved.")
            (root / "bin" / name).symlink_to(Path(found).resolve())
        return {"PATH": str(root / "bin"), "HOME": str(root / "home"), "TMPDIR": str(root / "tmp"), "LC_ALL": "C"}

    def _prove(self, root: Path, clean: Mapping[str, str], release: Release) -> Proof:
        stood_in: tuple[str, ...] = ()
        try:
            stood_in = tuple(self.replicator.reader.encrypted(release))
            ours = self.replicator.renderer.objects(self.replicator.source(release))
            theirs = self._replicated(root, clean, release, ours)
        except DeployerError as error:
            return Proof(release.id, one_line(error), stood_in=stood_in)
        shown = self.replicator.renderer.shown
        return Proof(release.id, differences=deltas(shown(ours), shown(theirs)), stood_in=stood_in)

    def _replicated(self, root: Path, clean: Mapping[str, str], release: Release, ours: Objects) -> Objects:
        """What the replicate renders; a second time where only that tells what is made anew each time."""
        made = self.replicator.make(release, Open(self.replicator.stand_in), vendor=True, rendered=ours)
        with tempfile.TemporaryDirectory(dir=root, prefix="hub-") as folder:
            fill(Path(folder), made.files)
            render = partial(self._render, Path(folder), clean)
            found = render()
            return found if found == ours else without_generated(found, render())

    def _render(self, folder: Path, clean: Mapping[str, str]) -> Objects:
        words = [clean["PATH"] + f"/{_SHELL}", "deploy.sh", "--render", *self.replicator.renderer.options.words()]
        raw = run(words, env=clean, cwd=folder, timeout=TEMPLATE_TIMEOUT).raw
        return objects(raw.decode("utf-8", "surrogateescape"))
