"""courier in a namespace of its own with a Rollout on it: releasing it, putting it under load, and asking what became of it."""
import contextlib
import http.client
import json
import time

import delivery as d
from load import Load
from watch import Watch

# Holds and ticks are short, so that a run takes about a minute; everything else is as it is delivered.
SHORT_ROLLOUT = """
apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {{name: courier, namespace: {ns}}}
spec:
  targetRef: {{name: courier}}
{traffic}  settle: 1s
  progressDeadline: 20s
  steps:
  - {{weight: {first}, hold: 8s}}
  - {{weight: 50, hold: 8s}}
  analysis:
    interval: 1s
    warmup: 2s
    minBake: 20s
    minRequests: 100
    slos:
    - errorRate: {{objective: "99%"}}
    - latency: {{threshold: 250ms, objective: "95%"}}
"""

# courier-drill injects no faults before it has read its own namespace (sample-service/faults/guard.h).
DRILL_RIGHTS = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: courier-drill}
rules:
- {apiGroups: [""], resources: [namespaces], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: courier-drill}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: courier-drill}
subjects:
- {kind: ServiceAccount, name: default}
"""


class Application:
    """One courier. It exits at once on SIGTERM, so that every hasty step loses requests."""

    def __init__(self, cluster, ns, route=True):
        self.cluster, self.ns, self.route = cluster, ns, route
        self.rollout = None  # a Watch, once there is a Rollout

    # --- setting up ---

    def deploy(self, rollout=True):
        """Deployment, Service and HTTPRoute of version v1 and, if wanted, the Rollout; returns when they serve."""
        if self.cluster.get("namespace", self.ns) is None:
            self.cluster.kubectl("create", "namespace", self.ns)
        objects = self.cluster.kubectl("kustomize", "sample-service/manifests").split("\n---\n")
        objects = "\n---\n".join(o for o in objects if "kind: Rollout" not in o).replace("courier.local", f"{self.ns}.local")
        objects = objects.replace("        - name: POD_NAME\n", '        - name: COURIER_EXIT_ON_TERM\n          value: "1"\n        - name: POD_NAME\n')
        objects = objects.replace("automountServiceAccountToken: false", "automountServiceAccountToken: true")
        d.expect("COURIER_EXIT_ON_TERM" in objects and "automountServiceAccountToken: true" in objects,
                 "sample-service/manifests has another shape than this program knows")
        self.allow_faults()
        self.kubectl("apply", "-f", "-", stdin=objects)
        self.kubectl("rollout", "status", "deployment/courier", "--timeout=120s")
        if rollout:
            self.start_managing()
        self.wait_until_it_answers()

    def allow_faults(self):
        """Before the pods: a pod of courier-drill that may not read its namespace does not start."""
        self.kubectl("apply", "-f", "-", stdin=DRILL_RIGHTS)

    def manifest(self):
        traffic = "  traffic: {httpRoute: {name: courier}}\n" if self.route else ""
        return SHORT_ROLLOUT.format(ns=self.ns, traffic=traffic, first=10 if self.route else 25)

    def start_managing(self):
        self.kubectl("apply", "-f", "-", stdin=self.manifest())
        if self.rollout is None:
            self.rollout = Watch(self.cluster.command, self.ns, "rollouts.sluice.dev", "courier")
        self.wait("phase Healthy", lambda status: status.get("phase") == "Healthy", 60)

    def remove(self):
        """The namespace and everything in it, in the order in which the Rollout can clean up."""
        if self.rollout is not None:
            self.rollout.close()
            self.rollout = None
        if self.cluster.get("namespace", self.ns):
            self.kubectl("delete", "rollouts.sluice.dev", "--all", "--timeout=90s")
            self.cluster.kubectl("delete", "namespace", self.ns, "--timeout=120s")

    # --- releasing ---

    def release(self, *variables):
        """A new pod template, as `kubectl set env` makes one; returns the revision that its run will have."""
        revision = self.status.get("revision", 0) + 1
        self.kubectl("set", "env", "deployment/courier", *variables)
        return revision

    def set_template(self, replica_set):
        """The Deployment gets the template of that ReplicaSet back."""
        template = self.get("replicaset", replica_set)["spec"]["template"]
        del template["metadata"]["labels"]["pod-template-hash"]
        self.kubectl("patch", "deployment", "courier", "--type=json", "-p", json.dumps([{"op": "replace", "path": "/spec/template", "value": template}]))

    def make_healthy(self):
        """Whatever the last test left: the version that serves is the one wanted, and the Rollout is there."""
        if self.status.get("run"):
            self.set_template(self.status["run"]["stableReplicaSet"])
            self.wait("the end of the run", lambda status: "run" not in status, 90)
        serving = self.active_sets()
        d.expect(len(serving) == 1, f"{serving} are active; one was expected")
        if self.cluster.get("-n", self.ns, "rollouts.sluice.dev", "courier") is None:
            self.set_template(*serving)
            self.kubectl("rollout", "resume", "deployment/courier", check=False)
            self.kubectl("rollout", "status", "deployment/courier", "--timeout=60s")
            self.start_managing()
        elif self.status.get("phase") != "Healthy":
            self.set_template(*serving)
            self.wait("phase Healthy", lambda status: status.get("phase") == "Healthy", 60)
        self.wait_until_released()

    def wait_until_released(self):
        self.kubectl("wait", "deployment/courier", "--for=jsonpath={.spec.paused}!=true", "--timeout=20s", check=False)
        d.expect(not self.deployment()["spec"].get("paused"), "the Deployment is still paused")
        self.kubectl("rollout", "status", "deployment/courier", "--timeout=60s")

    # --- looking ---

    def kubectl(self, *arguments, **options):
        return self.cluster.kubectl("-n", self.ns, *arguments, **options)

    def get(self, *arguments):
        return self.cluster.get("-n", self.ns, *arguments)

    @property
    def status(self):
        return self.rollout.current.get("status", {}) if self.rollout else {}

    def deployment(self):
        return self.get("deployment", "courier")

    def active_sets(self):
        return {s["metadata"]["name"] for s in self.get("replicasets", "-l", "app=courier")["items"] if s["spec"]["replicas"] > 0}

    def pods(self):
        """uid -> pod of every pod that is not ending."""
        return {p["metadata"]["uid"]: p for p in self.get("pods", "-l", "app=courier")["items"] if "deletionTimestamp" not in p["metadata"]}

    # --- waiting ---

    def wait(self, what, condition, seconds):
        """Until condition(status of the Rollout) is true."""
        return self.rollout.wait(what, lambda rollout: condition(rollout.get("status", {})), seconds)

    def wait_for_weight(self, weight=1, seconds=120):
        """Until the gateway was seen sending at least that share to the canary."""
        return self.wait(f"{weight}% of the traffic for the canary",
                         lambda status: status.get("run", {}).get("weight", {}).get("observed", 0) >= weight, seconds)

    def end_of_run(self, revision, seconds=240):
        """The run's entry in the history."""
        def entry(status):
            return next((e for e in status.get("history", []) if e["revision"] == revision), None)
        return self.wait(f"the end of run {revision}", entry, seconds)

    def wait_until_it_answers(self):
        """A pod may be ready for a second before the gateway, or kube-proxy, sends it anything."""
        address, host = self.address(), self.host()

        def answers():
            connection = http.client.HTTPConnection(address, timeout=2)
            with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/", headers={"Host": host} if host else {})
                return connection.getresponse().status == 200
        d.wait_for(f"an answer 200 from http://{address}/" + (f" for {host}" if host else ""), answers, 30, every=0.1)

    # --- load ---

    def address(self):
        """HOST:PORT of the gateway, or without a route the address of the Service."""
        return self.cluster.gateway if self.route else self.get("service", "courier")["spec"]["clusterIP"]

    def host(self):
        """What requests name as their host, if they have to."""
        return f"{self.ns}.local" if self.route else None

    def start_load(self, rate=200, seconds=300):
        """Through the gateway; without a route through the Service, where each request takes a connection of its own."""
        return Load(self.cluster.env["SLUICE_VEGETA"], f"http://{self.address()}/", host=self.host(), rate=rate, seconds=seconds,
                    keepalive=self.route)

    @contextlib.contextmanager
    def under_load(self, rate=200, seconds=300, excused=lambda sent: False):
        """Everything that happens inside costs no request: fails if the client lost one, or if the load was no load.

        Only a release whose canary breaks connections itself has something to excuse: `excused` says at which times.
        """
        load = self.start_load(rate, seconds)
        try:
            d.wait_for("the first answer", lambda: load.counts.requests > 0, 10, every=0.1)
            yield load
        except BaseException:
            d.say(f"the client: {load.stop().sentence()}", 2)
            raise
        counts = load.stop()
        d.say(f"the client: {counts.sentence()}", 2)
        d.expect(counts.rate >= 0.98 * rate, f"the load was only {counts.rate:.1f} requests/s")
        lost = [sent for sent in counts.lost_at if not excused(sent)]
        if len(lost) < counts.lost:
            d.say(f"{counts.lost - len(lost)} of the lost ones were sent to a canary that crashed", 2)
        when = ", ".join(time.strftime("%H:%M:%S", time.gmtime(sent)) + f".{int(sent % 1 * 1000):03d}" for sent in lost[:5])
        d.expect(not lost, f"{len(lost)} of {counts.requests} requests lost at {when}: {dict(counts.reasons)}")
