"""The configuration of one hub, made inside its own process from the values that the community's chart takes.

A hub's ``jupyterhub_config.py`` says only::

    from deployer.targets.local.hub_config import configure
    configure(get_config(), "<path of context.json>")
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from deployer.errors import DeployerError
from deployer.targets.local import services, snippets, traits, treatments, z2jh
from deployer.targets.local.context import LOOPBACK, HubContext, Secrets
from deployer.targets.local.environment import read_variables
from deployer.targets.local.extra_files import read_files
from deployer.targets.local.login_choice import choose_login
from deployer.targets.local.lookup import Values, lookup, merged, section, setting
from deployer.targets.local.report import HubConfigError, Report
from deployer.targets.local.spawner import SINGLE_USER, LocalSpawner, single_user_command

PREFIX = "jupyterhub_config error: "
Config = Any  # traitlets' Config: sections by attribute, made when they are first asked for

_HUB_SETTINGS = {
    "activeServerLimit": "active_server_limit",
    "allowNamedServers": "allow_named_servers",
    "authenticatePrometheus": "authenticate_prometheus",
    "baseUrl": "base_url",
    "concurrentSpawnLimit": "concurrent_spawn_limit",
    "namedServerLimitPerUser": "named_server_limit_per_user",
    "redirectToServer": "redirect_to_server",
    "shutdownOnLogout": "shutdown_on_logout",
    "templatePaths": "template_paths",
    "templateVars": "template_vars",
}
_SPAWNER_SETTINGS = {
    "hub.consecutiveFailureLimit": "consecutive_failure_limit",
    "singleuser.cpu.guarantee": "cpu_guarantee",
    "singleuser.cpu.limit": "cpu_limit",
    "singleuser.defaultUrl": "default_url",
    "singleuser.memory.guarantee": "mem_guarantee",
    "singleuser.memory.limit": "mem_limit",
    "singleuser.profileList": "profile_list",
    "singleuser.startTimeout": "start_timeout",
}
_CONFIG_FOLDER = "usr/local/etc/jupyterhub"
_TEMPLATES = "usr/local/share/jupyterhub/templates"
# Snippets add to what the chart has put there; here it comes to nothing, but must not fail.
_KUBE_MAPS = (
    "common_labels",
    "extra_annotations",
    "extra_labels",
    "extra_pod_config",
    "node_selector",
    "lifecycle_hooks",
)
_KUBE_LISTS = (
    "extra_containers", "image_pull_secrets", "init_containers", "node_affinity_preferred", "node_affinity_required",
    "tolerations", "volume_mounts", "volumes",
)  # fmt: skip


def configure(c: Config, context_path: str) -> None:
    """Configure the hub, write its report, and end the process with one clear line where that is impossible."""
    context = HubContext.load(Path(context_path))
    report = Report()
    try:
        apply(c, context, report)
    except DeployerError as error:
        sys.stderr.write(f"{PREFIX}{' '.join(str(error).split())}\n")
        sys.stderr.flush()
        raise SystemExit(1) from None
    finally:
        report.write(context.report_path)


def apply(c: Config, context: HubContext, report: Report) -> None:
    """Set everything in ``c``: the values, then ``hub.config``, then snippets, last what the deployer decides.

    :raises DeployerError: a setting that cannot be, or a snippet that raised.
    """
    values = treatments.with_defaults(context.values())
    secrets = context.secrets()
    _apply_hub(c, values, context, secrets)
    _apply_users(c, values, context, report)
    _seed_kubespawner(c)
    _apply_sections(c, values, report)
    _write_files(values, context)
    _run_snippets(c, values, context, secrets, report)
    choose_login(c, context, report)
    _decide(c, context, secrets, report)


def _apply_hub(c: Config, values: Values, context: HubContext, secrets: Secrets) -> None:
    hub = section(values, "hub")
    for key, trait in _HUB_SETTINGS.items():
        if hub.get(key) is not None:
            c.JupyterHub[trait] = hub[key]
    c.JupyterHub.last_activity_interval = 60
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
    c.JupyterHub.services = services.services_of(values, context, secrets)
    c.JupyterHub.load_roles = services.roles_of(values)
    if setting(values, "debug.enabled", False):
        c.JupyterHub.log_level = "DEBUG"
        c.Spawner.debug = True


def _apply_users(c: Config, values: Values, context: HubContext, report: Report) -> None:
    for path, trait in _SPAWNER_SETTINGS.items():
        if lookup(values, path) is not None:
            c.Spawner[trait] = lookup(values, path)
    variables = read_variables(lookup(values, "singleuser.extraEnv"), context.hub)
    c.Spawner.environment = dict(variables.plain)
    for name, source in variables.unknown.items():
        report.leave_out(f"singleuser.extraEnv.{name}", f"its value comes from a cluster ({source})")
    for name, source in read_variables(lookup(values, "hub.extraEnv"), context.hub).unknown.items():
        report.leave_out(f"hub.extraEnv.{name}", f"its value comes from a cluster ({source})")
    _apply_command(c, values, report)
    _apply_homes(c, values, context, report)


def _apply_command(c: Config, values: Values, report: Report) -> None:
    written = lookup(values, "singleuser.cmd")
    command = single_user_command(written)
    c.Spawner.cmd = command or list(SINGLE_USER)
    if not command:
        report.leave_out("singleuser.cmd", f"no such program on this machine: {written}")


def _apply_homes(c: Config, values: Values, context: HubContext, report: Report) -> None:
    mount_path = str(setting(values, "singleuser.storage.homeMountPath", "/home/jovyan"))
    for file in read_files(lookup(values, "singleuser.extraFiles"), "singleuser.extraFiles"):
        if file.below(PurePosixPath(mount_path)) is None:
            report.leave_out(
                f"singleuser.extraFiles.{file.key}", f"{file.mount_path} is not below the home {mount_path}"
            )
    c.LocalSpawner.update(
        homes=str(context.homes),
        logs=str(context.user_logs),
        keep_homes=setting(values, "singleuser.storage.type") != "none",
        mount_path=mount_path,
        extra_files=section(values, "singleuser.extraFiles"),
        ip=LOOPBACK,
    )


def _seed_kubespawner(c: Config) -> None:
    c.KubeSpawner.update({key: {} for key in _KUBE_MAPS} | {key: [] for key in _KUBE_LISTS})
    c.KubeSpawner.environment = c.Spawner.environment


def _apply_sections(c: Config, values: Values, report: Report) -> None:
    sections = section(values, "hub.config")
    for name, written in sections.items():
        if not name[:1].isupper():
            raise HubConfigError(f"hub.config.{name}: sections are named like classes, such as JupyterHub")
        if not isinstance(written, Mapping):
            raise HubConfigError(f"hub.config.{name}: is a section; needs traits below it")
    in_use = _classes_in_use(lookup(sections, "JupyterHub.authenticator_class"))
    for name, written in sections.items():
        ours = {trait for trait in written if (name, trait) in treatments.OWN_SETTINGS}
        report.leave_out_all((f"hub.config.{name}.{trait}" for trait in ours), "the deployer decides it here")
        kept = merged({}, {trait: value for trait, value in written.items() if trait not in ours})
        traits.check({name: kept}, "hub.config.", in_use, report)
        c[name].update(kept)


def _classes_in_use(authenticator: Any) -> tuple[type, ...]:
    found = traits.load_class(authenticator, "jupyterhub.authenticators")
    return (found,) if found else ()


def _write_files(values: Values, context: HubContext) -> None:
    shutil.rmtree(context.files, ignore_errors=True)
    for file in read_files(lookup(values, "hub.extraFiles"), "hub.extraFiles"):
        file.write(_local_path(context, str(file.mount_path)))


def _local_path(context: HubContext, path: str) -> Path:
    return context.files / path.lstrip("/")


def _run_snippets(c: Config, values: Values, context: HubContext, secrets: Secrets, report: Report) -> None:
    module = z2jh.make_module(values, context, secrets)
    sys.modules["z2jh"] = module
    sys.path.insert(0, str(context.files / _CONFIG_FOLDER))
    helpers = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    namespace = {**helpers, "c": c, "z2jh": module, "glob": glob, "os": os, "re": re, "sys": sys, "__name__": "config"}
    for path in sorted((context.files / _CONFIG_FOLDER / "jupyterhub_config.d").glob("*.py")):
        _run_snippet(c, namespace, path.name, path.read_text(), key="jupyterhub_config.d", report=report)
    for name, source in snippets.in_order(section(values, "hub.extraConfig")):
        _run_snippet(c, namespace, name, source, key="hub.extraConfig", report=report)


def _run_snippet(c: Config, namespace: dict[str, Any], name: str, source: str, *, key: str, report: Report) -> None:
    before = {section_name: dict(found) for section_name, found in c.items()}
    skipped = snippets.run(name, source, namespace, key=key)
    if skipped:
        report.skipped[name] = skipped.needs
        _restore(c, before)
        return
    in_use = _classes_in_use(c.JupyterHub.get("authenticator_class"))
    traits.check(_changed(c, before), f'{key}["{name}"]: c.', in_use, report)


def _restore(c: Config, before: Mapping[str, Mapping[str, Any]]) -> None:
    for name in list(c):
        c[name].clear()
        c[name].update(before.get(name, {}))


def _changed(c: Config, before: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The settings that a snippet has set; what it changed in place is not among them."""
    missing = object()
    return {
        name: {trait: v for trait, v in found.items() if before.get(name, {}).get(trait, missing) is not v}
        for name, found in c.items()
    }


