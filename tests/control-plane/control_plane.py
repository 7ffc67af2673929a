"""What the tests on a real API server share: kubectl and plain requests, users, a namespace of their own, and the report.

A test program makes a Suite, decorates functions with @suite.case("what is promised") and ends with suite.main(). Each case
gets a fresh name for its objects. Needs only Python and kubectl; KUBECONFIG says which cluster, otherwise the control plane
"sluice-test" of hack/cluster is started (and left running, so that the next start takes no time).
"""

import argparse
import atexit
import base64
import glob
import http.client
import json
import os
import shlex
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPERATOR = "system:serviceaccount:sluice-system:sluice-operator"
ALICE = "alice"  # has the cluster's role edit in the tests' namespace, and may write HTTPRoutes


class Failure(Exception):
    """A promise that does not hold."""


class Result:
    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def ok(self):
        if self.code != 0:
            raise Failure(f"{self.command}: {self.err.strip()}")
        return self

    def refused(self, *texts):
        if self.code == 0:
            raise Failure(f"{self.command}: was accepted, but should be refused with: {' ... '.join(texts)}")
        for text in texts:
            if text not in self.err:
                raise Failure(f"{self.command}: was refused without '{text}': {self.err.strip()}")
        return self

    def json(self):
        return json.loads(self.ok().out)


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(found, wanted, what):
    check(found == wanted, f"{what} is {found!r}, not {wanted!r}")


class Api:
    """Reads and patches objects without the cost of a kubectl each: with the current context's certificate or token."""

    PATHS = {"deployment": "/apis/apps/v1", "replicaset": "/apis/apps/v1", "service": "/api/v1",
             "httproute": "/apis/gateway.networking.k8s.io/v1", "rollout": "/apis/sluice.dev/v1alpha1",
             "rolloutaction": "/apis/sluice.dev/v1alpha1"}
    PATCHES = {"json": "application/json-patch+json", "merge": "application/merge-patch+json",
               "strategic": "application/strategic-merge-patch+json"}

    def __init__(self):
        view = subprocess.run(["kubectl", "config", "view", "--raw", "--flatten", "--minify", "-o", "json"],
                              capture_output=True, text=True, check=True).stdout
        config = json.loads(view)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        trust = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.tls = ssl.create_default_context(cadata=trust)
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as certificate:
                certificate.write(base64.b64decode(user["client-certificate-data"]) + b"\n" + base64.b64decode(user["client-key-data"]))
                certificate.flush()
                self.tls.load_cert_chain(certificate.name)
        self.token = user.get("token")
        self.server = urllib.parse.urlsplit(cluster["server"])
        self.connection = None
        atexit.register(lambda: self.connection and self.connection.close())

    def call(self, method, namespace, kind, name="", subresource="", body=None, type="application/json", user=None):
        kind = kind.partition(".")[0].removesuffix("s")
        path = f"{self.PATHS[kind]}/namespaces/{namespace}/{kind}s" + "".join("/" + part for part in (name, subresource) if part)
        headers = {"Content-Type": type, "Accept": "application/json"}
        if user:
            headers["Impersonate-User"] = user
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(self.server.hostname, self.server.port or 443, context=self.tls, timeout=30)
        try:
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self.connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            return Result(f"{method} {path}", 1, "", str(error))
        shown = f"{method} {path} as {user or 'administrator'}"
        if answer.status < 300:
            return Result(shown, 0, text, "")
        return Result(shown, 1, text, json.loads(text).get("message", text) if text.startswith("{") else text)


