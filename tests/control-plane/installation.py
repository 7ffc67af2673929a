"""Sluice as it is shipped, on the tests' API server, and the wait until all of it is in force.

The API server takes new kinds, roles and policies up one after the other, each from a watch of its own: seconds after the
last of them was created on a busy machine. What is asked here is asked of the same parts that will judge the tests' requests.
"""

import glob
import json
import os
import subprocess

from api import PATCHES, path_of
from promises import check

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPERATOR = "system:serviceaccount:sluice-system:sluice-operator"
KINDS = {"sluice.dev": ("v1alpha1", {"rollouts", "rolloutactions"}), "gateway.networking.k8s.io": ("v1", {"httproutes"}),
         "argoproj.io": ("v1alpha1", {"rollouts"})}
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def install(suite):
    """CRDs and manifests, and the namespace of the tests. Returns when everything but the policies is in force."""
    here = os.path.dirname(os.path.abspath(__file__))
    for arguments in (["apply", "-k", f"{TOP}/manifests"],
                      ["apply", "--server-side", "--force-conflicts", "-f", gateway_crd()],
                      ["apply", "-f", f"{here}/other-rollouts-crd.yaml"]):
        suite.kubectl(*arguments, namespace=False).ok()
    suite.eventually("the kinds are served", lambda: kinds_served(suite.api))
    suite.kubectl("create", "namespace", suite.namespace, namespace=False).ok()
    suite.eventually("the namespace has its service account, without which it has no pods", lambda: suite.get("serviceaccount", "default"))
    suite.eventually("the cluster's roles have ours in them", lambda: roles_aggregated(suite.api))
    suite.eventually("the operator has its rights", lambda: all(
        suite.api.allows(OPERATOR, *asked) for asked in ((suite.namespace, "patch", "httproutes.gateway.networking.k8s.io"),
                                                         ("sluice-system", "update", "leases.coordination.k8s.io"))))


def gateway_crd():
    """The HTTPRoute CRD, from the Go module that hack/local-cluster pins."""
    cache = os.environ.get("SLUICE_CACHE", os.path.expanduser("~/.cache/sluice"))
    for path in glob.glob(f"{cache}/crds-*/gateway.networking.k8s.io_httproutes.yaml"):
        return path
    module = subprocess.run(["go", "mod", "download", "-json", "sigs.k8s.io/gateway-api"], capture_output=True, text=True,
                            cwd=f"{TOP}/hack/local-cluster/gateway-api", check=True).stdout
    return json.loads(module)["Dir"] + "/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"


def kinds_served(api):
    """In the discovery that kubectl reads, and described for `kubectl explain`."""
    groups = {group["metadata"]["name"]: group for group in api.request("GET", "/apis", accept=DISCOVERY).json()["items"]}
    for name, (version, plurals) in KINDS.items():
        served = {resource["resource"] for entry in groups[name]["versions"] for resource in entry["resources"]}
        check(plurals <= served, f"discovery has of {name} only {served}")
        described = api.request("GET", f"/openapi/v3/apis/{name}/{version}").json()["paths"]
        for plural in plurals:
            check(any(path.endswith("/" + plural) for path in described), f"OpenAPI lacks {plural}.{name}")
    return True


def roles_aggregated(api):
    for role in ("view", "edit", "admin"):
        rules = api.request("GET", f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}").json()["rules"]
        check(any("sluice.dev" in rule.get("apiGroups", []) for rule in rules), f"ClusterRole {role} knows nothing of sluice.dev")
    return True


def operator_token(api):
    """A token of the operator's ServiceAccount, so that its rights and the policies apply as they are shipped."""
    _, _, namespace, account = OPERATOR.split(":")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    return api.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", request).json()["status"]["token"]


def kubeconfig_of(cluster, user):
    """The text of a kubeconfig with one context."""
    return json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "only", "clusters": [{"name": "only", "cluster": cluster}],
                       "users": [{"name": "only", "user": user}], "contexts": [{"name": "only", "context": {"cluster": "only", "user": "only"}}]})


class PolicyProbe:
    """Asks each policy, in dry runs, whether it acts already; objects of its own, which it removes."""

    NAME = "policy-probe"

    def __init__(self, suite, user):
        """user: may edit Deployments and Services, and create Rollouts and RolloutActions, but no verb on a Rollout."""
        self.suite, self.user = suite, user
        self.acts = {"gate": self._gate, "pin": self._pin, "stamp": self._stamp, "keep": self._keep, "deputy": self._deputy,
                     "verbs": self._verbs}

    def wait(self):
        suite, name = self.suite, self.NAME
        suite.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                      "spec": {"replicas": 0, "paused": True, "selector": {"matchLabels": {"app": name}},
                               "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}).ok()
        suite.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                      "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}}).ok()
        suite.annotate("deployment", name, OPERATOR, rollout=name, held="true").ok()
        suite.annotate("service", name, OPERATOR, pin="abc").ok()
        for policy, acts in self.acts.items():
            suite.eventually(f"the policy {policy} is in force", acts)
        for kind in ("deployment", "service"):
            suite.api.call("DELETE", suite.namespace, kind, name).ok()

    def _patch(self, kind, patch):
        return self.suite.api.call("PATCH", self.suite.namespace, kind, self.NAME, body=patch, type=PATCHES["merge"], user=self.user,
                                   query="dryRun=All")

    def _marks_after(self, kind, mark):
        return self._patch(kind, {"metadata": {"annotations": {mark: None}}}).json()["metadata"].get("annotations", {})

    def _create(self, kind, spec, user):
        path = path_of(self.suite.namespace, kind)
        return self.suite.api.request("POST", path + "?dryRun=All", {"apiVersion": "sluice.dev/v1alpha1", "kind": kind,
                                                                      "metadata": {"name": self.NAME}, "spec": spec}, user=user)

    def _gate(self):
        return "sluice.dev/rollout" in self._marks_after("deployment", "sluice.dev/rollout")

    def _pin(self):
        return "sluice.dev/pin" in self._marks_after("service", "sluice.dev/pin")

    def _keep(self):
        return self._patch("deployment", {"spec": {"paused": False}}).refused("is held by Rollout")

    def _deputy(self):
        return self._create("Rollout", {"targetRef": {"name": "policy-probe-foreign"}, "traffic": {}, "analysis": {"pods": {}}},
                            self.user).refused("may not update Deployment")

    def _stamp(self):
        return "requestedBy" in self._create("RolloutAction", {"rollout": self.NAME, "action": "Abort"}, None).json()["spec"]

    def _verbs(self):
        return self._create("RolloutAction", {"rollout": self.NAME, "action": "Abort"}, self.user).refused("may not abort")
