"""Users' servers as processes of this machine, with a home and a log each; found again by a hub that was restarted."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import psutil
from jupyterhub.spawner import SimpleLocalProcessSpawner
from tornado.web import HTTPError
from traitlets import Bool, Dict, List, Unicode, default

from deployer.targets.local import profiles
from deployer.targets.local.daemon import start_mark
from deployer.targets.local.environment import expand, filled
from deployer.targets.local.extra_files import ExtraFile, read_files
from deployer.targets.local.homes import prepare_home, safe_name

SINGLE_USER = (sys.executable, "-m", "jupyterhub.singleuser")


class LocalSpawner(SimpleLocalProcessSpawner):  # type: ignore[misc]
    """Starts single-user servers without system accounts. All servers run as the user who runs the hub."""

    homes = Unicode(help="The folder of all homes").tag(config=True)
    logs = Unicode(help="The folder of all users' logs").tag(config=True)
    keep_homes = Bool(True, help="Whether a home outlives its server").tag(config=True)
    profile_list: Any = List(help="The chart's singleuser.profileList").tag(config=True)
    extra_files = Dict(help="The chart's singleuser.extraFiles").tag(config=True)
    mount_path = Unicode("/home/jovyan", help="Where a container would have the home").tag(config=True)

    pid: int
    popen_kwargs: dict[str, Any]
    pid_started = ""  # the mark of its start: no other process with its number has the same
    _unchanged: Mapping[str, Any] = {}

    @default("home_dir")
    def _home_of_user(self) -> str:
        name = safe_name(self.user.name)
        separate = self.name and not self.keep_homes
        return str(Path(self.homes) / (f"{name}--{safe_name(self.name)}" if separate else name))

    @default("options_form")
    def _form_of_profiles(self) -> str:
        return profiles.form_html(self._profiles())

    @default("options_from_form")
    def _answers_of_profiles(self) -> Any:
        return self._read_form

    @default("apply_user_options")
    def _apply_chosen_profile(self) -> Any:
        return lambda spawner, asked: spawner.apply_profile(asked)

    @property
    def log_path(self) -> Path:
        server = f"--{safe_name(self.name)}" if self.name else ""
        return Path(self.logs) / f"{safe_name(self.user.name)}{server}.log"

    async def start(self) -> tuple[str, int]:
        """Start the server in a home with the files of the values, with its output in a log of its own."""
        files = read_files(self.extra_files, "singleuser.extraFiles")
        self._prepare(files)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self.popen_kwargs = {**self.popen_kwargs, "stdout": log, "stderr": log, "stdin": None}
            address: tuple[str, int] = await super().start()
        self.popen_kwargs = {}
        self.pid_started = started_at(self.pid)
        return address

    def get_args(self) -> list[str]:
        """Jupyter's servers refuse to run as root unless told to."""
        args: list[str] = super().get_args()
        as_root = os.geteuid() == 0 and tuple(self.cmd[: len(SINGLE_USER)]) == SINGLE_USER
        return [*args, "--allow-root"] if as_root else args

    def get_env(self) -> dict[str, str]:
        """``{username}`` and ``$(NAME)`` are filled in as in a pod; programs of this environment are found first."""
        env: dict[str, str] = super().get_env()
        programs = str(Path(sys.executable).parent)
        env["PATH"] = os.pathsep.join([programs, env.get("PATH", os.defpath)])
        extra = {key: filled(env[key], self._names()) for key in self.environment if isinstance(env.get(key), str)}
        return env | expand(extra, {key: value for key, value in env.items() if key not in extra})

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        return {**state, "pid_started": self.pid_started} if self.pid else state

    def load_state(self, state: dict[str, Any]) -> None:
        """Take up a server again; a process that only has its number is not taken for it."""
        super().load_state(state)
        self.pid_started = str(state.get("pid_started", ""))
        if self.pid and self.pid_started and started_at(self.pid) != self.pid_started:
            self.pid = 0

    def clear_state(self) -> None:
        """Forget the process, and take back what a profile had set: spawners outlive their servers."""
        super().clear_state()
        self.pid_started = ""
        self._set(self._unchanged)
        self._unchanged = {}

    async def poll(self) -> int | None:
        """As inherited, but a server that a former hub started and that nobody has buried is dead."""
        if self.proc is None and self.pid and not started_at(self.pid):
            self.clear_state()
            return 0
        status: int | None = await super().poll()
        return status

    def _names(self) -> dict[str, str]:
        user, server = self.user.name, self.name
        return {
            "username": user,
            "unescaped_username": user,
            "servername": server,
            "unescaped_servername": server,
            "user_server": f"{user}--{server}" if server else user,
        }

    def _profiles(self) -> tuple[profiles.Profile, ...]:
        return profiles.read_profiles(self.profile_list)

    def _read_form(self, form: Mapping[str, list[str]]) -> dict[str, str]:
        try:
            return profiles.asked_in_form(self._profiles(), form)
        except profiles.ProfileError as error:
            raise HTTPError(400, str(error)) from None

    def apply_profile(self, asked: Mapping[str, Any]) -> None:
        """Set what the chosen profile overrides.

        :raises HTTPError: 400, the profile or a choice does not exist.
        """
        try:
            changes = profiles.overrides_for(self._profiles(), asked)
        except profiles.ProfileError as error:
            raise HTTPError(400, str(error)) from None
        self._unchanged = {key: getattr(self, key) for key in changes}
        if "environment" in changes:
            changes["environment"] = {**self.environment, **changes["environment"]}
        if "cmd" in changes:
            changes["cmd"] = single_user_command(changes["cmd"]) or self.cmd
        self._set(changes)

    def _set(self, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            setattr(self, key, value)

    def _prepare(self, files: tuple[ExtraFile, ...]) -> None:
        prepare_home(Path(self.home_dir), files, PurePosixPath(self.mount_path), keep=self.keep_homes)


def started_at(pid: int) -> str:
    """The mark of a process's start, "" where it does not live (a zombie does not)."""
    with suppress(psutil.Error, ValueError):
        return "" if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE else start_mark(pid)
    return ""


def single_user_command(written: Any) -> list[str]:
    """``singleuser.cmd`` as words that this machine can run; empty where it has no such program."""
    words = [written] if isinstance(written, str) else [str(word) for word in written or ()]
    if not words or Path(words[0]).name == "jupyterhub-singleuser":
        return [*SINGLE_USER, *words[1:]]
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which(words[0], path=places)
    return [found, *words[1:]] if found else []
