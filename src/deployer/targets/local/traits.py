"""Settings of classes (``hub.config`` and what snippets set) held against the classes themselves.

JupyterHub only warns about a setting that no class knows; a deployment should not succeed with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from jupyterhub.app import JupyterHub
from jupyterhub.crypto import CryptKeeper
from jupyterhub.proxy import ConfigurableHTTPProxy
from traitlets import TraitError
from traitlets.config import Configurable
from traitlets.config.loader import DeferredConfig, LazyConfigValue

from deployer.targets.local.logins import LocalLogin
from deployer.targets.local.report import HubConfigError, Report
from deployer.targets.local.spawner import LocalSpawner

# Settings of KubeSpawner that are often written under Spawner, where the chart's hub finds them too.
KUBE_TRAITS = frozenset({
    "after_pod_created_hook", "allow_privilege_escalation", "annotations", "args",
    "automount_service_account_token", "cmd", "common_labels", "component_label", "container_security_context",
    "create_pod_hook", "delete_grace_period", "delete_namespaced_resources_grace_period", "delete_pvc",
    "delete_stopped_pods", "dns_name_template", "dns_policy", "enable_user_namespaces", "environment",
    "events_enabled", "extra_annotations", "extra_container_config", "extra_containers", "extra_labels",
    "extra_pod_config", "extra_resource_guarantees", "extra_resource_limits", "fs_gid", "gid",
    "handle_legacy_names", "hub_connect_ip", "hub_connect_port", "image", "image_pull_policy", "image_pull_secrets",
    "image_spec", "init_containers", "k8s_api_host", "k8s_api_request_retry_timeout", "k8s_api_request_timeout",
    "k8s_api_ssl_ca_cert", "k8s_api_threadpool_workers", "k8s_api_verify_ssl", "lifecycle_hooks", "modify_pod_hook",
    "namespace", "node_affinity_preferred", "node_affinity_required", "node_selector", "notebook_container_name",
    "pod_affinity_preferred", "pod_affinity_required", "pod_anti_affinity_preferred", "pod_anti_affinity_required",
    "pod_connect_ip", "pod_name_template", "pod_security_context", "port", "priority_class_name", "privileged",
    "profile_form_template", "profile_list", "pvc_name", "pvc_name_template", "remember_pvc_name", "scheduler_name",
    "secret_mount_path", "secret_name_template", "service_account", "services_enabled", "slug_scheme",
    "storage_access_modes", "storage_capacity", "storage_class", "storage_extra_annotations",
    "storage_extra_labels", "storage_pvc_ensure", "storage_selector", "supplemental_gids", "template_namespace",
    "tolerations", "uid", "user_namespace_annotations", "user_namespace_labels", "user_namespace_template",
    "volume_mounts", "volumes", "working_dir",
})  # fmt: skip
_BASES = {
    "OAuthenticator": "oauthenticator.oauth2",
    "LTI11Authenticator": "ltiauthenticator",
    "LTI13Authenticator": "ltiauthenticator",
    "FirstUseAuthenticator": "firstuseauthenticator",
    "NativeAuthenticator": "nativeauthenticator",
    "TmpAuthenticator": "tmpauthenticator",
}


def ancestors(cls: type) -> tuple[type[Configurable], ...]:
    """The class and those it inherits settings from, the most general first."""
    return tuple(base for base in reversed(cls.__mro__) if issubclass(base, Configurable) and base is not Configurable)


def check(config: Mapping[str, Any], where: str, in_use: Iterable[type], report: Report) -> None:
    """Hold every setting of ``config`` against the class that its section names, or a class in use that inherits it.

    What only KubeSpawner knows, and sections of classes that are not installed, go to the report.

    :param where: what errors and the report put before "Class.trait": ``hub.config.`` or the name of a snippet.
    :raises HubConfigError: a class has no such trait, or the value is not of its type.
    """
    used = (JupyterHub, ConfigurableHTTPProxy, CryptKeeper, LocalSpawner, LocalLogin, *in_use)
    for name, traits in config.items():
        if name == "KubeSpawner":
            report.leave_out_all((f"{where}{name}.{trait}" for trait in traits), "users' servers are processes here")
            continue
        candidates = _candidates(name, used)
        if not candidates:
            report.leave_out_all((f"{where}{name}.{trait}" for trait in traits), f"no class {name} is installed here")
        for trait, value in traits.items() if candidates else ():
            _check_trait(f"{where}{name}", trait, value, candidates, report)


def _candidates(name: str, used: Iterable[type]) -> tuple[type[Configurable], ...]:
    """Classes in use that read the section ``name``, or the class of that name itself."""
    reading = tuple(cls for cls in used if any(base.__name__ == name for base in ancestors(cls)))
    found = _installed(name)
    return (*reading, *([found] if found else []))


@cache
def _installed(name: str) -> type[Configurable] | None:
    """A class of that name among JupyterHub's plugins."""
    for group in ("jupyterhub.authenticators", "jupyterhub.spawners", "jupyterhub.proxies"):
        for entry in entry_points(group=group):
            if entry.attr == name:
                return _class_of(entry.module, name)
    return _class_of(_BASES[name], name) if name in _BASES else None


