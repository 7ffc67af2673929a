"""Stands in for scheduler and kubelet: lets the pods of a namespace run on a node that is only an object.

Each pod is bound, gets an address that no other has, runs and becomes ready, unless annotations of its template say otherwise:

  test/ready     "never", or after how many seconds, such as "1.5"
  test/restarts  how often its container has restarted already

A pod that is being deleted is gone at once. The node must exist, as EndpointSlices leave out the pods of others, and its Lease
must be renewed, as the controller manager would declare its pods unready.
"""

import datetime
import itertools
import threading
import time

from api import PATCHES, path_of
from watching import Watch


class Pod:
    """What the script knows of a pod; times are seconds since 1970."""

    def __init__(self, item, address):
        self.name, self.uid = item["metadata"]["name"], item["metadata"]["uid"]
        self.annotations = item["metadata"].get("annotations", {})
        self.labels = item["metadata"].get("labels", {})
        self.containers = item["spec"]["containers"]
        self.address = address
        self.started, self.ended = time.time(), None
        self.ready = False
        self.restarts = int(self.annotations.get("test/restarts", 0))


class Kubelet:
    addresses = itertools.count(1)  # of all kubelets of this process, so that no two pods have the same

    def __init__(self, api, namespace):
        self.api, self.namespace = api, namespace
        self.pods = {}  # by uid, those that have gone as well
        self.lock = threading.Lock()
        self.watch = Watch(api, namespace, "pod", self._seen)
        self.node = f"node-of-{namespace}"
        self.stopping = threading.Event()
        self.heart = threading.Thread(target=self._beat, name=f"heartbeat of {self.node}", daemon=True)

    def start(self):
        conditions = [{"type": "Ready", "status": "True", "reason": "Scripted", "message": ""}]
        self.api.request("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node},
                                                   "status": {"conditions": conditions}}).ok()
        self.api.call("POST", "kube-node-lease", "lease", body={"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                                                                "metadata": {"name": self.node}, "spec": self._lease()}).ok()
        self.heart.start()
        self.watch.start()
        return self

    def stop(self):
        self.watch.stop()
        self.stopping.set()
        self.heart.join(10)
        self.api.request("DELETE", f"/api/v1/nodes/{self.node}")
        self.api.call("DELETE", "kube-node-lease", "lease", self.node)

    def _lease(self):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"holderIdentity": self.node, "leaseDurationSeconds": 40, "renewTime": now}

    def _beat(self):
        while not self.stopping.wait(5):
            self.api.call("PATCH", "kube-node-lease", "lease", self.node, body={"spec": self._lease()}, type=PATCHES["merge"])

    def running(self):
        """The pods that have not ended, and those that have, in order of their start."""
        with self.lock:
            return sorted(self.pods.values(), key=lambda pod: pod.started)

    def set_ready(self, name, ready):
        for pod in self.running():
            if pod.name == name and pod.ended is None:
                self._become(pod, ready)

    def _seen(self, type, item):
        uid = item["metadata"]["uid"]
        pod = self.pods.get(uid)
        if type == "DELETED":
            if pod:
                pod.ended = time.time()
        elif "deletionTimestamp" in item["metadata"]:
            self.api.call("DELETE", self.namespace, "pod", item["metadata"]["name"],
                          body={"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0, "preconditions": {"uid": uid}})
        elif pod is None:
            number = next(Kubelet.addresses)
            pod = Pod(item, f"10.200.{number // 250}.{number % 250 + 1}")
            with self.lock:
                self.pods[uid] = pod
            if not item["spec"].get("nodeName"):
                self.api.request("POST", path_of(self.namespace, "pod", pod.name, "binding"), {
                    "apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.name}, "target": {"kind": "Node", "name": self.node}}).ok()
            self._start(pod)

    def _start(self, pod):
        when = pod.annotations.get("test/ready", "0")
        delay = None if when == "never" else float(when)
        self._become(pod, delay == 0)
        if delay:
            timer = threading.Timer(delay, self._become, (pod, True))
            timer.daemon = True
            timer.start()

    def _become(self, pod, ready):
        pod.ready = ready
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        started = datetime.datetime.fromtimestamp(pod.started, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        word = "True" if ready else "False"
        self.api.call("PATCH", self.namespace, "pod", pod.name, "status", {"metadata": {"uid": pod.uid}, "status": {
            "phase": "Running", "podIP": pod.address, "podIPs": [{"ip": pod.address}], "startTime": started,
            "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": now},
                           {"type": "Initialized", "status": "True", "lastTransitionTime": now},
                           {"type": "ContainersReady", "status": word, "lastTransitionTime": now},
                           {"type": "Ready", "status": word, "lastTransitionTime": now}],
            "containerStatuses": [{"name": container["name"], "image": container["image"], "imageID": "", "ready": ready, "started": True,
                                   "restartCount": pod.restarts, "state": {"running": {"startedAt": started}}}
                                  for container in pod.containers]}}, PATCHES["merge"])
