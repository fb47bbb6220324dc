"""The local target with real hubs. The tests of this file share one cluster and leave it as they found it."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import target_world
from target_world import CLUSTER, OCEAN, SUPPORT, Person, World, client, environment, run_code

from deployer.errors import LockedError, TargetError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Control, State
from deployer.targets.local import database

pytestmark = pytest.mark.local

BASE = {"hub": {"config": {"JupyterHub": {"authenticator_class": "dummy"}}}}


def with_snippet(code):
    return {"hub": {**BASE["hub"], "extraConfig": {"test": textwrap.dedent(code)}}}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("state"), {"support": {}, "ocean": BASE})
    try:
        world.upgrade(SUPPORT)
        world.upgrade(OCEAN)
        yield world
    finally:
        world.target.down()


@pytest.fixture
def ocean(world):
    """The hub with its base values, whatever the test before made of it."""
    world.change(BASE)
    return world


@pytest.fixture(scope="module")
def person(world):
    person = Person(world.target.endpoint(OCEAN), "ada")
    person.begin()
    return person


def test_first_install(world):
    seen = world.target.observe(OCEAN)
    assert (seen.state, seen.healthy, seen.wanted) == (State.RUNNING, True, True)
    assert seen.url.startswith("http://ocean.reef.localhost:")
    assert world.page("hub/login") == 200
    plain = seen.plain_url.removeprefix("http://").rstrip("/")
    assert target_world.httpx.get(f"http://{plain}/hub/health", trust_env=False).status_code == 200
    assert world.target.observe(SUPPORT).state is State.RUNNING


def test_an_unknown_name_is_nobody_s(world):
    """The ingress serves the names of hubs, and no others."""
    endpoint = world.target.endpoint(OCEAN)
    with client(endpoint) as http:
        assert http.get("hub/health", headers={"Host": "elsewhere.localhost"}).status_code == 404


def test_nothing_changed_nothing_done(ocean):
    pid, numbers = ocean.pid("hub"), ocean.numbers()
    assert ocean.upgrade().changed is False
    assert ocean.upgrade(SUPPORT).changed is False
    assert (ocean.pid("hub"), ocean.numbers()) == (pid, numbers)


def test_a_user_works_on_through_an_upgrade(ocean, person):
    """Hub restarted with new values; proxy, server and the open WebSocket of a kernel go on."""

    async def work():
        async with person.kernel() as kernel:
            assert await run_code(kernel, "x = 41; print(x)") == "41"
            await asyncio.to_thread(ocean.change, {**BASE, "singleuser": {"defaultUrl": "/lab"}})
            return await run_code(kernel, "print(x + 1)")

    started, hub, proxy = person.started(), ocean.pid("hub"), ocean.pid("proxy")
    assert asyncio.run(work()) == "42"
    assert ocean.pid("hub") != hub
    assert ocean.pid("proxy") == proxy
    assert person.started() == started
    assert person.sees_server() == 200


def test_a_broken_revision_gives_way_to_the_last_good(ocean, person):
    """It changed the database's tables, too: these come back, and the newer file is kept."""
    folder = ocean.target.folder.release("ocean")
    schema, number = database.schema(folder.database), ocean.target.observe(OCEAN).revision
    snippet = f"""
        import sqlite3
        with sqlite3.connect({str(folder.database)!r}) as db:
            db.execute("create table later (x int)")
        raise ValueError("this snippet is broken")
        """
    with pytest.raises(TargetError, match="this snippet is broken") as caught:
        ocean.change(with_snippet(snippet))
    assert "\n" not in caught.value.message
    assert caught.value.log in caught.value.hint
    assert "this snippet is broken" in Path(caught.value.log).read_text()
    seen = ocean.target.observe(OCEAN)
    assert (seen.state, seen.healthy, seen.revision, seen.wanted) == (State.RUNNING, True, number, False)
    assert "this snippet is broken" in seen.detail
    assert database.schema(folder.database) == schema
    assert list(folder.path.glob("*.newer-*"))
    assert person.sees_server() == 200


