"""What the suite of authenticators says to authors who have left something out, or have it wrong."""

import pytest

AUTHOR = """
from jupyterhub.auth import Authenticator
from jupyterhub_pytest_plugin import AuthenticatorContract


class Own(Authenticator):
    async def authenticate(self, handler, data):
        if data["username"] == "bob":
            raise OSError("the directory is down")
        return data["username"] if data["password"] == "right password" else None


class NoForm(Own):
    login_service = "the service"

    def login_url(self, base_url):
        return base_url + "elsewhere"


class Suite(AuthenticatorContract):
    authenticator_class = Own
"""


@pytest.fixture(scope="module", autouse=True)
def everything_imported(jupyterhub_factory):
    """A session within this one forgets what it imported, and some of that cannot be imported again."""
    hub = jupyterhub_factory()
    hub.client().login("ada")
    hub.stop()


@pytest.fixture
def run(pytester):
    """Suites by name: of each, these members and this test; what the session said, and how it ended."""

    def run(suites):
        body = AUTHOR
        for name, (members, _) in suites.items():
            lines = "".join(f"    {line}\n" for line in members.splitlines())
            body += f"\n\nclass Test{name}(Suite):\n{lines or '    pass'}"
        file = pytester.makepyfile(body)
        chosen = [f"{file}::Test{name}::{test}" for name, (_, test) in suites.items()]
        result = pytester.runpytest_inprocess("--tb=short", "-rs", "-p", "no:asyncio", *chosen)
        ended = {outcome: number for outcome, number in result.parseoutcomes().items() if outcome != "warnings"}
        return ended or result.ret, "\n".join([*result.outlines, *result.errlines])

    return run


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lacks = ['form']", 'TestIt.lacks is a dict of names and reasons, as {"admin-users": "why"}, not [\'form\']'),
        ("lacks = {'form': ''}", "TestIt.lacks: say why: {'form': ''} has no reason"),
        ("known_failures = {'test_logn': 'x'}", "'test_logn' is not known; did you mean 'test_login'?"),
    ],
)
def test_mistakes_in_what_a_suite_lacks(run, line, said):
    ended, text = run({"It": (line, "test_login")})
    assert ended == pytest.ExitCode.USAGE_ERROR
    assert said in text


LOG_IN = "def log_in(self, hub, client, username, *, query=None):\n"
ANSWER = "log_in() must return the hub's answer (an httpx.Response), redirects not followed; it returned"
FIELDS = (
    "credentials() must return the fields of the login form as a dict of strings, as {\"username\": 'ada'}; it returned"
)
LEFT_OUT = {
    "Tuple": ("def credentials(self, username):\n    return username, 'p'", "test_login", f"{FIELDS} ('ada', 'p')"),
    "Coroutine": ("async def credentials(self, username):\n    pass", "test_login", f"{FIELDS} <coroutine object"),
    "Nothing": (f"{LOG_IN}    pass", "test_login", f"{ANSWER} None"),
    "Async": (f"async {LOG_IN}    pass", "test_login", f"{ANSWER} <coroutine object"),
    "Client": (f"{LOG_IN}    return client.login(username, 'right password')", "test_login", f"{ANSWER} <jupyterhub"),
    "Follows": (f"{LOG_IN}    return client.get('hub/home')", "test_login", f"{ANSWER} the page that redirects led to"),
    "Right": (
        f"{LOG_IN}    return super().log_in(hub, client, username, query=query)",
        "test_rejection_after_login_of_another",
        "TestRight: override log_in_wrongly() too: it sends what must log nobody in",
    ),
    "Groups": (
        "",
        "test_managed_groups",
        "TestGroups: say in expected_groups('ada') which groups the authenticator gives",
    ),
    "Name": (
        "authenticator_class = 'dumy'",
        "test_login",
        "TestName.authenticator_class: no authenticator is registered as 'dumy'; did you mean dummy?",
    ),
    # The commonest omission: an authenticator that sends the browser elsewhere, and no callback().
    "NoForm": (
        "authenticator_class = NoForm\ncredentials = lambda self, username: {'username': username, 'password': 'x'}",
        "test_two_users_are_two",
        ". The login page has no form: override callback()",
    ),
}


def test_what_is_left_out_is_said_in_a_line(run):
    ended, text = run({name: (members, test) for name, (members, test, _) in LEFT_OUT.items()})
    assert ended == {"failed": len(LEFT_OUT)}
    assert [said for _, _, said in LEFT_OUT.values() if said not in text] == []


def test_failures_and_skips_say_why(run):
    ended, text = run(
        {
            "Down": ("", "test_two_users_are_two"),
            "Known": ('known_failures = {"test_two_users_are_two": "bob is away"}', "test_two_users_are_two"),
            "Callback": ("def callback(self, *args, **kwargs): ...", "test_login_without_xsrf_is_refused"),
        }
    )
    assert ended == {"failed": 1, "xfailed": 1, "skipped": 1}
    assert "'bob' must come in as 'bob': login of 'bob': POST /hub/login was answered with status 500: " in text
    assert "the hub takes the browser for nobody; logged: OSError: the directory is down" in text
    assert "lacks form: callback() is overridden, and credentials() is not" in text


def test_hub_that_does_not_start_is_no_known_failure(run):
    """Neither the suite's hub, nor one that a test starts."""
    known = (
        "authenticator_config = {'admin_users': 7}\nknown_failures = {'test_login': 'x', 'test_two_users_are_two': 'y'}"
    )
    ended, text = run({"Setup": (known, "test_two_users_are_two"), "Call": (known, "test_login")})
    assert ended == {"failed": 1, "errors": 1}
    assert text.count("the hub did not start, so the test found nothing") == 2
