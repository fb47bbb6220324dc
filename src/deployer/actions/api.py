"""What the workflows ask of GitHub: labels, one comment on a pull request, one issue for a cluster.

What is posted is data in a JSON body, never part of a command; which pull request it goes to, GitHub says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx

from deployer.errors import DeployerError

API = "https://api.github.com"
BOT = "github-actions[bot]"  # who comments with a workflow's token
PAGE = 100  # entries, the most that GitHub gives at once
PAGES = 100  # of a list, at the most
TIMEOUT = 30.0  # seconds for one answer
RETRIES = 2  # of a connection that was refused
BODY = 60_000  # characters of a comment or an issue; GitHub takes 65,536

Object = Mapping[str, Any]


class GitHub:
    """A repository, as a workflow's token sees it.

    :raises DeployerError: GitHub does not answer, or refuses; for all methods.
    """

    def __init__(self, api: str, repository: str, token: str) -> None:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.HTTPTransport(retries=RETRIES)
        self._client = httpx.Client(headers=headers, timeout=TIMEOUT, transport=transport)
        self._api = api.rstrip("/")
        self._base = f"{self._api}/repos/{quote(repository)}"

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Self:
        """The repository that a workflow runs for.

        :raises DeployerError: we are in no workflow.
        """
        if not (repository := env.get("GITHUB_REPOSITORY")):
            raise DeployerError("GITHUB_REPOSITORY is not set, so this is no step of GitHub Actions")
        return cls(env.get("GITHUB_API_URL") or API, repository, env.get("GITHUB_TOKEN", ""))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    # Labels

    def labels(self, number: int) -> list[str]:
        """Those of a pull request."""
        return [str(one["name"]) for one in self._list(f"issues/{number}/labels")]

    def labels_of_commit(self, commit: str) -> list[str]:
        """Those of the merged pull requests that brought a commit."""
        found = self._list(f"commits/{quote(commit, safe='')}/pulls")
        return [str(label["name"]) for one in found if one.get("merged_at") for label in one["labels"]]

    # Teams

    def is_in_team(self, user: str, team: str) -> bool:
        """Whether a user is in ``organisation/team``; False too where the token may not know."""
        organisation, _, name = team.partition("/")
        path = f"orgs/{quote(organisation)}/teams/{quote(name)}/memberships/{quote(user)}"
        answer = self._ask("GET", f"{self._api}/{path}", missing=True)
        return answer.is_success and answer.json().get("state") == "active"

    # One comment

    def comment(self, commit: str, marker: str, body: str) -> list[int]:
        """Have this comment on each open pull request whose head is the commit: new, or in place of our last one.

        :param marker: how the comment begins, by which it is found again.
        :returns: the pull requests' numbers.
        """
        numbers = [int(one["number"]) for one in self._list("pulls?state=open") if one["head"]["sha"] == commit]
        for number in numbers:
            ours = [one for one in self._list(f"issues/{number}/comments") if _is_ours(one, marker)]
            if ours:
                self._send("PATCH", f"issues/comments/{int(ours[0]['id'])}", {"body": body})
            else:
                self._send("POST", f"issues/{number}/comments", {"body": body})
        return numbers

    # One issue

    def report(self, title: str, body: str) -> int:
        """Have one open issue of this title, with this text; its number."""
        known = self._issue(title)
        if known is None:
            return int(self._send("POST", "issues", {"title": title, "body": body[:BODY]})["number"])
        if known["body"] != body[:BODY]:
            self._send("PATCH", f"issues/{int(known['number'])}", {"body": body[:BODY]})
        return int(known["number"])

    def settle(self, title: str, comment: str) -> int | None:
        """Close the issue of this title, saying why; its number, None where none was open."""
        known = self._issue(title)
        if known is None:
            return None
        number = int(known["number"])
        self._send("POST", f"issues/{number}/comments", {"body": comment})
        self._send("PATCH", f"issues/{number}", {"state": "closed"})
        return number

    def _issue(self, title: str) -> Object | None:
        """Ours, the oldest: anybody may open an issue of any title."""
        every = self._list("issues?state=open&sort=created&direction=asc")
        return next((one for one in every if one["title"] == title and _is_of_a_workflow(one)), None)

    # The wire

    def _list(self, path: str) -> Iterator[Object]:
        url = f"{self._base}/{path}{'&' if '?' in path else '?'}per_page={PAGE}"
        for _ in range(PAGES):
            answer = self._ask("GET", url)
            yield from _listed(answer)
            following = answer.links.get("next", {}).get("url")
            if not following or not following.startswith(self._api):
                return
            url = following

    def _send(self, method: str, path: str, data: Object) -> Object:
        found = self._ask(method, f"{self._base}/{path}", data)
        try:
            sent: Object = found.json()
        except ValueError:
            raise DeployerError(f"{method} {found.url}: no JSON in GitHub's answer") from None
        return sent

    def _ask(self, method: str, url: str, data: Object | None = None, *, missing: bool = False) -> httpx.Response:
        """GitHub's answer; with ``missing`` also that there is no such thing."""
        try:
            answer = self._client.request(method, url, json=data)
        except httpx.HTTPError as error:
            raise DeployerError(f"{method} {url}: GitHub does not answer: {error or type(error).__name__}") from None
        if answer.is_success or (missing and answer.status_code == httpx.codes.NOT_FOUND):
            return answer
        raise DeployerError(f"{method} {url}: GitHub answers {answer.status_code} {_why(answer)}", hint=_hint(answer))


def _is_of_a_workflow(issue: Object) -> bool:
    """GitHub lists pull requests as issues, too."""
    return issue["user"]["login"] == BOT and "pull_request" not in issue


def _is_ours(comment: Object, marker: str) -> bool:
    """Anybody may write the marker, and who edits a comment of others gains nothing by it."""
    return comment["user"]["login"] == BOT and str(comment["body"]).startswith(marker)


def _listed(answer: httpx.Response) -> list[Object]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise DeployerError(f"GET {answer.url}: no list in GitHub's answer")
    return found


def _why(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase


def _hint(answer: httpx.Response) -> str:
    return (
        "The job's `permissions:` do not allow it, or the token is missing." if answer.status_code in {401, 403} else ""
    )
