"""A person with a browser: logs in to a hub of the demo by its name, works in JupyterLab; another is turned away."""

import json
import os
import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.local, pytest.mark.browser]

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 180_000  # milliseconds; only a guard, for the machine may be busy


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
        pytest.skip(f"NOT TESTED: {CHROMIUM} is missing (apt-get install chromium)")
    return CHROMIUM


@pytest.fixture
def page(chromium, tmp_path):
    """A page of a browser that nobody has used before."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=chromium, args=ARGUMENTS, headless=True
        )
        browser.set_default_timeout(PATIENCE)
        yield browser.pages[0]
        browser.close()


def log_in(page, url, name, password):
    page.goto(f"{url}hub/login?next=%2Fhub%2Fspawn")
    page.fill("#username_input", name)
    page.fill("#password_input", password)
    page.click("#login_submit")


def test_somebody_works(page, demo):
    url = demo.status()["pacific/staging"]["url"]
    assert re.fullmatch(r"http://staging\.pacific\.localhost:\d+/", url)
    log_in(page, url, "ada", "pacific")
    page.wait_for_url(re.compile(r"/user/ada/lab"))
    page.goto(f"{url}user/ada/lab?reset")
    page.locator(".jp-LauncherCard[title*='Python 3']").first.click()
    editor = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    editor.click()
    page.locator(".jp-StatusBar-Left, #jp-main-statusbar").get_by_text("Idle").first.wait_for()
    editor.click()
    page.keyboard.type("print(6*7)")
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-OutputArea-output").filter(has_text=re.compile(r"^\s*42\s*$"))
    output.first.wait_for()
    assert demo.folder("pacific/staging").joinpath("homes/ada").is_dir()


def test_somebody_is_turned_away(page, demo):
    url = demo.status()["pacific/research"]["url"]
    log_in(page, url, "stranger", "a wrong password")
    page.get_by_text(re.compile("invalid username or password", re.IGNORECASE)).first.wait_for()
    assert "/user/" not in page.url


def test_somebody_who_is_blocked_is_turned_away(page, demo):
    """Who knows the password and is not let in by the hub's own rules."""
    url = demo.status()["atlantic/institute"]["url"]
    secrets = json.loads((demo.state / "local/atlantic/secrets.json").read_text())
    log_in(page, url, "former@atlantic.example.org", secrets["local_password"])
    page.get_by_text(re.compile("not allowed|invalid username or password|forbidden", re.IGNORECASE)).first.wait_for()
    assert "/user/" not in page.url
