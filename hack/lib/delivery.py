"""What the demo and the tests share: a cluster with Sluice on it, the programs and images, and how a program talks and fails.

Only the standard library. Everything that is run is shown when it fails, with its output.
"""
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

import watch

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

    def __init__(self, context=None, gateway=None):
        """gateway: with a context, HOST:PORT on which the cluster's HTTPRoutes answer, from here."""
        self.context = context
        self.env = {"SLUICE_GATEWAY": gateway} if context and gateway else {}
        for line in run("hack/cluster", "env", *(["--name", "existing"] if context else [])).splitlines():
            if line.startswith("export ") and " PATH=" not in line:
                name, _, value = line.removeprefix("export ").partition("=")
                self.env[name] = shlex.split(value)[0] if value else ""
        expect("SLUICE_GATEWAY" in self.env, "where do the cluster's HTTPRoutes answer, seen from here? Say --gateway HOST:PORT")
        self.gateway = self.env["SLUICE_GATEWAY"].removeprefix("http://")
        # The kubeconfig that hack/cluster wrote holds the one context that was chosen.
        os.environ["KUBECONFIG"] = self.env["KUBECONFIG"]
        if "SLUICE_BIN" in self.env:
            os.environ["PATH"] = self.env["SLUICE_BIN"] + ":" + os.environ["PATH"]
        self.command = ["kubectl"]

    def kubectl(self, *arguments, **options):
        return run(*self.command, *arguments, **options)

    def fails(self, *arguments):
        """Runs kubectl, which must refuse; returns what it said."""
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=120, cwd=TOP)
        expect(done.returncode != 0, f"'kubectl {' '.join(arguments)}' was not refused: {done.stdout}")
        return (done.stdout + done.stderr).strip()

    def get(self, *arguments):
        text = self.kubectl("get", *arguments, "-o", "json", check=False)
        return json.loads(text) if text.strip() else None


def build(preset, say_it=True, more=()):
    """Builds operator and courier, and more targets, with a preset of CMakePresets.json."""
    if say_it:
        say(f"building operator and courier (preset {preset}); the first time takes some minutes")
    run("cmake", "--preset", preset)
    run("cmake", "--build", f"build/{preset}", "--target", "sluice-operator", "courier", "courier-drill", *more, "--", "-j",
        str(os.cpu_count() or 2))


def load_images(cluster, preset):
    """Packs the programs into images, without a container engine, and gives them to the cluster's nodes."""
    with tempfile.TemporaryDirectory() as folder:
        for image, binary in ((OPERATOR_IMAGE, "controller/sluice-operator"), (COURIER_IMAGE, "sample-service/courier-drill")):
            archive = os.path.join(folder, "image.tar")
            run("hack/image", image, f"build/{preset}/{binary}", "--out", archive, "--strip")
            give_to_nodes(cluster, archive)


def give_to_nodes(cluster, archive):
    if not cluster.context:
        run("hack/cluster", "load-image", archive)
    elif cluster.context.startswith("kind-"):
        run("kind", "load", "image-archive", archive, "--name", cluster.context.removeprefix("kind-"))
    else:
        say(f"context {cluster.context}: its nodes must have {OPERATOR_IMAGE} and {COURIER_IMAGE} already (hack/image packs them)")


def install_sluice(cluster):
    """kubectl apply -k manifests/, then wait until an operator leads."""
    was_there = cluster.get("-n", "sluice-system", "deployment", "sluice-operator") is not None
    cluster.kubectl("apply", "-k", "manifests/", "--server-side", "--force-conflicts")
    if was_there:  # the image may be another one of the same name
        cluster.kubectl("-n", "sluice-system", "rollout", "restart", "deployment/sluice-operator")
    cluster.kubectl("-n", "sluice-system", "rollout", "status", "deployment/sluice-operator", "--timeout=120s")
    wait_for("an operator with the Lease",
             lambda: cluster.kubectl("-n", "sluice-system", "get", "lease", "sluice-operator", "-o",
                                     "jsonpath={.spec.holderIdentity}", check=False).strip(), 60)


def expect(condition, message):
    if not condition:
        raise Failed(message)


def main(function):
    try:
        sys.exit(function() or 0)
    except (Failed, watch.Timeout) as failure:
        say(f"FAILED: {failure}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
