"""What hubs of a process share saves time, and nothing of one hub can be seen in another."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from jupyterhub_pytest_plugin.errors import ConfigError, HubStartError


def caches():
    """Where SQLAlchemy keeps compiled statements of hubs: for all that is read, and for each table that is written."""
    from jupyterhub import orm

    from jupyterhub_pytest_plugin.shared import STATEMENTS

    return [STATEMENTS, *(mapper._compiled_cache for mapper in orm.Base.registry.mappers)]


def a_life(jupyterhub_factory):
    """Users, tokens, a login: much of what JupyterHub asks of its database."""
    hub = jupyterhub_factory()
    hub.user_client("ada")
    hub.api().get("users").raise_for_status()
    hub.stop()


def test_sql_is_compiled_once(jupyterhub_factory):
    a_life(jupyterhub_factory)
    before = [list(cache) for cache in caches()]
    a_life(jupyterhub_factory)
    assert [list(cache) for cache in caches()] == before


def test_keys_of_statements_stay_what_they_are(jupyterhub_factory):
    """A key that changes can never be removed: SQLAlchemy would look for it for ever when a cache is full."""
    a_life(jupyterhub_factory)
    assert all(key in cache for cache in caches() for key in list(cache))


def test_engines_with_settings_share_nothing(jupyterhub_factory):
    from jupyterhub_pytest_plugin.shared import STATEMENTS

    plain = jupyterhub_factory()
    special = jupyterhub_factory({"JupyterHub": {"db_kwargs": {"json_serializer": repr}}})
    engines = [hub.call(lambda hub=hub: hub.app.db.get_bind()) for hub in (plain, special)]
    assert [engine.get_execution_options().get("compiled_cache") is STATEMENTS for engine in engines] == [True, False]
    assert engines[0].dialect != engines[1].dialect


def test_rows_and_tables_are_a_hubs_own(jupyterhub_factory):
    from sqlalchemy import inspect, text

    one = jupyterhub_factory()
    one.call(one.people.add, "ada")
    one.call(lambda: one.app.db.execute(text("CREATE TABLE notes (id INTEGER)")))
    other = jupyterhub_factory()
    assert other.call(other.people.find, "ada") is None
    assert not other.call(lambda: inspect(other.app.db.get_bind()).has_table("notes"))


def test_a_database_of_another_version_is_refused(jupyterhub_factory):
    hub = jupyterhub_factory()
    hub.stop()
    with closing(sqlite3.connect(hub.folder / "jupyterhub.sqlite")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'of-long-ago'")
    with pytest.raises(HubStartError, match="of-long-ago"):
        hub.start()


def install(folder, module, name):
    """An authenticator, as pip would leave it there."""
    base = "from jupyterhub.auth import DummyAuthenticator"
    (folder / f"{module}.py").write_text(f"{base}\n\nclass {name}(DummyAuthenticator):\n    pass\n")
    info = folder / f"{module}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[jupyterhub.authenticators]\n{module} = {module}:{name}\n")


def test_what_is_installed_later_is_found(jupyterhub_factory, tmp_path, monkeypatch):
    """A path that was not there before is looked into."""
    jupyterhub_factory(start=False)
    install(tmp_path, "late", "Late")
    monkeypatch.syspath_prepend(tmp_path)
    hub = jupyterhub_factory({"JupyterHub": {"authenticator_class": "late"}})
    assert type(hub.app.authenticator).__name__ == "Late"


def test_what_is_installed_and_not_used_can_be_configured(jupyterhub_factory, tmp_path, monkeypatch):
    """It is imported only where a configuration speaks of it: importing all that is installed takes long."""
    install(tmp_path, "spare", "Spare")
    monkeypatch.syspath_prepend(tmp_path)
    jupyterhub_factory()
    assert "spare" not in sys.modules
    jupyterhub_factory({"Spare": {"password": "open sesame"}})
    with pytest.raises(ConfigError, match="did you mean password"):
        jupyterhub_factory({"Spare": {"pasword": "open sesame"}})


def test_import_waits_for_no_parser(tmp_path):
    """What JupyterHub's import asks for and does not use is imported when it is used, and is then the real one."""
    (tmp_path / "rfc3987_syntax.py").write_text(
        "OTHER = 1\ndef is_valid_syntax(rule, text):\n    return text == 'right'\n"
    )
    (tmp_path / "rfc3987.py").write_text("raise ImportError")  # jsonschema would take this one first
    script = """
import sys
import jupyterhub_pytest_plugin.app
assert "rfc3987_syntax" not in sys.modules
from jsonschema import FormatChecker
check = FormatChecker(["iri"])
assert "rfc3987_syntax" not in sys.modules
assert [check.conforms(text, "iri") for text in ("right", "wrong")] == [True, False]
from rfc3987_syntax import OTHER
"""
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONPATH": str(tmp_path)})