def test_one_that_is_never_healthy_is_given_up(ocean):
    ocean.values["ocean"] = with_snippet("import time; time.sleep(60)")
    before = ocean.pid("hub")
    with pytest.raises(TargetError, match="not healthy within 3 s"):
        ocean.upgrade(timeout=3)
    assert ocean.pid("hub") != before
    assert ocean.target.observe(OCEAN).healthy is True


def test_cancelled_it_stops_at_once_and_the_old_revision_comes_back(ocean):
    cancelled = threading.Event()
    ocean.values["ocean"] = with_snippet("import time; time.sleep(60)")

    def say(text):
        if text == "starting the hub":
            threading.Timer(1, cancelled.set).start()

    began = time.monotonic()
    with pytest.raises(TargetError, match="cancelled"):
        ocean.target.upgrade(OCEAN, rollout="cancelled", force=False, control=Control(120, cancelled, say))
    assert time.monotonic() - began < 30  # of 120
    target_world.wait_until(lambda: ocean.target.observe(OCEAN).healthy)
    assert ocean.target.observe(OCEAN).wanted is False


def test_what_would_run(ocean):
    """The commands as a stranger would type them; the one that runs is among them."""
    for release, name in ((OCEAN, "proxy"), (SUPPORT, "ingress")):
        record = ocean.target.folder.release(release.name).daemon(name).process().cmdline()
        assert tuple(record) in {step.argv() for step in ocean.target.steps(release)}
    secrets = ocean.target.folder.release("ocean").secrets.read_text()
    words = [word for step in ocean.target.steps(OCEAN) for word in step.argv()]
    assert not any(word in secrets for word in words if len(word) > 20)


def test_metrics_of_the_ingress(ocean):
    port = ocean.target._at.ports(SUPPORT).get()["internal"]  # noqa: SLF001
    assert ocean.page("hub/health") == 200
    metrics = target_world.httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    assert "traefik_entrypoint_requests_total" in metrics


def test_a_killed_hub_comes_back_with_its_users(ocean, person):
    started, number = person.started(), ocean.target.observe(OCEAN).revision
    ocean.kill("hub")
    assert ocean.target.observe(OCEAN).state is State.FAILED
    done = ocean.upgrade()
    assert (done.changed, done.revision) == (True, number)
    assert person.started() == started
    assert person.sees_server() == 200
    folder = str(ocean.target.folder.release("ocean").path)
    cullers = [one for one in ocean.processes() if "culler" in " ".join(one.cmdline()) and one.cwd() == folder]
    assert len(cullers) == 1  # the one that the killed hub left is gone


def test_a_killed_proxy_comes_back_with_its_routes(ocean, person):
    ocean.kill("proxy")
    assert ocean.target.observe(OCEAN).healthy is False
    mended = ocean.target.repair()
    assert list(mended) == [OCEAN]
    target_world.wait_until(lambda: person.sees_server() == 200)


def test_a_killed_ingress_comes_back(ocean):
    ocean.kill("ingress", SUPPORT)
    assert ocean.upgrade(SUPPORT).changed is True
    target_world.wait_until(lambda: ocean.page("hub/health") == 200)
    ocean.kill("ingress", SUPPORT)
    ocean.upgrade()  # a hub's upgrade brings it back too: its address leads through it
    assert ocean.page("hub/health") == 200


def test_a_first_install_that_fails_leaves_nothing_running(world):
    bad = ReleaseId(CLUSTER, "bad")
    world.values["bad"] = with_snippet("raise RuntimeError('no good')")
    with pytest.raises(TargetError, match="no good"):
        world.upgrade(bad)
    assert world.target.observe(bad).state is State.FAILED
    assert [process for process in world.processes() if "releases/bad" in " ".join(process.cmdline())] == []
    assert world.target.rollback(bad, control=Control(60)) is None
    world.target.down(bad, purge=True)
    assert world.target.observe(bad).state is State.ABSENT


