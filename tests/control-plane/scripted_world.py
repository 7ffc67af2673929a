"""A namespace in which the real operator works and everything around it is scripted: kubelet, gateway, Prometheus, network.

    with World(suite) as world:                        # in the suite's namespace; World(suite, "other") makes one of its own
        app = world.application("web").deploy()        # Deployment, Service, HTTPRoute, Rollout; Healthy
        app.release("app:2", error_share=0.3)          # a new pod template and how its pods behave
        app.wait_outcome(1, "RolledBack")
        world.proxy.writes("httproutes", "web")        # every write of the operator, with times and answers

Worlds do not touch each other: each has its namespace, its proxy and its operators.
"""

import os
import shutil
import sys
import tempfile

from api import PATCHES
from api_proxy import ApiProxy
from application import Application
from operator_process import BINARY, OperatorProcess
from promises import check
from scripted_gateway import Gateway
from scripted_kubelet import Kubelet
from scripted_prometheus import Prometheus


class World:
    def __init__(self, suite, namespace=None, lease=False, everywhere=False, access=ApiProxy):
        """lease: the operators elect a leader by a Lease in this namespace, for which they get the shipped Role here, too.
        everywhere: they watch all namespaces, as shipped. access: made for each operator, its way to the API server.
        """
        self.suite, self.lease, self.everywhere, self.access = suite, lease, everywhere, access
        self.namespace, self.own = namespace or suite.namespace, namespace is not None
        self.operators = []
        self.api = self.folder = self.kubelet = self.gateway = self.prometheus = self.operator = self.proxy = None

    def __enter__(self):
        check(os.access(BINARY, os.X_OK), f"there is no operator at {BINARY}: build it, or set SLUICE_OPERATOR to another one")
        self.api = self.suite.api
        self.folder = tempfile.mkdtemp(prefix="sluice-world-")
        self.kubelet = Kubelet(self.api, self.namespace)
        self.gateway = Gateway(self.api, self.namespace)
        self.prometheus = Prometheus(self.namespace, self.kubelet.running)
        if self.own:
            self.api.request("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}).ok()
            self.eventually("the namespace has its service account", lambda: self.get("serviceaccount", "default"))
        if self.lease:
            self._grant_lease()
        for script in (self.kubelet, self.gateway, self.prometheus):
            script.start()
        self.operator = self.add_operator("operator")
        self.proxy = self.operator.proxy
        return self

    def __exit__(self, kind, error, trace):
        for operator in self.operators:
            operator.stop()
            operator.proxy.stop()
            if kind or self.suite.failed:
                print(f"\nthe last lines of {operator.name} in {self.namespace}:\n{operator.last_lines()}", file=sys.stderr, flush=True)
        for script in (self.kubelet, self.gateway, self.prometheus):
            script.stop()
        self._free_rollouts()
        if self.own:
            self.api.request("DELETE", f"/api/v1/namespaces/{self.namespace}")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _grant_lease(self):
        role = self.api.call("GET", "sluice-system", "role", "sluice-leader-election").json()
        self.create({"apiVersion": role["apiVersion"], "kind": "Role", "metadata": {"name": "leader-election"}, "rules": role["rules"]})
        self.create({"apiVersion": role["apiVersion"], "kind": "RoleBinding", "metadata": {"name": "leader-election"},
                     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "leader-election"},
                     "subjects": [{"kind": "ServiceAccount", "namespace": "sluice-system", "name": "sluice-operator"}]})

    def _free_rollouts(self):
        """Nobody is left to take finalizers off, and the namespace must go."""
        for item in self.list("rollout"):
            self.patch("rollout", item["metadata"]["name"], {"metadata": {"finalizers": None}})

    def add_operator(self, name, arguments=()):
        """A further operator, with a proxy of its own; returns when it is ready."""
        operator = OperatorProcess(name, self.access(self.api).start(), None if self.everywhere else self.namespace, self.prometheus,
                                   self.folder, self.namespace if self.lease else None, arguments)
        self.operators.append(operator)
        operator.start()
        self.eventually(f"{name} is ready", lambda: self._alive(operator) and operator.is_ready())
        return operator

    def _alive(self, operator):
        check(operator.is_running(), f"{operator.name} has ended: {operator.last_lines(5)}")
        return True

    def application(self, name, replicas=2):
        return Application(self, name, replicas)

    # Objects of the namespace ----------------------------------------------------------------------------------------------

    def get(self, kind, name):
        return self.api.call("GET", self.namespace, kind, name).json()

    def list(self, kind):
        return self.api.call("GET", self.namespace, kind).json()["items"]

    def create(self, manifest):
        return self.api.call("POST", self.namespace, manifest["kind"], body=manifest).ok()

    def patch(self, kind, name, patch, type="merge", subresource=""):
        return self.api.call("PATCH", self.namespace, kind, name, subresource, patch, PATCHES[type])

    def delete(self, kind, name, propagation="Background"):
        return self.api.call("DELETE", self.namespace, kind, name,
                             body={"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}).ok()

    def eventually(self, what, probe, seconds=60):
        return self.suite.eventually(what, probe, seconds, every=0.1)
