"""A hub that was deployed with Helm alone becomes one of a fleet's: nothing changes, and its release goes on."""

from __future__ import annotations

import pytest

from age_keys import make_age_key

pytestmark = pytest.mark.kubernetes
TOKEN = "0123456789abcdef4711"
VALUES = f"""\
# As the institute has it.
hub:
  config:
    JupyterHub:
      authenticator_class: github  # with its own organisation
  extraEnv:
    GREETING: hello
proxy:
  secretToken: {TOKEN}
ingress:
  hosts: [hub.institute.example.org]
"""


def files(fleet):
    """All but git's own and the deployer's state."""
    own = {".git", ".deployer"}
    every = (path for path in fleet.root.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in every if not own & set(path.relative_to(fleet.root).parts)}


@pytest.fixture
def institute(fleets, charts, tmp_path):
    """A fleet that knows nothing of a hub which runs on its cluster, and the values file of that hub."""
    fleet = fleets({"reef": {"staging": {"helm_chart": "small"}}})
    key = make_age_key()
    (fleet.root / ".sops.yaml").write_text(f"creation_rules:\n  - path_regex: /enc-[^/]*$\n    age: {key.recipient}\n")
    fleet.more["SOPS_AGE_KEY"] = key.secret
    values, name, cluster = tmp_path / "values.yaml", fleet.full("institute"), fleet.cluster("reef/institute")
    values.write_text(VALUES)
    where = ["--namespace", name, "--create-namespace", "--repo", charts, "--version", "4.3.3"]
    cluster.helm("upgrade", "--install", name, "jupyterhub", *where, "--values", str(values), "--wait")
    yield fleet, name, values
    cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


def refused(fleet, name, values, charts):
    """What cannot be adopted, and what is said of it."""
    yield ["reef", "nonesuch", "--from-release"], "Helm holds no release 'nonesuch'"
    yield ["reef", name], "Add --values FILE, or --from-release"
    yield ["reef", name, "--from-release"], "no chart 'jupyterhub', which the release was made with (version 4.3.3)"
    yield ["reef", name, "--from-release", "--repository", charts, "--version", "9.9.9"], "cannot be had"
    yield ["reef", name, "--values", str(values.parent / "none.yaml"), "--repository", charts], "No such file"
    yield ["reef", fleet.full("staging"), "--from-release"], f"there is a hub reef/{fleet.full('staging')} already"
    yield ["lagoon", name, "--from-release"], "no cluster 'lagoon'"


def test_its_release_goes_on(institute, charts):
    fleet, name, values = institute
    cluster, before = fleet.cluster("reef/institute"), files(fleet)
    for words, told in refused(fleet, name, values, charts):
        ran = fleet.run("adopt", *words)
        assert ran.code == 1, str(ran)
        assert told in ran.err, str(ran)
    assert files(fleet) == before
    assert f"{name}  jupyterhub 4.3.3  deployed" in fleet.ok("adopt", "reef").out
    claim = cluster.get("pvc", "hub-db-dir", name)["metadata"]["uid"]
    cookie = cluster.secret(name, "hub.config.JupyterHub.cookie_secret")

    made = fleet.run("adopt", "reef", name, "--values", str(values), "--repository", charts)

    assert made.code == 0, str(made)
    assert "An upgrade changes nothing." in made.out
    assert TOKEN not in made.out + made.err
    assert "proxy.secretToken" in made.err
    assert not [path for path, raw in files(fleet).items() if TOKEN.encode() in raw]
    plain = (fleet.folder("reef") / f"{name}.values.yaml").read_text()
    assert plain == VALUES.replace(f"proxy:\n  secretToken: {TOKEN}\n", "")
    entry = (fleet.folder("reef") / "cluster.yaml").read_text()
    assert "domain: hub.institute.example.org" in entry
    assert "health: none" in entry

    fleet.commit()
    ran = fleet.run("deploy", "reef", name, "--yes")

    assert ran.code == 0, str(ran)
    assert cluster.revisions(name) == [(1, "superseded"), (2, "deployed")]
    assert cluster.get("pvc", "hub-db-dir", name)["metadata"]["uid"] == claim
    assert cluster.secret(name, "hub.config.JupyterHub.cookie_secret") == cookie
    assert cluster.secret(name, "hub.config.ConfigurableHTTPProxy.auth_token") == TOKEN
    assert name not in fleet.ok("adopt", "reef").out


def test_what_would_change_is_shown_and_with_its_own_values_nothing_would(institute, charts):
    fleet, name, values = institute
    values.write_text(VALUES.replace("hello", "good morning"))
    words = ["adopt", "reef", name, "--repository", charts]
    other = fleet.ok(*words, "--values", str(values))
    assert "1 release differs from what is deployed" in other.out
    assert "good morning" in other.out
    fleet.git("checkout", "--quiet", ".")
    fleet.git("clean", "--quiet", "-fd", "config", "helm-charts")
    (fleet.root / ".sops.yaml").rename(fleet.root / "sops")
    assert "cannot be encrypted here" in fleet.run(*words, "--from-release").err
    (fleet.root / "sops").rename(fleet.root / ".sops.yaml")

    made = fleet.ok(*words, "--from-release")

    assert "An upgrade changes nothing." in made.out
    assert "hello" in (fleet.folder("reef") / f"{name}.values.yaml").read_text()
    assert not [path for path, raw in files(fleet).items() if TOKEN.encode() in raw]
    assert fleet.cluster("reef/institute").revisions(name) == [(1, "deployed")]