def _decide(c: Config, context: HubContext, secrets: Secrets, report: Report) -> None:
    """What the deployer decides, whatever values and snippets say: addresses, secrets, files, and who starts what."""
    for name, trait in sorted(treatments.OWN_SETTINGS - {("JupyterHub", "services"), ("JupyterHub", "spawner_class")}):
        if trait in c[name]:
            del c[name][trait]
            report.leave_out(f"c.{name}.{trait}", "the deployer decides it here")
    c.pop("KubeSpawner", None)
    _decide_places(c, context, secrets)
    _decide_spawner(c, report)
    _decide_paths(c, context, report)
    _add_health_check(c, context, secrets, report)


def _decide_places(c: Config, context: HubContext, secrets: Secrets) -> None:
    base_url = "/" + str(c.JupyterHub.pop("base_url", "/")).strip("/")
    c.JupyterHub.update(
        bind_url=f"http://{LOOPBACK}:{context.proxy_port}{base_url}",
        cleanup_proxy=False,
        cleanup_servers=False,
        cookie_secret=bytes.fromhex(secrets.cookie_secret),
        db_url=f"sqlite:///{context.hub_dir / 'jupyterhub.sqlite'}",
        hub_bind_url=f"http://{LOOPBACK}:{context.hub_port}",
        pid_file=str(context.hub_dir / "jupyterhub.pid"),
        upgrade_db=True,
    )
    c.ConfigurableHTTPProxy.update(
        api_url=context.proxy_api_url,
        auth_token=secrets.proxy_token,
        pid_file=str(context.hub_dir / "jupyterhub-proxy.pid"),
        should_start=False,
    )
    c.CryptKeeper.keys = [bytes.fromhex(secrets.crypt_key)]