def _class_of(module: str, name: str) -> type[Configurable] | None:
    try:
        found = getattr(import_module(module), name, None)
    except ImportError:
        return None
    return found if isinstance(found, type) and issubclass(found, Configurable) else None


def _check_trait(
    section: str, trait: str, value: Any, candidates: tuple[type[Configurable], ...], report: Report
) -> None:
    owner = next((cls for cls in candidates if trait in cls.class_traits(config=True)), None)
    if owner is not None:
        problem = _value_problem(owner, trait, value)
        if problem:
            raise HubConfigError(f"{section}.{trait}: {problem}")
    elif any(issubclass(cls, LocalSpawner) for cls in candidates) and trait in KUBE_TRAITS:
        report.leave_out(f"{section}.{trait}", "a setting of KubeSpawner: users' servers are processes here")
    elif trait[:1].isupper() and isinstance(value, Mapping):
        report.leave_out(f"{section}.{trait}", "a section inside a section: is it indented too far?")
    else:
        raise HubConfigError(f"{section}.{trait}: {_unknown(section.rsplit('.', 1)[-1], trait, candidates)}")


def _unknown(name: str, trait: str, candidates: Iterable[type[Configurable]]) -> str:
    known = {known for cls in candidates for known in cls.class_traits(config=True)}
    near = get_close_matches(trait, known, n=1)
    text = f"{name} has no trait {trait!r}"
    if near:
        return f"{text}; did you mean {near[0]!r}?"
    return f"{text}; did you mean JupyterHub.{trait}?" if trait in JupyterHub.class_traits(config=True) else text


def _value_problem(cls: type[Configurable], trait: str, value: Any) -> str:
    """Why the trait does not take this value; "" where it does."""
    kind = cls.class_traits()[trait]
    if isinstance(value, LazyConfigValue | DeferredConfig) or (value is None and kind.allow_none):
        return ""
    if not hasattr(kind, "validate") or _loads_classes(kind):
        return ""
    try:
        kind.validate(cls.__new__(cls), value)
    except TraitError as error:
        return " ".join(str(error).split()).replace("NoneType None", "null")
    return ""


def _loads_classes(kind: Any) -> bool:
    return any(base.__name__ in ("Type", "EntryPointType") for base in type(kind).__mro__)


def load_class(written: Any, group: str) -> type | None:
    """The class that a setting such as ``authenticator_class`` names; None where it is not installed.

    :raises HubConfigError: its module is there, the class is not.
    """
    if isinstance(written, type):
        return written
    for entry in entry_points(group=group):
        if entry.name.lower() == str(written).lower():
            return _class_of(entry.module, entry.attr)
    module, _, name = str(written).replace(":", ".").rpartition(".")
    try:
        loaded = import_module(module) if module else None
    except ImportError:
        return None
    if loaded is not None and not hasattr(loaded, name):
        raise HubConfigError(f"hub.config.JupyterHub.authenticator_class: {module} has no {name}")
    return getattr(loaded, name, None)


def plugin_names(group: str) -> Iterator[str]:
    return (entry.name for entry in entry_points(group=group))


__all__ = ["KUBE_TRAITS", "ancestors", "check", "load_class", "plugin_names"]
