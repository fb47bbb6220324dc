"""A control plane as processes on loopback, with KWOK for its nodes: what it needs, how it starts, how it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import kube_tools
import yaml
from certificates import Keys, make_keys

HERE = Path(__file__).parent
PATIENCE = 120.0  # seconds; only a guard, for the machine may be busy
# What makes Deployments, Jobs, claims and namespaces live; nodes are KWOK's, and nothing else is looked at here.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "daemonset-controller",
    "deployment-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "replicaset-controller",
    "serviceaccount-controller",
    "statefulset-controller",
)
CLIENT = ("--kube-api-qps=200", "--kube-api-burst=400", "--leader-elect=false", "--secure-port=0", "--profiling=false")
_libc = ctypes.CDLL(None)


@dataclass
class ControlPlane:
    """All of one cluster, below ``folder``. The API server can be killed and started again: etcd keeps what it knew."""

    folder: Path
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keys: Keys = make_keys(self.folder / "keys")
        self.etcd_port, self.peer_port, self.port = free_ports(3)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def kubeconfig(self, user: str = "admin", token: str = "") -> Path:
        """The file with which this user comes in; by default with the right token."""
        path = self.folder / f"{user}{'-' if token else ''}{token[:8]}.kubeconfig"
        if not path.exists():
            cluster = {"server": self.url, "certificate-authority-data": _base64(self.keys.authority)}
            whole = {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "clusters": [{"name": "test", "cluster": cluster}],
                "users": [{"name": user, "user": {"token": token or self.keys.tokens[user]}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            }
            path.write_text(yaml.safe_dump(whole))
        return path

    def start(self) -> None:
        self.start_etcd()
        self.start_api_server()
        self.kubectl("apply", "--filename", str(HERE / "first.yaml"))
        self._start_controllers()

    def start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self.peer_port}"
        self._spawn(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--snapshot-count=100000",
            "--log-level=warn",
        )

    def start_api_server(self) -> None:
        """Returns when it is ready."""
        certificate, key = self.keys.server
        self._spawn(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--cert-dir={self.folder}",
            f"--token-auth-file={self.keys.users}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.keys.accounts}",
            f"--service-account-signing-key-file={self.keys.accounts}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none",
            "--disable-admission-plugins=TaintNodesByCondition",
            "--event-ttl=10m",
            "--profiling=false",
        )
        wait_until(self.is_ready, self._told)

    def _start_controllers(self) -> None:
        kubeconfig = f"--kubeconfig={self.kubeconfig()}"
        self._spawn(
            "kube-controller-manager",
            kubeconfig,
            *CLIENT,
            f"--controllers={','.join(CONTROLLERS)}",
            f"--service-account-private-key-file={self.keys.accounts}",
            "--pvclaimbinder-sync-period=2s",
        )
        self._spawn("kube-scheduler", kubeconfig, *CLIENT)
        self._spawn(
            "kwok",
            kubeconfig,
            "--manage-all-nodes",
            "--node-lease-duration-seconds=0",
            f"--config={HERE / 'stages.yaml'}",
        )

    def is_ready(self) -> bool:
        self._see_that_all_live()
        context = ssl.create_default_context(cafile=str(self.keys.authority))
        headers = {"Authorization": f"Bearer {self.keys.tokens['admin']}"}
        try:
            return httpx.get(f"{self.url}/readyz", headers=headers, verify=context, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def kill_api_server(self) -> None:
        """As if the machine under it were gone."""
        child = self.children.pop("kube-apiserver")
        child.kill()
        child.wait()

    def kubectl(self, *words: str) -> str:
        command = [kube_tools.program("kubectl"), f"--kubeconfig={self.kubeconfig()}", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    def end(self) -> None:
        """Nothing needs a farewell: what it kept goes with the folder."""
        for child in self.children.values():
            child.kill()
        for child in self.children.values():
            child.wait()
        self.children.clear()

    def _spawn(self, name: str, *options: str) -> None:
        command = [str(kube_tools.program(name)), *options]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                command,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it calls one function of the C library, found before
            )

    def _see_that_all_live(self) -> None:
        for name, child in self.children.items():
            assert child.poll() is None, f"{name} ended\n{self._tail(name)}"

    def _told(self) -> str:
        return "\n".join(f"--- {name}\n{self._tail(name)}" for name in self.children)

    def _tail(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]


def _die_with_parent() -> None:
    """The kernel ends the child when the test process is gone, be it by SIGKILL."""
    _libc.prctl(1, signal.SIGKILL)


def _base64(path: Path) -> str:
    return b64encode(path.read_bytes()).decode()


def free_ports(count: int) -> list[int]:
    with _bound(count) as probes:
        return [int(probe.getsockname()[1]) for probe in probes]


@contextmanager
def _bound(count: int) -> Iterator[Sequence[socket.socket]]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        yield probes
    finally:
        for probe in probes:
            probe.close()


def wait_until(condition: Callable[[], object], told: Callable[[], str] = str, seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited in vain\n{told()}"
        time.sleep(0.1)
