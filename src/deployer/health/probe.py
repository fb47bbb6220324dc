"""A user's morning, against one hub: come in, start a server, run code in a kernel, stop it, leave no trace."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from deployer.health import kernel
from deployer.health.claim import Claim, Claims
from deployer.health.client import AGAIN, Client
from deployer.health.diagnose import Diagnosis, Finding, Trouble, of_answer, of_event, of_time
from deployer.health.facts import Answer, Phase

SCOPES = ("admin:users", "admin:servers", "access:servers", "list:users", "read:hub")
ABANDONED = timedelta(minutes=15)  # age of a server that no living check can be at work with
# What proxy, hub or server say of a server while its route is on its way or, 500, the hub restarts that it must ask.
_NOT_YET = AGAIN | {404, 424, 500}
_TRIES = 3  # of running code, where the connection breaks off under it


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; the time-out of the whole act bounds all but ``tidy``, which comes after it."""

    turn: float = 120  # for a server of the user that somebody else, on another machine, is at work with
    reach: float = 45  # from "server ready" to its first answer through the proxy
    kernel: float = 60
    run: float = 30
    stop: float = 60
    tidy: float = 30


DEFAULT_LIMITS = Limits()


async def knock(client: Client) -> None:
    """Level ``http``: the hub, its API and its log-in page answer.

    :raises Trouble: one of them does not.
    """
    client.phase = Phase.HUB
    _expect(client, await client.call("GET", client.address.hub("health"), anonymous=True))
    root = client.address.hub("api") + "/"
    api = _expect(client, await client.call("GET", root, anonymous=True))
    if not api.json().get("version"):
        raise Trouble(Diagnosis.HUB_ERROR, f"{api}: this is no JupyterHub's API")
    page = await client.call("GET", client.address.hub("login"), anonymous=True)
    # A redirect is a log-in elsewhere: that is for others to check. A hub whose authenticator is none has no such page.
    if page.status == 404 and page.from_hub:
        return
    if page.status >= 400 or (page.ok and "<html" not in page.text.lower()):
        raise Trouble(*of_answer(client.phase, page))


def _expect(client: Client, answer: Answer, *statuses: int) -> Answer:
    """``answer``, where its status is one of these (default: any 2xx).

    :raises Trouble: it is not.
    """
    if answer.status in statuses or (not statuses and answer.ok):
        return answer
    raise Trouble(*of_answer(client.phase, answer))


