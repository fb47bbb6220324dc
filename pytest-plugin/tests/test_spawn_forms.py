"""What a browser's spawn() says where the spawner asks for options."""

import asyncio

import pytest

from jupyterhub_pytest_plugin import SpawnError

FORM = '<select name="size"><option>small</option></select> <input type="text" name="image">'


def size_of(form_data):
    if form_data["size"] != ["small"]:
        raise ValueError("there is no such size")
    return {"size": "small"}


@pytest.fixture(scope="module")
def jupyterhub_config():
    return {"SimpleLocalProcessSpawner": {"options_form": FORM, "options_from_form": size_of}}


@pytest.mark.parametrize(
    ("options", "said"),
    [(None, "asks for options: spawn\\(options={…}\\)"), ({"size": "huge"}, "refused the options: .*no such size")],
)
def test_form_instead_of_a_server(hub_user, options, said):
    with pytest.raises(SpawnError, match=f"{said}; the fields of its form: size, image") as caught:
        hub_user.spawn(options=options)
    assert caught.value.fields == ["size", "image"]
    page = hub_user.spawn(options=options, check=False)
    assert (page.status_code, FORM in page.text) == (200, True)


def test_async_form_instead_of_a_server(jupyterhub_inline, jupyterhub_config):
    async def main():
        async with jupyterhub_inline(jupyterhub_config) as hub:
            with pytest.raises(SpawnError, match="no such size"):
                await hub.user_client("ada").spawn(options={"size": "huge"})

    asyncio.run(main())


def test_right_options(hub_user):
    assert hub_user.spawn(options={"size": "small"}).json()["env"]["JUPYTERHUB_USER"] == hub_user.name


def fail_without_a_word(spawner):
    raise LookupError


@pytest.mark.jupyterhub(SimpleLocalProcessSpawner={"options_form": "", "pre_spawn_hook": fail_without_a_word})
def test_the_cause_of_a_failed_start_is_told(hub_user):
    with pytest.raises(SpawnError, match=r"logged: .*LookupError\(\)"):
        hub_user.spawn()