def test_a_known_address_that_a_stranger_took(ocean):
    """Its port was told to people: it stays, and the error says who sits there. Inner ports just change."""
    target = ocean.target
    ports = target._at.ports(OCEAN).get()  # noqa: SLF001
    target.down(OCEAN)
    assert target.observe(OCEAN).state is State.STOPPED
    told = pytest.raises(TargetError, match=rf"port {ports['public']} .* taken by .*process {os.getpid()}")
    with socket.create_server(("127.0.0.1", ports["public"])), told:
        ocean.upgrade()
    with socket.create_server(("127.0.0.1", ports["hub"])):
        assert ocean.upgrade().changed is True
    now = target._at.ports(OCEAN).get()  # noqa: SLF001
    assert now["public"] == ports["public"]
    assert now["hub"] != ports["hub"]


def test_back_to_what_was_proven(ocean):
    target, good = ocean.target, ocean.target.observe(OCEAN).revision
    target.confirm(OCEAN, good)
    changed = ocean.change({**BASE, "custom": {"changed": True}}).revision
    back = target.rollback(OCEAN, control=Control(120), reason="spawn timed out")
    assert (back.changed, back.verified, back.revision) == (True, True, changed + 1)
    assert target.observe(OCEAN).detail == f"revision {changed} failed: spawn timed out"
    assert target.revisions(OCEAN).get(back.revision).restores == good
    ocean.values["ocean"] = BASE
    assert ocean.upgrade().changed is False  # it is what the repository says again
    assert target.observe(OCEAN).detail == ""
    with pytest.raises(TargetError, match="no revision 99"):
        target.rollback(OCEAN, control=Control(1), revision=99)


def test_backups(ocean):
    ocean.change({**BASE, "custom": {"backup": True}})
    assert database.backups(ocean.target.folder.release("ocean").backups)


PROGRAM = """
import json, sys, threading, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from target_world import OCEAN, World
from deployer.plan.ports import Control
world = World(Path({state!r}), {{"ocean": json.loads({values!r})}})
with world.target.lock(OCEAN, {rollout!r}, timeout=0, cancelled=threading.Event()):
    print("locked", flush=True)
    control = Control(120, say=lambda text: print(text, flush=True))
    world.target.upgrade(OCEAN, rollout={rollout!r}, force=False, control=control)
    print("done", flush=True)
    time.sleep(60)
"""


