"""What the demo and the cluster tests share: a cluster, Sluice, courier, load through the gateway, and the client's counts.

Only the standard library. Everything that is run is shown when it fails, with its output.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
START = time.monotonic()
OPERATOR_IMAGE = "sluice.local/sluice-operator:dev"
COURIER_IMAGE = "sluice.local/courier:v1"


class Failed(Exception):
    """Something that was promised did not happen; the message says what."""


def say(text, indent=0):
    elapsed = int(time.monotonic() - START)
    print(f"[{elapsed // 60:3d}:{elapsed % 60:02d}] {'  ' * indent}{text}", flush=True)


def run(*command, stdin=None, check=True, timeout=3600, quiet=True, env=None):
    """Runs a command; returns its standard output. A failure ends the program with what the command said."""
    done = subprocess.run(command, input=stdin, capture_output=quiet, text=True, timeout=timeout, cwd=TOP,
                          env={**os.environ, **(env or {})})
    if check and done.returncode != 0:
        raise Failed(f"'{' '.join(command)}' ended with {done.returncode}:\n{done.stdout or ''}{done.stderr or ''}")
    return done.stdout or ""


def wait_for(what, condition, seconds, every=0.5):
    """Asks condition() until it says something true; bounded."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise Failed(f"{what} did not happen within {seconds} s")


class Cluster:
    """The cluster that everything happens on: the local one, or the one of an explicit --context."""

    def __init__(self, context=None):
        lines = run("hack/cluster", "env").splitlines()
        self.env = {}
        for line in lines:
            name, _, value = line.removeprefix("export ").partition("=")
            self.env[name] = value.strip("'\"")
        self.context = context
        self.gateway = self.env["SLUICE_GATEWAY"]
        os.environ.update({k: self.env[k] for k in ("KUBECONFIG",)})
        os.environ["PATH"] = self.env.get("SLUICE_BIN", "") + ":" + os.environ["PATH"]

    def kubectl(self, *arguments, **options):
        flags = ("--context", self.context) if self.context else ()
        return run("kubectl", *flags, *arguments, **options)

    def get(self, *arguments):
        text = self.kubectl("get", *arguments, "-o", "json", check=False)
        return json.loads(text) if text.strip() else None


def build(preset, say_it=True):
    """Builds operator and courier with a preset of CMakePresets.json."""
    if say_it:
        say(f"building operator and courier (preset {preset}); the first time takes some minutes")
    run("cmake", "--preset", preset)
    run("cmake", "--build", f"build/{preset}", "--target", "sluice-operator", "courier", "courier-drill", "--", "-j",
        str(os.cpu_count() or 2))


def load_images(preset):
    """Packs the programs into images, without a container engine, and gives them to the cluster's nodes."""
    with tempfile.TemporaryDirectory() as folder:
        for image, binary in ((OPERATOR_IMAGE, "controller/sluice-operator"), (COURIER_IMAGE, "sample-service/courier-drill")):
            archive = os.path.join(folder, "image.tar")
            run("hack/image", image, f"build/{preset}/{binary}", "--out", archive, "--strip")
            run("hack/cluster", "load-image", archive)


def install_sluice(cluster):
    """kubectl apply -k manifests/, then wait until the gate really fires and an operator leads."""
    cluster.kubectl("apply", "-k", "manifests/", "--server-side", "--force-conflicts")
    cluster.kubectl("-n", "sluice-system", "rollout", "restart", "deployment/sluice-operator")
    cluster.kubectl("-n", "sluice-system", "rollout", "status", "deployment/sluice-operator", "--timeout=120s")
    wait_for("an operator with the Lease",
             lambda: cluster.kubectl("-n", "sluice-system", "get", "lease", "sluice-operator", "-o",
                                     "jsonpath={.spec.holderIdentity}", check=False).strip(), 60)


