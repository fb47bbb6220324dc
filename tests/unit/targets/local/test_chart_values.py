"""The table of the chart's keys, and what is told of a hub's values with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.targets.local import treatments
from deployer.targets.local.treatments import Treatment

KEYS = Path(__file__).parent / f"z2jh-{treatments.CHART_VERSION}-keys.txt"


def test_every_key_of_the_schema_stands_in_the_table() -> None:
    keys = [line for line in KEYS.read_text().splitlines() if not line.startswith("#")]
    assert sorted(treatments.table()) == keys


def test_the_docs_have_a_row_for_each_key() -> None:
    rows = treatments.markdown_table().splitlines()[2:]
    assert len(rows) == len(treatments.table())
    assert "| `hub.baseUrl` | applies | JupyterHub.base_url, in the proxy's routes too |" in rows


def test_defaults_are_keys_of_the_chart_that_are_not_only_for_kubernetes() -> None:
    told = {treated.treatment for treated in treatments.explain(treatments.defaults())}
    assert told <= {Treatment.APPLIES, Treatment.TRANSLATED}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"hub": {"baseUrl": "/x"}}, [("hub.baseUrl", "applies")]),
        ({"hub": {"baseUrl": None, "extraConfig": {}}}, []),  # null and empty say nothing
        ({"hub": {"image": {"tag": "1"}}}, [("hub.image.tag", "kubernetes")]),
        ({"hub": {"imgae": {"tag": "1"}}}, [("hub.imgae", "unknown")]),
        ({"hub": {"image": "x:1"}}, [("hub.image", "unknown")]),  # a section, not a value
        ({"hub": {"nodeSelector": {"a/b": "c"}}}, [("hub.nodeSelector", "kubernetes")]),
        ({"custom": {"a": {"b": 1}}}, [("custom", "translated")]),
        (
            {"hub": {"config": {"JupyterHub": {"authenticator_class": "github", "cookie_max_age_days": 1}}}},
            [
                ("hub.config.JupyterHub.authenticator_class", "translated"),
                ("hub.config.JupyterHub.cookie_max_age_days", "applies"),
            ],
        ),
        ({"hub": {"config": {"KubeSpawner": {"uid": 1}}}}, [("hub.config.KubeSpawner.uid", "kubernetes")]),
        (
            {"hub": {"extraConfig": {"a": "import kubernetes", "b": "x = 1"}}},
            [("hub.extraConfig.a", "kubernetes"), ("hub.extraConfig.b", "translated")],
        ),
        (
            {"singleuser": {"extraFiles": {"my.file": {"mountPath": "/a", "data": {}}}}},
            [("singleuser.extraFiles.my.file.mountPath", "translated")],
        ),
        (
            {"prePuller": {"extraImages": {"a": {"name": "x", "tag": "1"}}}},
            [("prePuller.extraImages.a.name", "kubernetes"), ("prePuller.extraImages.a.tag", "kubernetes")],
        ),
        (
            {"singleuser": {"profileList": [{"display_name": "A", "kubespawner_override": {"image": 1, "cmd": 2}}]}},
            [
                ("singleuser.profileList", "translated"),
                ("singleuser.profileList.kubespawner_override.image", "kubernetes"),
            ],
        ),
    ],
)
def test_explained_key_by_key(values: dict[str, Any], told: list[tuple[str, str]]) -> None:
    assert [(treated.path, str(treated.treatment)) for treated in treatments.explain(values)] == told


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ({"hub": {"config": {"JupyterHub": {"authenticator_class": "tmp"}}}}, []),
        (
            {"hub": {"config": {"JupyterHub": {"authenticator_class": "github"}}, "image": {"tag": "1"}, "typo": 1}},
            [
                "GitHubOAuthenticator is replaced by a local log-in with the same allow and admin rules",
                (
                    "1 setting that only Kubernetes can give is not applied "
                    "(deployer preview CLUSTER HUB --explain lists them)"
                ),
                "1 setting that the chart does not know is ignored (deployer preview CLUSTER HUB --explain lists them)",
            ],
        ),
        (
            {
                "hub": {
                    "config": {"DummyAuthenticator": {"password": "x"}},
                    "extraConfig": {"pods": "import kubespawner"},
                }
            },
            [
                "not run, for they need Kubernetes: hub.extraConfig.pods",
                (
                    "1 setting that only Kubernetes can give, 1 of them a snippet, is not applied "
                    "(deployer preview CLUSTER HUB --explain lists them)"
                ),
            ],
        ),
    ],
)
def test_notices(values: dict[str, Any], lines: list[str]) -> None:
    treated = treatments.explain(values)
    assert list(treatments.notices(values, treated)) == lines
    assert list(treatments.counts(treated)) == [line for line in lines if "--explain" in line]


@pytest.mark.parametrize(
    ("written", "replaced"),
    [
        ("dummy", ""),
        ("jupyterhub.auth.DummyAuthenticator", ""),
        ("nativeauthenticator.NativeAuthenticator", ""),
        ("mine.CleverAuthenticator", ""),
        ("pam", "PAMAuthenticator"),
        ("oauthenticator.github.GitHubOAuthenticator", "GitHubOAuthenticator"),
        ("ltiauthenticator.lti13.auth.LTI13Authenticator", "LTI13Authenticator"),
        ("ldapauthenticator.LDAPAuthenticator", "LDAPAuthenticator"),
    ],
)
def test_which_log_in_is_replaced(written: str, replaced: str) -> None:
    values = {"hub": {"config": {"JupyterHub": {"authenticator_class": written}}}}
    assert treatments.replaced_login(values) == replaced


# What stands around the hub's values, and what the fleet's chart says by itself


def test_what_the_chart_has_among_its_defaults_is_not_told_until_a_hub_says_otherwise() -> None:
    defaults = {"hub": {"db": {"pvc": {"annotations": {"a.b/c": "d"}}}, "allowNamedServers": True}}
    told = [treated.path for treated in treatments.explain(defaults, defaults)]
    assert told == ["hub.allowNamedServers"]
    changed = {"hub": {"db": {"pvc": {"annotations": {"a.b/c": "other"}}}, "allowNamedServers": True}}
    told = [treated.path for treated in treatments.explain(changed, defaults)]
    assert told == ["hub.allowNamedServers", "hub.db.pvc.annotations"]


def test_what_stands_around_the_hub_s_values_is_for_kubernetes() -> None:
    defaults = {"nfs": {"enabled": False, "pv": {"mountOptions": ["noatime"]}}}
    values = {"nfs": {"enabled": True, "pv": {"mountOptions": ["noatime"], "serverIP": "10.0.0.2"}}, "more": None}
    treated = treatments.around(values, defaults, "basehub")
    assert [(one.path, one.note) for one in treated] == [
        ("nfs.enabled", "of the chart basehub"),
        ("nfs.pv.serverIP", "of the chart basehub"),
    ]
    assert treatments.counts(treated)[0].startswith("2 settings that only Kubernetes can give are not applied")