def other_deployer(world, values, rollout):
    """A deployer in a process of its own, at work on the hub; its lines say how far it is."""
    program = PROGRAM.format(
        tests=os.path.dirname(__file__),  # noqa: PTH120
        state=str(world.state),
        values=target_world.json.dumps(values),
        rollout=rollout,
    )
    return subprocess.Popen(
        [sys.executable, "-c", program], env=environment(), stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def end_at(process, line):
    """Kill it with SIGKILL as soon as it says ``line``."""
    with process:
        for said in process.stdout:
            if said.strip() == line:
                break
        process.kill()


@pytest.mark.parametrize("line", ["preparing", "starting the hub", "done"])
def test_killed_in_the_middle_of_an_upgrade(ocean, line):
    """The next upgrade of that rollout makes it as if nothing had happened, with one revision more."""
    values, before = {**BASE, "custom": {"cut": line}}, ocean.numbers()[-1][0]
    end_at(other_deployer(ocean, values, "cut"), line)
    ocean.values["ocean"] = values
    with ocean.target.lock(OCEAN, "other", timeout=0, cancelled=threading.Event()):  # the lock of the dead is stale
        done = ocean.target.upgrade(OCEAN, rollout="cut", force=False, control=Control(120))
    assert done.changed is (line != "done")
    assert ocean.numbers()[-2:] == [(before, "superseded"), (before + 1, "deployed")]
    assert ocean.target.observe(OCEAN).healthy is True
    hubs = [process for process in ocean.processes() if "jupyterhub_config.py" in " ".join(process.cmdline())]
    assert len(hubs) == 1


def test_two_deployers_at_once(ocean):
    with other_deployer(ocean, BASE, "first") as process:
        try:
            assert process.stdout.readline().strip() == "locked"
            told = pytest.raises(LockedError, match=rf"reef/ocean is locked by rollout first \(process {process.pid}")
            with told, ocean.target.lock(OCEAN, "second", timeout=0.3, cancelled=threading.Event()):
                pass
            with ocean.target.lock(OCEAN, "first", timeout=0, cancelled=threading.Event()):
                assert ocean.target.locks()[OCEAN].rollout == "first"
        finally:
            process.send_signal(signal.SIGKILL)


def test_many_at_once_take_turns(world):
    """One slot: each waits for its turn, and the wait does not count."""
    names = [ReleaseId(CLUSTER, f"many-{number}") for number in range(3)]
    world.values |= {release.name: BASE for release in names}
    failures = []

    def start(release):
        try:
            target = target_world.LocalTarget(world.state, CLUSTER, world.desired, env=environment(), slots=1)
            target.upgrade(release, rollout="many", force=False, control=Control(40))
        except TargetError as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(release,)) for release in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(world.target.observe(release).healthy for release in names)
    for release in names:
        world.target.down(release, purge=True)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=False).returncode:
        pytest.skip("may not mount")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk(small_disk):
    """The upgrade says so and leaves all as it was; with room again, it goes on."""
    world = World(small_disk / "state", {"ocean": BASE})
    try:
        world.upgrade()
        before, pid = world.numbers(), world.pid("hub")
        with (small_disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)
        with pytest.raises(TargetError, match="No space left"):
            world.change({**BASE, "custom": {"text": "x" * 100_000}})
        assert (world.numbers(), world.pid("hub")) == (before, pid)
        assert world.target.observe(OCEAN).healthy
        (small_disk / "ballast").unlink()
        assert world.upgrade().revision == 2
    finally:
        world.target.down()


def test_retired_hubs_are_absent_and_their_homes_stay(world):
    old = ReleaseId(CLUSTER, "old")
    world.values["old"] = BASE
    world.upgrade(old)
    world.target.retire(old)
    assert world.target.observe(old).state is State.ABSENT
    assert world.target.folder.release("old").homes.is_dir()
    assert not (world.target.folder.routes / "old.yaml").exists()


def test_down_leaves_no_process(world):
    """Last of all: users' servers, kernels and services go too; homes and state stay."""
    world.upgrade()
    person = Person(world.target.endpoint(OCEAN), "eve")
    person.begin()
    assert person.sees_server() == 200
    assert len(world.processes()) > 3
    world.target.down()
    time.sleep(0.2)
    assert world.processes() == []
    assert world.target.observe(OCEAN).state is State.STOPPED
    assert world.target.observe(SUPPORT).state is State.STOPPED
    assert (world.target.folder.release("ocean").homes / "eve").is_dir()
    assert world.target.repair() == {}  # what was stopped on purpose is left alone


def test_secrets_are_for_the_owner_alone_and_in_no_log(world):
    files = [path for path in world.state.rglob("*") if path.is_file() and "homes" not in path.parts]
    kept = [target_world.json.loads(path.read_text()) for path in files if path.name == "secrets.json"]
    secrets = {value for one in kept for value in one.values() if isinstance(value, str)}
    assert secrets
    for path in files:
        if path.name == "secrets.json":
            assert path.stat().st_mode & 0o077 == 0
        elif path.suffix in {".log", ".json", ".py", ".yaml"}:
            assert not any(secret in path.read_text(errors="replace") for secret in secrets), path