class Morning:
    """Level ``user``. :meth:`live` proves that a user can work; :meth:`tidy` removes what it left, if it is cut off."""

    def __init__(
        self, client: Client, claims: Claims, *, user: str, limits: Limits, say: Callable[[str], None]
    ) -> None:
        self._client = client
        self._claims = claims
        self._limits = limits
        self._say = say
        self._user = user
        self._nothing = Claim(user)
        self._claim = self._nothing
        self._server = client.address.base + f"user/{user}/"

    async def live(self) -> None:
        """:raises Trouble: a user could not have worked."""
        self._begin(Phase.HUB)
        await knock(self._client)
        await self._show_token()
        await self._take_turn()
        await self._make_user()
        await self._spawn()
        await self._reach()
        await self._compute()
        self._begin(Phase.STOP)
        await self._clear_up()

    async def tidy(self) -> Finding | None:
        """Remove what is ours, as far as the hub lets us within :attr:`Limits.tidy`; what is in the way."""
        if self._claim == self._nothing:
            return None
        self._begin(Phase.STOP, "cleaning up …")
        self._client.deadline = asyncio.get_running_loop().time() + self._limits.tidy
        try:
            async with self._client.patience(self._limits.tidy):
                await self._clear_up()
        except Trouble as trouble:
            return trouble.finding
        return None

    def _begin(self, phase: Phase, say: str = "") -> None:
        self._client.phase, self._client.trouble = phase, None
        self._say(say or f"{phase} …")

    def _api(self, *words: str) -> str:
        return self._client.address.hub("api", *words)

    async def _show_token(self) -> None:
        """Find out about a bad token or a missing scope before anything is made."""
        me = _expect(self._client, await self._client.call("GET", self._api("user"))).json()
        have = {str(scope).partition("!")[0] for scope in me.get("scopes", [])}
        if missing := [scope for scope in SCOPES if scope not in have]:
            raise Trouble(Diagnosis.SCOPE_MISSING, f"service {me.get('name')}: {', '.join(missing)}")

    # What may be on the hub already.

    async def _take_turn(self) -> None:
        """Wait for a check on another machine to end; sweep what a check that was killed left behind."""
        self._client.phase = Phase.TURN
        left = self._claims.read(self._user)
        found = await self._find()
        if _active(found) and not left.server:
            found = await self._wait_for_others(found)
        ours = found is not None and left.owns(self._user, _created(found))
        self._claim = Claim(self._user, created=_created(found) if ours else "", server=_active(found))
        if self._claim == self._nothing:
            return
        self._begin(Phase.STOP, "removing what an earlier check left …")
        await self._clear_up()

    async def _wait_for_others(self, found: dict[str, Any] | None) -> dict[str, Any] | None:
        """The user once nobody is at work with its server.

        :raises Trouble: somebody still is when our patience ends; we do not fight.
        """
        loop, patience = asyncio.get_running_loop(), min(self._limits.turn, self._client.left() / 2)
        until = loop.time() + patience
        self._say(f"{Phase.TURN} …")
        while _active(found) and not _abandoned(found):
            if loop.time() > until:
                raise Trouble(*of_time(Phase.TURN, patience))
            await asyncio.sleep(1)
            found = await self._find()
        return found

    async def _find(self) -> dict[str, Any] | None:
        """The user as the hub knows it; None where it does not."""
        answer = await self._client.call("GET", self._api("users", self._user))
        if answer.status == 404 and answer.from_hub:
            return None
        return _expect(self._client, answer).json()

    def _note(self, claim: Claim) -> None:
        self._claim = claim
        if claim == self._nothing:
            self._claims.clear()
        else:
            self._claims.write(claim)

    # The user and its server.

    async def _make_user(self) -> None:
        """Make the user, unless the operator keeps it; what we make is on record before it is made."""
        self._begin(Phase.USER)
        path = self._api("users", self._user)
        seen = await self._client.call("GET", path)
        if seen.ok:
            return
        _expect(self._client, seen, 404)
        self._note(Claim(self._user, absent_at=seen.date.isoformat() if seen.date else ""))
        made = await self._client.call("POST", path)
        if made.status == 409:
            await self._keep_or_drop(tries=made.tries)
        elif made.ok:
            self._note(Claim(self._user, created=_created(made.json())))
        else:
            self._note(self._nothing)
            _expect(self._client, made)

    async def _keep_or_drop(self, *, tries: int) -> None:
        """The user was made since we looked: by somebody faster, or by a first try of ours whose answer was lost."""
        created = _created(await self._find())
        ours = tries > 1 and self._claim.owns(self._user, created)
        self._note(Claim(self._user, created=created) if ours else self._nothing)

    async def _spawn(self) -> None:
        self._begin(Phase.SPAWN)
        self._note(replace(self._claim, server=True))
        asked = await self._client.call("POST", self._api("users", self._user, "server"), body={})
        if not asked.ok:
            await self._follow()  # the progress stream knows the reason better
            if not _active(await self._find()):
                raise Trouble(*of_answer(self._client.phase, asked))
        while not await self._is_ready():  # noqa: ASYNC110 — the hub sets no events of ours
            await asyncio.sleep(0.3)

    async def _is_ready(self) -> bool:
        """Look, and follow the progress where it is not.

        :raises Trouble: the spawn failed, or the server went away under it (culled, stopped, the hub restarted).
        """
        server = _server(await self._find())
        if server.get("ready"):
            self._server = str(server.get("url") or self._server)
            return True
        await self._follow()
        if not server:
            raise Trouble(Diagnosis.SPAWN_FAILED, "the server went away while it started, and the hub gives no reason")
        return False

    async def _follow(self) -> None:
        """Pass on the hub's progress until there is no more of it.

        :raises Trouble: the hub says that the spawn failed.
        """
        path = self._api("users", self._user, "server", "progress")
        async for event in self._client.events(path):
            if failed := of_event(event):
                raise Trouble(*failed)
            if event.get("message"):
                self._say(f"{Phase.SPAWN}: {str(event['message'])[:100]}")

    async def _reach(self) -> None:
        self._begin(Phase.REACH)
        path = f"{self._server}api/status"
        _expect(self._client, await self._client.call("GET", path, again=_NOT_YET, patience=self._limits.reach), 200)

    # Work.

    async def _compute(self) -> None:
        """Let a kernel multiply two numbers that nobody could know before.

        Written so that Python, R and Julia all understand; no product ends in 0, which R might print as a power.
        """
        a, b = 10 * secrets.randbelow(90) + 103, 10 * secrets.randbelow(90) + 107
        path = await self._start_kernel()
        for tries_left in reversed(range(_TRIES)):
            try:
                printed = await self._calculate(path, f"print({a} * {b})")
                break
            except Trouble as trouble:
                if not tries_left or trouble.finding.diagnosis is not Diagnosis.WEBSOCKET_REFUSED:
                    raise
                await asyncio.sleep(0.5)
        if str(a * b) not in printed.split():
            raise Trouble(Diagnosis.WRONG_RESULT, f"print({a} * {b}) gives {printed.strip()!r}, not {a * b}")
        await self._client.call("DELETE", path)

    async def _start_kernel(self) -> str:
        """Start the server's default kernel; its path."""
        self._begin(Phase.KERNEL)
        async with self._client.patience(self._limits.kernel):
            made = _expect(self._client, await self._client.call("POST", f"{self._server}api/kernels", body={}), 201)
        return f"{self._server}api/kernels/{made.json().get('id')}"

    async def _calculate(self, path: str, code: str) -> str:
        self._client.phase = Phase.KERNEL
        async with (
            self._client.patience(self._limits.kernel) as patience,
            self._client.websocket(f"{path}/channels", subprotocol=kernel.SUBPROTOCOL) as socket,
        ):
            await kernel.wait_ready(socket)
            self._begin(Phase.RUN)
            patience.reschedule(asyncio.get_running_loop().time() + self._limits.run)
            return await kernel.run(socket, code)

    # The end.

    async def _clear_up(self) -> None:
        """Stop the server and remove the user, each only where it is ours.

        :raises Trouble: the hub does not do it.
        """
        if self._claim.server:
            await self._stop_server()
        found = await self._find() if self._claim.created or self._claim.absent_at else None
        if found and self._claim.owns(self._user, _created(found)):
            # 400: a server of it is only just stopping.
            gone = await self._client.call("DELETE", self._api("users", self._user), again=AGAIN | {400})
            _expect(self._client, gone, 204, 404)
        self._note(self._nothing)

    async def _stop_server(self) -> None:
        answer = await self._client.call("DELETE", self._api("users", self._user, "server"))
        if answer.status != 404:
            _expect(self._client, answer)
        async with self._client.patience(self._limits.stop):
            while _active(await self._find()):  # noqa: ASYNC110 — as above
                await asyncio.sleep(0.3)


def _created(user: dict[str, Any] | None) -> str:
    return str((user or {}).get("created") or "")


def _server(user: dict[str, Any] | None) -> dict[str, Any]:
    """The user's default server, {} where none is at work."""
    found = ((user or {}).get("servers") or {}).get("", {})
    return found if isinstance(found, dict) and not found.get("stopped") else {}


def _active(user: dict[str, Any] | None) -> bool:
    return bool(_server(user))


def _abandoned(user: dict[str, Any] | None) -> bool:
    try:
        started = datetime.fromisoformat(str(_server(user).get("started")))
        return datetime.now(UTC) - started > ABANDONED
    except (ValueError, TypeError):
        return False
