import asyncio

import pytest

from deployer.errors import TargetError
from deployer.health.claim import Claim, Claims

NOON = "2026-11-21T12:00:00+00:00"


@pytest.mark.parametrize(
    ("claim", "user", "created", "owned"),
    [
        (Claim("check", created="2026-11-21T12:00:00.5Z"), "check", "2026-11-21T12:00:00.5Z", True),
        (Claim("check", created="2026-11-21T12:00:00.5Z"), "check", "2026-11-21T12:00:00.6Z", False),  # made anew
        (Claim("check", created="2026-11-21T12:00:00.5Z"), "other", "2026-11-21T12:00:00.5Z", False),
        (Claim("check", absent_at=NOON), "check", "2026-11-21T12:00:00.200000Z", True),  # the answer was lost
        (Claim("check", absent_at=NOON), "check", "2026-11-21T11:00:00Z", False),
        (Claim("check", absent_at=NOON), "check", "2026-11-22T12:00:00Z", False),  # the operator's, made later
        (Claim("check", absent_at=NOON), "check", "", False),
        (Claim("check"), "check", NOON, False),
        (Claim("check", server=True), "check", NOON, False),  # a server of ours proves nothing about the user
    ],
)
def test_only_proof_makes_a_user_ours(claim, user, created, owned):
    assert claim.owns(user, created) is owned


def test_claims_outlive_the_process_and_are_of_one_hub(tmp_path):
    claim = Claim("check", created=NOON, server=True)
    Claims(tmp_path, "http://a/").write(claim)
    assert Claims(tmp_path, "http://a").read("check") == claim
    assert Claims(tmp_path, "http://a").read("other") == Claim("other")
    assert Claims(tmp_path, "http://b").read("check") == Claim("check")
    Claims(tmp_path, "http://a").clear()
    assert Claims(tmp_path, "http://a").read("check") == Claim("check")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"user": 1, "more": 2}', "null"])
def test_a_record_that_cannot_be_read_proves_nothing(tmp_path, text):
    claims = Claims(tmp_path, "http://a")
    claims.write(Claim("check", created=NOON))
    next(tmp_path.glob("*.json")).write_text(text)
    assert claims.read("check") == Claim("check")


def test_one_at_a_time(tmp_path):
    events = []

    async def hold(name):
        async with Claims(tmp_path, "http://a").turn():
            events.append(name)
            await asyncio.sleep(0.05)
            events.append(name)

    async def both():
        await asyncio.gather(hold("first"), hold("second"))

    asyncio.run(both())
    assert events in (["first"] * 2 + ["second"] * 2, ["second"] * 2 + ["first"] * 2)


def test_a_lock_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()

    async def take():
        async with Claims(tmp_path / "file" / "locks", "http://a").turn():
            pass

    with pytest.raises(TargetError, match="lock"):
        asyncio.run(take())
