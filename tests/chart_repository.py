"""Stand-ins for outside charts in a repository on loopback: the names and versions that the fleet asks for."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from helm_world import ROOT, helm_folder

STAND_INS = Path(__file__).parent / "kubernetes" / "charts"
TEMPLATE = ROOT / "src" / "deployer" / "scaffold" / "template" / "base" / "helm-charts"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def chart_repository(folder: Path) -> Iterator[str]:
    """The address of a repository with every stand-in, in each version that the fleet's template or a test asks for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        for name, version in sorted(wanted()):
            _helm("package", str(STAND_INS / name), "--version", version, "--destination", str(folder))
        _helm("repo", "index", str(folder), "--url", url)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()


def wanted() -> set[tuple[str, str]]:
    """Names and versions: of the stand-ins themselves, and of the outside charts that the template depends on."""
    own = {(chart["name"], chart["version"]) for chart in map(_read, STAND_INS.glob("*/Chart.yaml"))}
    asked = {
        (one["name"], str(one["version"]))
        for chart in map(_read, TEMPLATE.glob("*/Chart.yaml"))
        for one in chart.get("dependencies", ())
        if str(one.get("repository", "")).startswith("http")
    }
    without = {name for name, _ in asked} - {name for name, _ in own}
    assert not without, f"no stand-in for {', '.join(sorted(without))} in {STAND_INS}"
    return own | asked


def _read(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def _helm(*words: str) -> None:
    subprocess.run([helm_folder() / "helm", *words], check=True, capture_output=True, timeout=60)
