"""An application in a scripted world: Deployment, Service, HTTPRoute and the Rollout that delivers it, of one name."""

import copy
import time

from promises import Failure, check

SHORT = {"settle": "200ms", "progressDeadline": "20s",
         "steps": [{"weight": 20, "hold": "1s"}, {"weight": 50, "hold": "1s"}],
         # The scripted Prometheus counts the same for every pod, whatever the route's weights are.
         "analysis": {"interval": "1s", "warmup": "0s", "minBake": "1s", "minRequests": 20, "onShareMismatch": "Report",
                      "slos": [{"errorRate": {"objective": "95%"}}, {"latency": {"threshold": "250ms", "objective": "90%"}}]}}


def behaviour(requests_per_second=None, error_share=None, slow_share=None, ready=None, restarts=None):
    """Annotations of a pod template, as the scripts read them."""
    said = {"requests-per-second": requests_per_second, "error-share": error_share, "slow-share": slow_share, "ready": ready,
            "restarts": restarts}
    return {"test/" + key: str(value) for key, value in said.items() if value is not None}


class Application:
    def __init__(self, world, name, replicas=2):
        self.world, self.name, self.replicas = world, name, replicas

    # Manifests -------------------------------------------------------------------------------------------------------------

    def deployment(self, image="app:1", **behaves):
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": self.name},
                "spec": {"replicas": self.replicas, "selector": {"matchLabels": {"app": self.name}},
                         "template": {"metadata": {"labels": {"app": self.name}, "annotations": behaviour(**behaves)},
                                      "spec": {"containers": [{"name": "app", "image": image}]}}}}

    def service(self, **selector):
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": self.name},
                "spec": {"selector": selector or {"app": self.name}, "ports": [{"port": 80}]}}

    def route(self, backend=None):
        return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": self.name},
                "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": [{"name": backend or self.name, "port": 80}]}]}}

    def rollout(self, name=None, **spec):
        return {"apiVersion": "sluice.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": name or self.name},
                "spec": {"targetRef": {"name": self.name}, "traffic": {"httpRoute": {"name": self.name}}, **copy.deepcopy(SHORT), **spec}}

    # What people do --------------------------------------------------------------------------------------------------------

    def deploy(self, **spec):
        """Everything, the Rollout with these fields of its spec; returns when the Rollout is Healthy."""
        for manifest in (self.deployment(), self.service(), self.route(), self.rollout(**spec)):
            self.world.create(manifest)
        self.wait_phase("Healthy")
        return self

    def release(self, image, **behaves):
        """A new pod template; what is not said of its behaviour is as good as the first one's."""
        changed = {key: None for key in behaviour(1, 1, 1, 1, 1)} | behaviour(**behaves)
        self.world.patch("deployment", self.name, {"spec": {"template": {
            "metadata": {"annotations": changed}, "spec": {"containers": [{"name": "app", "image": image}]}}}}, "strategic").ok()

    def scale(self, replicas):
        self.world.patch("deployment", self.name, {"spec": {"replicas": replicas}}).ok()

    def act(self, verb, revision=None):
        """A RolloutAction."""
        self.world.create({"apiVersion": "sluice.dev/v1alpha1", "kind": "RolloutAction",
                           "metadata": {"name": f"{self.name}-{verb.lower()}-{time.monotonic_ns()}"},
                           "spec": {"rollout": self.name, "action": verb, **({"revision": revision} if revision else {})}})

    # What is there ---------------------------------------------------------------------------------------------------------

    def live(self):
        return self.world.get("deployment", self.name)

    def status(self, name=None):
        return self.world.get("rollout", name or self.name).get("status", {})

    def run(self):
        return self.status().get("run", {})

    def backends(self):
        """Weight of each backend in the first rule of the route."""
        rule = self.world.get("httproute", self.name)["spec"]["rules"][0]
        return {backend["name"]: backend.get("weight", 1) for backend in rule["backendRefs"]}

    def pin(self):
        return self.world.get("service", self.name)["spec"]["selector"].get("pod-template-hash")

    def active_sets(self):
        """Names of the ReplicaSets on this application's pods that have replicas."""
        return {item["metadata"]["name"] for item in self.world.list("replicaset")
                if item["spec"]["selector"]["matchLabels"].get("app") == self.name and item["spec"]["replicas"] > 0}

    def pods_of(self, replica_set):
        return {item["metadata"]["name"] for item in self.world.list("pod")
                if any(owner["name"] == replica_set for owner in item["metadata"].get("ownerReferences", []))}

    # Waiting ---------------------------------------------------------------------------------------------------------------

    def wait_phase(self, phase, name=None, seconds=60):
        def found():
            status = self.status(name)
            check(status.get("phase") == phase, f"phase {status.get('phase')}: {status.get('summary')}")
            return status
        return self.world.eventually(f"Rollout {name or self.name} has phase {phase}", found, seconds)

    def wait_run(self, condition, what, seconds=60):
        """Until condition(run) holds for the run's status; returns that status. Fails as soon as there is no run any more."""
        seen = []

        def found():
            run = self.run()
            seen.append(bool(run))
            return run if run and condition(run) else None if run or not any(seen) else "over"
        run = self.world.eventually(f"run of {self.name}: {what}", found, seconds)
        if run == "over":
            raise Failure(f"the run of {self.name} is over before: {what}; {self.status().get('history', [{}])[0]}")
        return run

    def wait_traffic(self, at_least=1):
        return self.wait_run(lambda run: run.get("weight", {}).get("observed", 0) >= at_least, f"at least {at_least}% to the canary")

    def wait_outcome(self, revision, outcome, seconds=120):
        """The history entry of a run, once it is over and ended as it should."""
        def found():
            status = self.status()
            entry = next((one for one in status.get("history", []) if one["revision"] == revision), None)
            check(entry, f"{status.get('phase')}, {status.get('summary')}")
            return entry
        entry = self.world.eventually(f"run {revision} of {self.name} is over", found, seconds)
        check(entry["outcome"] == outcome, f"run {revision} ended as {entry['outcome']}, not {outcome}: {entry['why']}")
        return entry
