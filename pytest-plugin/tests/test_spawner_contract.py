"""The contract for spawners, on those that come with JupyterHub."""

import subprocess

import pytest

from components import PidSpawner
from jupyterhub_pytest_plugin import SpawnerContract
from mutants.environments import OwnForm


class TestSimpleLocalProcessSpawner(SpawnerContract):
    spawner_class = "simple"


class TestPidSpawner(SpawnerContract):
    """What has only a number after a restart of the hub; the rest of the suite has nothing to find here."""

    spawner_class = PidSpawner


class TestOwnForm(SpawnerContract):
    """Whose users fill in a form before anything starts."""

    spawner_class = OwnForm
    options = {"size": "2"}


class TestAccounts(SpawnerContract):
    """Whose users have accounts, of which there are no more."""

    spawner_class = "simple"
    usernames = ("wil", "xan", "yve")


PARTS = {
    TestPidSpawner: """
        stop_waits poll_notices_death server_survives_a_restart_of_the_hub death_during_a_restart_is_noticed
    """,
    TestOwnForm: """
        options_form options_by_api start_again named_servers concurrent_starts failed_start_leaves_nothing
    """,
    TestAccounts: "environment_of_the_hub two_users_are_two concurrent_starts delete_user_ends_the_server",
}
for suite, part in PARTS.items():
    for name in dir(SpawnerContract):
        if name.startswith("test_") and name.removeprefix("test_") not in part.split():
            setattr(suite, name, None)


@pytest.fixture
def stranger():
    """A process that is nobody's server."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_only_a_server_is_killed(make_spawner, stranger):
    """In a namespace of its own a server says that it is process 1."""
    with pytest.raises(pytest.fail.Exception, match=rf"process {stranger.pid} .*Override kill\(\)"):
        SpawnerContract().kill(stranger.pid, make_spawner("simple"), None)
    assert stranger.poll() is None


def test_a_wrong_kill_is_waited_for_once(pytester):
    pytester.makepyfile("""
        from jupyterhub_pytest_plugin import SpawnerContract

        class TestIt(SpawnerContract):
            spawner_class = "simple"
            patience = 1

            def kill(self, pid, spawner, hub):
                print("KILLED", spawner.user.name, hub.name)
    """)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-k", "death")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*kill() did not end the server: *answers*", "*kill() does not end servers, as another*"]
    )


def test_options_that_nobody_gave(pytester):
    pytester.makepyfile("""
        from jupyterhub_pytest_plugin import SpawnerContract
        from mutants.environments import OwnForm

        class TestIt(SpawnerContract):
            spawner_class = OwnForm
    """)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "-k", "token_works or options_form")
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*set `options = {'size': …}` in the suite*"])