SHORT_ROLLOUT = """
apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {{name: courier, namespace: {ns}}}
spec:
  targetRef: {{name: courier}}
{traffic}  settle: 1s
  progressDeadline: 40s
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


def short_rollout(ns, route=True):
    traffic = "  traffic: {httpRoute: {name: courier}}\n" if route else ""
    return SHORT_ROLLOUT.format(ns=ns, traffic=traffic, first=10 if route else 25)


def deploy_courier(cluster, ns, route=True, rollout=True):
    """courier behind the gateway, exiting at once on SIGTERM so that every hasty step would lose requests."""
    if cluster.get("namespace", ns) is None:
        cluster.kubectl("create", "namespace", ns)
    objects = cluster.kubectl("kustomize", "sample-service/manifests")
    keep = [o for o in objects.split("\n---\n") if "kind: Rollout" not in o]
    objects = "\n---\n".join(keep).replace("courier.local", f"{ns}.local")
    cluster.kubectl("-n", ns, "apply", "-f", "-", stdin=objects)
    cluster.kubectl("-n", ns, "set", "env", "deployment/courier", "COURIER_EXIT_ON_TERM=1", "FAULT_PROFILE-",
                    "COURIER_VERSION=v1")
    cluster.kubectl("-n", ns, "rollout", "status", "deployment/courier", "--timeout=120s")
    if not rollout:
        return
    cluster.kubectl("apply", "-f", "-", stdin=short_rollout(ns, route))
    wait_for("Rollout courier Healthy", lambda: phase(cluster, ns) == "Healthy", 60)


def rollout(cluster, ns):
    return cluster.get("-n", ns, "rollouts.sluice.dev", "courier") or {}


def phase(cluster, ns):
    return rollout(cluster, ns).get("status", {}).get("phase", "")


class Load:
    """Open-loop load through the gateway, bounded in time; counts what the client saw."""

    def __init__(self, cluster, ns, rate=200, seconds=300):
        self.file = tempfile.NamedTemporaryFile(suffix=".bin", delete=False)
        self.vegeta = cluster.env["SLUICE_VEGETA"]
        self.process = subprocess.Popen(
            [self.vegeta, "attack", "-rate", str(rate), "-duration", f"{seconds}s", "-timeout", "5s", "-header",
             f"Host: {ns}.local"], stdin=subprocess.PIPE, stdout=self.file, stderr=subprocess.DEVNULL)
        self.process.stdin.write(f"GET http://{cluster.gateway}/\n".encode())
        self.process.stdin.close()

    def stop(self):
        """Ends the load; returns {requests, injected, lost, reasons}. Lost: no answer, or a 5xx that no fault profile made."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.file.close()
        counts = {"requests": 0, "injected": 0, "lost": 0, "reasons": {}}
        encode = subprocess.Popen([self.vegeta, "encode", "--to", "json", self.file.name], stdout=subprocess.PIPE, text=True)
        for line in encode.stdout:
            result = json.loads(line)
            counts["requests"] += 1
            code = result["code"]
            if code < 500 and code != 0:
                continue
            headers = {k.lower() for k in (result.get("headers") or {})}
            if "x-fault-injected" in headers:
                counts["injected"] += 1
                continue
            if "operation was canceled" in (result.get("error") or "") or "context canceled" in (result.get("error") or ""):
                counts["requests"] -= 1  # in flight when we ended the load ourselves
                continue
            counts["lost"] += 1
            why = f"{code} {result.get('error', '')}".strip()
            counts["reasons"][why] = counts["reasons"].get(why, 0) + 1
        encode.wait()
        os.unlink(self.file.name)
        return counts


def release(cluster, ns, *variables):
    """A new pod template, as `kubectl set env` makes one."""
    cluster.kubectl("-n", ns, "set", "env", "deployment/courier", *variables)


def watch_run(cluster, ns, revision, seconds, indent=1):
    """Tells a run's story until it is over; returns its history entry."""
    last = ""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = rollout(cluster, ns).get("status", {})
        for entry in status.get("history", []):
            if entry["revision"] == revision:
                return entry
        columns = status.get("columns", {})
        line = f"{status.get('phase', ''):12} weight {columns.get('weight', '-'):5} {columns.get('slo', ''):16} {status.get('summary', '')}"
        shape = (status.get("phase"), columns.get("weight"), status.get("summary", "")[:28])
        if shape != last:
            say(line[:200], indent)
            last = shape
        time.sleep(0.5)
    raise Failed(f"run {revision} in namespace {ns} was not over within {seconds} s: {json.dumps(rollout(cluster, ns).get('status', {}))[:1500]}")


def expect(condition, message):
    if not condition:
        raise Failed(message)


def main(function):
    try:
        sys.exit(function() or 0)
    except Failed as failure:
        say(f"FAILED: {failure}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
