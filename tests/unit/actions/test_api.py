"""What the workflows ask of GitHub and post there, against a server that stands for it."""

from __future__ import annotations

import json

import pytest

from deployer.cli.main import main
from deployer.reports.markdown import MARKER
from loopback_github import BOT, DOWN, SOMEBODY, loopback_github
from small_fleet import cluster, files, hub

HEAD = "a" * 40
NASTY = "it's $(touch pwned) `x` @team <img src=x> | &#64; ../../x"
PLAN = {
    "releases": [{"cluster": "reef", "hub": "ocean", "stage": "production", "provider": "gcp", "reasons": [NASTY]}],
    "retired": [],
}


@pytest.fixture
def github(monkeypatch):
    with loopback_github() as server:
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", "test/fleet")
        monkeypatch.setenv("GITHUB_TOKEN", "a-token")
        yield server
        assert server.tokens <= {"Bearer a-token"}


def pull(number: int, sha: str = HEAD, repository: str = "test/fleet") -> dict[str, object]:
    return {"number": number, "state": "open", "head": {"sha": sha, "repo": {"full_name": repository}}}


# Labels


def test_labels_of_a_pull_request_and_of_a_commit(github, capsys):
    github.labels = ["deployer:skip-deploy", "it's mine", "two\nlines"]
    for words in (["--pull-request", "7"], ["--commit", HEAD]):  # of a pull request that was not merged: none
        assert main(["github", "labels", *words]) == 0
        assert capsys.readouterr().out == "deployer:skip-deploy\nit's mine\ntwo lines\n"


def test_teams_that_own_something(github, capsys, tmp_path):
    owned = hub("ocean", owners=[{"who": ["ada", "Our-Org/leads", "our-org/others"]}])
    for path, text in files(cluster("reef", [hub("staging"), owned])).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "deployer.yaml").write_text("owners: {maintainers: [our-org/engineers]}\n")
    github.teams = {
        "our-org/leads": {"dora": "active", "eve": "pending"},
        "our-org/engineers": {"dora": "active"},
        "our-org/unknown": {"dora": "active"},
    }
    words = ["--fleet", str(tmp_path), "github", "teams", "--user", "dora", "--user", "eve", "--user", "dora"]
    assert main(words) == 0
    assert capsys.readouterr().out == "dora our-org/engineers\ndora our-org/leads\n"
    github.refuses = (403, "Resource not accessible")
    assert main(words) == 1
    assert "GitHub answers 403" in capsys.readouterr().err


def test_labels_that_cannot_be_looked_up(github, capsys):
    github.refuses = DOWN
    assert main(["github", "labels", "--pull-request", "7"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "GitHub answers 503 Service Unavailable" in said.err


def test_no_server_at_all(monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GITHUB_REPOSITORY", "test/fleet")
    assert main(["github", "labels", "--commit", HEAD]) == 1
    assert "GitHub does not answer" in capsys.readouterr().err


def test_outside_of_a_workflow(monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    assert main(["github", "labels", "--commit", HEAD]) == 1
    assert "no step of GitHub Actions" in capsys.readouterr().err


# The comment


def post(tmp_path, text=None) -> int:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(PLAN) if text is None else text)
    return main(["github", "comment", "--plan", str(file), "--commit", HEAD])


def test_a_plan_is_posted_once_and_then_updated(github, tmp_path):
    github.pulls = [pull(3, "b" * 40), *(pull(100 + n, "c" * 40) for n in range(120)), pull(7, repository="a/fork")]
    github.comments = {7: [{"id": 99, "user": SOMEBODY, "body": f"{MARKER} mine"}]}
    for _ in range(2):
        assert post(tmp_path) == 0
    assert [(method, path) for method, path, _ in github.sent] == [
        ("POST", "/repos/test/fleet/issues/7/comments"),
        ("PATCH", "/repos/test/fleet/issues/comments/2"),
    ]
    assert github.comments[7][0]["body"] == f"{MARKER} mine"
    body = github.comments[7][1]["body"]
    assert body.startswith(MARKER)
    assert "<code>reef/ocean</code>" in body
    assert NASTY not in body
    assert "@" not in body
    assert "<img" not in body


def test_no_pull_request_of_that_commit(github, tmp_path, capsys):
    github.pulls = [pull(3, "b" * 40)]
    assert post(tmp_path) == 0
    assert github.sent == []
    assert "no open pull request" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", "not JSON", '{"releases": [{"cluster": "a/b"}]}', "[" * 5000])
def test_what_is_no_plan_is_not_posted(github, tmp_path, capsys, text):
    github.pulls = [pull(7)]
    assert post(tmp_path, text) == 1
    assert github.sent == []
    assert "Traceback" not in capsys.readouterr().err


# The issue


def report(tmp_path, text: str, *words: str) -> int:
    file = tmp_path / "said"
    file.write_text(text)
    url = "https://github.com/test/fleet/actions/runs/1"
    return main(["github", "issue", "--title", "Not well: reef", "--body", str(file), "--url", url, *words])


def test_one_issue_is_opened_updated_and_closed(github, tmp_path):
    pull_request = {
        "number": 1,
        "state": "open",
        "title": "Not well: reef",
        "user": BOT,
        "pull_request": {},
        "body": "",
    }
    of_another = {"number": 2, "state": "open", "title": "Not well: reef", "user": SOMEBODY, "body": ""}
    similar = {"number": 3, "state": "open", "title": "Not well: reef-two", "user": BOT, "body": ""}
    github.issues = [pull_request, of_another, similar]
    assert report(tmp_path, "✗ reef/ocean: hub-down @team\n<b>x</b>") == 0
    assert report(tmp_path, "✗ reef/ocean: hub-down @team\n<b>x</b>") == 0  # the same again: nothing to say
    assert report(tmp_path, "✗ reef/coral") == 0
    assert report(tmp_path, "", "--well") == 0
    assert report(tmp_path, "", "--well") == 0
    assert [(method, path.removeprefix("/repos/test/fleet/")) for method, path, _ in github.sent] == [
        ("POST", "issues"),
        ("PATCH", "issues/4"),
        ("POST", "issues/4/comments"),
        ("PATCH", "issues/4"),
    ]
    first = github.sent[0][2]["body"]
    assert first.endswith("\n\n    ✗ reef/ocean: hub-down @team\n    <b>x</b>\n")  # code, in which nobody is called
    assert "reef/coral" in github.sent[1][2]["body"]
    assert [issue["state"] for issue in github.issues] == ["open", "open", "open", "closed"]


def test_a_refusal_says_what_to_look_at(github, tmp_path, capsys):
    github.refuses = (403, "Resource not accessible by integration")
    assert report(tmp_path, "x") == 1
    said = capsys.readouterr().err
    assert "403 Resource not accessible by integration" in said
    assert "permissions" in said
