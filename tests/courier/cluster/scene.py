"""What every case has: the cluster, PostgreSQL and Redis on the address of its bridge, a receiver, and courier in its forms.

The servers are those of sample-service/with-servers on loopback. Pods reach them through tests/drills/fault_proxy.py, which listens on
the bridge's address and can take them away. Clients and receivers are those of the drills (tests/drills/load), told from one loop in a
thread of its own.
"""
import asyncio
import base64
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request

import clients
import delivery as d
import history
import processes
from application import Application
from world import postgres

FOLDER = os.path.join(d.TOP, "build", "courier-cluster")
DRILL_IMAGE = "sluice.local/courier-drill:v1"
LOADER = "tests/drills/load/drill-load"
SCALED = "courier-scaled"


class Scene:
    def __init__(self, cluster, preset):
        self.cluster, self.preset, self.table = cluster, preset, []
        self.host = cluster.gateway.split(":")[0]  # of the cluster's bridge, where all of its programs listen
        self.subnet = self.host.rsplit(".", 1)[0] + ".0/24"
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        program = os.path.join(d.TOP, "tests/drills/fault_proxy.py")
        self.proxy = processes.start([sys.executable, program, "--port", "0"], stdout=subprocess.PIPE)
        self.rest = f"http://127.0.0.1:{int(self.proxy.stdout.readline().rsplit(' ', 1)[1])}"
        self.receiver = Outside(self, "receiver")
        self.ports = {name: self.behind(name, port, wanted) for name, port, wanted in (
            ("database", int(re.search(r":(\d+)/", postgres()).group(1)), 5432),
            ("redis", int(os.environ["COURIER_TEST_REDIS"].rsplit(":", 1)[1]), 6379),
            ("receiver", self.receiver.port, 0))}
        self.scaled_app = None

    def end(self):
        if self.scaled_app:
            self.scaled_app.remove()
        self.receiver.close()
        processes.end(self.proxy, patience=5)
        self.loop.call_soon_threadsafe(self.loop.stop)

    def await_(self, coroutine, seconds=600):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    # --- what courier depends on ---

    def behind(self, name, port, wanted):
        """The port on the bridge's address that leads to that port of loopback."""
        return self.way(name, f"127.0.0.1:{port}", f"{self.host}:{wanted}")

    def way(self, name, upstream, listen="127.0.0.1:0"):
        """The port that it listens on, which leads upstream."""
        return int(self.tell_proxy("/proxies", name=name, upstream=upstream, listen=listen)["listen"].rsplit(":", 1)[1])

    def tell_proxy(self, path, **text):
        request = urllib.request.Request(self.rest + path, json.dumps(text).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    @contextlib.contextmanager
    def without(self, *names):
        """Inside, nobody can reach these: connections are refused and those there were are cut."""
        for name in names:
            self.tell_proxy(f"/proxies/{name}", enabled=False)
        try:
            yield
        finally:
            for name in names:
                self.tell_proxy(f"/proxies/{name}", enabled=True)

    def new_database(self, name):
        """Its URI, as pods reach it."""
        for statement in (f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}"):
            d.run("psql", "--quiet", postgres("postgres"), "--command", statement)
        return re.sub(r"127\.0\.0\.1:\d+", f"{self.host}:{self.ports['database']}", postgres(name))

    # --- courier ---

    def image(self, name, binary):
        """Packs a program of the build and gives it to the node."""
        archive = os.path.join(FOLDER, "image.tar")
        d.run("hack/image", name, f"build/{self.preset}/{binary}", "--out", archive, "--strip")
        d.run("hack/cluster", "load-image", archive)

    def scaled(self):
        """The scaled form with short holds, deployed once."""
        if self.scaled_app is None:
            self.scaled_app = Scaled(self, SCALED)
            self.scaled_app.remove()
            self.scaled_app.deploy()
        return self.scaled_app

    def call(self, method, path, body=None, token=None, address=None, host=None, headers=None):
        """(status, headers, text) of one request; through the gateway unless an address is named."""
        connection = http.client.HTTPConnection(address or self.cluster.gateway, timeout=15)
        with contextlib.closing(connection):
            known = {"Host": host, "Authorization": token and f"Bearer {token}"}
            sent = {**{name: value for name, value in known.items() if value}, **(headers or {})}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode(errors="replace")

    def note(self, drill, measured, gate, holds):
        """A row of the table; a gate that does not hold fails the case."""
        self.table.append({"drill": drill, "measured": measured, "gate": gate, "holds": bool(holds)})
        d.say(f"{drill}: {measured} (gate: {gate})", 2)
        d.expect(holds, f"{drill}: {measured}, gate: {gate}")


# Ticks of a second, so that a release takes less than a minute. +200 ms is no breach of courier's own objective of 250 ms, so the
# objective is a tighter one here.
SHORT_SPEC = {
    "targetRef": {"name": "courier"}, "traffic": {"httpRoute": {"name": "courier"}}, "settle": "1s", "progressDeadline": "30s",
    "steps": [{"weight": 20, "hold": "5s"}, {"weight": 50, "hold": "5s"}],
    "analysis": {"interval": "1s", "warmup": "2s", "minBake": "10s", "minRequests": 100, "slos": [
        {"errorRate": {"objective": "99%"}}, {"latency": {"threshold": "100ms", "objective": "95%"}}]}}


class Scaled(Application):
    """sample-service/manifests/scaled as a user adapts it: an overlay that lets workers call receivers of this machine."""

    def __init__(self, scene, ns):
        super().__init__(scene.cluster, ns)
        self.scene, self.key, self.connections = scene, None, {}

    def deploy(self, rollout=True):
        self.cluster.kubectl("create", "namespace", self.ns)
        self.make_connections()
        self.allow_faults()
        self.kubectl("apply", "-k", self.overlay())
        self.wait_until_ready()
        self.start_managing()
        self.wait_until_it_answers()
        self.key = make_key(self.scene, self.host(), self.connections["admin-key"])

    def make_connections(self):
        self.connections = {"database": self.scene.new_database(self.ns.replace("-", "_")),
                            "broker": f"redis://{self.scene.host}:{self.scene.ports['redis']}",
                            "token-keys": "key-1:" + base64.b64encode(os.urandom(32)).decode(), "admin-key": os.urandom(32).hex()}
        literals = (f"--from-literal={name}={value}" for name, value in self.connections.items())
        self.kubectl("create", "secret", "generic", "courier-connections", *literals)

    def overlay(self):
        folder = os.path.join(FOLDER, self.ns)
        os.makedirs(folder, exist_ok=True)
        allowed = {"name": "COURIER_ADDRESSES_ALLOWED", "value": self.scene.subnet}
        patches = [({"kind": "Deployment"}, [{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": allowed}]),
                   ({"kind": "HTTPRoute"}, [{"op": "replace", "path": "/spec/hostnames", "value": [self.host()]}]),
                   ({"kind": "Rollout"}, [{"op": "replace", "path": "/spec", "value": SHORT_SPEC}])]
        with open(os.path.join(folder, "kustomization.yaml"), "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": self.ns,
                       "resources": [os.path.relpath(os.path.join(d.TOP, "sample-service/manifests/scaled"), folder)],
                       "patches": [{"target": target, "patch": json.dumps(patch)} for target, patch in patches]}, file)
        return folder

    def wait_until_ready(self):
        # The autoscaler brings the api from 1 to its least number, metrics or not.
        d.wait_for("3 api pods", lambda: self.deployment()["spec"].get("replicas") == 3, 60)
        for name in ("courier", "courier-worker"):
            self.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s")

    def manifest(self):
        return json.dumps({"apiVersion": "sluice.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "courier", "namespace": self.ns},
                           "spec": SHORT_SPEC})

    def change(self, version, image=None, account=False, env=()):
        """A release as an edit of the template; returns the revision of its run."""
        container = {"name": "courier", "env": [{"name": "COURIER_VERSION", "value": version}, *env], **({"image": image} if image else {})}
        pod = {"containers": [container], **({"automountServiceAccountToken": True} if account else {})}
        revision = self.status.get("revision", 0) + 1
        self.kubectl("patch", "deployment", "courier", "--type=strategic", "-p", json.dumps({"spec": {"template": {"spec": pod}}}))
        return revision

    def token(self):
        status, _, text = self.scene.call("POST", "/v1/tokens", token=self.key, host=self.host())
        d.expect(status == 200, f"POST /v1/tokens was answered with {status}: {text}")
        return json.loads(text)["access_token"]

    @contextlib.contextmanager
    def subscribed(self, port):
        """Inside, all messages go to the receiver behind that port of the bridge's address."""
        url, host, token = f"http://{self.scene.host}:{port}/", self.host(), self.token()
        status, _, text = self.scene.call("POST", "/v1/endpoints", {"url": url}, token, host=host)
        d.expect(status == 201, f"POST /v1/endpoints was answered with {status}: {text}")
        try:
            yield
        finally:
            self.scene.call("DELETE", f"/v1/endpoints/{json.loads(text)['id']}", token=token, host=host, headers={"If-Match": "*"})


def make_key(scene, host, admin_key, **where):
    """An API key of the tenant default, made as README.md does it."""
    status, _, text = scene.call("POST", "/v1/tokens", token=admin_key, host=host, **where)
    d.expect(status == 200, f"POST /v1/tokens was answered with {status}: {text}")
    status, _, text = scene.call("POST", "/v1/tenants/default/keys", token=json.loads(text)["access_token"], host=host, **where)
    d.expect(status in (200, 201), f"POST /v1/tenants/default/keys was answered with {status}: {text}")
    return json.loads(text)["key"]


class Outside:
    """Clients and a receiver outside of the cluster, with a history of their own."""

    def __init__(self, scene, name):
        path = os.path.join(FOLDER, f"{name}.jsonl")
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
        self.scene, self.log = scene, history.Log(path)
        self.program = clients.Program(os.path.join(d.TOP, "build", scene.preset, LOADER), self.log)
        self.port = scene.await_(self.program.start())  # the receiver's, on loopback

    def records(self):
        """Its history until now."""
        self.tell()
        return history.read(self.log.path)

    def delivered(self):
        """Ids of the messages that came."""
        return {record["id"] for record in self.records() if record["type"] == "effect"}

    def tell(self):
        return self.scene.await_(self.program.tell())

    def close(self):
        self.scene.await_(self.program.end())
        self.log.close()


class Endpoints(clients.Rotation):
    """The ready pods of a Service, by its EndpointSlice as it changes: what a client of a mesh knows. A port of loopback leads to each."""

    def __init__(self, scene, program):
        super().__init__(program)
        self.scene, self.ways = scene, {}

    def follow(self, slice_):
        """On the loop of the clients."""
        ready = {address for endpoint in slice_.get("endpoints") or [] if endpoint["conditions"].get("ready")
                 for address in endpoint["addresses"]}
        known = {name for name, _ in self.nodes}
        for address in known - ready:
            self.remove(address)
        for address in sorted(ready - known):
            if address not in self.ways:
                self.ways[address] = self.scene.way(f"pod-{address}", f"{address}:8080")
            self.add(address, self.ways[address])
