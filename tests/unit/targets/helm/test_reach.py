"""A cluster that cannot be reached is told of at once, with its address."""

from __future__ import annotations

import json
import socket

import pytest

from deployer.targets.credentials.session import Session
from deployer.targets.helm.kubectl import _refused
from deployer.targets.helm.reach import unreachable
from deployer.targets.helm.retry import is_transient


def session(folder, server, env=None, **more):
    kubeconfig = {
        "clusters": [{"name": "c", "cluster": {"server": server, **more}}],
        "contexts": [{"name": "x", "context": {"cluster": "c"}}],
        "current-context": "x",
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    return Session("reef", env or {}, folder)


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def closed():
    """A port at which nothing listens; it is ours, so that nobody else takes it meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_cluster_that_answers_is_reached(tmp_path, listening):
    assert unreachable(session(tmp_path, f"https://127.0.0.1:{listening.getsockname()[1]}")) is None


def test_one_that_does_not_is_named_with_its_address(tmp_path, closed):
    error = unreachable(session(tmp_path, f"https://127.0.0.1:{closed}"))
    assert str(error.message) == f"cluster reef cannot be reached at https://127.0.0.1:{closed}: connection refused"
    assert "cluster.yaml" in error.hint


def test_what_lies_behind_a_proxy_is_left_to_helm(tmp_path, closed):
    server = f"https://127.0.0.1:{closed}"
    assert unreachable(session(tmp_path, server, {"HTTPS_PROXY": "http://proxy:3128"})) is None
    assert unreachable(session(tmp_path, server, **{"proxy-url": "http://proxy:3128"})) is None


def test_a_kubeconfig_that_cannot_be_read_is_left_to_helm(tmp_path):
    assert unreachable(Session("reef", {}, tmp_path)) is None


def test_what_the_proxy_says_of_a_server_that_went_away_is_no_error_of_the_server():
    said = "Error from server (InternalServerError): dial tcp 127.0.0.1:6443: connect: connection refused"
    error = _refused("reef", "get", "/api/v1/configmaps", said)
    assert error.message == "cluster reef cannot be reached at 127.0.0.1:6443: connection refused"
    assert is_transient(error.message)  # it may come back in the middle of a rollout
