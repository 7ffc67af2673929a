"""What the tests on a real API server share: kubectl and plain requests, users, a namespace of their own, and the report.

A test program makes a Suite, decorates functions with @suite.case("what is promised") and ends with suite.main(). Each case
gets a fresh name for its objects. Needs only Python and kubectl; KUBECONFIG says which cluster, otherwise the control plane
"sluice-test" of hack/cluster is started (and left running, so that the next start takes no time).

The controller manager works on the same objects all the time, and RBAC, kinds and policies take effect a moment after they
were written. So: eventually() for what somebody else does, grant() for rights, replace() for a read-modify-write.
"""

import argparse
import concurrent.futures
import contextlib
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

from api import PATCHES, Api
from installation import OPERATOR, TOP, PolicyProbe, install
from promises import Failure, check, equal
from result import Result

__all__ = ["ALICE", "OPERATOR", "TOP", "Failure", "Result", "Suite", "check", "equal"]

ALICE = "alice"  # has the cluster's role edit in the tests' namespace, and may write HTTPRoutes
PATIENCE = 60    # seconds; for machines whose cores are busy with a build


class Suite:
    def __init__(self, title):
        self.title = title
        self.cases = []
        self.namespace = f"sluice-{title}-{os.getpid()}"
        self.numbers = itertools.count(1)
        self.notes = []
        self.failed = []  # promises
        self.options = None
        self.api = None

    def case(self, promise):
        def register(function):
            self.cases.append((promise, function))
            return function
        return register

    def name(self, prefix="web"):
        return f"{prefix}-{next(self.numbers)}"

    def note(self, text):
        """Something measured, to be printed at the end; never a verdict."""
        self.notes.append(text)

    # Requests --------------------------------------------------------------------------------------------------------------

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
        shown = shlex.join(command)
        shown = shown if len(shown) < 400 else shown[:400] + " ..."

        def run():
            try:
                done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=2 * PATIENCE)
            except subprocess.TimeoutExpired:
                raise Failure(f"{shown}: no end after {2 * PATIENCE} s") from None
            return Result(shown, done.returncode, done.stdout, done.stderr)
        return self._repeated(run, Result.not_yet)

    def _repeated(self, request, again):
        """The request's result, asked for anew, within bounds, as long as `again` says so of it."""
        end = time.monotonic() + PATIENCE
        while again(result := request()) and time.monotonic() < end:
            time.sleep(0.1)
        return result

    def get(self, kind, name):
        return self.api.call("GET", self.namespace, kind, name).json()

    def annotations(self, kind, name):
        return self.get(kind, name)["metadata"].get("annotations", {})

    def apply(self, manifest, user=ALICE, *options):
        return self.kubectl("apply", "-f", "-", *options, user=user, stdin=manifest)

    def replace(self, manifest, user=ALICE):
        """`kubectl replace`, which reads the resourceVersion first, so a controller may write in between."""
        return self._repeated(lambda: self.kubectl("replace", "-f", "-", user=user, stdin=manifest), Result.modified)

    def patch(self, kind, name, patch, type="merge", user=ALICE, subresource=""):
        return self._repeated(lambda: self.api.call("PATCH", self.namespace, kind, name, subresource, patch, PATCHES[type], user),
                              Result.not_yet)

    def create(self, manifest, user=None):
        return self._repeated(lambda: self.api.call("POST", self.namespace, manifest["kind"], body=manifest, user=user), Result.not_yet)

    def annotate(self, kind, name, user=OPERATOR, **marks):
        """Sets marks given without their prefix, dashes as underscores; None removes one."""
        changes = {"sluice.dev/" + key.replace("_", "-"): value for key, value in marks.items()}
        return self.patch(kind, name, {"metadata": {"annotations": changes}}, "merge", user)

    def grant(self, user, verbs, resource, name=""):
        """A role of the tests' namespace for "plural.group", or one object of it; returns when it is in force."""
        plural, _, group = resource.partition(".")
        rule = {"apiGroups": [group], "resources": [plural], "verbs": verbs, **({"resourceNames": [name]} if name else {})}
        role = self.name("role")
        self.create({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": role}, "rules": [rule]}).ok()
        self.bind(user, "Role", role)
        self.eventually(f"{user} may {', '.join(verbs)} {resource} {name}", lambda: all(
            self.api.allows(user, self.namespace, verb, resource, name) for verb in verbs))

    def bind(self, user, kind, role):
        """Gives a user a Role or ClusterRole in the tests' namespace; it is in force a moment later."""
        group = "rbac.authorization.k8s.io"
        self.create({"apiVersion": group + "/v1", "kind": "RoleBinding", "metadata": {"name": self.name("binding")},
                     "roleRef": {"apiGroup": group, "kind": kind, "name": role},
                     "subjects": [{"apiGroup": group, "kind": "User", "name": user}]}).ok()

    def eventually(self, what, probe, seconds=PATIENCE, every=0.05):
        """Waits for what a controller does: until the probe returns something true. A probe that fails says "not yet"."""
        end = time.monotonic() + seconds
        while True:
            failed = ""
            try:
                if found := probe():
                    return found
            except Exception as error:  # an object that is not there yet, a field that it does not have yet
                failed = f"; last: {describe(error)}"
            check(time.monotonic() < end, f"after {seconds} s still not: {what}{failed}")
            time.sleep(every)

    # The run ---------------------------------------------------------------------------------------------------------------

    def connect(self, cluster="sluice-test"):
        """To the cluster of KUBECONFIG; without one, to a control plane of that name, which is started if it is not there."""
        if "KUBECONFIG" not in os.environ:
            name = ["--name", cluster]
            subprocess.run([f"{TOP}/hack/cluster", "up", "--control-plane-only", *name], check=True)
            settings = subprocess.run([f"{TOP}/hack/cluster", "env", *name], capture_output=True, text=True, check=True).stdout
            printed = subprocess.run(["bash", "-c", settings + "\nenv -0"], capture_output=True, text=True, check=True).stdout
            os.environ.update(entry.split("=", 1) for entry in printed.split("\0") if "=" in entry)
        if "SLUICE_BIN" in os.environ:  # the kubectl of the cluster's own version
            os.environ["PATH"] = os.environ["SLUICE_BIN"] + ":" + os.environ["PATH"]
        self.api = Api()

    def install(self, caches):
        """Sluice and the rights of the tests' users; returns when all of it is in force. caches: a folder for kubectl."""
        os.environ["KUBECACHEDIR"] = f"{caches}/before"  # what kubectl learns of the kinds while they still change is not kept
        install(self)
        os.environ["KUBECACHEDIR"] = f"{caches}/after"
        self.bind(ALICE, "ClusterRole", "edit")
        for verb in ("create", "abort", "break-glass"):
            self.eventually(f"{ALICE} may {verb} Rollouts",
                            lambda verb=verb: self.api.allows(ALICE, self.namespace, verb, "rollouts.sluice.dev"))
        # The Gateway API adds nothing to the cluster's roles, so whoever writes routes has a role for it.
        self.grant(ALICE, ["create", "get", "list", "update", "patch", "delete"], "httproutes.gateway.networking.k8s.io")
        prober = self.name("prober")
        self.grant(prober, ["create"], "rollouts.sluice.dev")
        self.grant(prober, ["create"], "rolloutactions.sluice.dev")
        self.grant(prober, ["update", "patch"], "deployments.apps", PolicyProbe.NAME)
        self.grant(prober, ["update", "patch"], "services", PolicyProbe.NAME)
        PolicyProbe(self, prober).wait()

    def _attempt(self, promise, function):
        """Runs a case; whatever goes wrong in it fails this case alone."""
        try:
            function()
        except Exception as error:
            self.failed.append(promise)
            print(f"FAIL {promise}\n     {describe(error)}", flush=True)
            return False
        return True

    def _run_case(self, promise, function):
        passed = self._attempt(promise, function)
        if passed:
            print(f"ok   {promise}", flush=True)
        return passed

    def _run_cases(self, at_once):
        chosen = [(promise, function) for promise, function in self.cases
                  if not self.options.only or any(text in promise for text in self.options.only)]
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            passed = sum(pool.map(lambda case: self._run_case(*case), chosen))
        return passed, len(chosen) - passed

    def _report(self, around, at_once, caches):
        """Installs, runs the cases inside of `around`, and counts; what goes wrong around them counts as one more."""
        counts = [0, 0]

        def everything():
            self.install(caches)
            with around:
                counts[:] = self._run_cases(at_once)
        good = self._attempt("Sluice is installed, in force and left", everything)
        return counts[0], counts[1] + (not good)

    def main(self, around=contextlib.nullcontext(), at_once=1):
        """around: entered before the first case and left after the last; at_once: how many cases run beside each other."""
        parser = argparse.ArgumentParser(description=f"Tests on a real API server: {self.title}. KUBECONFIG says on which; without "
                                         "it a control plane of hack/cluster is started.")
        parser.add_argument("--only", action="append", metavar="TEXT", help="only cases whose promise contains TEXT; repeatable")
        parser.add_argument("--keep", action="store_true", help="leave the namespace of the tests behind")
        parser.add_argument("--operator", action="store_true",
                            help="an operator runs on this cluster: also check what it answers")
        self.options = parser.parse_args()
        self.connect()
        caches = tempfile.mkdtemp(prefix="sluice-kubectl-")
        try:
            passed, failed = self._report(around, at_once, caches)
        finally:
            if not self.options.keep:
                self.api.request("DELETE", f"/api/v1/namespaces/{self.namespace}")
            shutil.rmtree(caches, ignore_errors=True)
        for note in self.notes:
            print(f"     {note}")
        print(f"{passed} passed, {failed} failed")
        sys.exit(1 if failed or not passed else 0)


def describe(error):
    """A failure in its own words; anything else with the line of the test that it comes from."""
    if isinstance(error, Failure):
        return str(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if os.path.dirname(__file__) in frame.filename]
    where = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno}: {frames[-1].line})" if frames else ""
    return f"{error.__class__.__name__}: {error}{where}"
