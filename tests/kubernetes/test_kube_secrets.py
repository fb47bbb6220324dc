"""Secrets of one hub are never in another's output, in a log, in an error, or on a command line."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import yaml
from kube_fleet import finished

from age_keys import make_age_key

pytestmark = pytest.mark.kubernetes
PLANTED = {"staging": "planted-in-staging-0123456789", "ocean": "planted-in-ocean-0123456789"}
SOPS = Path(sys.executable).parent / "sops"
TELLS = """\
{{ if .Values.telling }}
{{ fail (printf "the token is %s" .Values.jupyterhub.hub.services.x.apiToken) }}
{{ end }}
"""


@pytest.fixture
def fleet(fleets):
    """Two hubs with a secret each, encrypted with sops; their chart can tell it in an error."""
    fleet = fleets({"reef": {}})
    key = make_age_key()
    fleet.more["SOPS_AGE_KEY"] = key.secret
    names = {hub: f"enc-{fleet.full(hub)}.secret.values.yaml" for hub in PLANTED}
    files = {hub: {"helm_chart_values_files": [f"{fleet.full(hub)}.values.yaml", names[hub]]} for hub in PLANTED}
    fleet.write_cluster("reef", files)
    for hub, token in PLANTED.items():
        path = fleet.folder("reef") / names[hub]
        path.write_text(yaml.safe_dump({"jupyterhub": {"hub": {"services": {"x": {"apiToken": token}}}}}))
        encrypt(path, key.recipient)
    (fleet.root / "helm-charts" / "basehub" / "templates" / "tells.yaml").write_text(TELLS)
    fleet.commit()
    return fleet


def encrypt(path, recipient):
    words = [SOPS, "--disable-version-check", "--encrypt", "--age", recipient, "--in-place", path]
    subprocess.run(words, check=True, capture_output=True, timeout=60)


class Watch:
    """The command lines of all that a command starts."""

    def __init__(self, pid):
        self.process = psutil.Process(pid)
        self.seen: set[str] = set()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            try:
                for child in [self.process, *self.process.children(recursive=True)]:
                    self.seen.add("\0".join(child.cmdline()))
            except psutil.Error:
                pass
            time.sleep(0.02)


def everything(fleet, *ran):
    """All that was said, and all that was left in files, but for what sops has encrypted."""
    yield from (text for one in ran for text in (one.out, one.err))
    for path in fleet.root.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            yield path.read_text(errors="replace")


def test_planted_values_are_found_nowhere(fleet):
    child = fleet.begin("deploy", "--all", "--yes")
    watch = Watch(child.pid)
    good = finished(child)
    watch.thread.join()
    fleet.change("reef/staging", {"telling": True})
    bad = fleet.run("deploy", "--all", "--yes")
    dry = fleet.run("deploy", "--all", "--dry-run")

    assert good.code == 0, str(good)
    assert bad.code == 3, str(bad)
    assert "the token is" in bad.out + bad.err, str(bad)  # the error is there, and the secret is not
    assert any("upgrade" in words for words in watch.seen)
    for planted in PLANTED.values():
        assert not any(planted in words for words in watch.seen)
        assert not any(planted in text for text in everything(fleet, good, bad, dry))
    for hub, planted in PLANTED.items():
        cluster = fleet.cluster(f"reef/{hub}")
        assert cluster.secret(fleet.namespace(f"reef/{hub}"), "hub.services.x.apiToken") == planted


def test_without_the_key_nothing_is_begun(fleet):
    fleet.more["SOPS_AGE_KEY"] = make_age_key().secret
    ran = fleet.run("deploy", "--all", "--yes")
    assert ran.code in (1, 3), str(ran)
    assert "cannot be decrypted" in ran.out + ran.err
    assert fleet.revisions("reef/staging") == []
