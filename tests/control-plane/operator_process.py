"""The real operator as a process: started, killed, started again; its log is kept."""

import http.client
import itertools
import os
import signal
import socket
import subprocess
import time

from installation import TOP

BINARY = os.environ.get("SLUICE_OPERATOR", f"{TOP}/build/dev/controller/sluice-operator")


# Below the range that connections get their ports from, and each port once, as many operators start beside each other.
PORTS = itertools.count(os.getpid() * 61)


def free_port():
    while True:
        port = 20000 + next(PORTS) % 12000
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
                return port
            except OSError:
                continue


class OperatorProcess:
    """One operator that works on one namespace (None: on all) through one proxy.

    lease_namespace: where its Lease is; None: it runs without one, so that any number run beside each other.
    """

    def __init__(self, name, proxy, namespace, prometheus, folder, lease_namespace=None, arguments=()):
        self.name, self.proxy = name, proxy
        self.log_path = os.path.join(folder, f"{name}.log")
        kubeconfig = os.path.join(folder, f"{name}.kubeconfig")
        with open(kubeconfig, "w", encoding="utf-8") as file:
            file.write(proxy.kubeconfig())
        self.command = [BINARY, "--kubeconfig", kubeconfig, "--prometheus", prometheus.address, *(["--namespace", namespace] if namespace else []),
                        *(["--lease-namespace", lease_namespace] if lease_namespace else ["--no-leader-election"]), *arguments]
        self.process = None
        self.probe_port = None
        self.starts = 0

    def start(self):
        self.probe_port = free_port()
        self.starts += 1
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([*self.command, "--metrics-port", str(free_port()), "--probe-port", str(self.probe_port)],
                                            stdout=log, stderr=log, env={**os.environ, "POD_NAME": self.name})
        return self

    def is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.probe_port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL; what it had asked for and not been answered is lost."""
        if self.is_running():
            self.process.kill()
            self.process.wait()
        self.proxy.hang_up()

    def restart(self):
        self.kill()
        return self.start()

    def stop(self, seconds=20):
        """SIGTERM; returns the exit status."""
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode if self.process else None

    def wait_ended(self, seconds):
        """Whether it ended (a fault killed it) within that time."""
        end = time.monotonic() + seconds
        while self.is_running() and time.monotonic() < end:
            time.sleep(0.02)
        return not self.is_running()

    def last_lines(self, count=40):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-count:])