def _decide_spawner(c: Config, report: Report) -> None:
    written = c.JupyterHub.get("spawner_class")
    if isinstance(written, type) and issubclass(written, LocalSpawner):
        return
    if written is not None:
        report.leave_out("c.JupyterHub.spawner_class", "users' servers are processes here")
    c.JupyterHub.spawner_class = LocalSpawner


def _decide_paths(c: Config, context: HubContext, report: Report) -> None:
    """Paths of the hub's container lead to its state folder where a file of the values lies there."""
    written = [str(path) for path in c.JupyterHub.get("template_paths", ())]
    found = [str(here) if (here := _local_path(context, path)).exists() else path for path in written]
    replaced = context.files / _TEMPLATES
    c.JupyterHub.template_paths = [*found, *([str(replaced)] if replaced.is_dir() else [])]
    log = c.JupyterHub.get("extra_log_file")
    if log and not Path(str(log)).parent.is_dir():
        del c.JupyterHub["extra_log_file"]
        report.leave_out("c.JupyterHub.extra_log_file", f"there is no folder for {log} here")


def _add_health_check(c: Config, context: HubContext, secrets: Secrets, report: Report) -> None:
    service, role = services.health_service(context, secrets)
    others = [each for each in c.JupyterHub.services if each.get("name") != service["name"]]
    c.JupyterHub.services = [*others, service]
    roles, dropped = services.without_unknown_services([*c.JupyterHub.load_roles, role], c.JupyterHub.services)
    c.JupyterHub.load_roles = roles
    report.leave_out_all((f"hub.loadRoles.{name}" for name in dropped), "there is no such service")
