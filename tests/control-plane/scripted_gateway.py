"""Stands in for a gateway: takes up each change of an HTTPRoute and says so in its status, after a delay if one is set."""

import datetime
import threading
import time

from api import PATCHES
from watching import Watch

CONTROLLER = "test.sluice.dev/gateway"


class Taken:
    """A state of a route that the gateway has taken up; `at` is monotonic."""

    def __init__(self, route, at):
        self.name, self.generation, self.at = route["metadata"]["name"], route["metadata"]["generation"], at
        self.weights = [{backend["name"]: backend.get("weight", 1) for backend in rule.get("backendRefs", [])}
                        for rule in route["spec"].get("rules", [])]


class Gateway:
    def __init__(self, api, namespace):
        self.api, self.namespace = api, namespace
        self.taken = []                 # in order
        self.delay = 0                  # seconds until a change is taken up
        self.follows = threading.Event()
        self.follows.set()              # cleared: changes wait until it is set again
        self.watch = Watch(api, namespace, "httproute", self._seen)

    def start(self):
        self.watch.start()
        return self

    def stop(self):
        self.follows.set()
        self.watch.stop()

    def weights_of(self, route, backend):
        """The weights that a backend had in the first rule, in order, repetitions left out; 0 where it is not named."""
        found = []
        for taken in list(self.taken):
            weight = taken.weights[0].get(backend, 0) if taken.weights else 0
            if taken.name == route and (not found or found[-1] != weight):
                found.append(weight)
        return found

    def _seen(self, type, route):
        if type == "DELETED" or "deletionTimestamp" in route["metadata"]:
            return
        generation = route["metadata"]["generation"]
        observed = [condition.get("observedGeneration", 0) for parent in route.get("status", {}).get("parents", [])
                    for condition in parent["conditions"]]
        if observed and min(observed) >= generation:
            return
        time.sleep(self.delay)
        self.follows.wait()
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.taken.append(Taken(route, time.monotonic()))
        self.api.call("PATCH", self.namespace, "httproute", route["metadata"]["name"], "status", {"status": {"parents": [
            {"parentRef": parent, "controllerName": CONTROLLER,
             "conditions": [{"type": type, "status": "True", "reason": type, "message": "", "lastTransitionTime": now,
                             "observedGeneration": generation} for type in ("Accepted", "ResolvedRefs")]}
            for parent in route["spec"].get("parentRefs", [])]}}, PATCHES["merge"])
