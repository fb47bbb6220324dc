"""The demo: the fleet that ``deployer init --example`` makes, through a day of its operators."""

import pytest
import yaml

pytestmark = pytest.mark.local

HUBS = {"atlantic": ["staging", "institute", "open-data"], "pacific": ["staging", "course", "research"]}
PACIFIC = {f"pacific/{hub}" for hub in HUBS["pacific"]}
RELEASES = {f"{cluster}/{name}" for cluster, hubs in HUBS.items() for name in [*hubs, "support"]}


def positions(journal, event, release):
    return [number for number, line in enumerate(journal) if line["event"] == event and line.get("release") == release]


def test_the_first_deploy(first_deploy):
    demo, ran = first_deploy
    assert ran.code == 0, str(ran)
    assert ran.err == ""
    assert "8 succeeded" in ran.out
    assert demo.outcomes() == dict.fromkeys(RELEASES, "succeeded")
    assert demo.states() == dict.fromkeys(RELEASES, "running")
    for name, row in demo.status().items():
        assert (row["revision"], row["healthy"], row["up_to_date"]) == (1, True, True), row
        assert row["url"] in ran.out
        if row["hub"]:
            assert row["url"].startswith(f"http://{row['hub']}.{row['cluster']}.localhost:")
            assert row["plain_url"] in ran.out
            assert demo.get(name) == 200


def test_canaries_go_first(demo):
    journal = demo.journal(demo.rollouts()[-1])
    for cluster, (canary, *production) in HUBS.items():
        proven = positions(journal, "ReleaseEnded", f"{cluster}/{canary}")
        assert positions(journal, "ReleaseEnded", f"{cluster}/support") < positions(
            journal, "ReleaseStarted", f"{cluster}/{canary}"
        )
        for hub in production:
            assert proven < positions(journal, "ReleaseStarted", f"{cluster}/{hub}")


def test_nothing_changed_nothing_happens(demo):
    pids = demo.pids()
    ran = demo.ok("deploy", "--all")
    assert "8 unchanged" in ran.out
    assert set(demo.outcomes().values()) == {"unchanged"}
    assert demo.pids() == pids
    assert demo.planned("--since", "HEAD") == []
    assert "Nothing to upgrade" in demo.ok("deploy", "--since", "HEAD").out


def test_an_edit_of_shared_values(demo):
    before, pids = demo.status(), demo.pids()
    path = demo.root / "config/clusters/pacific/common.values.yaml"
    values = yaml.safe_load(path.read_text())
    values["jupyterhub"]["singleuser"]["extraEnv"]["TIDE"] = "high"
    path.write_text(yaml.safe_dump(values))
    assert set(demo.planned("--since", "HEAD")) == PACIFIC
    assert "common.values.yaml" in demo.ok("plan", "--since", "HEAD").out

    demo.ok("deploy", "--since", "HEAD")

    assert demo.outcomes() == dict.fromkeys(PACIFIC, "succeeded")
    after = demo.status()
    assert {name for name in after if after[name]["revision"] != before[name]["revision"]} == PACIFIC
    assert {name for name, pid in demo.pids().items() if pid != pids[name]} == {
        f"local/pacific/releases/{hub}/hub.pid.json" for hub in HUBS["pacific"]
    }


def test_looking_at_hubs(demo):
    assert "pacific/course" in demo.ok("status", "pacific").out
    assert "atlantic" not in demo.ok("status", "pacific").out
    assert "JupyterHub" in demo.ok("logs", "pacific", "course").out
    assert "traefik" in demo.ok("logs", "pacific", "support", "-n", "0").out.lower()
    assert "users can work" in demo.ok("check", "atlantic", "staging").out
    assert "the hub answers" in demo.ok("check", "atlantic", "institute", "--level", "http").out
    explained = demo.ok("preview", "pacific", "research", "--explain").out
    assert "hub.config.GitHubOAuthenticator.allowed_organizations" in explained
    assert "are translated" in explained
    newest = demo.rollouts()[0]
    assert newest in demo.ok("history").out
    assert "pacific/course: succeeded" in demo.ok("history", "show", newest).out


def test_what_is_not_there(demo):
    for words, told in {
        ("check", "pacific", "corse"): "course",
        ("logs", "pacific", "corse"): "course",
        ("deploy", "pacifc"): "pacific",
        ("history", "show", "nonesuch"): "there is no rollout nonesuch",
    }.items():
        ran = demo.run(*words)
        assert ran.code == 1, str(ran)
        assert told in ran.err, str(ran)


def test_rollback(demo):
    """After :func:`test_an_edit_of_shared_values`: the edit is gone, and the repository still wants it."""
    ran = demo.ok("rollback", "pacific", "staging")
    assert "pacific/staging is back, as revision 3" in ran.out
    row = demo.status()["pacific/staging"]
    assert (row["state"], row["revision"], row["up_to_date"]) == ("running", 3, False)
    assert "TIDE" not in demo.values("pacific/staging")["singleuser"]["extraEnv"]
    refused = demo.run("rollback", "atlantic", "staging")
    assert refused.code == 1
    assert "has no earlier good revision" in refused.err


def test_down_and_up_again(demo):
    """Homes, users and addresses survive; what the repository wants comes back with them."""
    demo.api("pacific/staging", "POST", "users/mary")
    home = demo.folder("pacific/staging") / "homes" / "mary"
    home.mkdir()
    (home / "notes.txt").write_text("the tide was high")
    urls = {name: row["url"] for name, row in demo.status().items()}

    assert "8 releases stopped" in demo.ok("down").out
    assert demo.states() == dict.fromkeys(RELEASES, "stopped")
    assert not demo.processes()
    demo.ok("deploy", "pacific", "staging")
    demo.ok("deploy", "pacific", "--support")

    row = demo.status()["pacific/staging"]
    assert (row["state"], row["healthy"], row["up_to_date"]) == ("running", True, True)
    assert row["url"] == urls["pacific/staging"]
    assert demo.get("pacific/staging") == 200
    assert demo.api("pacific/staging", "GET", "users/mary").json()["name"] == "mary"
    assert (home / "notes.txt").read_text() == "the tide was high"
    assert demo.values("pacific/staging")["singleuser"]["extraEnv"]["TIDE"] == "high"
