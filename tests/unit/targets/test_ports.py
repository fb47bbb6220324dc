"""Ports: free, kept, and never given to two."""

import os
import socket
import threading

import pytest

from deployer.targets.local.ports import HOST, RANGE, Ports, is_free, listener, taken_error


@pytest.fixture
def registry(tmp_path):
    return tmp_path / "cache" / "ports.json"


@pytest.fixture
def stranger():
    """Somebody who listens; the port is in ``getsockname()[1]``."""
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield server


def test_chosen_once_and_kept(tmp_path, registry):
    ports = Ports(tmp_path / "ocean" / "ports.json", registry)
    first = ports.ensure(["public", "hub"])
    assert ports.ensure(["hub", "public"]) == first
    assert len(set(first.values())) == 2
    assert set(first.values()) <= set(RANGE)


def test_a_new_name_leaves_the_others(tmp_path, registry):
    ports = Ports(tmp_path / "ports.json", registry)
    first = ports.ensure(["public"])
    assert ports.ensure(["public", "api"])["public"] == first["public"]


def test_a_fixed_port_is_kept_as_given(tmp_path, registry):
    ports = Ports(tmp_path / "ports.json", registry)
    assert ports.ensure(["web"], {"web": 8123})["web"] == 8123
    assert ports.ensure(["web"], {"web": 8124})["web"] == 8124


def test_replaced_by_another(tmp_path, registry):
    ports = Ports(tmp_path / "ports.json", registry)
    before = ports.ensure(["public", "hub"])
    ports.replace("hub")
    after = ports.get()
    assert after["public"] == before["public"]
    assert after["hub"] != before["hub"]


def test_many_choose_at_once_and_none_collide(tmp_path, registry):
    """As threads; the lock is a file's, so processes are kept apart in the same way."""
    all_ports = [Ports(tmp_path / str(number) / "ports.json", registry) for number in range(12)]
    threads = [threading.Thread(target=ports.ensure, args=(["public", "api", "hub"],)) for ports in all_ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chosen = [port for ports in all_ports for port in ports.get().values()]
    assert len(chosen) == len(set(chosen)) == 36


def test_ports_of_a_state_that_is_gone_are_free_again(tmp_path, registry):
    ports = Ports(tmp_path / "ports.json", registry)
    ports.ensure(["public"])
    assert ports._promised_to_others() == set()  # noqa: SLF001
    other = Ports(tmp_path / "other" / "ports.json", registry)
    assert other._promised_to_others() == set(ports.get().values())  # noqa: SLF001
    ports.file.unlink()
    assert other._promised_to_others() == set()  # noqa: SLF001


def test_a_taken_port_is_seen_and_its_owner_named(stranger):
    port = stranger.getsockname()[1]
    assert not is_free(port)
    assert f"process {os.getpid()}" in listener(port)
    error = taken_error(port, "the address of the hub ocean")
    assert f"port {port} of 127.0.0.1, the address of the hub ocean, is taken by" in str(error)


def test_a_port_whose_connections_linger_is_free():
    """After a server that closed first its port is in TIME_WAIT: a restart must not stumble over that."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((HOST, 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection((HOST, port)), server.accept()[0] as connection:
            connection.close()
    assert is_free(port)
