"""The contract for services, on one made with JupyterHub's own helpers, in the two styles of its documentation."""

import importlib.util
import sys
from pathlib import Path

import pytest

from jupyterhub_pytest_plugin import ServiceContract

HERE = Path(__file__).parent


class TestWhoAmI(ServiceContract):
    service_command = [sys.executable, str(HERE / "whoami.py")]
    environment = {"WHOAMI_CACHE_MAX_AGE": "1"}
    cache_max_age = 1
    pages = ["notes"]
    form_page = "notes"
    lacks = {"api": "it only asks who its visitors are"}


@pytest.mark.skipif(importlib.util.find_spec("flask") is None, reason="Flask is not installed")
class TestFlask(ServiceContract):
    service_command = [sys.executable, str(HERE / "whoami_flask.py")]
    environment = {"WHOAMI_CACHE_MAX_AGE": "1"}
    cache_max_age = 1
    lacks = {"api": "it only asks who its visitors are", "form": "it has none"}


def test_misspelt_attribute_of_a_suite(pytester):
    pytester.makepyfile("""
        from jupyterhub_pytest_plugin import ServiceContract

        class TestIt(ServiceContract):
            service_command = ["notes"]
            enviroment = {"NOTES": "1"}
    """)
    result = pytester.runpytest_inprocess("-q", "-p", "no:asyncio")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*TestIt.enviroment: did you mean environment?*"])


def test_command_that_is_one_string(pytester):
    pytester.makepyfile("""
        from jupyterhub_pytest_plugin import ServiceContract

        class TestIt(ServiceContract):
            service_command = "python -m notes"
    """)
    result = pytester.runpytest_subprocess("-q", "-p", "no:asyncio", "-x")
    result.stdout.fnmatch_lines(["*TestIt: set service_command to what starts the service*"])
