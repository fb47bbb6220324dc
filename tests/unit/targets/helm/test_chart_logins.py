"""Repositories and registries of charts that ask for a password; the real helm, the real sops."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helm_files import HUB, chart, desired, environment, helm_folder, write

from age_keys import make_age_key
from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.helm.commands import Commands
from deployer.helm.logins import ChartLogins
from deployer.process import run
from deployer.secrets.named import named_secrets
from deployer.secrets.sops import find_sops
from deployer.targets.helm import script
from deployer.targets.helm.workshop import Workshop
from private_charts import PASSWORD, USER, PrivateCharts, private_charts

OCEAN = ReleaseId("reef", "ocean")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    write(folder, {"inner/Chart.yaml": "apiVersion: v2\nname: inner\nversion: 1.0.0\n", **chart("x")})
    write(folder, {"inner/templates/x.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: from-inside}\n"})
    with private_charts(folder, f"{helm_folder()}/helm", folder / "inner") as found:
        yield found


@pytest.fixture(scope="module")
def key():
    return make_age_key()


@pytest.fixture
def env(served, key):
    # Helm knows our certificate as the machine's own ones, and sops our key; both as they would be outside of tests.
    sops = str(Path(find_sops({"PATH": ""})).parent) if (Path(sys.executable).parent / "sops").exists() else ""
    own = environment()
    return {
        **own,
        "PATH": f"{own['PATH']}:{sops}",
        "SSL_CERT_FILE": str(served.certificate),
        "SOPS_AGE_KEY": key.secret,
        "CHARTS_PASSWORD": PASSWORD,
    }


@pytest.fixture
def fleet(tmp_path, key):
    """Make a fleet whose chart depends on a private one; ``login`` is its entry in deployer.yaml."""

    def make(repository: str, login: str = "") -> Path:
        root = tmp_path / "fleet"
        hub = str({**HUB, "helm_chart_values_files": ["ocean.values.yaml"]})
        write(
            root,
            {
                "deployer.yaml": f"chart_logins: [{login}]\n",
                "config/clusters/reef/cluster.yaml": f"name: reef\nprovider: kubeconfig\nhubs: [{hub}]\n"
                "kubeconfig: {file: k.yaml}\n",
                "config/clusters/reef/ocean.values.yaml": "x: mine\n",
                **chart("basehub"),
                "secrets/enc-charts.secret.yaml": f"username: {USER}\npassword: {PASSWORD}\n",
            },
        )
        with (root / "helm-charts/basehub/Chart.yaml").open("a") as file:
            file.write(f"dependencies: [{{name: inner, version: 1.0.0, repository: '{repository}'}}]\n")
        words = ["--disable-version-check", "--encrypt", "--age", key.recipient, "--in-place"]
        secret = root / "secrets/enc-charts.secret.yaml"
        subprocess.run([find_sops({"PATH": ""}), *words, secret], check=True, capture_output=True, timeout=60)
        return root

    return make


def address(served: PrivateCharts, kind: str) -> str:
    return served.repository if kind == "repository" else served.registry


def logins(root: Path, env: dict[str, str]) -> ChartLogins:
    return ChartLogins(desired(root).fleet.settings.chart_logins, root, env)


FROM = {
    "file": "file: secrets/enc-charts.secret.yaml",
    "environment": f"username: {USER}, password_env: CHARTS_PASSWORD",
}


@pytest.mark.parametrize("kind", ["repository", "registry"])
@pytest.mark.parametrize("source", FROM)
def test_a_private_chart_is_fetched_with_the_password_that_is_seen_nowhere(served, fleet, env, kind, source):
    url = address(served, kind)
    root = fleet(url, f"{{repository: '{url}', {FROM[source]}}}")
    found = desired(root)
    with Workshop(env, logins(root, env)) as shop:
        folder = shop.chart(found.sources.chart(found.release(OCEAN))).folder
        assert "from-inside" in shop.helm.run("template", "x", str(folder)).stdout
        config = shop.helm.config
        assert config is not None
        assert config.stat().st_mode & 0o077 == 0
        kept = [path for path in shop.homes.rglob("*") if path.is_file()]
        assert not [path for path in kept if PASSWORD.encode() in path.read_bytes()]
    assert not config.exists()


@pytest.mark.parametrize("kind", ["repository", "registry"])
def test_without_it_the_error_names_the_chart_and_not_the_password(served, fleet, env, kind):
    url = address(served, kind)
    root = fleet(url, f"{{repository: '{url}', username: {USER}, password_env: CHARTS_PASSWORD}}")
    found, wrong = desired(root), {**env, "CHARTS_PASSWORD": "wrong-but-secret"}
    with Workshop(wrong, logins(root, wrong)) as shop, pytest.raises(DeployerError) as error:
        shop.chart(found.sources.chart(found.release(OCEAN)))
    assert "helm-charts/basehub: its dependencies cannot be fetched" in str(error.value)
    assert "401" in str(error.value)
    assert "wrong-but-secret" not in str(error.value)


@pytest.mark.parametrize("kind", ["repository", "registry"])
@pytest.mark.parametrize("source", FROM)
def test_the_script_of_a_dry_run_logs_in_too(served, fleet, env, kind, source):
    """Its lines that make the chart are run as they are."""
    url = address(served, kind)
    root = fleet(url, f"{{repository: '{url}', {FROM[source]}}}")
    found = desired(root)
    text = script.text(found, found.release(OCEAN), Commands("ocean", 3), 600)
    assert PASSWORD not in text
    lines = text.splitlines()
    begin, end = (
        lines.index("# The chart, with its dependencies"),
        lines.index("# The release"),
    )
    setup = [one for one in lines[: lines.index("# How cluster reef is reached")] if one != "("]
    start = next(number for number, one in enumerate(setup) if one.startswith("set -"))
    body = [*setup[start:], *lines[begin:end], 'helm template x "$private"/charts/helm-charts/basehub']
    said = run(["bash", "-c", "\n".join(body)], env=env, cwd=root, timeout=120)
    assert "from-inside" in said.stdout


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("password_env: NOT_THERE, username: u", "the environment has no NOT_THERE"),
        ("password_env: CHARTS_PASSWORD", "no username"),
        ("file: secrets/plain.yaml", "not encrypted"),
        ("file: ../outside.yaml", "leads out of the fleet"),
        ("{}", "no username"),
    ],
)
def test_an_account_that_is_not_whole(fleet, env, entry, said):
    url = "https://charts.example.org"
    root = fleet(url, f"{{repository: '{url}'}}" if entry == "{}" else f"{{repository: '{url}', {entry}}}")
    write(root, {"secrets/plain.yaml": "username: u\npassword: p\n"})
    with pytest.raises(DeployerError, match=said):
        logins(root, env).account(url)


def test_the_longest_address_that_fits_counts(fleet, env):
    one, two = "https://x.example.org/a", "https://x.example.org/a/b"
    entry = "username: {}, password_env: CHARTS_PASSWORD"
    root = fleet(one, f"{{repository: '{one}', {entry.format('one')}}}, {{repository: '{two}', {entry.format('two')}}}")
    found = logins(root, env)
    asked = [one, f"{one}/", two, f"{two}/c", "https://x.example.org/a-of-others", "https://x.example.org"]
    assert [who.username if (who := found.account(url)) else "" for url in asked] == [
        "one",
        "one",
        "two",
        "two",
        "",
        "",
    ]


def test_its_file_is_among_the_secrets_that_are_checked(fleet):
    root = fleet("https://x.example.org", f"{{repository: 'https://x.example.org', {FROM['file']}}}")
    assert named_secrets(desired(root).fleet) == ["secrets/enc-charts.secret.yaml"]
