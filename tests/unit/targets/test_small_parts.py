"""Small parts of the local target: files, secrets, the ingress's routes, causes out of logs, the environment."""

import errno
import os
import threading
from textwrap import indent

import pytest

from deployer.errors import TargetError
from deployer.plan.ports import Control
from deployer.targets.local import ingress
from deployer.targets.local.configuration import base_url
from deployer.targets.local.files import private_folder, read_json, telling, write_json, write_text
from deployer.targets.local.ingress import Routes, local_domain
from deployer.targets.local.keys import OF_A_HUB, ensure_secrets
from deployer.targets.local.proxy import npm_error
from deployer.targets.local.startup import daemon_environment, start_slot
from deployer.targets.local.unit import cause


def test_files_are_private_and_whole(tmp_path):
    folder = private_folder(tmp_path / "a" / "b")
    write_text(folder / "x", "old")
    write_text(folder / "x", "new")
    assert [path.name for path in folder.iterdir()] == ["x"]
    assert (folder / "x").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_failed_write_leaves_the_old(tmp_path):
    write_text(tmp_path / "x", "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "x", "\ud800")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x", "old")]


def test_a_full_disk_is_told(tmp_path):
    with pytest.raises(TargetError, match="No space left"), telling(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")  # noqa: PTH110
def test_a_real_full_disk_is_told():
    with pytest.raises(TargetError, match="No space left"), telling("/dev/full"):
        os.write(os.open("/dev/full", os.O_WRONLY), b"x")


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_half_a_file_is_none(tmp_path, text):
    (tmp_path / "x").write_text(text)
    assert read_json(tmp_path / "x") is None


def test_secrets_are_made_once(tmp_path):
    path = tmp_path / "secrets.json"
    first = ensure_secrets(path, OF_A_HUB)
    assert set(first) == set(OF_A_HUB)
    assert len(set(first.values())) == len(OF_A_HUB)
    assert ensure_secrets(path, [*OF_A_HUB, "more"]) | first == ensure_secrets(path, OF_A_HUB)
    assert path.stat().st_mode & 0o777 == 0o600
    assert all(len(bytes.fromhex(first[name])) == 32 for name in ("cookie_secret", "crypt_key"))


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("", "ocean.reef.localhost"),
        ("ocean.example.org", "ocean.reef.localhost"),
        ("Sea.Reef.localhost", "sea.reef.localhost"),
        ("sea.localhost.", "sea.localhost"),
        ("notlocalhost", "ocean.reef.localhost"),
    ],
)
def test_names_that_browsers_resolve_to_this_machine(domain, expected):
    assert local_domain(domain, "ocean", "reef") == expected


def test_routes_appear_and_go(tmp_path):
    routes = Routes(tmp_path / "routes")
    routes.add("ocean", "ocean.reef.localhost", 20001)
    written = read_json(tmp_path / "routes" / "ocean.yaml")
    assert written["http"]["routers"]["ocean"]["rule"] == "Host(`ocean.reef.localhost`)"
    assert written["http"]["services"]["ocean"]["loadBalancer"]["servers"] == [{"url": "http://127.0.0.1:20001"}]
    routes.remove("ocean")
    routes.remove("ocean")
    assert list((tmp_path / "routes").iterdir()) == []


def test_the_ingress_listens_on_loopback_only_and_calls_nobody(tmp_path):
    argv = ingress.command(tmp_path / "traefik", tmp_path, {"web": 1, "internal": 2})
    addresses = [word for word in argv if ".address=" in word]
    assert len(addresses) == 2
    assert all("=127.0.0.1:" in word for word in addresses)
    assert "--global.checknewversion=false" in argv
    assert "--global.sendanonymoususage=false" in argv


TRACEBACK = 'Traceback (most recent call last):\n  File "a", line 1\n    boom()\n'


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", "it logged nothing"),
        ("one\ntwo\n", "two"),
        (f"x\n{TRACEBACK}ValueError: bad\nbye", "ValueError: bad"),
        (f"{TRACEBACK}KeyError: 1\n{TRACEBACK}OSError: 2", "OSError: 2"),  # the last is what ended it
        (f"[E] no\n{indent(TRACEBACK, '    ')}    ValueError: bad\n", "ValueError: bad"),  # as a logger may write it
        (f"[E] jupyterhub_config error: no trait x\n{TRACEBACK}Exit: 1", "jupyterhub_config error: no trait x"),
    ],
)
def test_the_cause_in_one_line(log, expected):
    assert cause(log) == expected


NPM = """\
npm error code ECONNREFUSED
npm error errno ECONNREFUSED
npm error FetchError: request to http://registry/ failed, reason: connect ECONNREFUSED
npm error     at ClientRequest.emit (node:events:524:28)
npm error A complete log of this run can be found in: /x
"""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", "npm said nothing"),
        ("npm error code E404\n", "code E404"),
        (NPM, "FetchError: request to http://registry/ failed, reason: connect ECONNREFUSED"),
    ],
)
def test_what_npm_complains_about(said, expected):
    assert npm_error(said) == expected


@pytest.mark.parametrize(
    ("url", "expected"), [(None, "/"), ("/", "/"), ("", "/"), ("/a/", "/a/"), ("a/b", "/a/b/"), ("/a", "/a/")]
)
def test_base_url(url, expected):
    assert base_url({"hub": {"baseUrl": url}}) == expected
    assert base_url({}) == "/"


def test_daemons_get_no_credentials():
    env = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "JUPYTERHUB_API_TOKEN": "y", "LC_ALL": "C", "HOME": "/h"}
    passed = daemon_environment(env)
    assert passed.keys() == {"PATH", "LC_ALL", "HOME"}
    assert passed["PATH"].endswith(":/bin")
    assert "PYTHONDONTWRITEBYTECODE" not in daemon_environment({"PYTHONDONTWRITEBYTECODE": "1"})


def test_few_start_at_once(tmp_path):
    inside, most, guard = [], [], threading.Lock()

    def start(number):
        with start_slot(tmp_path, Control(1), 2):
            with guard:
                inside.append(number)
                most.append(len(inside))
            threading.Event().wait(0.05)
            with guard:
                inside.remove(number)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 6
    assert max(most) <= 2


def test_cancelled_while_waiting_for_a_slot(tmp_path):
    control = Control(1)
    control.cancelled.set()
    with start_slot(tmp_path, control, 1), pytest.raises(TargetError, match="cancelled"):
        start_slot(tmp_path, control, 1).__enter__()


def test_json_is_readable(tmp_path):
    write_json(tmp_path / "x", {"ä": 1})
    assert "ä" in (tmp_path / "x").read_text(encoding="utf-8")