class Suite:
    def __init__(self, title):
        self.title = title
        self.cases = []
        self.namespace = f"sluice-{title}-{os.getpid()}"
        self.count = 0
        self.options = None
        self.api = None

    def case(self, promise):
        def register(function):
            self.cases.append((promise, function))
            return function
        return register

    def name(self, prefix="web"):
        self.count += 1
        return f"{prefix}-{self.count}"

    # kubectl ---------------------------------------------------------------------------------------------------------------

    def kubectl(self, *arguments, user=None, stdin=None, namespace=True):
        """`kubectl ARGUMENTS` in the tests' namespace; stdin is text or an object."""
        command = ["kubectl"]
        if namespace:
            command += ["--namespace", self.namespace]
        if user:
            command += ["--as", user]
        command += arguments
        if stdin is not None and not isinstance(stdin, str):
            stdin = json.dumps(stdin)
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        shown = shlex.join(command)
        return Result(shown if len(shown) < 400 else shown[:400] + " ...", done.returncode, done.stdout, done.stderr)

    def get(self, kind, name):
        return self.api.call("GET", self.namespace, kind, name).json()

    def annotations(self, kind, name):
        return self.get(kind, name)["metadata"].get("annotations", {})

    def apply(self, manifest, user=ALICE, *options):
        return self.kubectl("apply", "-f", "-", *options, user=user, stdin=manifest)

    def patch(self, kind, name, patch, type="merge", user=ALICE, subresource=""):
        return self.api.call("PATCH", self.namespace, kind, name, subresource, patch, Api.PATCHES[type], user)

    def create(self, manifest, user=None):
        return self.api.call("POST", self.namespace, manifest["kind"].lower(), body=manifest, user=user)

    def annotate(self, kind, name, user=OPERATOR, **marks):
        """Sets marks given without their prefix, dashes as underscores; None removes one."""
        changes = {"sluice.dev/" + key.replace("_", "-"): value for key, value in marks.items()}
        return self.patch(kind, name, {"metadata": {"annotations": changes}}, "merge", user)

    def eventually(self, what, probe, seconds=30):
        """Waits for what a controller does."""
        end = time.monotonic() + seconds
        while not (found := probe()):
            check(time.monotonic() < end, f"after {seconds} s still not: {what}")
            time.sleep(0.05)
        return found

    # The run ---------------------------------------------------------------------------------------------------------------

    def _cluster(self):
        if "KUBECONFIG" not in os.environ:
            name = ["--name", "sluice-test"]
            subprocess.run([f"{TOP}/hack/cluster", "up", "--control-plane-only", *name], check=True)
            settings = subprocess.run([f"{TOP}/hack/cluster", "env", *name], capture_output=True, text=True, check=True).stdout
            printed = subprocess.run(["bash", "-c", settings + "\nenv -0"], capture_output=True, text=True, check=True).stdout
            os.environ.update(entry.split("=", 1) for entry in printed.split("\0") if "=" in entry)
        if "SLUICE_BIN" in os.environ:  # the kubectl of the cluster's own version
            os.environ["PATH"] = os.environ["SLUICE_BIN"] + ":" + os.environ["PATH"]
        self.api = Api()

    def _gateway_crd(self):
        """The HTTPRoute CRD, from the Go module that hack/local-cluster pins."""
        cache = os.environ.get("SLUICE_CACHE", os.path.expanduser("~/.cache/sluice"))
        for path in glob.glob(f"{cache}/crds-*/gateway.networking.k8s.io_httproutes.yaml"):
            return path
        module = subprocess.run(["go", "mod", "download", "-json", "sigs.k8s.io/gateway-api"], capture_output=True, text=True,
                                cwd=f"{TOP}/hack/local-cluster/gateway-api", check=True).stdout
        return json.loads(module)["Dir"] + "/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"

    def _install(self):
        here = os.path.dirname(os.path.abspath(__file__))
        for arguments in (["apply", "-k", f"{TOP}/manifests"],
                          ["apply", "--server-side", "-f", self._gateway_crd()],
                          ["apply", "-f", f"{here}/other-rollouts-crd.yaml"]):
            self.kubectl(*arguments, namespace=False).ok()
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "rollouts.sluice.dev",
                     "rolloutactions.sluice.dev", "rollouts.argoproj.io", "httproutes.gateway.networking.k8s.io",
                     namespace=False).ok()
        self.kubectl("create", "namespace", self.namespace, namespace=False).ok()
        self.kubectl("create", "rolebinding", "alice", "--clusterrole=edit", f"--user={ALICE}").ok()
        # The Gateway API adds nothing to the cluster's roles, so whoever writes routes has a role for it.
        self.kubectl("create", "role", "routes", "--verb=create,get,list,update,patch,delete",
                     "--resource=httproutes.gateway.networking.k8s.io").ok()
        self.kubectl("create", "rolebinding", "alice-routes", "--role=routes", f"--user={ALICE}").ok()
        # The aggregated roles and the policies take a moment to be in force.
        self.eventually("alice may write Rollouts", lambda: self.kubectl(
            "auth", "can-i", "create", "rollouts.sluice.dev", user=ALICE).code == 0)
        self.eventually("the policies are in force", self._policies_work)

    def _policies_work(self):
        probe = {"apiVersion": "apps/v1", "kind": "Deployment",
                 "metadata": {"name": "probe", "annotations": {"sluice.dev/held": "true"}},
                 "spec": {"selector": {"matchLabels": {"a": "b"}},
                          "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}
        shown = self.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=probe).json()
        action = {"apiVersion": "sluice.dev/v1alpha1", "kind": "RolloutAction", "metadata": {"name": "probe"},
                  "spec": {"rollout": "probe", "action": "Abort"}}
        stamped = self.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=action).json()
        denied = self.kubectl("create", "--dry-run=server", "-f", "-", stdin=action, user="probe")
        return "sluice.dev/held" not in shown["metadata"].get("annotations", {}) and "requestedBy" in stamped["spec"] and denied.code

    def main(self):
        parser = argparse.ArgumentParser(description=f"Tests on a real API server: {self.title}. KUBECONFIG says on which; without "
                                         "it a control plane of hack/cluster is started.")
        parser.add_argument("--only", action="append", metavar="TEXT", help="only cases whose promise contains TEXT; repeatable")
        parser.add_argument("--keep", action="store_true", help="leave the namespace of the tests behind")
        parser.add_argument("--operator", action="store_true",
                            help="an operator runs on this cluster: also check what it answers")
        self.options = parser.parse_args()
        self._cluster()
        self._install()
        passed = failed = 0
        try:
            for promise, function in self.cases:
                if self.options.only and not any(text in promise for text in self.options.only):
                    continue
                try:
                    function()
                except Failure as failure:
                    failed += 1
                    print(f"FAIL {promise}\n     {failure}", flush=True)
                else:
                    passed += 1
                    print(f"ok   {promise}", flush=True)
        finally:
            if not self.options.keep:
                self.kubectl("delete", "namespace", self.namespace, "--wait=false", namespace=False)
        print(f"{passed} passed, {failed} failed")
        sys.exit(1 if failed or not passed else 0)
